"""Verdicts of backtests."""

import pytest

from core.changes.backtest import Reading, ReportedChange, Verdict, comparable, verdict
from core.changes.detection import SeenPage

REPORTED = ReportedChange("price_change", "high", "Price changed from $1 to $2.")
THEN = SeenPage("https://a.example/", None, "then")
NOW = SeenPage("https://a.example/", None, "now")


@pytest.mark.parametrize(
    ("reported", "expected", "found"),
    [
        (None, None, None),
        (None, REPORTED, Verdict.NEW),
        (REPORTED, None, Verdict.GONE),
        (REPORTED, REPORTED, Verdict.SAME),
        (REPORTED, ReportedChange("content_change", "high", REPORTED.summary), Verdict.DIFFERENT),
        (REPORTED, ReportedChange("price_change", "low", REPORTED.summary), Verdict.DIFFERENT),
        (REPORTED, ReportedChange("price_change", "high", "Another sentence."), Verdict.DIFFERENT),
    ],
)
def test_changes_are_compared_by_type_severity_and_summary(
    reported: ReportedChange | None, expected: ReportedChange | None, found: Verdict | None
) -> None:
    assert verdict(reported, expected) is found


def test_two_snapshots_are_read_by_the_same_rules() -> None:
    whole, text_alone = Reading(THEN, NOW), Reading(THEN, None)
    assert comparable(whole, whole) == (NOW, NOW)
    for pair in ((whole, text_alone), (text_alone, whole), (text_alone, text_alone)):
        assert comparable(*pair) == (THEN, THEN)
