"""How two versions of a page's text differ, block by block and word by word.

A text is what `core.text.blocks.to_text` writes: a block a line, in the form of
`core.text.stored_text`.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from rapidfuzz.distance import Indel

from core.changes.alignment import Hunk, hunks, too_long, word_spans
from core.changes.diff import (
    NOWHERE,
    BlockChange,
    BlockChangeKind,
    Place,
    TextDifference,
    difference_of,
)
from core.changes.noise import masked
from core.text.stored_text import CELL_GAP, HEADING, marked_like, text_of

SIMILAR: Final = 0.5
"""From this likeness on (0 to 1) one line is an edited version of another."""

MAX_PAIRS: Final = 100_000
"""Pairs of lines measured for likeness in one comparison, about half a second."""

MEASURED: Final = 500
"""How many characters of a line its likeness is judged by."""


@dataclass
class _Stretch:
    """Lines that were taken out and lines that stand there now.

    `edited` leads from the place in `added` to that in `removed` of the same block's old form;
    `removed_from` and `added_from` are the places of the first lines in their texts.
    `moved_away` and `moved_here` are places of lines that only changed theirs.
    """

    removed: Sequence[str]
    added: Sequence[str]
    removed_from: int | None = None
    added_from: int | None = None
    edited: dict[int, int] = field(default_factory=dict)
    moved_away: set[int] = field(default_factory=set)
    moved_here: set[int] = field(default_factory=set)

    def removed_left(self) -> list[int]:
        taken = self.moved_away.union(self.edited.values())
        return [i for i in range(len(self.removed)) if i not in taken]

    def added_left(self) -> list[int]:
        taken = self.moved_here.union(self.edited)
        return [j for j in range(len(self.added)) if j not in taken]


def compare(before: str, after: str) -> TextDifference:
    """What differs between two texts. The same texts always give the same answer.

    Texts with the same words do not differ, however the words are cut into blocks or indented.
    Noise is not compared (`core.changes.noise`).

    Lines that differ are told apart in this order: within a stretch that was replaced, lines alike
    are one block that was *changed*; a line taken out here that stands unaltered elsewhere was
    *moved*; one single line left against one other at the same place was *changed*, however
    little they are alike; the rest was *removed* and *added*.

    The time is bounded. Versions of more than some 20,000 differing lines are not aligned: lines
    that both have count as unchanged wherever they stand (`core.changes.alignment.MAX_CELLS`). Past
    `MAX_PAIRS` a line is likened only to the one in the same place of its stretch.
    """
    old, new = _lines(marked_like(before, after)), _lines(marked_like(after, before))
    keys = {line: masked(line) for line in {*old, *new}}
    if " ".join(keys[line] for line in old) == " ".join(keys[line] for line in new):
        return difference_of((), identical=True)
    stretches = _stretches(old, new, keys)
    budget = MAX_PAIRS
    for stretch in stretches:
        pairs = len(stretch.removed) * len(stretch.added)
        _pair_similar(stretch, exhaustive=pairs <= budget)
        budget -= min(pairs, budget)
    _find_moved(stretches, keys)
    for stretch in stretches:
        removed, added = stretch.removed_left(), stretch.added_left()
        if len(removed) == len(added) == 1:
            stretch.edited[added[0]] = removed[0]
    places = _places(old), _places(new)
    blocks = tuple(change for stretch in stretches for change in _changes(stretch, *places))
    return difference_of(blocks, identical=False)


def _lines(text: str) -> list[str]:
    return text.split("\n") if text else []


def _stretches(before: list[str], after: list[str], keys: dict[str, str]) -> list[_Stretch]:
    found = hunks([keys[line] for line in before], [keys[line] for line in after])
    if len(found) == 1 and too_long(found[0]):
        return [_unaligned(before, after, found[0], keys)]
    return [
        _Stretch(
            before[each.before_start : each.before_end],
            after[each.after_start : each.after_end],
            each.before_start,
            each.after_start,
        )
        for each in found
    ]


def _unaligned(before: list[str], after: list[str], hunk: Hunk, keys: dict[str, str]) -> _Stretch:
    removed = before[hunk.before_start : hunk.before_end]
    added = after[hunk.after_start : hunk.after_end]
    kept = Counter(keys[line] for line in removed) & Counter(keys[line] for line in added)
    return _Stretch(_without(removed, kept, keys), _without(added, kept, keys))


def _without(lines: list[str], kept: Counter[str], keys: dict[str, str]) -> list[str]:
    left = kept.copy()
    result = []
    for line in lines:
        if left[keys[line]] > 0:
            left[keys[line]] -= 1
        else:
            result.append(line)
    return result


def _pair_similar(stretch: _Stretch, *, exhaustive: bool) -> None:
    """The likest first; of pairs equally alike the uppermost."""
    removed = [_measured(line) for line in stretch.removed]
    added = [_measured(line) for line in stretch.added]
    if exhaustive:
        candidates = [(i, j) for i in range(len(removed)) for j in range(len(added))]
    else:
        candidates = [(i, i) for i in range(min(len(removed), len(added)))]
    scored = [(_likeness(removed[i], added[j]), i, j) for i, j in candidates]
    scored.sort(key=lambda each: (-each[0], each[1], each[2]))
    taken: set[int] = set()
    for score, i, j in scored:
        if score < SIMILAR:
            return
        if i not in taken and j not in stretch.edited:
            taken.add(i)
            stretch.edited[j] = i


_DIGITS = str.maketrans("123456789", "000000000")


def _measured(line: str) -> tuple[str, str]:
    text = text_of(line)[:MEASURED]
    return text, text.translate(_DIGITS)


def _likeness(one: tuple[str, str], other: tuple[str, str]) -> float:
    """As written and with all digits alike, half each: figures change most, and say least of
    whether it is the same line.
    """
    as_written = Indel.normalized_similarity(one[0], other[0])
    return (as_written + Indel.normalized_similarity(one[1], other[1])) / 2


def _find_moved(stretches: list[_Stretch], keys: dict[str, str]) -> None:
    away: dict[str, list[tuple[_Stretch, int]]] = {}
    for stretch in stretches:
        for i in stretch.removed_left():
            away.setdefault(keys[stretch.removed[i]], []).append((stretch, i))
    for places in away.values():
        places.reverse()
    for stretch in stretches:
        for j in stretch.added_left():
            places = away.get(keys[stretch.added[j]], [])
            if places:
                origin, i = places.pop()
                origin.moved_away.add(i)
                stretch.moved_here.add(j)


def _places(lines: list[str]) -> list[Place]:
    """Where each line stands."""
    places: list[Place] = []
    section: str | None = None
    header: str | None = None
    for line in lines:
        if line.startswith(HEADING):
            section = text_of(line)
        if CELL_GAP not in line:
            header = None
        places.append(Place(section, header))
        if header is None and CELL_GAP in line:
            header = line
    return places


def _place(places: list[Place], start: int | None, n: int) -> Place:
    return NOWHERE if start is None else places[start + n]


def _changes(stretch: _Stretch, before: list[Place], after: list[Place]) -> Iterator[BlockChange]:
    """In the order of the page as it is now; what was removed stands before what followed it."""

    def removed(i: int) -> BlockChange:
        place = _place(before, stretch.removed_from, i)
        return BlockChange(BlockChangeKind.REMOVED, stretch.removed[i], None, place=place)

    gone = stretch.removed_left()
    gone.reverse()
    for j, line in enumerate(stretch.added):
        place = _place(after, stretch.added_from, j)
        if j in stretch.edited:
            old = stretch.edited[j]
            while gone and gone[-1] < old:
                yield removed(gone.pop())
            yield _changed(stretch.removed[old], line, place)
        elif j in stretch.moved_here:
            yield BlockChange(BlockChangeKind.MOVED, line, line, place=place)
        else:
            yield BlockChange(BlockChangeKind.ADDED, None, line, place=place)
    while gone:
        yield removed(gone.pop())


def _changed(before: str, after: str, place: Place) -> BlockChange:
    spans = word_spans(text_of(before), text_of(after))
    return BlockChange(BlockChangeKind.CHANGED, before, after, spans, place)
