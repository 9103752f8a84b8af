"""Crawler traps: parts of a site that make up new URLs for as long as somebody follows them.

Only links are judged: what a sitemap names, its site means. Each rule leaves what a person would
call pages; what it gives up, it counts.
"""

import re
from collections import defaultdict
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

    Some URLs are traps by themselves, others by how many there were of their kind before. A URL
    that was let through once always is.
    """

    def __init__(self, today: date) -> None:
        self._last_year = today.year + YEARS_AHEAD
        self._dates: defaultdict[str, set[str]] = defaultdict(set)
        self._variants: defaultdict[str, set[str]] = defaultdict(set)
        self._orders: dict[tuple[str, tuple[str, ...]], str] = {}

    def recognise(self, url: str) -> Trap | None:
        """What the normalised `url` is a trap by; None when it may be a page."""
        path, _, query = url.partition("?")
        if is_endless(path):
            return Trap.ENDLESS_PATH
        if (year := _year_shown(path, query)) is not None:
            kind = re.sub(r"\d+", "0", url)
            if year > self._last_year or self._over(self._dates[kind], url, MOST_DATES):
                return Trap.CALENDAR
        pairs = query.split("&") if query else []
        if len(pairs) > 1:
            first = self._orders.setdefault((path, tuple(sorted(pairs))), url)
            if first != url:
                return Trap.PARAMETERS
        if len(pairs) > FEW_PARAMETERS and self._over(self._variants[path], url, MOST_VARIANTS):
            return Trap.PARAMETERS
        return None

    @staticmethod
    def _over(taken: set[str], url: str, most: int) -> bool:
        if url not in taken and len(taken) >= most:
            return True
        taken.add(url)
        return False


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


def _year_shown(path: str, query: str) -> int | None:
    """The year of a page that is there for a date: its address ends in one."""
    if not query:
        found = _DATED_PATH.search(path)
        return _year(found["year"]) if found else None
    for name, value in parse_qsl(query, max_num_fields=None):
        if name.lower() in _DATE_NAMES and (found := _DATE.fullmatch(value)):
            return _year(found["year"])
    return None


def _year(digits: str) -> int | None:
    return int(digits) if int(digits) in YEARS else None
