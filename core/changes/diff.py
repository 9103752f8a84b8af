"""What a comparison of two texts says, and the sentence that says it to a person."""

from collections import Counter
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from core.changes.alignment import Span, SpanOp
from core.text.stored_text import display_form, text_of

LONGEST_QUOTE: Final = 120
"""Characters of a text that a summary quotes."""

CONTEXT: Final = 40
"""Characters either side of a change that a summary quotes."""


class BlockChangeKind(StrEnum):
    """What became of a block."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    MOVED = "moved"  # the same line at another place: nothing was said and nothing taken back


@dataclass(frozen=True)
class Place:
    """Where a block stands: below which heading, and below which first row of its table."""

    section: str | None = None
    header: str | None = None


NOWHERE: Final = Place()


@dataclass(frozen=True)
class BlockChange:
    """One block that differs, as lines of the stored form.

    `before` is None when it was added, `after` when it was removed. `spans` are the words of a
    changed block, without its mark as a heading or list item.
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
    """How many blocks met with each kind of change."""

    added: int
    removed: int
    changed: int
    moved: int


@dataclass(frozen=True)
class TextDifference:
    """What differs: `blocks` in the order of the page, and `summary`, one sentence on them.

    `identical` means that the texts say the same, but for noise. Of versions too long to align,
    of which only the order differs, neither is anything listed nor are they identical.
    """

    blocks: tuple[BlockChange, ...]
    stats: ChangeStats
    identical: bool
    summary: str

    def for_display(self) -> "TextDifference":
        """The same difference with its lines in display form: what is stored and returned."""
        return replace(self, blocks=tuple(block.for_display() for block in self.blocks))


def difference_of(blocks: tuple[BlockChange, ...], *, identical: bool) -> TextDifference:
    """The difference that consists of `blocks`, counted and put into words."""
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
    """On the first block; one that only moved comes first where nothing else happened."""
    if not blocks:
        return "The order of the text changed."
    told = next((each for each in blocks if each.kind is not BlockChangeKind.MOVED), blocks[0])
    others = len(blocks) - 1
    if others == 0:
        return f"{_phrase(told)}."
    return f"{_phrase(told)}, and {others} more block{'s' if others > 1 else ''}."


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
            return _changed_phrase(before, after, change.spans)


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
    """The text as a summary quotes it."""
    if len(text) <= LONGEST_QUOTE:
        return f"“{text}”"
    cut = text.rfind(" ", LONGEST_QUOTE // 2, LONGEST_QUOTE)
    return f"“{text[: cut if cut > 0 else LONGEST_QUOTE - 1]}…”"


def _quoted_pair(before: str, after: str) -> tuple[str, str]:
    """Both, cut so that where they begin to differ is in the quote."""
    shorter = min(len(before), len(after))
    same = next((n for n in range(shorter) if before[n] != after[n]), shorter)
    if same <= CONTEXT or max(len(before), len(after)) <= LONGEST_QUOTE:
        return quoted(before), quoted(after)
    start = same - CONTEXT
    space = before.find(" ", start, same)
    start = space + 1 if space >= 0 else start
    return quoted("…" + before[start:]), quoted("…" + after[start:])


def _quoted_around(text: str, start: int, end: int) -> str:
    """The text about `text[start:end]`, which begins within the quote."""
    left = start - CONTEXT
    if left <= 0:
        left = 0
    else:
        space = text.find(" ", left, start)
        left = space + 1 if space >= 0 else left
    right = end + CONTEXT
    if right >= len(text):
        right = len(text)
    else:
        space = text.rfind(" ", end, right)
        right = space if space >= 0 else right
    shown = ("…" if left > 0 else "") + text[left:right]
    return quoted(shown + ("…" if right < len(text) else ""))
