"""The other pages of a site, asked what changed on all of them at once."""

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
from core.web.crawl_settings import Render
from store.db.engine import Database
from store.domains import domain_by_id
from store.pages import page_by_id
from store.secretkey import SecretKey
from store.siblings import newest_siblings, siblings
from store.tables.pages import Page

MOST_WITNESSES: Final = 2
"""Pages that are asked for where only they can tell; the second if the first cannot be had."""


class Siblings:
    """Knows other pages from `database`, and asks for one where what is stored does not tell."""

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
        """The part of `detected` that concerns this page alone, None if it is site-wide."""
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
        """What a page shows now that showed what is suspected; None when none can be asked."""
        witnesses = [
            (page_id, sibling)
            for page_id, sibling in known.items()
            if any(edit.applies_to(sibling.now) for edit in suspects)
        ]
        for page_id, sibling in witnesses[:MOST_WITNESSES]:
            try:
                probe = await self._ask(check, page_id, sibling)
            except JobError:
                continue
            if probe is not None:
                return probe
        return None

    async def _ask(self, check: Check, page_id: UUID, known: Sibling) -> Sibling | None:
        """The page as it is now, within the job of `check`; None where that cannot be compared with
        what was `known` of it.
        """
        async with self._database.reading() as session:
            page = await page_by_id(session, page_id)
            domain = await domain_by_id(session, page.domain_id)
            stored = (await siblings(session, [page_id])).get(page_id)
        if stored is None or stored.now != known.now:
            # Another job has crawled it meanwhile: a site is crawled many pages at once.
            return stored
        profile = page_profile(page, domain, self._secret_key)
        other = Check(check.job_id, page, profile, kept=check.kept)
        if profile.render is Render.ALWAYS or not other.comparable:
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
    """The pages of the site to judge `page` by, as they were known at `until`, or are now."""
    async with database.reading() as session:
        alike = most_similar_pages(page.url, await newest_siblings(session, page))
        return await siblings(session, [each.id for each in alike], until)
