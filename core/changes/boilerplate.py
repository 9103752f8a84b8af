"""Boilerplate: the header and footer lines that the pages of a site share.

When boilerplate changes on the whole site at once, such as a version number, the change is not
reported for any page. Boilerplate is recognised by comparison with sibling pages of the site: most
siblings show the same lines at the top or bottom, and at least one of them has changed in the same
way. A line that names an amount of money is always content, and so is a table row.
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

MAX_SIBLINGS: Final = 12
"""Number of sibling pages that a page is compared with."""

MIN_SIBLINGS: Final = 5
"""Minimum number of sibling pages needed to detect boilerplate."""

MAX_CHANGED_BLOCKS: Final = 500
"""Number of differing blocks beyond which a change is always the page's own."""

MIN_SHARED_RATIO: Final = 0.8
"""Share of the siblings, 0 to 1, that must show a line for it to be boilerplate."""

_TOP: Final = f"{VERBATIM}top"
_BOTTOM: Final = f"{VERBATIM}bottom"


@dataclass(frozen=True)
class SiblingVersion:
    """One version of another page of the site."""

    title: str | None
    text: str

    @cached_property
    def lines(self) -> frozenset[str]:
        """The lines of the text (`core.text.stored_text.legacy_lines`)."""
        return frozenset(legacy_lines(self.text))

    @cached_property
    def neighbours(self) -> frozenset[tuple[str, str]]:
        """All pairs of consecutive lines, the top and bottom of the page included."""
        return frozenset(pairwise((_TOP, *legacy_lines(self.text), _BOTTOM)))


@dataclass(frozen=True)
class Sibling:
    """Another page of the site: its newest version, and the previous one if there is one."""

    now: SiblingVersion
    earlier: SiblingVersion | None = None

    @property
    def versions(self) -> tuple[SiblingVersion, ...]:
        """The newest version, then the previous one if there is one."""
        return (self.now,) if self.earlier is None else (self.now, self.earlier)

    @cached_property
    def is_same_page(self) -> bool:
        """Whether at least half of the previous lines remain: an error page has replaced others."""
        earlier = self.earlier.lines if self.earlier else frozenset[str]()
        return 2 * len(earlier & self.now.lines) >= len(earlier)


@dataclass(frozen=True)
class LineEdit:
    """An edit of one line.

    For an added line, `before` is None and `gap` is the pair of previous lines around it.
    """

    before: str | None
    after: str | None
    gap: tuple[str, str] | None = None

    def applies_to(self, version: SiblingVersion) -> bool:
        """Whether the version has the line, or the gap, that was edited."""
        if self.before is not None:
            return self.before in version.lines
        return self.gap in version.neighbours

    def was_made_in(self, sibling: Sibling) -> bool:
        """Whether the sibling has changed in the same way; true for a moved line."""
        earlier, now = sibling.earlier, sibling.now
        if self.before == self.after:
            return True
        return (
            earlier is not None
            and sibling.is_same_page
            and self.applies_to(earlier)
            and (self.before is None or self.before not in now.lines)
            and (self.after is None or self.after in now.lines)
        )


@dataclass(frozen=True)
class TitleEdit:
    """An edit of some words of the title."""

    before: str
    after: str

    def applies_to(self, version: SiblingVersion) -> bool:
        """Whether the title of the version has the previous words."""
        return self.before in (version.title or "")

    def was_made_in(self, sibling: Sibling) -> bool:
        """Whether the sibling's title has changed in the same way."""
        earlier, now = sibling.earlier, sibling.now
        return (
            earlier is not None
            and self.applies_to(earlier)
            and now.title == (earlier.title or "").replace(self.before, self.after, 1)
        )


Edit = LineEdit | TitleEdit


@dataclass(frozen=True)
class OwnChange:
    """The part of a change that belongs to the page itself; None if all of it is site-wide.

    `suspects` are the edits of boilerplate that no sibling is known to share. They remain part of
    the change until a sibling shows the same edit.
    """

    detected: DetectedChange | None
    suspects: frozenset[Edit] = frozenset()


class Addressed(Protocol):
    """Anything with a URL."""

    @property
    def url(self) -> str: ...


Page = TypeVar("Page", bound=Addressed)


def most_similar_pages(url: str, pages: Iterable[Page]) -> list[Page]:
    """The pages whose boilerplate is most likely that of `url`, at most `MAX_SIBLINGS`.

    Boilerplate differs between the sections of a site, and URLs of one section share their first
    path segments. Pages of other sections only fill up `MIN_SIBLINGS`; ties keep their order.
    """
    own = url.split("/")

    def similarity(page: Page) -> tuple[int, int]:
        segments = page.url.split("/")
        pairs = zip(own, segments, strict=False)
        shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        return shared, -abs(len(own) - len(segments))

    ranked = sorted(pages, key=similarity, reverse=True)
    needed = ranked[:MIN_SIBLINGS]
    return [page for page in ranked if similarity(page) >= similarity(needed[-1])][:MAX_SIBLINGS]


