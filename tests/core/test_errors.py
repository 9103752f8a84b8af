"""The tree of errors."""

from collections import Counter
from collections.abc import Iterator

import core.errors
from core.errors import DiffyError, JobError, PermanentJobError


def family(root: type[DiffyError], depth: int = 0) -> Iterator[tuple[int, type[DiffyError]]]:
    """`root` and its subclasses, in the order of definition."""
    yield depth, root
    for child in root.__subclasses__():
        if child.__module__ == core.errors.__name__:
            yield from family(child, depth + 1)


def drawn() -> list[tuple[int, str]]:
    """The names in the tree of the docstring with their depth, at four columns per level."""
    lines = [line for line in (core.errors.__doc__ or "").splitlines() if "── " in line]
    return [(line.index("── ") // 4 + 1, line.split("── ")[1].split()[0]) for line in lines]


def test_the_drawing_is_the_tree() -> None:
    tree = [(depth, error.__name__) for depth, error in family(DiffyError) if depth > 0]
    assert sorted(drawn()) == sorted(tree)


def test_every_error_of_a_job_has_a_code_of_its_own() -> None:
    leaves = [error for _, error in family(JobError) if not error.__subclasses__()]
    assert [code for code, n in Counter(each.code for each in leaves).items() if n > 1] == []
    assert all(error.code != JobError.code for error in leaves)


def test_an_error_of_a_job_tells_whether_a_retry_can_mend_it() -> None:
    for _, error in family(JobError):
        if not error.__subclasses__():
            assert error.retryable is not issubclass(error, PermanentJobError), error
