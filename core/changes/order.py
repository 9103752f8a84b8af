"""Order that has no meaning: a text is put into the order of another one, to be compared."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from core.changes.money import find_money
from core.text.stored_text import HEADING, is_unordered, starts_list, text_of

MAX_UNORDERED_LINES: Final = 2_000
"""Number of items of a list up to which its order is examined."""

_RANKED: Final = re.compile(
    r"\b(?:top|best|worst|rank\w*|most|least|popular|charts?|leader\w*|standings|winners?|results"
    r"|ratings?|hit list|steps?|how to|procedure|instructions|sequence|timeline|history|agenda"
    r"|schedule|programme|queue|priorit\w+|trending|newest|latest|recent|bestseller|anleitung"
    r"|schritte|rangliste|bestenliste|beliebt\w*|neueste|meistgelesen\w*|classement|étapes"
    r"|meilleur\w*|dernières|plus lus|mejores|pasos|clasificaci[oó]n|recientes|más leíd\w*"
    r"|migliori|classifica|рейтинг|лучшие|топ|новости)\b|ランキング|排行|排名|最新|순위",
    re.IGNORECASE,
)
"""Words of a heading above a list whose order has a meaning."""

_NUMBERED: Final = re.compile(
    r"(?:#|no\.?\s?|step\s)?\d{1,3}(?:st|nd|rd|th)?[.):\s–-]", re.IGNORECASE
)


def lists_in_order_of(
    before: Sequence[str], after: Sequence[str], keys: dict[str, str]
) -> list[str]:
    """The lines `after`, with each plainly unordered list in the order that it has in `before`.

    A list of `after` belongs to the one of `before` with the most items in common.
    """
    runs = list(_runs(after))
    if not runs:
        return list(after)
    earlier: dict[str, list[int]] = {}
    lists = [[keys[before[n]] for n in run] for run in _runs(before)]
    for number, items in enumerate(lists):
        for item in items:
            earlier.setdefault(item, []).append(number)
    result = list(after)
    taken: set[int] = set()
    for run in runs:
        counts: dict[int, int] = {}
        for n in run:
            for number in set(earlier.get(keys[after[n]], ())):
                if number not in taken:
                    counts[number] = counts.get(number, 0) + 1
        if not counts:
            continue
        best = max(counts, key=lambda number: (counts[number], -number))
        taken.add(best)
        items = [after[n] for n in run]
        result[run.start : run.stop] = in_order_of(
            lists[best], items, [keys[each] for each in items]
        )
    return result


def _runs(lines: Sequence[str]) -> Iterator[range]:
    """The lists whose order has no meaning."""
    n, heading = 0, ""
    while n < len(lines):
        if lines[n].startswith(HEADING):
            heading = text_of(lines[n])
        if not is_unordered(lines[n]):
            n += 1
            continue
        start = n
        n += 1
        while n < len(lines) and is_unordered(lines[n]) and not starts_list(lines[n]):
            n += 1
        above = text_of(lines[start - 1]) if start else ""
        numbered = sum(_NUMBERED.match(text_of(line)) is not None for line in lines[start:n])
        ranked = _RANKED.search(heading) or _RANKED.search(above[-80:])
        if not ranked and 2 * numbered <= n - start and n - start <= MAX_UNORDERED_LINES:
            yield range(start, n)


def in_order_of(earlier: Sequence[str], items: Sequence[str], keys: Sequence[str]) -> list[str]:
    """The items, those that `earlier` has in its order; each other one stays after its predecessor.

    `keys` are the compared forms of the items, `earlier` those of the other text.
    """
    places: dict[str, list[int]] = {}
    for place, key in enumerate(earlier):
        places.setdefault(key, []).append(place)
    for each in places.values():
        each.reverse()
    rank = (-1, 0)
    ranked = []
    for n, key in enumerate(keys):
        rank = (places[key].pop(), 0) if places.get(key) else (rank[0], n + 1)
        ranked.append((rank, n))
    return [items[n] for _, n in sorted(ranked)]


def priced_keys(lines: Sequence[str], keys: dict[str, str]) -> list[str]:
    """The keys of lines whose order is ignored; an amount belongs to the words above it."""
    result = []
    words = ""
    for line in lines:
        key = keys[line]
        if find_money(line):
            result.append(f"{words}\n{key}")
        else:
            words = key
            result.append(key)
    return result
