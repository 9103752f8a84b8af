"""Detection of crawler traps: parts of a site that generate new URLs without end.

Only links are checked: the URLs of a sitemap are intended. Each rule keeps ordinary pages.
"""

import re
from collections import Counter
from datetime import date
from enum import StrEnum
from typing import Final
from urllib.parse import parse_qsl

from core.web.hash_routes import as_path

MAX_PATH_SEGMENTS: Final = 25
"""Number of path segments beyond which a URL is a trap."""

TRAP_REPETITIONS: Final = 3
"""Number of consecutive repetitions of segments that make a trap: `/a/a/a`, `/a/b/a/b/a/b`."""

MAX_CYCLE_SEGMENTS: Final = 3
"""Number of segments of the longest cycle that is detected."""

PLAUSIBLE_YEARS: Final = range(1900, 2200)
"""Numbers of four digits that count as years."""

MAX_YEARS_AHEAD: Final = 1
"""Number of years ahead beyond which a calendar is a trap."""

MAX_CALENDAR_URLS: Final = 150
"""Number of URLs of one calendar: enough for a monthly archive of 12 years."""

MAX_PLAIN_PARAMETERS: Final = 2
"""Number of query parameters that identify a page; more of them are filters and sort orders."""

MAX_FILTERED_URLS: Final = 100
"""Number of URLs of one path with more than `MAX_PLAIN_PARAMETERS` parameters."""

_MONTH: Final = r"(?:0?[1-9]|1[0-2])"
_DAY: Final = r"(?:0?[1-9]|[12]\d|3[01])"
_DATED_PATH: Final = re.compile(rf"(?<!\d)(?P<year>\d{{4}})[-/]{_MONTH}(?:[-/]{_DAY})?/?$")
_DATE: Final = re.compile(rf"(?P<year>\d{{4}})(?:-?{_MONTH}(?:-?{_DAY})?)?")
_DATE_NAMES: Final = frozenset({"cal", "date", "datum", "day", "month", "week", "year", "yr"})


class Trap(StrEnum):
    """The kinds of traps."""

    ENDLESS_PATH = "endless_path"  # repeated path segments, or too many
    CALENDAR = "calendar"  # each month links to the next one
    PARAMETERS = "parameters"  # the same filters in another order, or too many combinations


class Traps:
    """Detects the traps of one discovery that runs on the date `today`.

    Some URLs are traps by themselves, others once the budget of their kind is used up. An accepted
    URL stays accepted. The hashes of accepted URLs that use a budget (`uses_budget`) are kept in
    memory, about 300 bytes each.
    """

    def __init__(self, today: date) -> None:
        self._last_year = today.year + MAX_YEARS_AHEAD
        self._accepted: set[int] = set()
        self._dates: Counter[int] = Counter()
        self._variants: Counter[int] = Counter()
        self._orders: set[int] = set()

    def recognise(self, url: str) -> Trap | None:
        """The trap that the normalised `url` belongs to; None if it may be a page.

        A hash route is judged as a path: an application may have a calendar without end too.
        """
        url = as_path(url)
        path, pairs = _parts(url)
        if is_endless(path):
            return Trap.ENDLESS_PATH
        year = _year_shown(url)
        if year is None and len(pairs) < 2:
            return None
        if year is not None and year > self._last_year:
            return Trap.CALENDAR
        if hash(url) in self._accepted:
            return None
        calendar = None if year is None else hash(re.sub(r"\d+", "0", url))
        order = hash((path, *sorted(pairs))) if len(pairs) > 1 else None
        filtered = hash(path) if len(pairs) > MAX_PLAIN_PARAMETERS else None
        if calendar is not None and self._dates[calendar] >= MAX_CALENDAR_URLS:
            return Trap.CALENDAR
        if order is not None and order in self._orders:
            return Trap.PARAMETERS
        if filtered is not None and self._variants[filtered] >= MAX_FILTERED_URLS:
            return Trap.PARAMETERS
        self._accepted.add(hash(url))
        if calendar is not None:
            self._dates[calendar] += 1
        if order is not None:
            self._orders.add(order)
        if filtered is not None:
            self._variants[filtered] += 1
        return None


def uses_budget(url: str) -> bool:
    """Whether the normalised `url` counts towards the limit of a trap once it is accepted."""
    url = as_path(url)
    _, pairs = _parts(url)
    return len(pairs) > 1 or _year_shown(url) is not None


def is_endless(path: str) -> bool:
    """Whether a URL's path repeats itself, as wrong relative links cause, or is too long.

    `path` is the URL without its query.
    """
    segments = [segment for segment in path.split("/")[3:] if segment]
    if len(segments) > MAX_PATH_SEGMENTS:
        return True
    for cycle in range(1, MAX_CYCLE_SEGMENTS + 1):
        length = cycle * TRAP_REPETITIONS
        for start in range(len(segments) - length + 1):
            run = segments[start : start + length]
            if run == run[:cycle] * TRAP_REPETITIONS:
                return True
    return False


def _parts(url: str) -> tuple[str, list[str]]:
    """The URL without its query, and the query parameters."""
    path, _, query = url.partition("?")
    return path, query.split("&") if query else []


def _year_shown(url: str) -> int | None:
    """The year of the date at the end of the path, or in a query parameter; None without one."""
    path, _, query = url.partition("?")
    if not query:
        found = _DATED_PATH.search(path)
        return _year(found["year"]) if found else None
    for name, value in parse_qsl(query, max_num_fields=None):
        if name.lower() in _DATE_NAMES and (found := _DATE.fullmatch(value)):
            return _year(found["year"])
    return None


def _year(digits: str) -> int | None:
    return int(digits) if int(digits) in PLAUSIBLE_YEARS else None
