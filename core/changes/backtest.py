"""What a backtest says of each change: what was reported, beside what would be."""

from dataclasses import dataclass
from enum import StrEnum

from core.changes.detection import DetectedChange, SeenPage


class Verdict(StrEnum):
    """How what the rules of today report stands to what was reported."""

    SAME = "same"  # of the same type and severity, in the same words
    DIFFERENT = "different"  # reported both times, with another type, severity or summary
    NEW = "new"  # not reported then
    GONE = "gone"  # reported then, and not any more


@dataclass(frozen=True)
class ReportedChange:
    """What a change says."""

    change_type: str
    severity: str
    summary: str

    @classmethod
    def of(cls, detected: DetectedChange) -> "ReportedChange":
        """What a change says of `detected`."""
        return cls(detected.change_type, detected.severity, detected.summary)


@dataclass(frozen=True)
class Reading:
    """A snapshot as it is compared: as it was read then, and as the rules of today read its HTML,
    where that was kept and can be read.
    """

    then: SeenPage
    now: SeenPage | None


def verdict(reported: ReportedChange | None, expected: ReportedChange | None) -> Verdict | None:
    """How the two stand to each other; None where there is neither."""
    if reported is None:
        return Verdict.NEW if expected else None
    if expected is None:
        return Verdict.GONE
    return Verdict.SAME if reported == expected else Verdict.DIFFERENT


def comparable(before: Reading, after: Reading) -> tuple[SeenPage, SeenPage]:
    """Both, read by the same rules: those of today where both can be read by them.

    A text of older rules differs from one of newer rules in what the rules do, not the page.
    """
    if before.now is not None and after.now is not None:
        return before.now, after.now
    return before.then, after.then
