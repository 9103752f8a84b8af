"""What no text of a request has: control characters, and what is not Unicode."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import AfterValidator
from pydantic_core import InitErrorDetails, PydanticCustomError

_REFUSED: Final = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")

WITH_RULES_OF_THEIR_OWN: Final = frozenset({"cookies", "headers", "userAgent"})
"""Fields of bodies that `core.web.request_headers` checks: their rules allow less, but a tab."""

CRONTAB: Final = "cron"
"""The field of bodies in which a tab separates."""


def _fault_of(text: str) -> PydanticCustomError | None:
    """Why the text cannot be taken."""
    found = _REFUSED.search(text)
    if found is None:
        return None
    if found[0] > "\x7f":
        # JSON can express a lone surrogate, UTF-8 cannot.
        return PydanticCustomError("lone_surrogate", "This is not Unicode text")
    # PostgreSQL cannot store NUL. The others are useless in a name, a URL or a glob.
    return PydanticCustomError("control_character", "Control characters are not allowed")


def _checked(text: str) -> str:
    fault = _fault_of(text)
    if fault is not None:
        raise fault
    return text


Text = Annotated[str, AfterValidator(_checked)]
"""Text of a parameter. The texts of a body are checked by its base, `api.limits.JsonBody`."""


@dataclass(frozen=True, slots=True, eq=False)
class _Place:
    """Where a value is in a JSON value: under a name or number in what is at `around`.

    The location is put together for the few that are told: a body may nest ten thousand deep.
    """

    around: "_Place | None"
    name: str | int

    def location(self) -> tuple[str | int, ...]:
        """The names from the outermost to this one."""
        names = []
        place: _Place | None = self
        while place is not None:
            names.append(place.name)
            place = place.around
        return tuple(reversed(names))


def text_faults(given: object) -> Iterator[InitErrorDetails]:
    """The faults of all texts in a JSON object, the names in it among them, in their order.

    They do not repeat the texts, which may be secrets.
    """
    for place, text in _texts(given):
        fault = _fault_of(text.replace("\t", " ") if place.name == CRONTAB else text)
        if fault is not None:
            yield InitErrorDetails(type=fault, loc=place.location(), input=None)


def _texts(given: object) -> Iterator[tuple[_Place, str]]:
    left: list[tuple[_Place | None, object]] = [(None, given)]
    while left:
        around, value = left.pop()
        if isinstance(value, str) and around is not None:
            yield around, value
        elif isinstance(value, Mapping):
            places = [(_Place(around, name), each) for name, each in value.items()]
            yield from ((place, place.name) for place, _ in places if isinstance(place.name, str))
            left += [each for each in reversed(places) if not _is_checked(each[0])]
        elif isinstance(value, list | tuple):
            left += reversed([(_Place(around, number), each) for number, each in enumerate(value)])


def _is_checked(place: _Place) -> bool:
    return place.name in WITH_RULES_OF_THEIR_OWN
