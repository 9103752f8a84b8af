"""The writes of a check, one transaction each; `core.changes.decision` chooses among them."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from temporalio import activity

from activities.crawling.check import FRAMED, Check
from activities.http.fetch import Validators
from activities.reporting import Defer
from core.changes.decision import RecordBaseline, RecordChange, RecordRemoval, RecordUnchanged
from core.changes.detection import DetectedChange, SeenPage, prices_of, restoration
from core.errors import JobCancelled, PageGone
from core.jobs.contract import CANCELLED, CrawlPageResult
from core.metrics import CHANGES
from store.checks import (
    EarlierCheck,
    PageVersion,
    check_of_job,
    record_change,
    record_gone,
    record_unchanged,
    record_version,
)
from store.db.engine import Database
from store.domains import domain_by_id
from store.job_ends import claim_ends
from store.matching import announced
from store.page_lines import store_noise_history
from store.pages import page_by_id
from store.pending_confirmations import delete_pending_confirmation, store_pending_confirmation
from store.prices import (
    end_sightings,
    record_prices,
    record_stored_prices,
    stored_prices,
)
from store.tables.job_ends import JobEnd
from store.watching import (
    FailedCheck,
    lock_if_failing,
    record_failed_check,
    tell_added,
    tell_restored,
)


class Tell(Protocol):
    """Has stored changes told to whom they concern; raises nothing."""

    async def __call__(self, *change_ids: UUID) -> None:
        """Have these told, in their order."""


@dataclass(frozen=True)
class ResponseIdentity:
    """What tells whether the next response is the same: its validators and hashes.

    `body_hash` is None if no body was ever read; `text_hash` is None unless the stored one must be
    replaced, because the way of hashing has changed.
    """

    status_code: int
    validators: Validators
    body_hash: str | None
    text_hash: str | None = None


class CheckRecorder:
    """Writes the outcome of a check to `database`. A page counts as not watched after
    `broken_after` failed checks in a row.

    Every write is keyed by the job, so it may be repeated. What is stored of changes and events is
    told at once by `tell`. The `record_` methods raise JobCancelled, and write nothing, if the job
    was cancelled before it stored a change.
    """

    def __init__(self, database: Database, tell: Tell, broken_after: int) -> None:
        self._database = database
        self._tell = tell
        self._broken_after = broken_after

    async def await_confirmation(self, check: Check, seen: SeenPage | None) -> Defer:
        """Store what this fetch found, None if the page was missing; the time of the next fetch."""
        fetch = check.pending(seen, datetime.now(UTC))
        async with self._database.transaction() as session:
            page = await page_by_id(session, check.page.id)
            return Defer(
                until=await store_pending_confirmation(session, page.id, check.job_id, fetch)
            )

    async def record_nothing(self, check: Check) -> None:
        """Delete what earlier fetches of the job found."""
        async with self._database.transaction() as session:
            await delete_pending_confirmation(session, check.page.id, check.job_id)

    async def record_removed(self, check: Check, verdict: RecordRemoval) -> None:
        """Record that the page does not exist, and the change if that was not known."""
        page, now = check.page, datetime.now(UTC)
        change_id = None
        async with self._database.transaction() as session:
            await lock_if_failing(session, page, site_fails=check.site_fails)
            await delete_pending_confirmation(session, page.id, check.job_id)
            newly_gone = await record_gone(session, page, now)
            if newly_gone:
                await end_sightings(session, page)
            await self._tell_restored(session, check, now)
            if newly_gone and page.snapshot_id is not None and verdict.detected is not None:
                await _claim_stored(session)
                change_id = await record_change(
                    session,
                    page=page,
                    job_id=check.job_id,
                    before_id=page.snapshot_id,
                    after_id=None,
                    detected=verdict.detected,
                    at=now,
                )
        await self._told(session, change_id, verdict.detected)

    async def record_unchanged(
        self,
        check: Check,
        response: ResponseIdentity,
        verdict: RecordUnchanged,
        *,
        is_first: bool = False,
    ) -> CrawlPageResult:
        """Record that the page is as stored, and that it exists again if it was gone.

        `is_first` says that the job has made no fetch that waits for a confirmation.
        """
        page, now = check.page, datetime.now(UTC)
        change_id = None
        found_same = (
            response.body_hash == page.body_hash
            and not verdict.keep_validators
            and not (response.body_hash or "").startswith(FRAMED)
        )
        prices = await stored_prices(self._database, page)
        async with self._database.transaction() as session:
            await lock_if_failing(session, page, site_fails=check.site_fails)
            if not is_first:
                await delete_pending_confirmation(session, page.id, check.job_id)
            recorded = await record_unchanged(
                session,
                page,
                at=now,
                etag=response.validators.etag,
                last_modified=response.validators.last_modified,
                body_hash=response.body_hash,
                text_hash=response.text_hash,
                settings_fingerprint=check.profile.fingerprint,
                not_modified=response.status_code == 304,
                found_same=found_same,
            )
            if recorded:
                await record_stored_prices(session, page, prices)
                await self._tell_restored(session, check, now)
            if recorded and verdict.noise is not None:
                await store_noise_history(
                    session, page.id, verdict.noise.before, verdict.noise.after, now
                )
            if recorded and verdict.restored and page.snapshot_id is not None:
                await _claim_stored(session)
                change_id = await record_change(
                    session,
                    page=page,
                    job_id=check.job_id,
                    before_id=page.snapshot_id,
                    after_id=page.snapshot_id,
                    detected=restoration(None),
                    at=now,
                )
        await self._told(session, change_id, restoration(None))
        return CrawlPageResult(
            changed=change_id is not None,
            status_code=response.status_code,
            snapshot_id=page.snapshot_id if change_id else None,
            change_id=change_id,
        )

    async def record_content(
        self,
        check: Check,
        version: PageVersion,
        detected: DetectedChange | None,
        verdict: RecordBaseline | RecordChange,
    ) -> CrawlPageResult:
        """Store a new version of the page, and the change `detected`; None for a baseline, or if
        the change is site-wide.
        """
        page, now = check.page, datetime.now(UTC)
        if verdict.restored:
            detected = restoration(detected)
        listed = await asyncio.to_thread(
            prices_of, SeenPage(version.url, version.title, version.text)
        )
        prices = await stored_prices(self._database, page)
        async with self._database.transaction() as session:
            await lock_if_failing(session, page, site_fails=check.site_fails)
            await delete_pending_confirmation(session, page.id, check.job_id)
            snapshot_id = await record_version(
                session, page, check.job_id, version, at=now, is_change=detected is not None
            )
            if snapshot_id is None:
                # An attempt of this job that Temporal gave up may have stored one.
                done = await check_of_job(session, page.id, check.job_id)
                if done is not None:
                    return result_of(done)
                return CrawlPageResult(changed=False, status_code=version.status_code)
            await _claim_stored(session)
            await record_prices(session, page, prices, listed, now)
            await self._tell_restored(session, check, now)
            if page.found_by is not None:
                domain = await domain_by_id(session, page.domain_id)
                await tell_added(
                    session, page, domain, snapshot_id, version.title, version.text, now
                )
            if isinstance(verdict, RecordChange):
                await store_noise_history(
                    session, page.id, verdict.noise.before, verdict.noise.after, now
                )
            change_id = None
            if page.snapshot_id is not None and detected is not None:
                change_id = await record_change(
                    session,
                    page=page,
                    job_id=check.job_id,
                    before_id=page.snapshot_id,
                    after_id=snapshot_id,
                    detected=detected,
                    at=now,
                )
        await self._told(session, change_id, detected)
        return CrawlPageResult(
            changed=change_id is not None,
            status_code=version.status_code,
            baseline=change_id is None,
            snapshot_id=snapshot_id,
            change_id=change_id,
        )

    async def record_failed(self, page_id: UUID, failed: FailedCheck) -> None:
        """Record that a check of the page failed for good, once for each job."""
        async with self._database.transaction() as session:
            await record_failed_check(session, page_id, failed, self._broken_after)
        await self._tell(*announced(session))

    async def _tell_restored(self, session: AsyncSession, check: Check, now: datetime) -> None:
        await tell_restored(
            session,
            check.page,
            check.job_id,
            now,
            self._broken_after,
            site_fails=check.site_fails,
        )

    async def _told(
        self, session: AsyncSession, change_id: UUID | None, detected: DetectedChange | None
    ) -> None:
        """Count the change, and have told what the transaction of `session` has announced."""
        if change_id is not None and detected is not None:
            CHANGES.labels(detected.change_type, detected.severity).inc()
        await self._tell(*announced(session))


async def _claim_stored(session: AsyncSession) -> None:
    """Claim the end of the running job for what it stores: from now on it cannot be cancelled.

    Raises JobCancelled, which rolls the transaction back, if the job has been cancelled.
    """
    run_id = activity.info().workflow_run_id or ""
    ends = await claim_ends(session, [run_id], JobEnd.STORED)
    if ends[run_id] is JobEnd.CANCELLED:
        raise JobCancelled(CANCELLED)


def result_of(done: EarlierCheck) -> CrawlPageResult:
    """The result of a job whose check is `done`. Raises PageGone if the page did not exist."""
    if done.gone is not None:
        raise PageGone(done.gone)
    return CrawlPageResult(
        changed=done.change_id is not None,
        status_code=done.status_code,
        baseline=done.change_id is None,
        snapshot_id=done.snapshot_id,
        change_id=done.change_id,
    )
