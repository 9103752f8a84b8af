"""Texts to ignore: which lines a pattern matches, and what is left of a difference."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from core.changes.confirmation import confirm
from core.changes.detection import SeenPage, detect_change
from core.changes.diff import BlockChange, BlockChangeKind
from core.changes.ignoring import (
    MAX_TEXT_PATTERN_LENGTH,
    any_text_around,
    check_text_pattern,
    is_ignored,
    pattern_of,
    told_difference,
)
from core.changes.muting import NoiseHistory
from core.text.stored_text import HEADING, ITEM, VERBATIM
from core.web.crawl_settings import Comparison, CrawlSettings, profile_of
from tests.cost import cost

URL = "https://shop.example/"


def matches(line: str, pattern: str) -> bool:
    return is_ignored(BlockChange(BlockChangeKind.ADDED, None, line), [pattern])


@pytest.mark.parametrize(
    ("pattern", "line", "expected"),
    [
        ("Visitors: #", "Visitors: 12", True),
        ("Visitors: #", "Visitors: 1,234.5", True),
        ("Visitors: #", "Visitors: many", False),
        ("Visitors: #", "Visitors: 12 today", False),
        ("Visitors: #", "Our Visitors: 12", False),
        ("Visitors: #*", "Visitors: 12 today", True),
        ("# visitors", f"{ITEM}12 visitors", True),
        ("# visitors", f"{HEADING}12 visitors", True),
        ("As of * and #", "As of today and tomorrow and 5", True),
        ("Pro | #", "Pro | 99", True),
        (r"C\# and \*", "C# and *", True),
        (r"C\# and \*", "C5 and x", False),
        (r"C:\\dir", r"C:\dir", True),
        ("a.c (x)+", "a.c (x)+", True),
        ("a.c (x)+", "abc x", False),
        ("two  words", "two words", True),
    ],
)
def test_a_pattern_is_the_text_of_a_whole_line(pattern: str, line: str, expected: bool) -> None:
    assert matches(line, pattern) is expected


@given(st.text(min_size=1, max_size=400), st.booleans())
def test_the_pattern_of_a_line_matches_the_line(line: str, numbers: bool) -> None:
    line = " ".join(line.split())
    pattern = pattern_of(line, numbers=numbers)
    assert len(pattern) <= MAX_TEXT_PATTERN_LENGTH
    assert matches(line, pattern)


def test_numbers_stand_for_any_only_if_that_is_asked_for() -> None:
    line = f"{ITEM}Sold 1,200 of 5 (C# *)"
    assert pattern_of(line) == r"Sold 1,200 of 5 (C\# \*)"
    assert pattern_of(line, numbers=True) == r"Sold # of # (C\# \*)"
    assert not matches("Sold 7 of 5 (C# *)", pattern_of(line))
    assert matches("Sold 7 of 9.5 (C# *)", pattern_of(line, numbers=True))
    assert not matches("Sold 7 of 9.5 (C8 x)", pattern_of(line, numbers=True))


SHOWN = st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]))


@given(SHOWN, SHOWN, SHOWN)
def test_any_text_may_stand_around_a_text(before: str, text: str, after: str) -> None:
    text = " ".join(text.split())
    assert matches(f"x{before}{text}{after}", any_text_around(text))
    assert not matches("C8 x", any_text_around("C# *"))


def test_a_line_has_the_same_words_in_stored_and_in_display_form() -> None:
    assert matches(f"{VERBATIM}# a comment", pattern_of("# a comment"))
    assert matches("# a comment", pattern_of(f"{VERBATIM}# a comment"))


@pytest.mark.parametrize("pattern", ["*", "##", "a *", r"\*\#\\ab", "…–-"])
def test_a_pattern_that_matches_nearly_everything_is_refused(pattern: str) -> None:
    with pytest.raises(PydanticCustomError, match="at least 3 letters or digits"):
        check_text_pattern(pattern)


def test_a_block_is_ignored_only_with_all_its_lines() -> None:
    block = BlockChange(BlockChangeKind.CHANGED, "Visitors: 1", "Visitors: many")
    assert not is_ignored(block, ["Visitors: #"])
    assert is_ignored(block, ["Visitors: #", "Visitors: many"])
    assert not is_ignored(block, [])


def page(text: str, *ignored: str) -> SeenPage:
    return SeenPage(URL, "Shop", text, Comparison(ignore_text=ignored))


def test_what_is_ignored_is_no_change_and_the_rest_is_told() -> None:
    before = page("Pro costs $9.\nVisitors: 12 of all people here")
    noise = page("Pro costs $9.\nVisitors: 57 of all people here", "Visitors: # of *")
    dearer = page("Pro costs $12.\nVisitors: 57 of all people here", "Visitors: # of *")
    assert detect_change(before, page(noise.text)) is not None
    assert detect_change(before, noise) is None
    change = detect_change(before, dearer)
    assert change is not None
    assert [block.after for block in change.difference.blocks] == ["Pro costs $12."]
    settled = confirm(before, noise, noise, NoiseHistory(0, {}, frozenset()))
    assert (settled.detected, settled.confirmed) == (None, None)


def test_texts_of_a_page_add_to_those_of_its_domain_and_need_no_new_baseline() -> None:
    page, domain = (CrawlSettings(ignore_text=each) for each in (("aaa", "bbb"), ("ccc", "aaa")))
    assert page.over(domain).ignore_text == ("ccc", "aaa", "bbb")
    assert page.over(CrawlSettings()).ignore_text == ("aaa", "bbb")
    assert CrawlSettings().over(domain).ignore_text == ("ccc", "aaa")
    profile = profile_of(page, URL, URL.rstrip("/"), None)
    assert profile.fingerprint is None
    assert profile.comparison.ignore_text == ("aaa", "bbb")


@pytest.mark.parametrize("pattern", ["abc*#x", "*#.#x*abc", "*#x*abc"])
@pytest.mark.parametrize(
    "line", ["1" * 19_900, "1," * 9_900, "1 111" * 3_900, "abc" + "1" * 19_000]
)
def test_numbers_in_a_pattern_cost_little(pattern: str, line: str) -> None:
    before, after = f"{line} a", f"{line} b"
    told, million = cost(
        lambda: told_difference(before, after, Comparison(ignore_text=(pattern,) * 10))
    )
    assert not told.identical
    assert million < 50


@pytest.mark.parametrize(
    ("before", "after"),
    [("987", "1 005"), ("999 234", "1 000 240"), ("1.005", "987"), ("12 345 678", "9")],
)
def test_a_number_may_have_spaces_between_its_thousands(before: str, after: str) -> None:
    pattern = pattern_of(f"{before} inscrits à ce jour", numbers=True)
    assert pattern == "# inscrits à ce jour"
    line = "{} inscrits à ce jour"
    how = Comparison(ignore_text=(pattern,))
    assert told_difference(line.format(before), line.format(after), how).identical


def test_the_worst_patterns_cost_little() -> None:
    worst = tuple(f"{'*a' * 148}{number:03}" for number in range(50))
    before = "\n".join(f"{'a' * 2_000} {n}" for n in range(20))
    after = before.replace(" ", " b")
    _, million = cost(lambda: told_difference(before, after, Comparison(ignore_text=worst)))
    assert million < 50
