"""What a health check finds: one verdict for each part of the system."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Part(StrEnum):
    """The parts of the system that are checked."""

    TEMPORAL = "temporal"
    SEARCH_ATTRIBUTES = "searchAttributes"
    WORKERS = "workers"
    DATABASE = "database"
    SCHEMA = "schema"
    DISK = "disk"


class Status(StrEnum):
    """How a part is."""

    OK = "ok"
    FAILED = "failed"
    UNKNOWN = "unknown"  # it could not be checked, because another part failed


@dataclass(frozen=True)
class Verdict:
    """The result of one check.

    Anyone may read `detail` and `advice`: they contain no address, path, name or secret of the
    installation. `advice` says what to do; it is empty if nothing is to be done.
    """

    part: Part
    status: Status
    detail: str
    advice: str = ""


def ok(part: Part, detail: str) -> Verdict:
    """The verdict that the part is as it should be."""
    return Verdict(part, Status.OK, detail)


def failed(part: Part, detail: str, advice: str) -> Verdict:
    """The verdict that the part does not work, and what to do."""
    return Verdict(part, Status.FAILED, detail, advice)


def unknown(part: Part, needed: Part) -> Verdict:
    """The verdict on a part that cannot be checked while `needed` fails."""
    return Verdict(part, Status.UNKNOWN, f"Not checked, because the check of {needed} failed.")


def failures(verdicts: Iterable[Verdict]) -> list[Part]:
    """The parts that are not known to work, in order."""
    return [each.part for each in verdicts if each.status is not Status.OK]
