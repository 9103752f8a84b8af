"""Noise that is learned of a page: lines of which the same words change time and again.

Nothing but an edited line can be learned, by the words of it that stay and the heading it stands
below. What names an amount of money never is, nor what has too few words of its own to be known by.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from core.changes.alignment import SpanOp
from core.changes.diff import BlockChange, BlockChangeKind, TextDifference, difference_of
from core.changes.money import find_money
from core.changes.noise import MASK

REMEMBERED: Final = 5
"""Crawls of a page, the one that runs among them, that it is judged by."""

MOST_OF_THEM: Final = 3
"""In so many of these a region has changed that is no news any more."""

SHORTEST: Final = 8
"""Letters that have to stay for a line to be known by them."""


@dataclass(frozen=True)
class ChangingLine:
    """A line of a page by the words that stay, `MASK` where others stood, and its heading."""

    section: str | None
    words: str


def changing_line(block: BlockChange) -> ChangingLine | None:
    """The region that an edited line is; None where the change is to be told in any case."""
    if block.kind is not BlockChangeKind.CHANGED:
        return None
    if find_money(block.before or "") or find_money(block.after or ""):
        return None
    parts = [span.before.strip() if span.op is SpanOp.EQUAL else MASK for span in block.spans]
    if sum(sign.isalpha() for part in parts for sign in part) < SHORTEST:
        return None
    return ChangingLine(block.place.section, " ".join(part for part in parts if part))


def changed_lines(difference: TextDifference) -> frozenset[ChangingLine]:
    """The regions that changed."""
    found = (changing_line(block) for block in difference.blocks)
    return frozenset(each for each in found if each is not None)


def without(difference: TextDifference, muted: Collection[ChangingLine]) -> TextDifference:
    """The difference but for what changed in `muted` regions."""
    kept = tuple(block for block in difference.blocks if changing_line(block) not in muted)
    if len(kept) == len(difference.blocks):
        return difference
    return difference_of(kept, identical=not kept)


def is_noise(crawls: Collection[int], now: int) -> bool:
    """Whether a region is noise that changed in the `crawls` of those numbers, in `now` as well."""
    recent = {each for each in {*crawls, now} if now - REMEMBERED < each <= now}
    return len(recent) >= MOST_OF_THEM


@dataclass(frozen=True)
class Learned:
    """What is known of a page's regions: in which crawls each changed, and which are muted.

    `crawls` counts the page's crawls so far.
    """

    crawls: int
    changed: Mapping[ChangingLine, tuple[int, ...]]
    muted: frozenset[ChangingLine]

    def after(self, regions: Collection[ChangingLine], headings: Collection[str] = ()) -> "Learned":
        """The same after a crawl in which `regions` changed and the page had these `headings`. What
        is muted stays so.
        """
        now = self.crawls + 1
        known = {each: self._known_as(each, headings) for each in regions}
        changed = {
            each: (*(past for past in self.changed.get(same, ()) if past > now - REMEMBERED), now)
            for each, same in known.items()
        }
        fresh = {each for each, crawls in changed.items() if is_noise(crawls, now)}
        kept = {each for each, same in known.items() if same in self.muted}
        return Learned(now, changed, self.muted | fresh | kept)

    def _known_as(self, line: ChangingLine, headings: Collection[str]) -> ChangingLine:
        """The known region with the same words: under the same heading, or under one that the page
        no longer has.
        """
        if line in self.changed:
            return line
        same = (
            each
            for each in self.changed
            if each.words == line.words
            and each.section is not None
            and each.section not in headings
        )
        return next(same, line)
