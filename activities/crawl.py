"""The activity of `crawl.page`: fetch a page, extract its content, decide, record.

`activities.crawling` has the fetch and the writes, `core.changes.decision` the decision.
"""

import asyncio
import logging
from datetime import UTC, datetime
from functools import partial
from typing import Final
from uuid import UUID

from temporalio import activity

from activities.crawling.check import Check, body_hash_of
from activities.crawling.check_recorder import CheckRecorder, ResponseIdentity, result_of
from activities.crawling.page_fetcher import PageFetcher
from activities.crawling.profiles import page_profile
from activities.crawling.siblings import Siblings
from activities.crawling.stored_frames import StoredFrames
from activities.extraction.documents import StoredPage
from activities.extraction.extractor import Extracted, Extractor
from activities.http.fetch import Fetched, Fetcher, Validators
from activities.http.kept_responses import KeptResponses
from activities.http.politeness import Politeness
from activities.quick_look import identity_of_unchanged
from activities.rendering.renderer import Renderer
from activities.reporting import Attempt, Defer, Reporter, job_error_of
from core.changes.decision import (
    AwaitConfirmation,
    KnownVersion,
    Reason,
    RecordBaseline,
    RecordChange,
    RecordNothing,
    RecordRemoval,
    RecordUnchanged,
    decide_content,
    decide_missing,
    decide_unchanged,
)
from core.changes.detection import DetectedChange, SeenPage, is_read_by_todays_rules
from core.errors import (
    DiffyError,
    InternalError,
    JobCancelled,
    JobError,
    JsonPathTooCostly,
    NamesUnavailable,
    NotAPage,
    PageGone,
    SubjectGone,
    WatchedPartMissing,
)
from core.jobs.contract import ActivityName, AttemptReport, CrawlPageInput, CrawlPageResult, Outcome
from core.jobs.ids import is_id_of_request
from core.logs.context import logging_about
from core.quotas import NO_QUOTA, UNLIMITED, Quotas
from core.text.javascript_shell import EmptyShell
from core.web.crawl_settings import MaskName, Render
from core.web.document_kinds import DocumentKind, document_kind
from core.web.frames import may_have_frames
from store.checks import check_of_job
from store.db.engine import Database
from store.domains import domain_by_id
from store.page_lines import noise_history_of
from store.pages import page_by_id
from store.pending_confirmations import previous_fetch
from store.quotas import count_job, quotas_of
from store.secretkey import SecretKey
from store.snapshots import snapshot_by_id, snapshot_with_html
from store.tables.domains import Domain
from store.tables.pages import Page
from store.watching import FailedCheck, is_wall

NO_FAILED_CHECK: Final = (PageGone, SubjectGone, JobCancelled, NamesUnavailable)
"""Errors of a job whose check worked, was not wanted any more, or never began."""

BREAKS_AT_ONCE: Final = (WatchedPartMissing, JsonPathTooCostly)
"""Errors that do not pass by themselves: after one of them a page is not watched."""

log = logging.getLogger(__name__)


