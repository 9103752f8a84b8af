"""The verdict of a backtest: a reported change compared with what today's rules report."""

from dataclasses import dataclass
from enum import StrEnum

from core.changes.detection import DetectedChange, SeenPage


class Verdict(StrEnum):
    """How the result of today's rules compares with the reported change."""

    SAME = "same"  # same type, severity and summary
    DIFFERENT = "different"  # reported both times, with another type, severity or summary
    NEW = "new"  # not reported then
    GONE = "gone"  # reported then, not reported now


@dataclass(frozen=True)
class ReportedChange:
    """The fields of a change by which two reports are compared."""

    change_type: str
    severity: str
    summary: str

    @classmethod
    def of(cls, detected: DetectedChange) -> "ReportedChange":
        """The report of `detected`."""
        return cls(detected.change_type, detected.severity, detected.summary)


@dataclass(frozen=True)
class Reading:
    """The text of a snapshot: `then` as it was stored, `now` as today's rules extract it.

    `now` is None if the HTML was not stored or cannot be extracted.
    """

    then: SeenPage
    now: SeenPage | None


def verdict(reported: ReportedChange | None, expected: ReportedChange | None) -> Verdict | None:
    """The verdict on a reported and an expected change; None if there is neither."""
    if reported is None:
        return Verdict.NEW if expected else None
    if expected is None:
        return Verdict.GONE
    return Verdict.SAME if reported == expected else Verdict.DIFFERENT


def comparable(before: Reading, after: Reading) -> tuple[SeenPage, SeenPage]:
    """Both pages as the same rules extract them: today's if possible for both, else the stored.

    Texts extracted by different rules differ even if the page is the same.
    """
    if before.now is not None and after.now is not None:
        return before.now, after.now
    return before.then, after.then
