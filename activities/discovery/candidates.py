"""Which of the URLs that a walk sees it visits, and why it leaves out the rest."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from datetime import date
from typing import Final, TypeVar

from core.errors import InvalidAddress
from core.web.scope import ExclusionReason, ScopeRules, exclusion_reason
from core.web.traps import Traps, uses_budget
from core.web.urls import Site, normalise
from store.frontier import FoundUrl

MOST_FEEDS: Final = 5
"""Feeds that are read for one discovery."""

LONGEST_INVALID: Final = 500
"""Characters of an address that is none; PostgreSQL indexes some 2,700 bytes with the job's id."""

AT_A_TIME: Final = 500
"""URLs that are judged before others have a turn: 20 ms. A sitemap names 50,000."""

Item = TypeVar("Item")


class Candidates:
    """Judges the URLs of one walk over `site`; `today` tells what is far ahead, and `feeds` are
    those that an earlier attempt took.
    """

    def __init__(
        self,
        site: Site,
        rules: ScopeRules,
        max_depth: int,
        today: date,
        feeds: Iterable[str] = (),
    ) -> None:
        self._site = site
        self._rules = rules
        self._max_depth = max_depth
        self._feeds = dict.fromkeys(feeds)
        self._traps = Traps(today)

    @property
    def feeds_taken(self) -> tuple[str, ...]:
        """The feeds that are read."""
        return tuple(self._feeds)

    async def judged(self, urls: Iterable[str], base: str, depth: int) -> list[FoundUrl]:
        """`urls`, which the page at `base` names, each once, with the reason to leave it out, if
        any.

        Whether it is a trap is another question, since it depends on what was found before.
        """
        found: dict[str, FoundUrl] = {}
        async for url in _in_turns(urls):
            judged = self._judge(url, base, depth)
            found.setdefault(judged.url, judged)
        return list(found.values())

    async def without_traps(self, found: Iterable[FoundUrl], room: int) -> list[FoundUrl]:
        """`found`, of which none was found before, with the reason to leave it out where a link
        leads into a trap.

        Once `room` URLs are let through, no other is judged: it will not be visited, and is to use
        up no budget.
        """
        judged: list[FoundUrl] = []
        let_through: set[str] = set()
        async for each in _in_turns(found):
            if each.reason is None and (each.url in let_through or len(let_through) < room):
                each = self._trapped(each)
                if each.reason is None:
                    let_through.add(each.url)
            judged.append(each)
        return judged

    async def remember(self, let_through: Iterable[str]) -> None:
        """Begin with the budgets of traps as an earlier attempt left them."""
        async for url in _in_turns(let_through):
            self._traps.recognise(url)

    def feeds(self, urls: Iterable[str], source: FoundUrl) -> list[FoundUrl]:
        """The feeds to read of those that `source` names, if it is one of the first pages: deeper
        ones have a feed of comments each.
        """
        read: list[FoundUrl] = []
        for feed in urls if source.depth == 0 else ():
            found = self._judge(feed, source.url, source.depth)
            if len(self._feeds) < MOST_FEEDS and found.reason in (None, ExclusionReason.NOT_A_PAGE):
                self._feeds[found.url] = None
                read.append(replace(found, reason=None))
        return read

    def in_site(self, url: str) -> bool:
        """Whether a canonical `url` may stand for a page of the site."""
        return exclusion_reason(url, self._site) is None

    def _judge(self, written: str, base: str, depth: int) -> FoundUrl:
        try:
            url = normalise(written, base)
        except InvalidAddress:
            return FoundUrl(written[:LONGEST_INVALID], depth, ExclusionReason.INVALID_ADDRESS)
        reason = exclusion_reason(url, self._site, self._rules)
        if reason is None and depth > self._max_depth:
            reason = ExclusionReason.TOO_DEEP
        return FoundUrl(url, depth, reason)

    def _trapped(self, found: FoundUrl) -> FoundUrl:
        if found.depth == 0:
            return found
        if trap := self._traps.recognise(found.url):
            return replace(found, reason=ExclusionReason(trap))
        return replace(found, uses_budget=True) if uses_budget(found.url) else found


async def _in_turns(items: Iterable[Item]) -> AsyncIterator[Item]:
    for number, item in enumerate(items, 1):
        yield item
        if number % AT_A_TIME == 0:
            await asyncio.sleep(0)
