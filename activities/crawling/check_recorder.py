"""What a check has found of a page, told and stored; or put off until it is seen again."""

import asyncio
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncSession
from temporalio import activity

from activities.crawling.check import Check
from activities.crawling.siblings import Siblings
from activities.extraction.extractor import Extracted
from activities.http.fetch import Fetched, Validators
from activities.reporting import Defer
from core.changes.confirmation import Confirmation, confirm
from core.changes.detection import (
    DetectedChange,
    SeenPage,
    detect_unmuted_change,
    removal,
    restoration,
)
from core.changes.muting import NoiseHistory
from core.errors import JobCancelled, PageGone
from core.jobs.contract import CANCELLED, CrawlPageResult
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
from store.job_ends import claim_ends
from store.page_lines import noise_history_of, store_noise_history
from store.pages import page_by_id
from store.pending_confirmations import delete_pending_confirmation, store_pending_confirmation
from store.snapshots import snapshot_by_id
from store.tables.job_ends import JobEnd
from store.tables.snapshots import Snapshot

Answer = CrawlPageResult | Defer


@dataclass(frozen=True)
class NoiseUpdate:
    """What was known of a page before a crawl, and after it."""

    before: NoiseHistory
    after: NoiseHistory


@dataclass(frozen=True)
class Same:
    """That a page is as it is stored: what the site answered, and what to ask with next time.

    `text_hash` is given where the way of hashing has changed.
    """

    status_code: int
    validators: Validators
    body_hash: str | None
    text_hash: str | None = None


