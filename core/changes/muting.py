"""Muted lines: noise learned from the history of one page.

Only an edited line can be muted. It is identified by the words that stay the same and by its
heading. A line that names an amount of money, or has too few stable words, is never muted.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from core.changes.alignment import SpanOp
from core.changes.diff import BlockChange, BlockChangeKind, TextDifference, difference_of
from core.changes.money import find_money
from core.changes.noise import MASK

NOISE_WINDOW: Final = 5
"""Number of latest crawls of a page, the current one included, in which changes of a line count."""

MIN_NOISY_CRAWLS: Final = 3
"""Number of crawls within `NOISE_WINDOW` in which a line must change to be muted."""

MIN_STABLE_LETTERS: Final = 8
"""Number of letters that must stay the same to identify a line."""


@dataclass(frozen=True)
class ChangingLine:
    """A line identified by its heading and its stable words, with `MASK` for each changed part."""

    section: str | None
    words: str


def changing_line(block: BlockChange) -> ChangingLine | None:
    """The line of an edited block; None if the block can never be muted."""
    if block.kind is not BlockChangeKind.CHANGED:
        return None
    if find_money(block.before or "") or find_money(block.after or ""):
        return None
    parts = [span.before.strip() if span.op is SpanOp.EQUAL else MASK for span in block.spans]
    if sum(character.isalpha() for part in parts for character in part) < MIN_STABLE_LETTERS:
        return None
    return ChangingLine(block.place.section, " ".join(part for part in parts if part))


def changed_lines(difference: TextDifference) -> frozenset[ChangingLine]:
    """All lines of `difference` that can be muted."""
    lines = (changing_line(block) for block in difference.blocks)
    return frozenset(line for line in lines if line is not None)


def without_muted(difference: TextDifference, muted: Collection[ChangingLine]) -> TextDifference:
    """The difference without the blocks of `muted` lines."""
    kept = tuple(block for block in difference.blocks if changing_line(block) not in muted)
    if len(kept) == len(difference.blocks):
        return difference
    return difference_of(kept, identical=not kept)


def is_noise(crawls: Collection[int], now: int) -> bool:
    """Whether a line that changed in crawl `now`, and before in `crawls`, is noise."""
    recent = {each for each in {*crawls, now} if now - NOISE_WINDOW < each <= now}
    return len(recent) >= MIN_NOISY_CRAWLS


@dataclass(frozen=True)
class NoiseHistory:
    """The changing and muted lines of a page.

    `crawl_count` is the number of crawls of the page so far, and `changed` the numbers of the
    latest crawls in which each line changed.
    """

    crawl_count: int
    changed: Mapping[ChangingLine, tuple[int, ...]]
    muted: frozenset[ChangingLine]

    def updated(
        self, lines: Collection[ChangingLine], headings: Collection[str] = ()
    ) -> "NoiseHistory":
        """The history after one more crawl, in which `lines` changed.

        `headings` are the headings that the page has now. A muted line stays muted.
        """
        now = self.crawl_count + 1
        earlier = {line: self._earlier_line(line, headings) for line in lines}
        changed = {
            line: (*(past for past in self.changed.get(same, ()) if past > now - NOISE_WINDOW), now)
            for line, same in earlier.items()
        }
        newly_muted = {line for line, crawls in changed.items() if is_noise(crawls, now)}
        still_muted = {line for line, same in earlier.items() if same in self.muted}
        return NoiseHistory(now, changed, self.muted | newly_muted | still_muted)

    def _earlier_line(self, line: ChangingLine, headings: Collection[str]) -> ChangingLine:
        """The recorded line that `line` continues, or `line` itself.

        A recorded line with the same words under a heading that the page no longer has is the same
        line: its heading was renamed.
        """
        if line in self.changed:
            return line
        renamed = (
            each
            for each in self.changed
            if each.words == line.words
            and each.section is not None
            and each.section not in headings
        )
        return next(renamed, line)
