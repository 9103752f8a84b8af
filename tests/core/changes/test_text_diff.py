"""Comparison of texts, and the summaries of differences."""

import json
from collections import Counter
from dataclasses import asdict

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.changes.alignment import SpanOp, word_spans
from core.changes.diff import BlockChangeKind, ChangeStats
from core.changes.text_diff import compare
from core.text.invisible import compared_form
from core.text.stored_text import display_form, text_of
from tests.cost import cost

PAGE = "# Plans\nPro costs $99 a month\n- Mail support\n- One seat\nCancel at any time"

LINES = st.lists(st.sampled_from(["# A", "a b c", "a b d", "x $1", "x $2", "- i", "long one"]))
TEXTS = LINES.map("\n".join)
PAGE_TEXT = st.text().map(display_form)


@pytest.mark.parametrize(
    ("old", "new", "summary"),
    [
        ("$99", "$129", "Changed “$99” to “$129” in “Pro costs $99 a month”."),
        ("# Plans", "# Prices", "Changed “Plans” to “Prices”."),
        ("One", "Two", "Changed “One” to “Two” in “One seat”."),
        ("costs", "now costs", "Added “now” to “Pro costs $99 a month”."),
        (" any", "", "Removed “any” from “Cancel at any time”."),
        ("One seat", "Unlimited people", "Changed “One seat” to “Unlimited people”."),
        (
            "Pro costs $99 a",
            "Max costs $129 a",
            "Changed “Pro costs $99 a month” to “Max costs $129 a month”.",
        ),
    ],
)
def test_one_edit_is_one_changed_block(old: str, new: str, summary: str) -> None:
    difference = compare(PAGE, PAGE.replace(old, new))
    assert difference.stats == ChangeStats(added=0, removed=0, changed=1, moved=0)
    assert difference.summary == summary
    assert not difference.identical


@pytest.mark.parametrize(("old", "new"), [("# Plans", "Plans"), ("Cancel", "# Cancel")])
def test_the_same_words_in_another_kind_of_block_are_identical(old: str, new: str) -> None:
    assert compare(PAGE, PAGE.replace(old, new)).identical


@pytest.mark.parametrize("nothing", ["", "\x1b", "\u200b", "- ", "# \u00ad", "\u2800", "\u00a0"])
def test_blocks_that_show_nothing_are_not_compared(nothing: str) -> None:
    assert compare(PAGE, f"{PAGE}\n{nothing}").identical
    assert compare(nothing, "").identical
    assert compare(nothing, "New").summary == "Added “New”."


def test_the_same_text_is_identical() -> None:
    difference = compare(PAGE, PAGE)
    assert difference.identical
    assert difference.blocks == ()


@pytest.mark.parametrize(
    ("before", "after", "kind", "summary"),
    [
        (PAGE, PAGE + "\nNew", BlockChangeKind.ADDED, "Added “New”."),
        (PAGE, PAGE.replace("- One seat\n", ""), BlockChangeKind.REMOVED, "Removed “One seat”."),
        ("a\nb\nc\nd", "b\nc\nd\na", BlockChangeKind.MOVED, "Moved “a”."),
        ("", "New", BlockChangeKind.ADDED, "Added “New”."),
    ],
)
def test_whole_blocks(before: str, after: str, kind: BlockChangeKind, summary: str) -> None:
    difference = compare(before, after)
    assert [block.kind for block in difference.blocks] == [kind]
    assert difference.summary == summary


def test_edited_lines_are_paired_by_likeness() -> None:
    before = "Start costs $5 a month\nPro costs $50 a month"
    after = "Brand new: support by phone\nStart costs $6 a month\nPro costs $60 a month"
    kinds = [(block.kind.value, block.before) for block in compare(before, after).blocks]
    assert kinds == [
        ("added", None),
        ("changed", "Start costs $5 a month"),
        ("changed", "Pro costs $50 a month"),
    ]


def test_several_changes_are_counted() -> None:
    after = PAGE.replace("$99", "$129").replace("One", "Two") + "\nNew"
    summary = compare(PAGE, after).summary
    assert summary == "Changed “$99” to “$129” in “Pro costs $99 a month”, and 2 more blocks."


def test_long_quotes_are_cut_where_the_difference_shows() -> None:
    filler = "word " * 100
    summary = compare(f"{filler}old {filler}", f"{filler}new {filler}").summary
    assert summary.startswith("Changed “old” to “new” in “…word ")
    assert len(summary) < 200
    summary = compare("a" * 300 + "b", "a" * 300 + "c").summary
    assert "b” to “" in summary
    assert len(summary) < 300


def test_scripts_without_spaces_are_told_by_character() -> None:
    assert compare("价格是九十九元每月", "价格是一百元每月").summary == (
        "Changed “九十九” to “一百” in “价格是九十九元每月”."
    )


def test_spans() -> None:
    spans = [(span.op, span.before, span.after) for span in word_spans("a b c", "a x c d")]
    assert spans == [
        (SpanOp.EQUAL, "a", "a"),
        (SpanOp.REPLACED, "b", "x"),
        (SpanOp.EQUAL, "c", "c"),
        (SpanOp.INSERTED, "", "d"),
    ]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        # Every second line differs: what difflib takes seconds for.
        ([f"n {i}" for i in range(10_000)], [f"n {i // 2 * 2} {i % 2}" for i in range(10_000)]),
        # More than is aligned.
        ([f"{i}" for i in range(30_000)], [f"{i}" for i in range(30_000, 0, -1)]),
        # One line, many words.
        ([" ".join(map(str, range(30_000)))], [" ".join(map(str, range(30_000, 0, -1)))]),
        (["same"] * 20_000, ["same", "other"] * 10_000),
    ],
)
def test_time_is_bounded(before: list[str], after: list[str]) -> None:
    difference, million = cost(lambda: compare("\n".join(before), "\n".join(after)))
    assert not difference.identical
    assert million < 130


def test_what_is_too_long_to_align_is_still_told() -> None:
    before = [f"line {i}" for i in range(25_000)]
    after = ["brand-new", *before[:0:-1], "last"]
    difference = compare("\n".join(before), "\n".join(after))
    shown = {block.after for block in difference.blocks} | {b.before for b in difference.blocks}
    assert {"brand-new", "last", "line 0"} <= shown
    assert len(difference.blocks) <= 3


@settings(deadline=None)
@given(TEXTS, TEXTS)
def test_the_blocks_lead_from_one_text_to_the_other(before: str, after: str) -> None:
    difference = compare(before, after)
    assert difference == compare(before, after)
    assert difference.identical == (before == after)
    lines = Counter(before.split("\n") if before else [])
    for block in difference.blocks:
        lines[block.before or ""] -= block.before is not None
        lines[block.after or ""] += block.after is not None
    assert +lines == Counter(after.split("\n") if after else [])
    assert all(count >= 0 for count in lines.values())
    json.dumps(asdict(difference))


@settings(deadline=None)
@given(PAGE_TEXT, PAGE_TEXT)
@example("", "# ")
@example("\n", "\x1b")
@example("", "\u200b")
def test_every_new_line_that_has_words_is_mentioned(before: str, after: str) -> None:
    difference = compare(before, after)
    shown = {block.after for block in difference.blocks}
    known = {compared_form(text_of(line)).strip() for line in before.split("\n")} | {""}
    new = {line for line in after.split("\n") if compared_form(text_of(line)).strip() not in known}
    assert difference.identical or new <= shown
