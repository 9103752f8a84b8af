"""What an API key may do."""

from enum import StrEnum
from typing import Final

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})

READS_BY_POST: Final = frozenset({"/api/alerts/preview"})
"""Paths of the API whose POST changes nothing."""


OF_KEYS: Final = ("/api/keys/", "/api/audit/")
"""Where keys are, and what they did."""


class Scope(StrEnum):
    """What a key may do; each scope may do all that the one before it may."""

    READ = "read"  # see everything of the organisation
    WRITE = "write"  # change everything but its keys
    ADMIN = "admin"  # its keys too: list, create and revoke them, and see what they did

    def includes(self, other: "Scope") -> bool:
        """Whether this scope may do all that the other may."""
        order = list(Scope)
        return order.index(self) >= order.index(other)


def needed_scope(method: str, path: str) -> Scope:
    """The least scope that a request to the REST API needs."""
    if f"{path}/".startswith(OF_KEYS):
        return Scope.ADMIN
    reads = method in SAFE_METHODS or (method == "POST" and path in READS_BY_POST)
    return Scope.READ if reads else Scope.WRITE


def refusal(scope: Scope, needed: Scope) -> str:
    """The sentence that refuses a key of that scope."""
    return f"The API key may only {scope}: this needs a key with the scope {needed}."
