"""Which of the URLs that a walk sees it visits, and why it leaves out the rest."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from datetime import date
from typing import Final

from core.errors import InvalidAddress
from core.scope import InScope, LeftOut, OutOfScope, ScopeRules, judge
from core.traps import Trap, Traps
from core.urls import Site, normalise
from store.frontier import FoundUrl

MOST_FEEDS: Final = 5
"""Feeds that are read for one discovery."""

LONGEST_INVALID: Final = 500
"""Characters of an address that is none; PostgreSQL indexes some 2,700 bytes with the job's id."""

NEVER_VISITED: Final = frozenset(
    {LeftOut.INVALID_ADDRESS, LeftOut.OTHER_HOST, LeftOut.EXCLUDED, LeftOut.TOO_DEEP, *Trap}
)
"""Why a link is left out without a visit: such a one used up no budget of a trap."""

AT_A_TIME: Final = 500
"""URLs that are judged before others have a turn: 20 ms. A sitemap names 50,000."""


class Candidates:
    """Judges the URLs of one walk over `site`; `today` tells what is far ahead."""

    def __init__(self, site: Site, rules: ScopeRules, max_depth: int, today: date) -> None:
        self._site = site
        self._rules = rules
        self._max_depth = max_depth
        self._feeds: set[str] = set()
        self._traps = Traps(today)

    async def judged(self, urls: Iterable[str], base: str, depth: int) -> list[FoundUrl]:
        """`urls`, which the page at `base` names, each with the reason to leave it out, if any."""
        return [self._judge(url, base, depth) async for url in _in_turns(urls)]

    async def remember(self, linked: Iterable[str]) -> None:
        """Begin with the budgets of traps as an earlier attempt left them, which let `linked`
        through, normalised.
        """
        async for url in _in_turns(linked):
            self._traps.recognise(url)

    def feeds(self, urls: Iterable[str], source: FoundUrl) -> list[FoundUrl]:
        """The feeds to read of those that `source` names, if it is one of the first pages: deeper
        ones have a feed of comments each.
        """
        read: list[FoundUrl] = []
        for feed in urls if source.depth == 0 else ():
            found = self._judge(feed, source.url, source.depth)
            if len(self._feeds) < MOST_FEEDS and found.reason in (None, LeftOut.NOT_A_PAGE):
                self._feeds.add(found.url)
                read.append(replace(found, reason=None))
        return read

    def in_site(self, url: str) -> bool:
        """Whether a canonical `url` may stand for a page of the site."""
        return isinstance(judge(url, self._site, ScopeRules()), InScope)

    def _judge(self, written: str, base: str, depth: int) -> FoundUrl:
        try:
            url = normalise(written, base)
        except InvalidAddress:
            return FoundUrl(written[:LONGEST_INVALID], depth, LeftOut.INVALID_ADDRESS)
        verdict = judge(url, self._site, self._rules)
        if isinstance(verdict, OutOfScope):
            return FoundUrl(url, depth, verdict.reason)
        if depth > self._max_depth:
            return FoundUrl(url, depth, LeftOut.TOO_DEEP)
        if depth > 0 and (trap := self._traps.recognise(url)):
            return FoundUrl(url, depth, LeftOut(trap))
        return FoundUrl(url, depth)


async def _in_turns(urls: Iterable[str]) -> AsyncIterator[str]:
    for number, url in enumerate(urls, 1):
        yield url
        if number % AT_A_TIME == 0:
            await asyncio.sleep(0)