class CheckRecorder:
    """Writes to `database`. What is written is keyed by the job, so that it may happen twice.

    Its methods raise JobCancelled, and write nothing, where somebody has cancelled the job before
    something was stored that others see.
    """

    def __init__(self, database: Database, siblings: Siblings) -> None:
        self._database = database
        self._siblings = siblings

    async def gone(self, check: Check, reason: str) -> Defer | None:
        """The site says, by the sentence `reason`, that the page does not exist."""
        page, now = check.page, datetime.now(UTC)
        if check.needs_confirmation and page.snapshot_id is not None and not check.was_gone:
            return await self._look_again(check, None)
        async with self._database.transaction() as session:
            await delete_pending_confirmation(session, page.id, check.job_id)
            if check.earlier is not None and check.earlier.seen is not None:
                return None
            if await record_gone(session, page, now) and page.snapshot_id is not None:
                await _stores(session)
                await record_change(
                    session,
                    page=page,
                    job_id=check.job_id,
                    before_id=page.snapshot_id,
                    after_id=None,
                    detected=removal(reason),
                    at=now,
                )
        return None

    async def same(self, check: Check, found: Same) -> Answer:
        """The page is as it is stored."""
        noise_update: NoiseUpdate | None = None
        if check.earlier is not None or check.may_be_restored:
            before, known = await self._stored(check)
            if before is not None:
                stored = SeenPage(before.url, before.title, before.text)
                if check.may_be_restored:
                    return await self._look_again(check, stored)
                noise_update = NoiseUpdate(
                    known, (await self._look(check, stored, stored, known)).noise
                )
        return await self._unchanged(check, found, noise_update)

    async def shown(self, check: Check, fetched: Fetched, extracted: Extracted) -> Answer:
        """The page shows another text than is stored of it, or nothing is."""
        page, body_hash = check.page, body_hash_of(fetched)
        before, known = await self._stored(check)
        look: Confirmation | None = None
        noise_update: NoiseUpdate | None = None
        seen = SeenPage(fetched.url, extracted.title, extracted.text)
        if before is not None and check.comparable:
            look = await self._look(check, *check.versions(before, fetched, extracted), known)
            noise_update = NoiseUpdate(known, look.noise)
            if look.detected is None and not check.may_be_restored:
                same = Same(fetched.status, fetched.validators, body_hash, extracted.text_hash)
                return await self._unchanged(check, same, noise_update)
        if check.may_be_restored or (check.needs_confirmation and look is not None):
            return await self._look_again(check, seen)
        if look is not None and look.confirmed != look.detected:
            if look.confirmed is None:
                # The next check is to ask as this one did, and to find what this one has left.
                asked = Validators(etag=page.etag, last_modified=page.last_modified)
                return await self._unchanged(
                    check, Same(fetched.status, asked, page.body_hash), noise_update
                )
            if check.may_look_again:
                return await self._look_again(check, seen)
        detected = look.confirmed if look else None
        if before is not None and detected is not None:
            versions = check.versions(before, fetched, extracted)
            detected = await self._siblings.without_boilerplate(check, *versions, detected)
        version = check.version(fetched, extracted, body_hash)
        return await self._version(check, version, before, detected, noise_update)

    async def _stored(self, check: Check) -> tuple[Snapshot | None, NoiseHistory]:
        page = check.page
        async with self._database.reading() as session:
            before = await snapshot_by_id(session, page.snapshot_id) if page.snapshot_id else None
            return before, await noise_history_of(session, page.id, page.crawl_count)

    async def _look(
        self, check: Check, before: SeenPage, now: SeenPage, known: NoiseHistory
    ) -> Confirmation:
        """What this look has found; all of it is confirmed where no other one is wanted."""
        earlier = check.earlier
        if earlier is not None and earlier.seen is not None:
            return await asyncio.to_thread(confirm, before, earlier.seen, now, known)
        detected, learned = await asyncio.to_thread(detect_unmuted_change, before, now, known)
        return Confirmation(detected, detected if earlier is None else None, learned)

    async def _look_again(self, check: Check, seen: SeenPage | None) -> Defer:
        look = check.look(seen, datetime.now(UTC))
        async with self._database.transaction() as session:
            page = await page_by_id(session, check.page.id)
            return Defer(
                until=await store_pending_confirmation(session, page.id, check.job_id, look)
            )

    async def _unchanged(
        self, check: Check, found: Same, noise_update: NoiseUpdate | None
    ) -> CrawlPageResult:
        page, now = check.page, datetime.now(UTC)
        change_id = None
        async with self._database.transaction() as session:
            await delete_pending_confirmation(session, page.id, check.job_id)
            recorded = await record_unchanged(
                session,
                page,
                at=now,
                etag=found.validators.etag,
                last_modified=found.validators.last_modified,
                body_hash=found.body_hash,
                text_hash=found.text_hash,
                settings_fingerprint=check.profile.fingerprint,
            )
            if recorded and noise_update is not None:
                await store_noise_history(
                    session, page.id, noise_update.before, noise_update.after, now
                )
            if recorded and page.snapshot_id is not None and check.was_gone:
                await _stores(session)
                change_id = await record_change(
                    session,
                    page=page,
                    job_id=check.job_id,
                    before_id=page.snapshot_id,
                    after_id=page.snapshot_id,
                    detected=restoration(None),
                    at=now,
                )
        return CrawlPageResult(
            changed=change_id is not None,
            status_code=found.status_code,
            snapshot_id=page.snapshot_id if change_id else None,
            change_id=change_id,
        )

    async def _version(
        self,
        check: Check,
        version: PageVersion,
        before: Snapshot | None,
        detected: DetectedChange | None,
        noise_update: NoiseUpdate | None,
    ) -> CrawlPageResult:
        page, now = check.page, datetime.now(UTC)
        if check.was_gone:
            detected = restoration(detected)
        async with self._database.transaction() as session:
            await delete_pending_confirmation(session, page.id, check.job_id)
            snapshot_id = await record_version(
                session, page, check.job_id, version, at=now, is_change=detected is not None
            )
            if snapshot_id is None:
                # It may have been an attempt of this job that was taken for dead.
                done = await check_of_job(session, page.id, check.job_id)
                if done is not None:
                    return as_before(done)
                return CrawlPageResult(changed=False, status_code=version.status_code)
            await _stores(session)
            if noise_update is not None:
                await store_noise_history(
                    session, page.id, noise_update.before, noise_update.after, now
                )
            change_id = None
            if before is not None and detected is not None:
                change_id = await record_change(
                    session,
                    page=page,
                    job_id=check.job_id,
                    before_id=before.id,
                    after_id=snapshot_id,
                    detected=detected,
                    at=now,
                )
        return CrawlPageResult(
            changed=change_id is not None,
            status_code=version.status_code,
            baseline=change_id is None,
            snapshot_id=snapshot_id,
            change_id=change_id,
        )


async def _stores(session: AsyncSession) -> None:
    """The job that runs stores something in the transaction: nobody can cancel it from then on.

    Raises JobCancelled, which takes all of the transaction back, when somebody has.
    """
    run_id = activity.info().workflow_run_id or ""
    ends = await claim_ends(session, [run_id], JobEnd.STORED)
    if ends[run_id] is JobEnd.CANCELLED:
        raise JobCancelled(CANCELLED)


def body_hash_of(fetched: Fetched) -> str:
    """The hash of what was sent."""
    return hashlib.sha256(fetched.body).hexdigest()


def as_before(done: EarlierCheck) -> CrawlPageResult:
    """What the job answers that has `done` its check already. Raises PageGone again."""
    if done.gone is not None:
        raise PageGone(done.gone)
    return CrawlPageResult(
        changed=done.change_id is not None,
        status_code=done.status_code,
        baseline=done.change_id is None,
        snapshot_id=done.snapshot_id,
        change_id=done.change_id,
    )
