"""The result of a comparison of two texts, and the one-sentence summary of it."""

from collections import Counter
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from core.changes.alignment import Span, SpanOp
from core.text.stored_text import cells_of, display_form, is_data, text_of

MAX_QUOTE_LENGTH: Final = 120
"""Number of characters of a text that a summary quotes."""

QUOTE_CONTEXT_LENGTH: Final = 40
"""Number of characters on either side of a change that a summary quotes."""


class BlockChangeKind(StrEnum):
    """How a block differs."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    MOVED = "moved"  # the same line at another place


@dataclass(frozen=True)
class Place:
    """The position of a block: the heading above it, and the first row of its table."""

    section: str | None = None
    header: str | None = None


NOWHERE: Final = Place()


@dataclass(frozen=True)
class BlockChange:
    """One block that differs, as lines in stored form (`core.text.stored_text`).

    `before` is None if the block was added, `after` if it was removed. `spans` is the word
    difference of a changed block, without its mark as a heading or list item.
    """

    kind: BlockChangeKind
    before: str | None
    after: str | None
    spans: tuple[Span, ...] = ()
    place: Place = NOWHERE

    def for_display(self) -> "BlockChange":
        """The same change with its lines in display form."""
        before, after, header = (
            line and display_form(line) for line in (self.before, self.after, self.place.header)
        )
        return replace(self, before=before, after=after, place=replace(self.place, header=header))


@dataclass(frozen=True)
class ChangeStats:
    """Number of blocks for each kind of change."""

    added: int
    removed: int
    changed: int
    moved: int


@dataclass(frozen=True)
class TextDifference:
    """The differing `blocks` in the order of the page, and a `summary` of one sentence.

    `identical` is set if the texts are the same apart from noise. Texts that are too long to align
    and differ only in their order have no blocks, and are not identical.
    """

    blocks: tuple[BlockChange, ...]
    stats: ChangeStats
    identical: bool
    summary: str

    def for_display(self) -> "TextDifference":
        """The same difference with its lines in display form, as it is stored and returned."""
        return replace(self, blocks=tuple(block.for_display() for block in self.blocks))


def difference_of(blocks: tuple[BlockChange, ...], *, identical: bool) -> TextDifference:
    """The difference made of `blocks`, with its counts and summary."""
    counts = Counter(block.kind for block in blocks)
    stats = ChangeStats(
        added=counts[BlockChangeKind.ADDED],
        removed=counts[BlockChangeKind.REMOVED],
        changed=counts[BlockChangeKind.CHANGED],
        moved=counts[BlockChangeKind.MOVED],
    )
    summary = "The text is the same." if identical else _summary(blocks)
    return TextDifference(blocks=blocks, stats=stats, identical=identical, summary=summary)


def _summary(blocks: tuple[BlockChange, ...]) -> str:
    """A sentence about the first block, preferably one that did not just move."""
    if not blocks:
        return "The order of the text changed."
    first = next((each for each in blocks if each.kind is not BlockChangeKind.MOVED), blocks[0])
    return and_more(_phrase(first), len(blocks) - 1, "block")


def and_more(sentence: str, others: int, noun: str) -> str:
    """The sentence with its full stop, and the number of other nouns if there are any."""
    if not others:
        return f"{sentence}."
    return f"{sentence}, and {others} more {noun}{'s' if others > 1 else ''}."


def _phrase(change: BlockChange) -> str:
    before = text_of(change.before or "")
    after = text_of(change.after or "")
    match change.kind:
        case BlockChangeKind.ADDED:
            return f"Added {quoted(after)}"
        case BlockChangeKind.REMOVED:
            return f"Removed {quoted(before)}"
        case BlockChangeKind.MOVED:
            return f"Moved {quoted(after)}"
        case BlockChangeKind.CHANGED:
            return (
                _data_phrase(change)
                or _cell_phrase(change)
                or _changed_phrase(before, after, change.spans)
            )


def _data_phrase(change: BlockChange) -> str | None:
    """A phrase about a value of structured data; None if the block is none."""
    if not is_data(change.before or "") or not is_data(change.after or ""):
        return None
    name, _, before = text_of(change.before or "").rpartition(": ")
    other, _, after = text_of(change.after or "").rpartition(": ")
    if not name or name != other:
        return None
    return f"Changed {quoted(before)} to {quoted(after)} for {quoted(name)}"


def _cell_phrase(change: BlockChange) -> str | None:
    """A phrase about the only cell of a row that differs; None unless row and column have names."""
    header = cells_of(change.place.header or "")
    before, after = cells_of(change.before or ""), cells_of(change.after or "")
    if not 1 < len(before) == len(after) or change.place.header in (change.before, change.after):
        return None
    places = [n for n, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]
    # The stored form omits an empty first cell of a header, so columns are counted from the right.
    column = places[0] - len(after) + len(header)
    if len(places) != 1 or places[0] == 0 or not 0 <= column < len(header) or not header[column]:
        return None
    old, new = _quoted_pair(before[places[0]], after[places[0]])
    if not after[0] or not before[places[0]] or not after[places[0]]:
        return None
    return f"Changed {old} to {new} for {quoted(header[column])} in {quoted(after[0])}"


def _changed_phrase(before: str, after: str, spans: tuple[Span, ...]) -> str:
    places = [n for n, span in enumerate(spans) if span.op is not SpanOp.EQUAL]
    if len(places) != 1 or len(spans) == 1:
        old, new = _quoted_pair(before, after)
        return f"Changed {old} to {new}"
    n = places[0]
    span = spans[n]
    start = len(spans[n - 1].before) if n > 0 else 0
    end = len(before) - len(spans[n + 1].before) if n + 1 < len(spans) else len(before)
    context = _quoted_around(before, start, end)
    match span.op:
        case SpanOp.INSERTED:
            return f"Added {quoted(span.after)} to {context}"
        case SpanOp.DELETED:
            return f"Removed {quoted(span.before)} from {context}"
        case _:
            old, new = _quoted_pair(span.before, span.after)
            return f"Changed {old} to {new} in {context}"


def quoted(text: str) -> str:
    """The text in quotation marks, cut to `MAX_QUOTE_LENGTH` characters."""
    if len(text) <= MAX_QUOTE_LENGTH:
        return f"“{text}”"
    cut = text.rfind(" ", MAX_QUOTE_LENGTH // 2, MAX_QUOTE_LENGTH)
    return f"“{text[: cut if cut > 0 else MAX_QUOTE_LENGTH - 1]}…”"


def _quoted_pair(before: str, after: str) -> tuple[str, str]:
    """Both quoted, cut so that the quotes show their first difference."""
    shorter = min(len(before), len(after))
    same = next((n for n in range(shorter) if before[n] != after[n]), shorter)
    if same <= QUOTE_CONTEXT_LENGTH or max(len(before), len(after)) <= MAX_QUOTE_LENGTH:
        return quoted(before), quoted(after)
    start = same - QUOTE_CONTEXT_LENGTH
    space = before.find(" ", start, same)
    start = space + 1 if space >= 0 else start
    return quoted("…" + before[start:]), quoted("…" + after[start:])


def _quoted_around(text: str, start: int, end: int) -> str:
    """The text around `text[start:end]`, quoted."""
    left = start - QUOTE_CONTEXT_LENGTH
    if left <= 0:
        left = 0
    else:
        space = text.find(" ", left, start)
        left = space + 1 if space >= 0 else left
    right = end + QUOTE_CONTEXT_LENGTH
    if right >= len(text):
        right = len(text)
    else:
        space = text.rfind(" ", end, right)
        right = space if space >= 0 else right
    shown = ("…" if left > 0 else "") + text[left:right]
    return quoted(shown + ("…" if right < len(text) else ""))
