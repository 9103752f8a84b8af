"""Comparison of two versions of a page's text, block by block and word by word.

Texts have the form that `core.text.blocks.to_text` writes: one block per line, as described in
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
from core.changes.money import find_money
from core.changes.noise import masked
from core.changes.order import in_order_of, lists_in_order_of, priced_keys
from core.text.stored_text import CELL_GAP, HEADING, is_data, marked_like, text_of
from core.web.crawl_settings import USUAL_COMPARISON, Comparison

MIN_SIMILARITY: Final = 0.5
"""Similarity (0 to 1) from which one line counts as an edit of another."""

MAX_COMPARED_PAIRS: Final = 100_000
"""Number of pairs of lines whose similarity one comparison measures: about 0.5 s."""

MAX_COMPARED_LENGTH: Final = 500
"""Number of characters of a line by which its similarity is measured."""


@dataclass
class _Stretch:
    """A run of removed lines and the added lines in their place.

    `edited` maps the index of a changed block in `added` to its index in `removed`. `removed_from`
    and `added_from` are the line numbers of the first lines in their texts, None if unknown.
    `moved_away` and `moved_here` are the indexes of moved lines.
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


def compare(before: str, after: str, how: Comparison = USUAL_COMPARISON) -> TextDifference:
    """The difference of two texts; deterministic.

    Texts with the same words are identical, however the words are split into blocks or indented.
    Neither blocks that show nothing (`core.text.invisible`) nor noise (`core.changes.noise`) are
    compared.

    Differing lines are classified in this order. Similar lines of one replaced run are one
    *changed* block. A line that was removed here and appears unchanged elsewhere is *moved*. A
    single remaining line that replaces a single other one is *changed*, however different. All
    others are *removed* or *added*.

    The order of plainly unordered lists is not compared, and with `how.ignore_order` no order is
    (`core.changes.order`). What structured data say is compared too, but a difference that the text
    tells as well is not told twice.

    The time is bounded. Texts with more than about 20,000 differing lines are not aligned: lines
    that both have count as unchanged (`core.changes.alignment.MAX_CELLS`). Beyond
    `MAX_COMPARED_PAIRS` a line is compared only with the line at the same index of its run.
    """
    old, new = _lines(marked_like(before, after)), _lines(marked_like(after, before))
    keys = {line: masked(line, how.masks) for line in {*old, *new}}
    old, new = (
        [line for line in old if keys[line].strip()],
        [line for line in new if keys[line].strip()],
    )
    if " ".join(keys[line] for line in old) == " ".join(keys[line] for line in new):
        return difference_of((), identical=True)
    old_data, new_data = [*filter(is_data, old)], [*filter(is_data, new)]
    if old_data or new_data:
        old, new = _without_data(old), _without_data(new)
    new = lists_in_order_of(old, new, keys)
    same_prices = True
    if how.ignore_order:
        priced = priced_keys(old, keys), priced_keys(new, keys)
        same_prices = Counter(priced[0]) == Counter(priced[1])
        new = in_order_of(priced[0], new, priced[1])
    same = " ".join(keys[line] for line in old) == " ".join(keys[line] for line in new)
    blocks = () if same else _blocks(old, new, keys)
    if how.ignore_order:
        blocks = tuple(
            each
            for each in blocks
            if each.kind is not BlockChangeKind.MOVED
            or (not same_prices and find_money(each.after or ""))
        )
    if old_data != new_data:
        data = _blocks(old_data, new_data, keys)
        blocks += tuple(each for each in data if not _is_told(each, new, same))
    return difference_of(blocks, identical=not blocks and (same or how.ignore_order))


def _without_data(lines: list[str]) -> list[str]:
    return [line for line in lines if not is_data(line)]


def _is_told(change: BlockChange, shown: list[str], same: bool) -> bool:
    """Whether the text of the page tells what changed in its structured data, too.

    Only a changed value counts: data that come or go are a matter of markup.
    """
    if change.kind is not BlockChangeKind.CHANGED or change.before is None or change.after is None:
        return True
    name, _, value = text_of(change.after).rpartition(": ")
    if not name:
        words = text_of(change.after).removesuffix(" (structured data)")
        return any(words in text_of(line) for line in shown)
    if text_of(change.before).rpartition(": ")[0] != name:
        return True  # of another name, which is told by itself
    if any(character.isdigit() for character in value):
        amounts = {money.amount for money in find_money(value)}
        if text_of(change.before).rpartition(": ")[2] == value:
            return True
        return any(money.amount in amounts for line in shown for money in find_money(line))
    return not same


def _blocks(old: list[str], new: list[str], keys: dict[str, str]) -> tuple[BlockChange, ...]:
    stretches = _stretches(old, new, keys)
    budget = MAX_COMPARED_PAIRS
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
    return tuple(change for stretch in stretches for change in _changes(stretch, *places))


def _lines(text: str) -> list[str]:
    return text.split("\n") if text else []


def _stretches(before: list[str], after: list[str], keys: dict[str, str]) -> list[_Stretch]:
    differing = hunks([keys[line] for line in before], [keys[line] for line in after])
    if len(differing) == 1 and too_long(differing[0]):
        return [_unaligned(before, after, differing[0], keys)]
    return [
        _Stretch(
            before[each.before_start : each.before_end],
            after[each.after_start : each.after_end],
            each.before_start,
            each.after_start,
        )
        for each in differing
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
    """Pair the most similar lines first; of equally similar pairs, the uppermost."""
    removed = [_measured(line) for line in stretch.removed]
    added = [_measured(line) for line in stretch.added]
    if exhaustive:
        candidates = [(i, j) for i in range(len(removed)) for j in range(len(added))]
    else:
        candidates = [(i, i) for i in range(min(len(removed), len(added)))]
    scored = [(_similarity(removed[i], added[j]), i, j) for i, j in candidates]
    scored.sort(key=lambda each: (-each[0], each[1], each[2]))
    taken: set[int] = set()
    for score, i, j in scored:
        if score < MIN_SIMILARITY:
            return
        if i not in taken and j not in stretch.edited:
            taken.add(i)
            stretch.edited[j] = i


_DIGITS = str.maketrans("123456789", "000000000")


def _measured(line: str) -> tuple[str, str]:
    text = text_of(line)[:MAX_COMPARED_LENGTH]
    return text, text.translate(_DIGITS)


def _similarity(one: tuple[str, str], other: tuple[str, str]) -> float:
    """The mean similarity of two lines as written and with all digits equal, 0 to 1.

    Numbers change most often, and say least about whether a line is the same.
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
    """The place of each line."""
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
    """The blocks in the order of the new page; removed lines precede what followed them."""

    def removed(i: int) -> BlockChange:
        place = _place(before, stretch.removed_from, i)
        return BlockChange(BlockChangeKind.REMOVED, stretch.removed[i], None, place=place)

    remaining = stretch.removed_left()[::-1]
    for j, line in enumerate(stretch.added):
        place = _place(after, stretch.added_from, j)
        if j in stretch.edited:
            old = stretch.edited[j]
            while remaining and remaining[-1] < old:
                yield removed(remaining.pop())
            yield _changed(stretch.removed[old], line, place)
        elif j in stretch.moved_here:
            yield BlockChange(BlockChangeKind.MOVED, line, line, place=place)
        else:
            yield BlockChange(BlockChangeKind.ADDED, None, line, place=place)
    while remaining:
        yield removed(remaining.pop())


def _changed(before: str, after: str, place: Place) -> BlockChange:
    spans = word_spans(text_of(before), text_of(after))
    return BlockChange(BlockChangeKind.CHANGED, before, after, spans, place)
