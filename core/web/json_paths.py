"""Validation of users' JSON paths (RFC 9535), and the parts of a document that they select."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from math import prod
from typing import Any, Final

from jsonpath import JSONPath, JSONPathEnvironment, JSONPathError, JSONPathMatch
from jsonpath.filter import (
    FilterExpression,
    FilterExpressionLiteral,
    FunctionExtension,
    InfixExpression,
    Nil,
    PrefixExpression,
    RelativeFilterQuery,
)
from jsonpath.segments import JSONPathRecursiveDescentSegment
from jsonpath.selectors import Filter, IndexSelector, NameSelector, SliceSelector, WildcardSelector
from pydantic_core import PydanticCustomError

from core.errors import JsonPathTooCostly

MAX_JSON_PATH_LENGTH: Final = 500
"""Number of characters of a path."""

MAX_DEPTH: Final = 50
"""Number of arrays and objects within each other that are read."""

MAX_MATCHES: Final = 20_000
"""Number of places in a document that a path selects; the others are not read."""

MAX_LOOKS: Final = 500_000
"""Number of places in a document that a path looks at: some seconds. One `..` looks at every place
once, a second one at each as often as the first one selects what it is in.
"""

MAX_DESCENTS: Final = 2
"""Number of `..` in a path: each multiplies the places by the depth of the document."""

MAX_ALTERNATIVES: Final = 16
"""Product of the numbers of selectors in the brackets of a path, which multiply the places."""

MAX_TERMS: Final = 30
"""Number of operators and operands in the filters of a path."""

Place = tuple[str | int, ...]
"""Names and indexes from the root of a document to a part of it."""

_ENVIRONMENT: Final = JSONPathEnvironment(strict=True)


def check_json_path(text: str) -> str:
    """Return `text` unchanged. Raises PydanticCustomError if it is not a supported JSON path.

    A supported one takes time in proportion to the document and its depth; `selected_values` gives
    up on a document that takes too long. Filters may look at the current item only, by names and
    indexes.
    """
    if len(text) > MAX_JSON_PATH_LENGTH:
        raise _refused(f"A JSON path may have {MAX_JSON_PATH_LENGTH} characters")
    try:
        path = _compiled(text)
    except RecursionError:
        raise _refused("This JSON path is nested too deeply") from None
    except (JSONPathError, ValueError, ArithmeticError):
        raise _refused("This is not a JSON path (RFC 9535), such as $.plans[*].price") from None
    if sum(isinstance(each, JSONPathRecursiveDescentSegment) for each in path.segments) > (
        MAX_DESCENTS
    ):
        raise _refused(f"A JSON path may have {MAX_DESCENTS} times “..”")
    if prod(len(each.selectors) for each in path.segments) > MAX_ALTERNATIVES:
        raise _refused("This JSON path has too many alternatives in brackets")
    terms = 0
    for segment in path.segments:
        for selector in segment.selectors:
            if isinstance(selector, Filter):
                terms += sum(1 for _ in _terms_of(selector.expression))
            elif not isinstance(
                selector, NameSelector | IndexSelector | SliceSelector | WildcardSelector
            ):
                raise _refused("This JSON path uses something that is not supported")
    if terms > MAX_TERMS:
        raise _refused(f"The filters of a JSON path may have {MAX_TERMS} terms")
    return text


def _terms_in(path: JSONPath) -> int:
    """The number of terms in the filters of a supported path."""
    selectors = (each for segment in path.segments for each in segment.selectors)
    return sum(
        sum(1 for _ in _terms_of(each.expression)) for each in selectors if isinstance(each, Filter)
    )


def _terms_of(expression: object) -> Iterator[object]:
    """The expressions in a filter. Raises PydanticCustomError for one that is not supported."""
    yield expression
    match expression:
        case FilterExpression():
            yield from _terms_of(expression.expression)
        case InfixExpression():
            yield from _terms_of(expression.left)
            yield from _terms_of(expression.right)
        case PrefixExpression():
            yield from _terms_of(expression.right)
        case FilterExpressionLiteral() | Nil():
            return
        case FunctionExtension() if expression.name == "length":
            for argument in expression.args:
                yield from _terms_of(argument)
        case FunctionExtension():
            # Regular expressions can take exponential time.
            raise _refused("A filter may use the function length() only")
        case RelativeFilterQuery() if _is_singular(expression.path):
            return
        case _:
            raise _refused("A filter may look at the current item only: @ with names and indexes")


def _is_singular(path: JSONPath) -> bool:
    return all(
        not isinstance(segment, JSONPathRecursiveDescentSegment)
        and len(segment.selectors) == 1
        and isinstance(segment.selectors[0], NameSelector | IndexSelector)
        for segment in path.segments
    )


def _refused(sentence: str) -> PydanticCustomError:
    return PydanticCustomError("refused_json_path", "{sentence}", {"sentence": sentence})


@lru_cache(maxsize=64)
def _compiled(text: str) -> JSONPath:
    path = _ENVIRONMENT.compile(text)
    if not isinstance(path, JSONPath):
        raise ValueError("a union of paths")
    return path


@dataclass
class _Budget:
    """The looks that a path still has: one for each place, and one for each operator and operand of
    its filters (`filter_cost`) for each item.
    """

    filter_cost: int
    left: int

    def take(self, looks: int = 1) -> None:
        """Count `looks`. Raises JsonPathTooCostly if there are too many."""
        self.left -= looks
        if self.left < 0:
            raise JsonPathTooCostly(
                f"This watchJsonPath looks at more than {MAX_LOOKS:,} places of the document; name "
                "what is between its “..”, or use one “..” only."
            )


class _Match(JSONPathMatch):
    """A place that a path looks at, counted. It has no path in text, which would grow with the
    names in the document, and does not keep the places below it.
    """

    __slots__ = ("_budget",)

    def __init__(
        self, obj: object, budget: _Budget, root: object, parts: Place = (), parent: Any = None
    ) -> None:
        super().__init__(
            filter_context={},
            obj=obj,
            parent=parent,
            path="",
            parts=parts,
            root=root,  # type: ignore[arg-type]
        )
        self._budget = budget

    def new_child(self, obj: object, key: int | str) -> JSONPathMatch:
        """The place with that name or index in this one."""
        self._budget.take()
        return _Match(obj, self._budget, self.root, (*self.parts, key), self)

    def filter_context(self) -> dict[str, object]:
        """What a filter asks for before it looks at an item in this place."""
        self._budget.take(self._budget.filter_cost)
        return {}

    def add_child(self, *_: JSONPathMatch) -> None:
        """Keep nothing."""


def selected_values(data: object, text: str) -> list[tuple[Place, object]]:
    """The outermost parts of `data` that the path `text` selects, in its order, none twice.

    `data` is parsed JSON; what is nested deeper than `MAX_DEPTH` is removed from it. `text` is one
    that `check_json_path` has accepted. Raises JsonPathTooCostly if it looks at more than
    `MAX_LOOKS` places.
    """
    path = _compiled(text)
    if not isinstance(data, dict | list):
        return [] if path.segments else [((), data)]
    _prune(data)
    found: dict[Place, object] = {}
    matches: Iterable[JSONPathMatch] = [_Match(data, _Budget(_terms_in(path), MAX_LOOKS), data)]
    for segment in path.segments:
        matches = segment.resolve(matches)
    for each in islice(matches, MAX_MATCHES):
        found.setdefault(tuple(each.parts), each.obj)
    return [(place, value) for place, value in found.items() if not _is_within(place, found)]


def _is_within(place: Place, others: dict[Place, object]) -> bool:
    return any(place[:end] in others for end in range(len(place)))


def _prune(data: dict[str, object] | list[object]) -> None:
    """Remove what is nested deeper than `MAX_DEPTH`."""
    level: list[dict[str, object] | list[object]] = [data]
    for _ in range(MAX_DEPTH):
        level = [each for part in level for each in _containers(part)]
    for part in level:
        part.clear()


def _containers(
    part: dict[str, object] | list[object],
) -> Iterator[dict[str, object] | list[object]]:
    for each in part.values() if isinstance(part, dict) else part:
        if isinstance(each, dict | list):
            yield each
