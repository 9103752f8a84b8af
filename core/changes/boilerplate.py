"""Boilerplate: the head and the foot that the pages of a site share, such as the version that each
names, and that are news of none of them when they change on all at once.

They are told by other pages of the site, never by the page alone: from its top, or up from its
bottom, most of them show the same lines, and another one has changed in the same way. What names an
amount of money is content wherever it stands, and so is a row of a table.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise, takewhile
from typing import Final, Protocol, TypeVar

from core.changes.detection import DetectedChange, SeenPage, change_from
from core.changes.diff import BlockChange, difference_of
from core.changes.money import find_money
from core.text.stored_text import CELL_GAP, VERBATIM, legacy_line, legacy_lines

MOST_SIBLINGS: Final = 12
"""Other pages of a site that one is judged by."""

FEWEST_SIBLINGS: Final = 5
"""Pages besides the one in question from which on it can be told what the pages of a site share."""

MOST_BLOCKS: Final = 500
"""Blocks that differ; a page with more of them has news of its own."""

SHARED_BY: Final = 0.8
"""The share of the other pages that show what is boilerplate."""

_TOP: Final = f"{VERBATIM}top"
_BOTTOM: Final = f"{VERBATIM}bottom"


@dataclass(frozen=True)
class SiblingVersion:
    """What another page of the site shows."""

    title: str | None
    text: str

    @cached_property
    def lines(self) -> frozenset[str]:
        """The lines of its text (`core.text.stored_text.legacy_lines`)."""
        return frozenset(legacy_lines(self.text))

    @cached_property
    def neighbours(self) -> frozenset[tuple[str, str]]:
        """The lines that follow one another, from the top of the page to its bottom."""
        return frozenset(pairwise((_TOP, *legacy_lines(self.text), _BOTTOM)))


@dataclass(frozen=True)
class Sibling:
    """Another page of the site: its newest version, and the one before, if it has one."""

    now: SiblingVersion
    earlier: SiblingVersion | None = None

    @property
    def versions(self) -> tuple[SiblingVersion, ...]:
        """Both, or the one there is."""
        return (self.now,) if self.earlier is None else (self.now, self.earlier)

    @cached_property
    def is_still_itself(self) -> bool:
        """Whether it shows at least half of what it showed, and no page of errors instead."""
        earlier = self.earlier.lines if self.earlier else frozenset[str]()
        return 2 * len(earlier & self.now.lines) >= len(earlier)


@dataclass(frozen=True)
class LineEdit:
    """What became of a line, or of a place between two: `gap` are the lines, as they were, around
    one that was added.
    """

    before: str | None
    after: str | None
    gap: tuple[str, str] | None = None

    def concerns(self, version: SiblingVersion) -> bool:
        """Whether that version has the line, or the place."""
        if self.before is not None:
            return self.before in version.lines
        return self.gap in version.neighbours

    def was_made_in(self, sibling: Sibling) -> bool:
        """Whether that page has changed in the same way. To move a line says nothing anew."""
        earlier, now = sibling.earlier, sibling.now
        if self.before == self.after:
            return True
        return (
            earlier is not None
            and sibling.is_still_itself
            and self.concerns(earlier)
            and (self.before is None or self.before not in now.lines)
            and (self.after is None or self.after in now.lines)
        )


@dataclass(frozen=True)
class TitleEdit:
    """Other words in the title, and what they were."""

    before: str
    after: str

    def concerns(self, version: SiblingVersion) -> bool:
        """Whether the title of that version has the words."""
        return self.before in (version.title or "")

    def was_made_in(self, sibling: Sibling) -> bool:
        """Whether that page's title has changed in the same way."""
        earlier, now = sibling.earlier, sibling.now
        return (
            earlier is not None
            and self.concerns(earlier)
            and now.title == (earlier.title or "").replace(self.before, self.after, 1)
        )


Edit = LineEdit | TitleEdit


@dataclass(frozen=True)
class Judged:
    """What is left of some news, None where it is all boilerplate that changed on other pages too.

    `suspects` is what is boilerplate and has changed nowhere else, as far as is known. It is news
    until another page shows the same.
    """

    detected: DetectedChange | None
    suspects: frozenset[Edit] = frozenset()


class Addressed(Protocol):
    """What has an address."""

    @property
    def url(self) -> str: ...


Page = TypeVar("Page", bound=Addressed)


