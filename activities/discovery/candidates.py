"""The choice of the URLs that a discovery visits, with the reason why others are excluded."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from datetime import date
from typing import Final, TypeVar

from core.errors import InvalidAddress
from core.web.scope import ExclusionReason, ScopeRules, exclusion_reason, is_not_included
from core.web.traps import Traps, uses_budget
from core.web.urls import Site, normalise
from store.frontier import FoundUrl

MAX_FEEDS: Final = 5
"""Maximum number of feeds read in one discovery."""

MAX_INVALID_LENGTH: Final = 500
"""Characters kept of an invalid URL: PostgreSQL indexes about 2,700 bytes, with the job's id."""

URLS_PER_SLICE: Final = 500
"""URLs judged before the event loop runs other tasks: 20 ms. A sitemap may list 50,000 URLs."""

Item = TypeVar("Item")


class Candidates:
    """Judges the URLs that a walk over `site` finds.

    `today` is the date by which calendar traps are recognised; `feeds` are the feeds that an
    earlier attempt has read. Up to `links_budget` URLs that match no include pattern are visited
    for their links.
    """

    def __init__(
        self,
        site: Site,
        rules: ScopeRules,
        max_depth: int,
        today: date,
        feeds: Iterable[str] = (),
        links_budget: int = 0,
    ) -> None:
        self._site = site
        self._rules = rules
        self._max_depth = max_depth
        self._feeds = dict.fromkeys(feeds)
        self._traps = Traps(today)
        self._links_budget = links_budget

    @property
    def feeds_taken(self) -> tuple[str, ...]:
        """The URLs of the feeds that the walk reads."""
        return tuple(self._feeds)

    async def judged(
        self,
        urls: Iterable[str],
        base: str,
        depth: int,
        *,
        listed: bool = False,
        routes: bool = False,
    ) -> list[FoundUrl]:
        """The URLs that the page at `base` links to, each once, with the reason to exclude it, if
        any. Those that are `listed` in a sitemap are visited only if the patterns take them. With
        `routes` a browser has rendered the page, and hash routes are pages of their own.

        Traps are judged by `without_traps`, because they depend on the URLs found before.
        """
        found: dict[str, FoundUrl] = {}
        async for url in _yielding(urls):
            judged = self._judge(url, base, depth, listed=listed, routes=routes)
            found.setdefault(judged.url, judged)
        return list(found.values())

    async def without_traps(self, found: Iterable[FoundUrl], limit: int) -> list[FoundUrl]:
        """`found`, whose URLs are new to the walk, with the reason to exclude those in a trap.

        URLs after the first `limit` admitted ones are not judged: they will not be visited, so they
        do not count towards trap limits.
        """
        judged: list[FoundUrl] = []
        admitted: set[str] = set()
        async for each in _yielding(found):
            if each.reason is None and (each.url in admitted or len(admitted) < limit):
                each = self._with_trap_reason(each)
                if each.reason is None and each.for_links and each.url not in admitted:
                    each = self._within_budget(each)
                if each.reason is None:
                    admitted.add(each.url)
            judged.append(each)
        return judged

    async def restore_budgets(self, admitted: Iterable[str]) -> None:
        """Count the URLs that an earlier attempt admitted towards trap limits."""
        async for url in _yielding(admitted):
            self._traps.recognise(url)

    def feeds(self, urls: Iterable[str], source: FoundUrl) -> list[FoundUrl]:
        """The feeds to read among those that the page at `source` names.

        Empty for pages deeper than the seeds, which may each have a feed of comments.
        """
        read: list[FoundUrl] = []
        for feed in urls if source.depth == 0 else ():
            found = self._judge(feed, source.url, source.depth)
            if len(self._feeds) < MAX_FEEDS and found.reason in (None, ExclusionReason.NOT_A_PAGE):
                self._feeds[found.url] = None
                read.append(replace(found, reason=None))
        return read

    def is_taken(self, url: str) -> bool:
        """Whether a page at the visited `url` is one of the discovery's pages; otherwise its visit
        only reads its links.
        """
        return exclusion_reason(url, self._site, self._rules) is None

    @property
    def links_budget(self) -> int:
        """The number of URLs that may still be visited for their links."""
        return self._links_budget

    def front_page(self) -> FoundUrl:
        """The front page, which is visited whatever the patterns say."""
        return FoundUrl(f"{self._site.origin}/", 0)

    def in_site(self, url: str) -> bool:
        """Whether the canonical `url` is in the site, whatever `rules` include or exclude."""
        return exclusion_reason(url, self._site) is None

    def _judge(
        self,
        written: str,
        base: str,
        depth: int,
        *,
        listed: bool = False,
        routes: bool = False,
    ) -> FoundUrl:
        try:
            url = normalise(written, base, routes=routes)
        except InvalidAddress:
            return FoundUrl(written[:MAX_INVALID_LENGTH], depth, ExclusionReason.INVALID_ADDRESS)
        reason = exclusion_reason(url, self._site, self._rules)
        if (
            reason is ExclusionReason.EXCLUDED
            and not listed
            and self._links_budget > 0
            and depth < self._max_depth
            and is_not_included(url, self._rules)
        ):
            # Whether the budget lasts for it is known only once it is new to the walk.
            return FoundUrl(url, depth, for_links=True)
        if reason is None and depth > self._max_depth:
            reason = ExclusionReason.TOO_DEEP
        return FoundUrl(url, depth, reason)

    def _within_budget(self, found: FoundUrl) -> FoundUrl:
        if self._links_budget <= 0:
            return replace(found, reason=ExclusionReason.EXCLUDED)
        self._links_budget -= 1
        return found

    def _with_trap_reason(self, found: FoundUrl) -> FoundUrl:
        if found.depth == 0:
            return found
        if trap := self._traps.recognise(found.url):
            return replace(found, reason=ExclusionReason(trap))
        return replace(found, uses_budget=True) if uses_budget(found.url) else found


async def _yielding(items: Iterable[Item]) -> AsyncIterator[Item]:
    for number, item in enumerate(items, 1):
        yield item
        if number % URLS_PER_SLICE == 0:
            await asyncio.sleep(0)
