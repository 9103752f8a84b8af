"""The stored form of a page's text: one block per line, with marks that page text cannot forge.

A heading starts with `HEADING`, a list item with `ITEM`; `CELL_GAP` separates the cells of a table
row. Page text that looks like a mark, such as `# a comment`, `- x` or `a | b`, is escaped with
`VERBATIM`, a control character that is removed from all page text. Each line of code, or of other
preformatted text, starts with `VERBATIM` too and keeps its indentation.

Other control characters tell what the words do not: `STRUCK` and `STRUCK_END` enclose text that is
struck through, `ORDERED` starts an item whose place has a meaning, `NEW_LIST` one that follows an
item of another list, `DATA` a line that tells what the structured data of the page say. They too
are removed from all page text.

Legacy texts, stored before `VERBATIM` existed, have no escapes: see `marked_like`.
"""

import re
from collections import deque
from collections.abc import Sequence
from itertools import accumulate
from typing import Final

HEADING: Final = "# "
ITEM: Final = "- "
MARKS: Final = (HEADING, ITEM)
CELL_GAP: Final = " | "

VERBATIM: Final = "\x10"
"""Data Link Escape: what follows is page text, not a mark."""

STRUCK: Final = "\x0e"
STRUCK_END: Final = "\x0f"
ORDERED: Final = "\x11"
"""After the mark of an item: its place has a meaning, or it is not the whole item."""

NEW_LIST: Final = "\x19"
"""After the mark of an item that follows an item of another list."""

DATA: Final = "\x12"

CONTROLS: Final = re.compile(r"[\x0e-\x19]")
"""The characters that page text never has in stored form."""

_BAR: Final = re.compile(r"(?<!\S)\|(?!\S)")
_GAP: Final = re.compile(r" \|(?= |$)")
_VERBATIM_BAR: Final = f"{VERBATIM}|"


def verbatim(text: str) -> str:
    """The line that shows `text` with no mark in it."""
    return f"{VERBATIM}{escape_bars(text)}"


def escape_bars(text: str) -> str:
    """The text with its bars escaped, so that none reads as a gap between cells."""
    return _BAR.sub(_VERBATIM_BAR, text) if "|" in text else text


def is_verbatim(line: str) -> bool:
    """Whether the line is preformatted text, or text that starts like a heading or item."""
    return line.startswith(VERBATIM)


def mark_of(line: str) -> str:
    """The mark at the start of the line; empty if there is none."""
    return line[:2] if line[:2] in MARKS else ""


def text_of(line: str) -> str:
    """The text of the line without its mark, escapes and indentation."""
    if line[:2] in MARKS:
        line = line[2:]
    return line if line.isprintable() else CONTROLS.sub("", line).lstrip()


def is_data(line: str) -> bool:
    """Whether the line tells what the structured data of the page say."""
    return line.startswith(DATA)


def is_unordered(line: str) -> bool:
    """Whether the line is an item of a list whose order has no meaning."""
    return line.startswith(ITEM) and line[2:3] != ORDERED


def starts_list(line: str) -> bool:
    """Whether the line is an item that follows an item of another list."""
    return line.startswith(f"{ITEM}{NEW_LIST}")


def cells_of(line: str) -> list[str]:
    """The text of each cell of a row; one text for a line that is not a row."""
    return [display_form(cell).strip() for cell in stored_cells(line)]


def stored_cells(line: str) -> list[str]:
    """The cells of a row in stored form; one for a line that is not a row."""
    return _GAP.split(line[len(mark_of(line)) :])


def headings_of(text: str) -> frozenset[str]:
    """The texts of all headings."""
    return frozenset(text_of(line) for line in text.split("\n") if line.startswith(HEADING))


def display_form(text: str) -> str:
    """A text or line as users see it: marks and indentation stay, escapes do not."""
    return CONTROLS.sub("", text)


def legacy_line(line: str) -> str:
    """The line as legacy texts have it: without escapes, indentation and a bar at its end."""
    if VERBATIM not in line:
        return display_form(line)
    text = display_form(line).lstrip()
    ends_in_bar = line.endswith(_VERBATIM_BAR) and text_of(line) != "|"
    return text.removesuffix(" |") if ends_in_bar else text


def legacy_lines(text: str) -> list[str]:
    """The lines of the text in legacy form, which is the same for texts of all versions."""
    if not CONTROLS.search(text):
        return text.split("\n")
    return [legacy_line(line) for line in text.split("\n")]


def marked_like(text: str, reference: str) -> str:
    """A legacy text with the escapes that `reference`, another text of the page, has.

    A line that both texts have takes the form it has in `reference`. Any other line is verbatim if
    it stands between two verbatim lines; if not, a mark at its start makes it a heading or item, as
    it did when the text was stored. `text` is returned unchanged if it has escapes of its own, or
    if `reference` has none.
    """
    if VERBATIM in text or VERBATIM not in reference:
        return text
    if text.split() == display_form(reference).split():
        # The same words, possibly split into other lines.
        return reference
    forms: dict[str, deque[str]] = {}
    for line in reference.split("\n"):
        forms.setdefault(legacy_line(line), deque()).append(line)
    lines = text.split("\n")
    matched = [_next_form(forms.get(line)) for line in lines]
    above, below = _last_is_verbatim(matched), _last_is_verbatim(matched[::-1])[::-1]
    return "\n".join(
        form if form is not None else verbatim(line) if in_code_above and in_code_below else line
        for line, form, in_code_above, in_code_below in zip(
            lines, matched, above, below, strict=True
        )
    )


def _next_form(forms: deque[str] | None) -> str | None:
    """The next of the forms of a line, in document order; the last one is reused."""
    if not forms:
        return None
    return forms.popleft() if len(forms) > 1 else forms[0]


def _last_is_verbatim(lines: Sequence[str | None]) -> list[bool]:
    """For each line: whether the last matched line up to and including it is verbatim."""

    def last(before: bool, line: str | None) -> bool:
        return before if line is None else is_verbatim(line)

    return list(accumulate(lines, last, initial=False))[1:]
