"""The activity of `backtest.domain`: apply today's rules to the snapshots of a domain."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final
from uuid import UUID

from temporalio import activity

from activities.crawling.profiles import chosen_for
from activities.crawling.siblings import siblings_of
from activities.extraction.documents import StoredPage
from activities.extraction.extractor import Extractor
from activities.reporting import Attempt, Reporter
from core.changes.backtest import Reading, ReportedChange, comparable, verdict
from core.changes.boilerplate import without_boilerplate
from core.changes.detection import DetectedChange, SeenPage, detect_change, removal, restoration
from core.changes.rules import ChangeType
from core.errors import InternalError, NotAPage, SubjectGone, WatchedPartMissing
from core.jobs.contract import ActivityName, AttemptReport, BacktestInput, BacktestResult, Outcome
from core.logs.context import logging_about
from core.web.crawl_settings import CrawlSettings, MaskName
from store.backtests import (
    Finding,
    StoredVersion,
    backtest_by_id,
    changes_of,
    finish,
    next_page,
    record_page,
    versions_of,
)
from store.db.engine import Database
from store.domains import domain_by_id
from store.pages import page_by_id
from store.snapshots import snapshot_with_html
from store.tables.backtests import Backtest
from store.tables.changes import Change
from store.tables.pages import Page

SITE_CRAWL_WINDOW: Final = timedelta(days=1)
"""Maximum time until every page of a site is crawled after a site-wide change."""


class BacktestActivities:
    """Runs backtests, one page and one transaction after the other."""

    def __init__(self, database: Database, extractor: Extractor, reporter: Reporter) -> None:
        self._database = database
        self._extractor = extractor
        self._reporter = reporter

    @activity.defn(name=ActivityName.BACKTEST)
    async def backtest(
        self, job: BacktestInput, continued: AttemptReport | None
    ) -> Outcome[BacktestResult]:
        """Run the backtest of `job`. A later attempt continues after the last page recorded."""
        return await self._reporter.run(partial(self._run, job), continued)

    async def _run(self, job: BacktestInput, attempt: Attempt) -> BacktestResult:
        while True:
            async with self._database.reading() as session:
                backtest = await backtest_by_id(session, job.backtest_id)
                page_id = await next_page(session, backtest)
            if backtest.pages:
                attempt.progress(100 * backtest.pages_done // backtest.pages)
            if page_id is None or backtest.finished_at is not None:
                break
            await self._page(backtest, page_id)
        async with self._database.transaction() as session:
            done = await finish(session, job.backtest_id, datetime.now(UTC))
        return BacktestResult(
            pages=done.pages_done,
            snapshots=done.snapshots,
            same=done.same,
            different=done.different,
            new=done.new,
            gone=done.gone,
        )

    async def _page(self, backtest: Backtest, page_id: UUID) -> None:
        async with self._database.reading() as session:
            page = await page_by_id(session, page_id)
            domain = await domain_by_id(session, page.domain_id)
            logging_about(org_id=domain.org_id, domain_id=domain.id)
            chosen = chosen_for(page, domain)
            versions = await versions_of(session, page_id)
            changes = await changes_of(session, page_id)
        findings = [each for each in map(_without_text, changes) if each is not None]
        reported = {each.after_id: each for each in changes if each.after_id != each.before_id}
        findings += await self._compared(page, versions, reported, chosen)
        async with self._database.transaction() as session:
            await record_page(session, backtest, page_id, findings, len(versions))

    async def _compared(
        self,
        page: Page,
        versions: list[StoredVersion],
        reported: dict[UUID | None, Change],
        chosen: CrawlSettings,
    ) -> list[Finding]:
        """Compare each version with the one before it, as the crawls did.

        A version without a change is skipped, because a crawl would not have stored it. The first
        version under other crawl settings is a baseline.
        """
        findings: list[Finding] = []
        before: tuple[StoredVersion, Reading] | None = None
        for version in versions:
            after = await self._read(version.id, chosen)
            if after is None:
                continue
            if before is None or before[0].settings_fingerprint != version.settings_fingerprint:
                before = version, after
                continue
            before_id, before_reading = before[0].id, before[1]
            change = reported.get(version.id)
            compared = comparable(before_reading, after)
            detected = await asyncio.to_thread(detect_change, *compared)
            if detected is not None:
                before = version, after
                if MaskName.SITE_WIDE in chosen.comparison.masks:
                    known = await siblings_of(
                        self._database, page, version.created_at + SITE_CRAWL_WINDOW
                    )
                    judged = await asyncio.to_thread(
                        without_boilerplate, detected, *compared, list(known.values())
                    )
                    detected = judged.detected
            if change is not None and change.change_type == ChangeType.PAGE_RESTORED:
                detected = restoration(detected)
            found = _finding(change, detected, before_id, version.id, version.created_at)
            findings += [found] if found else []
        return findings

    async def _read(self, snapshot_id: UUID, chosen: CrawlSettings) -> Reading | None:
        """The snapshot as stored and as extracted by today's rules.

        The latter is missing if its HTML is not kept or cannot be read. None if the snapshot has
        been removed.
        """
        try:
            async with self._database.reading() as session:
                snapshot = await snapshot_with_html(session, snapshot_id)
        except SubjectGone:
            return None
        parts, how = chosen.parts, chosen.comparison
        # The title belongs to the page, not to the part of it that is watched.
        title = None if parts.is_chosen else snapshot.title
        then = SeenPage(snapshot.url, title, snapshot.text, how)
        if snapshot.html is None:
            return Reading(then, None)
        stored = StoredPage(snapshot.html, snapshot.url, parts)
        try:
            now = replace(await self._extractor.read_again(stored), how=how)
        except (NotAPage, WatchedPartMissing, InternalError):
            return Reading(then, None)
        return Reading(then, replace(now, title=None) if parts.is_chosen else now)


def _without_text(change: Change) -> Finding | None:
    """The finding for a removal, or a restoration without a change of text; None for others.

    The site's responses are not stored, so such a change is assumed to be reported again.
    """
    if change.after_id is None:
        detected = removal(change.summary)
    elif change.after_id == change.before_id:
        detected = restoration(None)
    else:
        return None
    assert change.before_id is not None, "only other events have no snapshot before them"
    return _finding(change, detected, change.before_id, change.after_id, change.created_at)


def _finding(
    change: Change | None,
    detected: DetectedChange | None,
    before_id: UUID,
    after_id: UUID | None,
    at: datetime,
) -> Finding | None:
    reported = (
        ReportedChange(change.change_type, change.severity, change.summary) if change else None
    )
    expected = ReportedChange.of(detected) if detected else None
    found = verdict(reported, expected)
    if found is None:
        return None
    return Finding(
        verdict=found,
        detected_at=at,
        change_id=change.id if change else None,
        before_id=before_id,
        after_id=after_id,
        reported=reported,
        expected=expected,
        confidence=detected.confidence if detected else None,
    )
