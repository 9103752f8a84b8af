"""The sibling pages of a page, which show whether a change is site-wide."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from activities.crawling.check import Check
from activities.crawling.page_fetcher import PageFetcher
from activities.crawling.profiles import page_profile
from activities.extraction.extractor import Extracted, Extractor
from core.changes.boilerplate import (
    Edit,
    Sibling,
    SiblingVersion,
    most_similar_pages,
    without_boilerplate,
)
from core.changes.detection import DetectedChange, SeenPage
from core.errors import JobError
from store.db.engine import Database
from store.domains import domain_by_id
from store.pages import page_by_id
from store.secretkey import SecretKey
from store.siblings import newest_siblings, siblings
from store.tables.pages import Page

MAX_PROBES: Final = 2
"""Maximum number of siblings fetched for one check: a second one if the first cannot be fetched."""


class Siblings:
    """Compares a change with the siblings of its page.

    They come from `database`; one is fetched if the stored versions do not decide.
    """

    def __init__(
        self,
        database: Database,
        page_fetcher: PageFetcher,
        extractor: Extractor,
        secret_key: SecretKey,
    ) -> None:
        self._database = database
        self._page_fetcher = page_fetcher
        self._extractor = extractor
        self._secret_key = secret_key

    async def without_boilerplate(
        self, check: Check, before: SeenPage, after: SeenPage, detected: DetectedChange
    ) -> DetectedChange | None:
        """The part of `detected` that concerns this page alone; None if all of it is site-wide."""
        known = await siblings_of(self._database, check.page)
        others = list(known.values())
        judged = await asyncio.to_thread(without_boilerplate, detected, before, after, others)
        if not judged.suspects:
            return judged.detected
        probe = await self._probe(check, known, judged.suspects)
        if probe is None:
            return judged.detected
        judged = await asyncio.to_thread(
            without_boilerplate, detected, before, after, others, probe
        )
        return judged.detected

    async def _probe(
        self, check: Check, known: Mapping[UUID, Sibling], suspects: frozenset[Edit]
    ) -> Sibling | None:
        """Refetch a sibling that contained a suspect line; None if none can be fetched."""
        candidates = [
            (page_id, sibling)
            for page_id, sibling in known.items()
            if any(edit.applies_to(sibling.now) for edit in suspects)
        ]
        for page_id, sibling in candidates[:MAX_PROBES]:
            try:
                probe = await self._fetch_sibling(check, page_id, sibling)
            except JobError:
                continue
            if probe is not None:
                return probe
        return None

    async def _fetch_sibling(self, check: Check, page_id: UUID, known: Sibling) -> Sibling | None:
        """Fetch the sibling for `check`; None if it cannot be compared with `known`."""
        async with self._database.reading() as session:
            page = await page_by_id(session, page_id)
            domain = await domain_by_id(session, page.domain_id)
            stored = (await siblings(session, [page_id])).get(page_id)
        if stored is None or stored.now != known.now:
            # Another job has crawled it since.
            return stored
        profile = page_profile(page, domain, self._secret_key)
        other = Check(check.job_id, page, profile, cache=check.cache)
        if profile.renders(page.url) or not other.comparable:
            return None
        fetched = await self._page_fetcher.fetch(other, domain)
        if fetched.not_modified:
            return stored
        extracted = await self._extractor.extract(other.source(fetched))
        if not isinstance(extracted, Extracted):
            return stored
        return Sibling(SiblingVersion(extracted.title, extracted.text), stored.now)


async def siblings_of(
    database: Database, page: Page, until: datetime | None = None
) -> dict[UUID, Sibling]:
    """The siblings of `page` that are most similar to it, by id.

    They are as stored at `until`; None means now.
    """
    async with database.reading() as session:
        alike = most_similar_pages(page.url, await newest_siblings(session, page))
        return await siblings(session, [each.id for each in alike], until)
