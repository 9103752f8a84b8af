"""Muted lines: which lines can be muted, and when."""

import pytest

from core.changes.detection import SeenPage, detect_unmuted_change
from core.changes.muting import ChangingLine, NoiseHistory, changed_lines, is_noise, without_muted
from core.changes.text_diff import compare

HERE = "# Shop\nPro costs $99 a month.\nThere are {} friends of ours in town.\nThe end."
FRIENDS = ChangingLine("Shop", "There are … friends of ours in town.")


def seen(friends: str, price: str = "$99") -> SeenPage:
    return SeenPage("https://a.example/", None, HERE.format(friends).replace("$99", price))


def test_an_edited_line_is_known_by_the_words_that_stay_and_its_heading() -> None:
    difference = compare(seen("12").text, seen("17").text)
    assert changed_lines(difference) == {FRIENDS}
    assert without_muted(difference, {FRIENDS}).identical
    assert without_muted(difference, set()) is difference


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("Pro costs $99 a month for you.", "Pro costs $129 a month for you."),
        ("A line of text", "A line of text\nand another one"),
        ("1 of 7", "2 of 7"),
    ],
)
def test_prices_new_lines_and_lines_without_words_are_never_learned(
    before: str, after: str
) -> None:
    assert changed_lines(compare(f"# Shop\n{before}", f"# Shop\n{after}")) == set()


@pytest.mark.parametrize(
    ("crawls", "now", "noise"),
    [
        ((), 2, False),
        ((2,), 3, False),
        ((2, 3), 4, True),
        ((1, 3), 5, True),
        ((1, 2), 6, False),
        ((1, 2, 3), 9, False),
    ],
)
def test_three_changes_in_five_crawls_are_noise(
    crawls: tuple[int, ...], now: int, noise: bool
) -> None:
    assert is_noise(crawls, now) is noise


def test_a_muted_line_is_not_reported_and_other_lines_are() -> None:
    known = NoiseHistory(1, {}, frozenset())
    reported = []
    for friends in ("12", "13", "14"):
        detected, known = detect_unmuted_change(seen("11"), seen(friends), known)
        reported.append(detected is not None)
    assert reported == [True, True, False]
    assert known.muted == {FRIENDS}
    detected, known = detect_unmuted_change(seen("11"), seen("15", "$129"), known)
    assert detected is not None
    assert detected.summary == "Price of Pro changed from $99 to $129."
    assert [block.after for block in detected.difference.blocks] == ["Pro costs $129 a month."]
