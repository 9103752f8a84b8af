"""Forms: their fields, the bodies of the REST API that they become, and what is wrong in them."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Self, TypeVar

from pydantic import BaseModel, ValidationError

from api.errors import invalid_request

B = TypeVar("B", bound=BaseModel)

ON: Final = "1"
"""The value of a box that is ticked."""


class Form(Mapping[str, str]):
    """The fields of a form. One that was sent several times has its last value; see `all`."""

    def __init__(self, fields: Iterable[tuple[str, str]] = ()) -> None:
        self._all: dict[str, list[str]] = {}
        for name, value in fields:
            self._all.setdefault(name, []).append(value)

    @classmethod
    def of(cls, values: Mapping[str, object]) -> Self:
        """The form that shows `values`: sequences as several fields, nothing for None and False."""
        return cls(
            (name, ON if each is True else str(each))
            for name, value in values.items()
            for each in (value if isinstance(value, list | tuple) else [value])
            if each is not None and each is not False
        )

    def __getitem__(self, name: str) -> str:
        return self._all[name][-1]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    def all(self, name: str) -> list[str]:
        """The values of every field of that name that has one."""
        return [value for value in self._all.get(name, []) if value]

    def text(self, name: str) -> str | None:
        """The value of a field; None if it is empty or missing."""
        return self.get(name) or None

    def lines(self, name: str) -> list[str]:
        """The lines of a text area that have something on them."""
        return [line.strip() for line in self.get(name, "").splitlines() if line.strip()]

    def parts(self, name: str) -> list[str]:
        """The parts of a field between commas or on lines of their own."""
        parts = re.split(r"[,\n]", self.get(name, ""))
        return [part.strip() for part in parts if part.strip()]

    def whole(self, name: str) -> int | str | None:
        """A whole number; the text as it is if it is none, for the check of the body to refuse."""
        text = self.text(name)
        return int(text) if text and re.fullmatch(r"-?[0-9]{1,18}", text) else text

    def number(self, name: str) -> float | str | None:
        """A number, with a point or a comma; the text as it is if it is none."""
        text = (self.text(name) or "").removesuffix("%").strip().replace(",", ".")
        return float(text) if re.fullmatch(r"-?[0-9]{1,18}(\.[0-9]{1,9})?", text) else text or None


def body_of(kind: type[B], values: Mapping[str, object]) -> B:
    """`values` as a body of the REST API. Raises InvalidRequest, as the API answers."""
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        errors = error.errors(include_url=False)
        raise invalid_request(
            [{**each, "loc": ("body", *each["loc"])} for each in errors]
        ) from None


def sparse(values: Mapping[str, object]) -> dict[str, object]:
    """Those of `values` that say something: not None, no empty list."""
    return {name: value for name, value in values.items() if value is not None and value != []}