def most_alike(url: str, pages: Iterable[Page]) -> list[Page]:
    """Those of the pages to judge `url` by: the parts of a site differ in their boilerplate, and
    pages of one part begin their addresses alike. No more than are needed of other parts, and of
    equals the first.
    """
    own = url.split("/")

    def likeness(page: Page) -> tuple[int, int]:
        parts = page.url.split("/")
        pairs = zip(own, parts, strict=False)
        begins_alike = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        return begins_alike, -abs(len(own) - len(parts))

    ranked = sorted(pages, key=likeness, reverse=True)
    needed = ranked[:FEWEST_SIBLINGS]
    return [page for page in ranked if likeness(page) >= likeness(needed[-1])][:MOST_SIBLINGS]


def without_boilerplate(
    detected: DetectedChange,
    before: SeenPage,
    after: SeenPage,
    siblings: Sequence[Sibling],
    probe: Sibling | None = None,
) -> Judged:
    """The part of `detected` that concerns the page alone, and not all pages of its site.

    `probe` is one of the siblings, fetched again: it shows what changed on the whole site.
    """
    blocks = detected.difference.blocks
    if len(siblings) < FEWEST_SIBLINGS or len(blocks) > MOST_BLOCKS:
        return Judged(detected)
    witnesses = [*siblings, probe] if probe else siblings
    suspects: set[Edit] = set()

    def is_own_change(edit: Edit | None) -> bool:
        if edit is None or not _are_most(edit.concerns, siblings):
            return True
        if any(edit.was_made_in(each) for each in witnesses):
            return False
        suspects.add(edit)
        return True

    around = _shared_around(legacy_lines(before.text), siblings)
    edits = zip(blocks, _edits(blocks, after.text, around), strict=True)
    kept = tuple(block for block, edit in edits if is_own_change(edit))
    title = _title_edit(before.title or "", after.title or "")
    same_title = title is not None and not is_own_change(title)
    if len(kept) == len(blocks) and not same_title:
        return Judged(detected, frozenset(suspects))
    difference = difference_of(kept, identical=not kept) if blocks else detected.difference
    then = replace(before, title=after.title) if same_title else before
    return Judged(change_from(difference, then, after), frozenset(suspects))


def _are_most(concerned: Callable[[SiblingVersion], bool], siblings: Sequence[Sibling]) -> bool:
    # In either version: some have changed this time already, others have only the time before.
    found = sum(any(map(concerned, each.versions)) for each in siblings)
    return found >= SHARED_BY * len(siblings)


def _shared_around(lines: Sequence[str], siblings: Sequence[Sibling]) -> frozenset[str]:
    """The lines that the page begins and ends with as most others do, but for those that it shows
    elsewhere as well.
    """

    def is_shared(line: str) -> bool:
        return _are_most(lambda version: line in version.lines, siblings)

    head, foot = takewhile(is_shared, lines), takewhile(is_shared, reversed(lines))
    times = Counter(lines)
    return frozenset(line for line in (*head, *foot) if times[line] == 1) | {_TOP, _BOTTOM}


def _edits(
    blocks: Sequence[BlockChange], text: str, around: frozenset[str]
) -> Iterator[LineEdit | None]:
    """What each of the blocks is if it is boilerplate, by the lines `around` the content; None of
    one that is not.
    """
    lines = legacy_lines(text)
    places: dict[str, int] = {}
    for place, line in enumerate(lines):
        places.setdefault(line, place)
    sides = [_legacy_sides(block) for block in blocks]
    added = {after for before, after in sides if before is None}
    was = {after: before for before, after in sides if before is not None and before != after}

    def nearest(way: Iterable[int], end: str) -> str:
        """The first line on the way that is not a new one, as it was."""
        found = next((lines[place] for place in way if lines[place] not in added), end)
        return was.get(found) or found

    for block, (before, after) in zip(blocks, sides, strict=True):
        edit = LineEdit(before, after)
        if before is None and after is not None:
            place = places[after]
            above, below = range(place, -1, -1), range(place, len(lines))
            edit = replace(edit, gap=(nearest(above, _TOP), nearest(below, _BOTTOM)))
        stored = [line for line in (block.before, block.after) if line is not None]
        of_content = any(CELL_GAP in line or find_money(line) for line in stored)
        yield edit if not of_content and around.issuperset(edit.gap or (before,)) else None


def _legacy_sides(block: BlockChange) -> tuple[str | None, str | None]:
    return (
        None if block.before is None else legacy_line(block.before),
        None if block.after is None else legacy_line(block.after),
    )


def _title_edit(before: str, after: str) -> TitleEdit | None:
    """The words that differ in the title; None where none were there before, or name an amount."""
    old, new = before.split(" "), after.split(" ")
    while old and new and old[0] == new[0]:
        del old[0], new[0]
    while old and new and old[-1] == new[-1]:
        del old[-1], new[-1]
    words = " ".join(old), " ".join(new)
    return None if not words[0] or any(map(find_money, words)) else TitleEdit(*words)
