"""Crawler traps: parts of a site that make up new URLs for as long as somebody follows them.

Only links are judged: what a sitemap names, its site means. Each rule leaves what a person would
call pages; what it gives up, it counts.
"""

import re
from collections import Counter
from datetime import date
from enum import StrEnum
from typing import Final
from urllib.parse import parse_qsl

MOST_PARTS: Final = 25
"""Parts of a path; no page that people read is deeper."""

MOST_IN_A_ROW: Final = 3
"""How often the same parts may come one after the other in a path: `/a/a/a`, `/a/b/a/b/a/b`."""

LONGEST_CYCLE: Final = 3
"""Parts that are looked for as one that comes again."""

YEARS: Final = range(1900, 2200)
"""Numbers of four digits that are taken for years."""

YEARS_AHEAD: Final = 1
"""Years from now that a calendar may show; further ahead nothing has been planned."""

MOST_DATES: Final = 150
"""Dates of one calendar: an archive of 12 years by month."""

FEW_PARAMETERS: Final = 2
"""Parameters that a page may need, as of a topic and its number; more of them filter and sort."""

MOST_VARIANTS: Final = 100
"""URLs of one path with more parameters than that."""

_MONTH: Final = r"(?:0?[1-9]|1[0-2])"
_DAY: Final = r"(?:0?[1-9]|[12]\d|3[01])"
_DATED_PATH: Final = re.compile(rf"(?<!\d)(?P<year>\d{{4}})[-/]{_MONTH}(?:[-/]{_DAY})?/?$")
_DATE: Final = re.compile(rf"(?P<year>\d{{4}})(?:-?{_MONTH}(?:-?{_DAY})?)?")
_DATE_NAMES: Final = frozenset({"cal", "date", "datum", "day", "month", "week", "year", "yr"})


class Trap(StrEnum):
    """What a URL is a trap by."""

    ENDLESS_PATH = "endless_path"  # the same parts again and again, or too many of them
    CALENDAR = "calendar"  # the next month has a link in each month
    PARAMETERS = "parameters"  # the same filters in another order, or all of their combinations


class Traps:
    """Recognises the traps of one walk; `today` tells what is far ahead.

    Some URLs are traps by themselves, others by how many of their kind were let through before. A
    URL that was let through once always is. What is remembered are URLs that were let through and
    `use_budget`, by their hashes: some 300 bytes each.
    """

    def __init__(self, today: date) -> None:
        self._last_year = today.year + YEARS_AHEAD
        self._let_through: set[int] = set()
        self._dates: Counter[int] = Counter()
        self._variants: Counter[int] = Counter()
        self._orders: set[int] = set()

    def recognise(self, url: str) -> Trap | None:
        """What the normalised `url` is a trap by; None when it may be a page."""
        path, pairs = _parts(url)
        if is_endless(path):
            return Trap.ENDLESS_PATH
        year = _year_shown(url)
        if year is None and len(pairs) < 2:
            return None
        if year is not None and year > self._last_year:
            return Trap.CALENDAR
        if hash(url) in self._let_through:
            return None
        calendar = None if year is None else hash(re.sub(r"\d+", "0", url))
        order = hash((path, *sorted(pairs))) if len(pairs) > 1 else None
        filtered = hash(path) if len(pairs) > FEW_PARAMETERS else None
        if calendar is not None and self._dates[calendar] >= MOST_DATES:
            return Trap.CALENDAR
        if order is not None and order in self._orders:
            return Trap.PARAMETERS
        if filtered is not None and self._variants[filtered] >= MOST_VARIANTS:
            return Trap.PARAMETERS
        self._let_through.add(hash(url))
        if calendar is not None:
            self._dates[calendar] += 1
        if order is not None:
            self._orders.add(order)
        if filtered is not None:
            self._variants[filtered] += 1
        return None


def uses_budget(url: str) -> bool:
    """Whether URLs like the normalised `url` are traps once so many of them were let through."""
    _, pairs = _parts(url)
    return len(pairs) > 1 or _year_shown(url) is not None


def is_endless(path: str) -> bool:
    """Whether a path goes on in circles, as relative links that are wrong make it."""
    parts = [part for part in path.split("/")[3:] if part]
    if len(parts) > MOST_PARTS:
        return True
    for cycle in range(1, LONGEST_CYCLE + 1):
        length = cycle * MOST_IN_A_ROW
        for start in range(len(parts) - length + 1):
            run = parts[start : start + length]
            if run == run[:cycle] * MOST_IN_A_ROW:
                return True
    return False


def _parts(url: str) -> tuple[str, list[str]]:
    """The URL up to its query, and the parameters."""
    path, _, query = url.partition("?")
    return path, query.split("&") if query else []


def _year_shown(url: str) -> int | None:
    """The year of a page that is there for a date: its address ends in one."""
    path, _, query = url.partition("?")
    if not query:
        found = _DATED_PATH.search(path)
        return _year(found["year"]) if found else None
    for name, value in parse_qsl(query, max_num_fields=None):
        if name.lower() in _DATE_NAMES and (found := _DATE.fullmatch(value)):
            return _year(found["year"])
    return None


def _year(digits: str) -> int | None:
    return int(digits) if int(digits) in YEARS else None
