"""Muted lines: lines of one page that change so often that their changes are not reported.

Only an edited line can be muted. Its heading and the words that stay the same identify it. A line
that names an amount of money, or has too few stable letters, is never muted.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from core.changes.alignment import SpanOp
from core.changes.diff import BlockChange, BlockChangeKind, TextDifference, difference_of
from core.changes.money import find_money
from core.changes.noise import MASK

NOISE_WINDOW: Final = 5
"""Number of crawls to look back, the current one included."""

MIN_NOISY_CRAWLS: Final = 3
"""A line is muted if it changes in this many crawls of `NOISE_WINDOW`."""

MIN_STABLE_LETTERS: Final = 8
"""Number of letters that must stay the same to identify a line."""


@dataclass(frozen=True)
class ChangingLine:
    """A line identified by its heading and its stable words, with `MASK` for each changed part."""

    section: str | None
    words: str


def changing_line(block: BlockChange) -> ChangingLine | None:
    """The line that identifies `block`; None if it is not an edit, or can never be muted."""
    if block.kind is not BlockChangeKind.CHANGED:
        return None
    if find_money(block.before or "") or find_money(block.after or ""):
        return None
    parts = [span.before.strip() if span.op is SpanOp.EQUAL else MASK for span in block.spans]
    if sum(character.isalpha() for part in parts for character in part) < MIN_STABLE_LETTERS:
        return None
    return ChangingLine(block.place.section, " ".join(part for part in parts if part))


def changed_lines(difference: TextDifference) -> frozenset[ChangingLine]:
    """The lines of `difference` that may be muted."""
    lines = (changing_line(block) for block in difference.blocks)
    return frozenset(line for line in lines if line is not None)


def without_muted(difference: TextDifference, muted: Collection[ChangingLine]) -> TextDifference:
    """The difference without the blocks of `muted` lines; identical if no block remains."""
    kept = tuple(block for block in difference.blocks if changing_line(block) not in muted)
    if len(kept) == len(difference.blocks):
        return difference
    return difference_of(kept, identical=not kept)


def is_noise(crawls: Collection[int], now: int) -> bool:
    """Whether a line that changed in the crawls `crawls` and `now` is noise.

    Crawls are numbered from 1.
    """
    recent = {each for each in {*crawls, now} if now - NOISE_WINDOW < each <= now}
    return len(recent) >= MIN_NOISY_CRAWLS


@dataclass(frozen=True)
class NoiseHistory:
    """The changing and muted lines of a page.

    `crawl_count` is the number of crawls of the page so far. `changed` maps a line to the numbers
    of the crawls within `NOISE_WINDOW` in which it changed.
    """

    crawl_count: int
    changed: Mapping[ChangingLine, tuple[int, ...]]
    muted: frozenset[ChangingLine]

    def updated(
        self, lines: Collection[ChangingLine], headings: Collection[str] = ()
    ) -> "NoiseHistory":
        """The history after one more crawl, in which `lines` changed.

        `changed` of the result holds only `lines`: the store keeps the crawls of other lines.
        `headings` are the headings that the page has now. With none, the heading of every recorded
        line counts as renamed. A muted line stays muted.
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
        """The line in `changed` that `line` continues, or `line` itself.

        The heading was renamed if the words are the same and the page no longer has the old one.
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