def without_boilerplate(
    detected: DetectedChange,
    before: SeenPage,
    after: SeenPage,
    siblings: Sequence[Sibling],
    probe: Sibling | None = None,
) -> OwnChange:
    """The part of `detected` that belongs to the page itself and is not site-wide.

    `probe` is a sibling that was just refetched, to see whether it shares a suspect edit. With
    fewer than `MIN_SIBLINGS` siblings the whole change is the page's own.
    """
    blocks = detected.difference.blocks
    if len(siblings) < MIN_SIBLINGS or len(blocks) > MAX_CHANGED_BLOCKS:
        return OwnChange(detected)
    probed = [*siblings, probe] if probe else siblings
    suspects: set[Edit] = set()

    def is_own_edit(edit: Edit | None) -> bool:
        if edit is None or not _holds_for_most(edit.applies_to, siblings):
            return True
        if any(edit.was_made_in(each) for each in probed):
            return False
        suspects.add(edit)
        return True

    shared = _shared_lines(legacy_lines(before.text), siblings)
    edits = zip(blocks, _edits(blocks, after.text, shared), strict=True)
    kept = tuple(block for block, edit in edits if is_own_edit(edit))
    title = _title_edit(before.title or "", after.title or "")
    site_wide_title = title is not None and not is_own_edit(title)
    if len(kept) == len(blocks) and not site_wide_title:
        return OwnChange(detected, frozenset(suspects))
    difference = difference_of(kept, identical=not kept) if blocks else detected.difference
    compared = replace(before, title=after.title) if site_wide_title else before
    return OwnChange(change_from(difference, compared, after), frozenset(suspects))


def _holds_for_most(
    condition: Callable[[SiblingVersion], bool], siblings: Sequence[Sibling]
) -> bool:
    # Either version counts: during a crawl some siblings have been checked again and some have not.
    count = sum(any(map(condition, each.versions)) for each in siblings)
    return count >= MIN_SHARED_RATIO * len(siblings)


def _shared_lines(lines: Sequence[str], siblings: Sequence[Sibling]) -> frozenset[str]:
    """The header and footer lines that most siblings show; a line that the page repeats is none."""

    def is_shared(line: str) -> bool:
        return _holds_for_most(lambda version: line in version.lines, siblings)

    header, footer = takewhile(is_shared, lines), takewhile(is_shared, reversed(lines))
    counts = Counter(lines)
    return frozenset(line for line in (*header, *footer) if counts[line] == 1) | {_TOP, _BOTTOM}


def _edits(
    blocks: Sequence[BlockChange], text: str, shared: frozenset[str]
) -> Iterator[LineEdit | None]:
    """The edit of each block, by the `shared` lines of header and footer; None for content."""
    lines = legacy_lines(text)
    line_numbers: dict[str, int] = {}
    for number, line in enumerate(lines):
        line_numbers.setdefault(line, number)
    sides = [_legacy_sides(block) for block in blocks]
    added = {after for before, after in sides if before is None}
    previous = {after: before for before, after in sides if before is not None and before != after}

    def nearest(numbers: Iterable[int], end: str) -> str:
        """The first of these lines that was not added, in its previous form."""
        line = next((lines[number] for number in numbers if lines[number] not in added), end)
        return previous.get(line) or line

    for block, (before, after) in zip(blocks, sides, strict=True):
        edit = LineEdit(before, after)
        if before is None and after is not None:
            number = line_numbers[after]
            above, below = range(number, -1, -1), range(number, len(lines))
            edit = replace(edit, gap=(nearest(above, _TOP), nearest(below, _BOTTOM)))
        stored = [line for line in (block.before, block.after) if line is not None]
        is_content = any(CELL_GAP in line or find_money(line) for line in stored)
        yield edit if not is_content and shared.issuperset(edit.gap or (before,)) else None


def _legacy_sides(block: BlockChange) -> tuple[str | None, str | None]:
    return (
        None if block.before is None else legacy_line(block.before),
        None if block.after is None else legacy_line(block.after),
    )


def _title_edit(before: str, after: str) -> TitleEdit | None:
    """The words that differ in the title; None if words were only added, or name an amount."""
    old, new = before.split(" "), after.split(" ")
    while old and new and old[0] == new[0]:
        del old[0], new[0]
    while old and new and old[-1] == new[-1]:
        del old[-1], new[-1]
    words = " ".join(old), " ".join(new)
    return None if not words[0] or any(map(find_money, words)) else TitleEdit(*words)
