"""Every route of the API, as its own documentation lists them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

from tests.system import System

METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
ENDLESS: Final = frozenset({"GET /api/events"})
"""Routes whose answer does not end by itself; `tests/api/test_events.py` is about them."""

_WRITTEN: Final[dict[str, Any]] = {}


@dataclass(frozen=True)
class Operation:
    """A route as it is documented."""

    method: str
    path: str
    documented: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def has_at(self, path: str) -> bool:
        """Whether `path` is its path, whatever the id in it."""
        pattern = re.sub(r"\\{\w+\\}", "[^/]+", re.escape(self.path))
        return re.fullmatch(pattern, path) is not None

    @property
    def takes_body(self) -> bool:
        """Whether it reads a body."""
        return "requestBody" in self.documented

    @property
    def body(self) -> dict[str, Any]:
        """What is documented of the body that it reads."""
        body: dict[str, Any] = self.documented["requestBody"]
        return body

    @property
    def statuses(self) -> set[str]:
        """The statuses that it is documented to answer with."""
        return set(self.documented["responses"])

    def target(self, **ids: object) -> str:
        """Its path with `ids` in it, and an id of nothing for the others."""
        name = self.path.partition("{")[2].partition("}")[0]
        return self.path.replace(f"{{{name}}}", str(ids.get(name, uuid4())))


def documentation(system: System) -> dict[str, Any]:
    """What the API says of itself: the same in every system, so that it is written once, which
    takes a third of a second.
    """
    if not _WRITTEN:
        _WRITTEN.update(system.app.openapi())
    return _WRITTEN


def operations(system: System, *, endless: bool = False) -> Iterator[Operation]:
    """Every route whose answer ends, or with `endless` every one."""
    for path, item in documentation(system)["paths"].items():
        for each in METHODS:
            found = Operation(each, path, item.get(each.lower(), {}))
            if each.lower() in item and (endless or str(found) not in ENDLESS):
                yield found