class CrawlActivities:
    """Checks pages, each attempt reported. `quotas` are those of organisations that have none of
    their own.
    """

    def __init__(
        self,
        database: Database,
        fetcher: Fetcher,
        politeness: Politeness,
        extractor: Extractor,
        renderer: Renderer,
        reporter: Reporter,
        secret_key: SecretKey,
        recorder: CheckRecorder,
        quotas: Quotas = UNLIMITED,
    ) -> None:
        self._database = database
        self._page_fetcher = PageFetcher(fetcher, politeness, extractor)
        self._extractor = extractor
        self._renderer = renderer
        self._reporter = reporter
        self._secret_key = secret_key
        self._siblings = Siblings(database, self._page_fetcher, extractor, secret_key)
        self._recorder = recorder
        self._quotas = quotas

    @activity.defn(name=ActivityName.CRAWL)
    async def crawl(
        self, job: CrawlPageInput, continued: AttemptReport | None
    ) -> Outcome[CrawlPageResult]:
        """Check the page of `job`, or fetch it again to confirm what an earlier fetch found.

        Idempotent: every run of a job that has stored its check returns the same result. The
        outcome has no result if the attempt was released or deferred.
        """
        return await self._reporter.run(partial(self._reported, job), continued)

    async def _reported(self, job: CrawlPageInput, attempt: Attempt) -> CrawlPageResult | Defer:
        """Check the page, and record the check if it fails for good."""
        try:
            return await self._crawl(job, attempt)
        except NO_FAILED_CHECK:
            raise
        except Exception as error:
            failed = job_error_of(error)
            if failed is not None and attempt.ends_with(failed):
                await self._record_failed(job, failed)
            raise

    async def _record_failed(self, job: CrawlPageInput, error: JobError) -> None:
        failed = FailedCheck(
            activity.info().workflow_id or "",
            datetime.now(UTC),
            error.message,
            at_once=isinstance(error, BREAKS_AT_ONCE),
            walled=is_wall(error),
        )
        try:
            await self._recorder.record_failed(job.page_id, failed)
        except DiffyError as unrecorded:
            log.warning("a failed check was not recorded: %s", unrecorded.message)

    async def _crawl(self, job: CrawlPageInput, attempt: Attempt) -> CrawlPageResult | Defer:
        job_id = activity.info().workflow_id or ""
        async with self._database.reading() as session:
            page = await page_by_id(session, job.page_id)
            domain = await domain_by_id(session, page.domain_id)
            logging_about(org_id=domain.org_id, domain_id=domain.id)
            done = await check_of_job(session, page.id, job_id)
            earlier = await previous_fetch(session, page.id, job_id)
        if done is not None:
            return result_of(done)
        if earlier is not None and earlier.due_at != attempt.deferred_to:
            # An attempt deferred itself, but Temporal did not receive its result.
            return Defer(earlier.due_at)
        if earlier is None and not is_id_of_request(job_id):
            over_until = await self._count(domain.org_id, job_id)
            if over_until is not None:
                return Defer(over_until)
        async with KeptResponses.of(self._database, job_id, resumed=attempt.resumed) as cache:
            profile = page_profile(page, domain, self._secret_key)
            site_fails = domain.checks_broken_since is not None
            check = Check(job_id, page, profile, earlier, cache, site_fails)
            return await self._check(check, domain, attempt)

    async def _count(self, org_id: UUID, job_id: str) -> datetime | None:
        """Count a job that Temporal started as a check; when it may run if no check is left."""
        async with self._database.reading() as session:
            quotas = await quotas_of(session, org_id, self._quotas)
        if quotas.checks_per_day == NO_QUOTA:
            return None
        async with self._database.transaction() as session:
            return await count_job(session, org_id, job_id, self._quotas, datetime.now(UTC))

    async def _check(
        self, check: Check, domain: Domain, attempt: Attempt
    ) -> CrawlPageResult | Defer:
        page, profile = check.page, check.profile
        renders = profile.renders(page.url)
        if renders:
            self._renderer.check_is_here()
        try:
            fetched = await self._page_fetcher.fetch(check, domain)
        except PageGone as gone:
            deferred = await self._missing(check, gone.message)
            if deferred is not None:
                return deferred
            raise
        attempt.progress(50)
        if fetched.not_modified:
            return await self._unchanged(check, identity_of_unchanged(page, fetched))
        kind = document_kind(fetched.content_type, fetched.body, profile.parts.kind)
        if renders and kind is DocumentKind.HTML:
            fetched = await self._renderer.render(fetched, profile.request)
        frames = StoredFrames(self._database, self._extractor, check)
        fetched = await self._page_fetcher.with_frames(check, domain, fetched, frames)
        response = _identity(fetched)
        if response.body_hash == page.body_hash and check.comparable:
            return await self._unchanged(check, response)
        may_be_shell = profile.render is Render.AUTO and not renders
        extracted = await self._extractor.extract(check.source(fetched, may_be_shell=may_be_shell))
        if isinstance(extracted, EmptyShell):
            fetched = await self._renderer.render(fetched, profile.request)
            fetched = await self._page_fetcher.with_frames(check, domain, fetched, frames)
            extracted = await self._extractor.extract(check.source(fetched))
        attempt.progress(80)
        if isinstance(extracted, Extracted):
            return await self._content(check, fetched, extracted)
        return await self._unchanged(check, _identity(fetched))

    async def _missing(self, check: Check, message: str) -> Defer | None:
        """None if the job fails because the page does not exist; `message` says so."""
        verdict = decide_missing(check.state, message)
        _log(check, verdict.reason)
        match verdict:
            case AwaitConfirmation():
                return await self._recorder.await_confirmation(check, verdict.seen)
            case RecordNothing():
                await self._recorder.record_nothing(check)
            case RecordRemoval():
                await self._recorder.record_removed(check, verdict)
        return None

    async def _unchanged(self, check: Check, response: ResponseIdentity) -> CrawlPageResult | Defer:
        if check.state.needs_stored_version:
            stored = await self._known_version(check)
            verdict = await asyncio.to_thread(decide_unchanged, check.state, stored)
        else:
            verdict = decide_unchanged(check.state, None)
        _log(check, verdict.reason)
        if isinstance(verdict, AwaitConfirmation):
            return await self._recorder.await_confirmation(check, verdict.seen)
        return await self._recorder.record_unchanged(check, response, verdict)

    async def _content(
        self, check: Check, fetched: Fetched, extracted: Extracted
    ) -> CrawlPageResult | Defer:
        seen = SeenPage(fetched.url, extracted.title, extracted.text, check.profile.comparison)
        stored = await self._known_version(check, seen) if check.comparable else None
        verdict = await asyncio.to_thread(decide_content, check.state, stored, seen)
        _log(check, verdict.reason)
        match verdict:
            case AwaitConfirmation():
                return await self._recorder.await_confirmation(check, verdict.seen)
            case RecordUnchanged():
                response = _identity(fetched, extracted.text_hash)
                if verdict.keep_validators:
                    response = _stored_identity(check.page, fetched)
                return await self._recorder.record_unchanged(check, response, verdict)
            case RecordBaseline() | RecordChange():
                detected: DetectedChange | None = None
                if isinstance(verdict, RecordChange) and stored is not None:
                    detected = verdict.detected
                    if MaskName.SITE_WIDE in seen.how.masks:
                        detected = await self._siblings.without_boilerplate(
                            check, stored.page, seen, detected
                        )
                version = check.version(fetched, extracted, body_hash_of(fetched))
                return await self._recorder.record_content(check, version, detected, verdict)

    async def _known_version(
        self, check: Check, fetched: SeenPage | None = None
    ) -> KnownVersion | None:
        """The stored version, to be compared with `fetched` or with itself; None if there is none.

        A version that older rules have read is read again; None if that cannot be done.

        Raises SubjectGone if the page was deleted.
        """
        page = check.page
        if page.snapshot_id is None:
            return None
        async with self._database.reading() as session:
            before = await snapshot_by_id(session, page.snapshot_id)
            noise = await noise_history_of(session, page.id, page.crawl_count)
        if fetched is None or is_read_by_todays_rules(before.text_hash):
            return check.known_version(before, noise, fetched)
        read_again = await self._read_again(check, before.id)
        if read_again is None:
            return None
        return check.known_version(before, noise, fetched, read_again)

    async def _read_again(self, check: Check, snapshot_id: UUID) -> SeenPage | None:
        """What today's rules read in a stored version.

        None if its HTML is not kept, cannot be read or has frames, and if a part of the page is
        watched: that was compared with masks, so that it may differ although nothing has changed
        since.
        """
        if check.profile.parts.is_chosen:
            return None
        async with self._database.reading() as session:
            before = await snapshot_with_html(session, snapshot_id)
        if before.html is None or may_have_frames(before.html.encode(errors="replace")):
            return None  # the older rules did not read frames
        try:
            return await self._extractor.read_again(
                StoredPage(before.html, before.url, check.profile.parts)
            )
        except (NotAPage, WatchedPartMissing, InternalError):
            return None


def _log(check: Check, reason: Reason) -> None:
    log.debug("job %s decides on page %s: %s", check.job_id, check.page.id, reason)


def _identity(fetched: Fetched, text_hash: str | None = None) -> ResponseIdentity:
    return ResponseIdentity(fetched.status, fetched.validators, body_hash_of(fetched), text_hash)


def _stored_identity(page: Page, fetched: Fetched) -> ResponseIdentity:
    """The next check sends the same validators again, and so finds an unconfirmed change."""
    stored = Validators(etag=page.etag, last_modified=page.last_modified)
    return ResponseIdentity(fetched.status, stored, page.body_hash)
