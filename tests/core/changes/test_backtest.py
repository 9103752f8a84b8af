"""How what is reported today stands to what was reported then."""

import pytest

from core.changes.backtest import Reading, ReportedChange, Verdict, comparable, verdict
from core.changes.detection import SeenPage

TOLD = ReportedChange("price_change", "high", "Price changed from $1 to $2.")
THEN = SeenPage("https://a.example/", None, "then")
NOW = SeenPage("https://a.example/", None, "now")


@pytest.mark.parametrize(
    ("reported", "expected", "found"),
    [
        (None, None, None),
        (None, TOLD, Verdict.NEW),
        (TOLD, None, Verdict.GONE),
        (TOLD, TOLD, Verdict.SAME),
        (TOLD, ReportedChange("content_change", "high", TOLD.summary), Verdict.DIFFERENT),
        (TOLD, ReportedChange("price_change", "low", TOLD.summary), Verdict.DIFFERENT),
        (TOLD, ReportedChange("price_change", "high", "Another sentence."), Verdict.DIFFERENT),
    ],
)
def test_a_change_is_told_apart_by_type_severity_and_summary(
    reported: ReportedChange | None, expected: ReportedChange | None, found: Verdict | None
) -> None:
    assert verdict(reported, expected) is found


def test_two_snapshots_are_read_by_the_same_rules() -> None:
    whole, text_alone = Reading(THEN, NOW), Reading(THEN, None)
    assert comparable(whole, whole) == (NOW, NOW)
    for pair in ((whole, text_alone), (text_alone, whole), (text_alone, text_alone)):
        assert comparable(*pair) == (THEN, THEN)
