"""The stored form of texts: page text never reads as a mark."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.changes.text_diff import compare
from core.text.blocks import to_text
from core.text.stored_text import (
    CELL_GAP,
    HEADING,
    ITEM,
    cells_of,
    display_form,
    legacy_lines,
    mark_of,
    marked_like,
    text_of,
)
from core.text.visible_text import visible_blocks

SIGNS = ["#", "-", "|", "a", "# x", "- x", "x | y", "\x10", "&#16;", "&#x10;"]
WORDS = st.lists(st.sampled_from(SIGNS), min_size=1).map(" ".join)
TAGS = ["h2", "li", "p", "pre", "textarea", "div", "td"]
PIECES = st.lists(st.tuples(st.sampled_from(TAGS), WORDS), min_size=1, max_size=8)


def text(html: str) -> str:
    return to_text(visible_blocks(html))


def older(text: str) -> str:
    """The text in legacy form, without escapes."""
    return "\n".join(legacy_lines(text))


def element(tag: str, words: str) -> str:
    """That element, or a row of two such cells."""
    if tag == "td":
        return f"<table><tr><td>{words}<td>{words}</table>"
    return f"<{tag}>{words}</{tag}>"


def visible(words: str) -> str:
    """What a page shows of `words`."""
    for control in SIGNS[-3:]:
        words = words.replace(control, "")
    return " ".join(words.split())


@settings(max_examples=50, deadline=None)
@given(PIECES)
def test_no_text_of_a_page_is_a_mark(pieces: list[tuple[str, str]]) -> None:
    pieces = [(tag, words) for tag, words in pieces if visible(words)]
    stored = text("".join(element(*each) for each in pieces))
    for (tag, words), line in zip(pieces, stored.split("\n") if pieces else [], strict=True):
        cells = [visible(words)] * (2 if tag == "td" else 1)
        assert mark_of(line) == {"h2": HEADING, "li": ITEM}.get(tag, "")
        assert (CELL_GAP in line) == (tag == "td")
        assert cells_of(line) == cells
        assert text_of(line) == " | ".join(cells)
        assert display_form(line).isprintable()


@settings(max_examples=50, deadline=None)
@given(PIECES)
def test_a_text_that_an_older_version_has_stored_is_the_same(
    pieces: list[tuple[str, str]],
) -> None:
    stored = text("".join(element(*each) for each in pieces))
    assert compare(older(stored), stored).identical
    assert compare(stored, older(stored)).identical


@pytest.mark.parametrize("gap", ["a<td><td>b", "<td>a<td><td>b<td>", "a<td> <td>b<td><td></td>"])
def test_an_empty_cell_has_its_place(gap: str) -> None:
    assert cells_of(text(f"<table><tr><td>{gap}</table>"))[:3] == ["a", "", "b"]


HEADED = "# Broker\nSet these.\n\x10# one\n\x10# two\n\x10ssl = off\n# End\n- # one\n\x10# end"


@pytest.mark.parametrize(
    ("edit", "read"),
    [
        # What both texts have is what it is in the newer one, as often as it is there.
        (("", ""), HEADED),
        (("ssl", "tls"), HEADED.replace("\x10ssl", "tls")),
        # What stands between verbatim lines is verbatim too; what does not may be a heading.
        (("# two", "# three"), HEADED.replace("# two", "# three")),
        (("# End", "# Finish"), HEADED.replace("# End", "# Finish")),
        (("# Broker", "# Brokers"), HEADED.replace("# Broker", "# Brokers")),
    ],
)
def test_an_older_text_is_read_as_the_newer_one_tells(edit: tuple[str, str], read: str) -> None:
    stored = older(HEADED).replace(*edit, 1) if edit[0] else older(HEADED)
    assert marked_like(stored, HEADED) == read


@pytest.mark.parametrize("other", ["# Broker\nssl = off", ""])
def test_without_a_newer_text_it_is_read_as_it_was(other: str) -> None:
    assert marked_like(older(HEADED), other) == older(HEADED)
    assert marked_like(HEADED, older(HEADED)) == HEADED
