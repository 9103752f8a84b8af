"""What client commands print: differences, times, and texts of strangers."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cli.client.difference import plain_difference, sections_of
from cli.client.output import Column, Format, Kind, Output
from cli.client.terminal_text import json_text, one_line, parse_moment, relative

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
EVIL = "a\x1b]0;title\x07b\x9b31m\u202ec\td\ne"


def block(kind: str, before: str | None, after: str | None, **more: Any) -> dict[str, Any]:
    """A block of a difference, as the API has it."""
    return {"kind": kind, "before": before, "after": after, "spans": [], "place": {}, **more}


def change(*blocks: dict[str, Any]) -> dict[str, Any]:
    """A change, as the API has it."""
    return {
        "id": "1",
        "summary": "It changed.",
        "url": "http://a.example/",
        "severity": "low",
        "changeType": "content_change",
        "detectedAt": "2026-11-26T12:00:00Z",
        "acknowledgedAt": None,
        "acknowledgedBy": None,
        "diffData": {"blocks": list(blocks)},
    }


def test_each_kind_of_block_has_its_sign() -> None:
    lines = list(
        plain_difference(
            change(
                block("removed", "- old", None),
                block("added", None, "new"),
                block("moved", "same", "same"),
            )
        )
    )
    assert lines[-3:] == ["- - old", "+ new", "~ same"]


def test_blocks_of_one_section_stand_below_one_heading() -> None:
    place = {"section": "Plans", "header": "Plan | Price"}
    sections = sections_of(
        [
            block("added", None, "a", place=place),
            block("added", None, "b", place=place),
            block("added", None, "c"),
        ]
    )
    assert [each.heading for each in sections] == ["Plans › Plan | Price", ""]
    assert [len(each.lines) for each in sections] == [2, 1]


def test_words_that_differ_are_marked_where_they_stand() -> None:
    spans = [
        {"op": "inserted", "before": "", "after": "Now"},
        {"op": "equal", "before": "the  price", "after": "the price"},
        {"op": "replaced", "before": "is", "after": "was"},
    ]
    shown = list(
        plain_difference(
            change(block("changed", "- the  price is", "- Now the price was", spans=spans))
        )
    )
    assert shown[-2:] == ["- - the  price [-is-]", "+ - {+Now+} the price {+was+}"]


def test_spans_that_are_not_in_the_line_mark_nothing() -> None:
    spans = [{"op": "replaced", "before": "x", "after": "y"}]
    shown = list(plain_difference(change(block("changed", "a", "b", spans=spans))))
    assert shown[-2:] == ["- a", "+ b"]


def test_a_page_cannot_control_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    columns = (Column("text", "TEXT"), Column("when", "WHEN", Kind.TIME))
    row = {"text": f"{EVIL} [bold]x[/bold]", "when": EVIL}
    for chosen in Format:
        Output(chosen).rows([row], columns)
        Output(chosen).one(row, columns)
    for line in plain_difference(change(block("changed", EVIL, EVIL))):
        print(line)
    printed = capsys.readouterr().out
    assert {"\x1b", "\x07", "\x9b", "\u202e"}.isdisjoint(printed)
    assert "[bold]x[/bold]" in printed


def test_a_text_stays_one_line() -> None:
    assert one_line("a \r\n b\tc") == "a b c"


def test_json_is_the_same_value() -> None:
    assert json_text("é\x9b\u202e") == '"é\\u009b\\u202e"'


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(5, "5 s ago"), (90, "1 min ago"), (7200, "2 h ago"), (200_000, "2 d ago"), (-90, "in 1 min")],
)
def test_times_are_relative(seconds: int, shown: str) -> None:
    assert relative(NOW - timedelta(seconds=seconds), NOW) == shown


@pytest.mark.parametrize(
    ("text", "before"),
    [("90s", 90), ("30min", 1800), ("30m", 1800), ("2h", 7200), ("7d", 604_800), ("0s", 0)],
)
def test_a_length_of_time_is_that_long_ago(text: str, before: int) -> None:
    assert parse_moment(text, NOW) == NOW - timedelta(seconds=before)


def test_a_time_is_taken_with_its_zone() -> None:
    assert parse_moment("2026-11-26T13:00+01:00") == NOW
    assert parse_moment("2026-11-26").tzinfo is UTC


@pytest.mark.parametrize("text", ["", "soon", "-1h", "1y", "2026-13-01"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        parse_moment(text)
