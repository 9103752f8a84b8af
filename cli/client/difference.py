"""A change as a readable difference: lines that went and came, with the words that differ marked.

On a terminal the marks are colours; elsewhere `[-gone-]` and `{+new+}`, as git has them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cli.client.api import Row
from cli.client.terminal_text import one_line

if TYPE_CHECKING:
    from rich.console import Console

REMOVED: Final = "-"
ADDED: Final = "+"
MOVED: Final = "~"

PLAIN_MARKS: Final = {REMOVED: ("[-", "-]"), ADDED: ("{+", "+}"), MOVED: ("", "")}
LINE_STYLES: Final = {REMOVED: "red", ADDED: "green", MOVED: "cyan"}
WORD_STYLES: Final = {REMOVED: "bold reverse red", ADDED: "bold reverse green", MOVED: "cyan"}


@dataclass(frozen=True)
class Line:
    """A line with its sign; each part of it is a text, and whether its words differ."""

    sign: str
    parts: tuple[tuple[str, bool], ...]


@dataclass(frozen=True)
class Section:
    """Lines that differ below one heading, which is empty where the page has none."""

    heading: str
    lines: tuple[Line, ...]


def sections_of(blocks: list[Row]) -> list[Section]:
    """The blocks of a difference as sections, in the order of the page."""
    sections: list[Section] = []
    for block in blocks:
        heading = _heading(block)
        lines = tuple(_lines(block))
        if sections and sections[-1].heading == heading:
            sections[-1] = Section(heading, sections[-1].lines + lines)
        else:
            sections.append(Section(heading, lines))
    return sections


def _heading(block: Row) -> str:
    place = block.get("place") or {}
    return " › ".join(one_line(place[name]) for name in ("section", "header") if place.get(name))


def _lines(block: Row) -> Iterator[Line]:
    before, after, spans = block["before"], block["after"], block.get("spans") or []
    if block["kind"] == "moved":
        yield Line(MOVED, ((one_line(after or before or ""), False),))
        return
    if before is not None:
        yield Line(REMOVED, _parts(before, spans, "before"))
    if after is not None:
        yield Line(ADDED, _parts(after, spans, "after"))


def _parts(line: str, spans: list[Row], side: str) -> tuple[tuple[str, bool], ...]:
    """The line with the words marked that are not on the other side.

    The spans are slices of the line in order, without the white space between them.
    """
    parts: list[tuple[str, bool]] = []
    position = 0
    for span in spans:
        text = span[side]
        found = line.find(text, position)
        if found < 0:
            return ((one_line(line), False),)
        parts += [(line[position:found], False), (text, span["op"] != "equal")]
        position = found + len(text)
    parts.append((line[position:], False))
    return tuple((one_line(part), marked) for part, marked in parts if part)


def plain_difference(change: Row) -> Iterator[str]:
    """The change as lines of plain text."""
    yield from _head(change)
    for section in sections_of(change["diffData"]["blocks"]):
        yield ""
        if section.heading:
            yield f"@@ {section.heading} @@"
        for line in section.lines:
            opening, closing = PLAIN_MARKS[line.sign]
            text = "".join(
                f"{opening}{part}{closing}" if marked else part for part, marked in line.parts
            )
            yield f"{line.sign} {text}"


def _head(change: Row) -> Iterator[str]:
    yield one_line(change["summary"])
    yield one_line(change["url"])
    yield f"{change['severity']} {change['changeType']}, {change['detectedAt']}"
    yield f"change {change['id']}, {_acknowledgement(change)}"


def _acknowledgement(change: Row) -> str:
    if change["acknowledgedAt"] is None:
        return "not acknowledged"
    by = f" by {one_line(change['acknowledgedBy'])}" if change["acknowledgedBy"] else ""
    return f"acknowledged {change['acknowledgedAt']}{by}"


def print_difference(console: "Console", change: Row) -> None:
    """Print the change on a terminal."""
    from rich.padding import Padding
    from rich.text import Text

    from cli.client.output import STYLES

    summary, *rest = _head(change)
    console.print(Text(summary, style="bold"))
    for line in rest:
        severity, space, other = line.partition(" ")
        style = STYLES.get(severity, "dim")
        console.print(Text.assemble((severity, style), (space + other, "dim")))
    for section in sections_of(change["diffData"]["blocks"]):
        console.print()
        if section.heading:
            console.print(Text(section.heading, style="bold underline"))
        for each in section.lines:
            text = Text(f"{each.sign} ", style=LINE_STYLES[each.sign])
            for part, marked in each.parts:
                text.append(part, style=WORD_STYLES[each.sign] if marked else "")
            console.print(Padding(text, (0, 0, 0, 2)))
