"""Confirmation of changes by a second fetch."""

import pytest

from core.changes.confirmation import Confirmation, confirm
from core.changes.detection import DetectedChange, SeenPage
from core.changes.muting import ChangingLine, NoiseHistory
from core.text.stored_text import legacy_lines

HERE = (
    "# Shop\nPro costs $99 a month.\nThere are 12 friends of ours in town.\nTalk to us.\nThe end."
)
DEARER = HERE.replace("$99", "$129")
NOTHING = NoiseHistory(crawl_count=1, changed={}, muted=frozenset())
FRIENDS = ChangingLine("Shop", "There are … friends of ours in town.")


def page(text: str, title: str | None = "Shop", url: str = "https://a.example/") -> SeenPage:
    return SeenPage(url, title, text)


def confirmed_by(first: str, second: str, before: str = HERE) -> Confirmation:
    return confirm(page(before), page(first), page(second), NOTHING)


def lines(detected: DetectedChange | None) -> list[tuple[str | None, str | None]]:
    return [(each.before, each.after) for each in detected.difference.blocks] if detected else []


@pytest.mark.parametrize(
    "text",
    [
        DEARER,
        HERE + "\nA new line.",
        HERE.replace("Talk to us.\n", ""),
        HERE.replace("Talk to us.\nThe end.", "The end.\nTalk to us."),
        "",
    ],
)
def test_a_change_that_both_fetches_show_is_confirmed(text: str) -> None:
    found = confirmed_by(text, text)
    assert found.detected is not None
    assert found.confirmed == found.detected


def test_fetches_that_differ_only_in_noise_confirm_the_change() -> None:
    found = confirmed_by(DEARER + "\n7 views", DEARER + "\n8 views")
    assert found.detected is not None
    assert found.confirmed == found.detected


def test_a_change_that_has_disappeared_is_not_confirmed() -> None:
    found = confirmed_by(DEARER, HERE)
    assert (found.detected, found.confirmed) == (None, None)


def test_a_third_text_is_not_confirmed() -> None:
    found = confirmed_by(DEARER, HERE.replace("$99", "$119"))
    assert found.detected is not None
    assert found.confirmed is None


def test_only_the_common_part_of_two_changes_is_confirmed() -> None:
    found = confirmed_by(DEARER + "\nBuy one today!", DEARER.replace("Talk to us.\n", ""))
    assert len(lines(found.detected)) == 2
    assert lines(found.confirmed) == [("Pro costs $99 a month.", "Pro costs $129 a month.")]
    assert found.confirmed is not None
    assert found.confirmed.summary == "Price of Pro changed from $99 to $129."


def test_a_line_that_has_disappeared_does_not_affect_the_others() -> None:
    found = confirmed_by(DEARER + "\nBuy one today!", DEARER)
    assert found.detected is not None
    assert found.confirmed == found.detected


def test_the_same_lines_are_confirmed_even_if_they_are_paired_differently() -> None:
    first = HERE.replace("Talk to us.", "Talk to us now.\nTalk with us.")
    second = HERE.replace("Talk to us.", "Talk with us.")
    assert lines(confirmed_by(first, second).confirmed) == [("Talk to us.", "Talk with us.")]


def test_a_moved_line_does_not_confirm_a_removed_one() -> None:
    first = HERE.replace("Talk to us.\nThe end.", "The end.\nTalk to us.")
    assert confirmed_by(first, HERE.replace("Talk to us.\n", "")).confirmed is None


def test_a_first_fetch_in_legacy_form_is_confirmed() -> None:
    before = "# Shop\nOpen.\n\x10# one\n\x10a \x10| b\n\x10- two\nThe end."
    after = before.replace("b\n", "c\n").replace("# one", "# 1")
    then = ["\n".join(legacy_lines(text)) for text in (before, after)]
    found = confirmed_by(then[1], after, before=then[0])
    assert lines(found.confirmed) == lines(confirmed_by(after, after, before=then[0]).detected)
    assert found.confirmed == found.detected


def test_title_and_address_are_confirmed_like_lines() -> None:
    before, other = page(HERE), "https://a.example/b"
    for changed in (page(HERE, title="Sale"), page(HERE, url=other)):
        both = confirm(before, changed, changed, NOTHING)
        assert both.detected is not None
        assert both.confirmed == both.detected
    for first in (page(HERE), page(HERE, title="Gone", url="https://a.example/c")):
        found = confirm(before, first, page(DEARER, title="Sale", url=other), NOTHING)
        assert found.detected is not None
        assert found.confirmed is None
    found = confirm(before, page(DEARER), page(DEARER, title="Sale", url=other), NOTHING)
    assert found.confirmed is not None
    assert found.confirmed.summary == "Price of Pro changed from $99 to $129."


def test_a_line_that_differs_in_both_fetches_counts_once_as_noise() -> None:
    known = NoiseHistory(crawl_count=4, changed={FRIENDS: (3, 4)}, muted=frozenset())
    flicker, rotated = HERE.replace("12", "17"), HERE.replace("12", "19")
    for first, second in ((flicker, HERE), (HERE, flicker), (flicker, rotated)):
        found = confirm(page(HERE), page(first), page(second), known)
        assert found.noise.changed == {FRIENDS: (3, 4, 5)}
        assert found.noise.muted == {FRIENDS}
        assert found.detected is None, "it is known for noise by now"
