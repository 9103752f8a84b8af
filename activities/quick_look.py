"""The quick look at a page: one conditional request, made only where nothing has to be waited for.

Its work takes place inside a workflow task, so it is bounded to a second, and parses nothing that a
site sends: no page can crash it or hold it up. Whatever it does not settle is left to the ordinary
activity of the job (`activities.crawl`), which goes on with the same attempt.
"""

import asyncio
import hashlib
import logging
from datetime import timedelta
from typing import Final

from temporalio import activity

from activities.crawling.check import Check
from activities.crawling.check_recorder import CheckRecorder, ResponseIdentity
from activities.crawling.profiles import page_profile
from activities.http.fetch import NO_VALIDATORS, Fetched, Fetcher, FetchLimits, Validators
from activities.http.politeness import Politeness
from activities.http.responses import error_for_document, error_for_status
from activities.places import Places
from core.changes.decision import RecordUnchanged, decide_unchanged
from core.errors import DiffyError, HostBusy
from core.jobs.contract import (
    QUICK_LOOK_LIMIT,
    ActivityName,
    AttemptReport,
    CrawlPageInput,
    CrawlPageResult,
    Outcome,
)
from core.jobs.states import JobType
from core.logs.context import logging_about
from core.metrics import JOBS, QUICK_LOOKS
from core.web.links import may_refresh
from store.db.engine import Database
from store.hosts import Slot, return_slot
from store.pages import page_with_domain
from store.secretkey import SecretKey
from store.tables.pages import Page, PageStatus

ANSWERED_WITHIN: Final = 0.7
"""Seconds within which the page must have answered; the rest of the limit is for the store."""

FINISHED_WITHIN: Final = 0.9 * QUICK_LOOK_LIMIT
"""Seconds after which a quick look gives up by itself, before Temporal does."""

LIMITS: Final = FetchLimits(deadline=timedelta(seconds=ANSWERED_WITHIN))

log = logging.getLogger(__name__)


class QuickLookActivities:
    """Looks at pages whose last check found them as they were.

    `worker` is the identity of the worker. Its `places` become free as the quick looks end.
    """

    def __init__(
        self,
        database: Database,
        fetcher: Fetcher,
        politeness: Politeness,
        secret_key: SecretKey,
        recorder: CheckRecorder,
        worker: str,
        places: Places,
    ) -> None:
        self._database = database
        self._fetcher = fetcher
        self._politeness = politeness
        self._secret_key = secret_key
        self._worker = worker
        self._places = places
        self._recorder = recorder

    @activity.defn(name=ActivityName.QUICK_LOOK)
    async def quick_look(
        self, job: CrawlPageInput, begun: AttemptReport
    ) -> Outcome[CrawlPageResult]:
        """The outcome of the attempt `begun` if the page is as it was when it was last checked.

        Otherwise, and after any error, the outcome has no result: the attempt goes on in the
        ordinary activity, as if nothing had been asked.
        """
        info = activity.info()
        # The times are those of the workflow task, which descriptions show while it runs.
        report = begun.model_copy(update={"worker": self._worker})
        result = None
        try:
            async with asyncio.timeout(FINISHED_WITHIN):
                result = await self._look(job, info.workflow_id or "")
        except (DiffyError, TimeoutError) as error:
            log.debug("the quick look of job %s ends: %s", info.workflow_id, error)
        except asyncio.CancelledError:
            # A locked database may keep it beyond its time: Temporal has then gone on without it.
            cancellation = activity.cancellation_details()
            if cancellation is None or not cancellation.timed_out:
                raise
        except Exception:
            # The ordinary activity meets it again, and reports it.
            log.exception("the quick look of job %s failed", info.workflow_id)
        finally:
            self._places.free(info.workflow_id or "")
        QUICK_LOOKS.labels("undecided" if result is None else "unchanged").inc()
        if result is not None:
            JOBS.labels(JobType.CRAWL, "completed").inc()
        return Outcome(attempt=report, result=result)

    async def _look(self, job: CrawlPageInput, job_id: str) -> CrawlPageResult | None:
        async with self._database.transaction() as session:
            page, domain = await page_with_domain(session, job.page_id)
            logging_about(org_id=domain.org_id, domain_id=domain.id)
            if not page.found_same or page.status is not PageStatus.ACTIVE:
                return None
            if not page.prices_read:
                return None  # the prices of its stored version have to be read first
            profile = page_profile(page, domain, self._secret_key)
            site_fails = domain.checks_broken_since is not None
            check = Check(job_id, page, profile, site_fails=site_fails)
            if not check.comparable:
                return None
            slot = await self._politeness.admitted_now(session, page.url)
        if slot is None:
            return None
        response = await self._response(check, slot)
        if response is None:
            return None
        verdict = decide_unchanged(check.state, None)
        assert isinstance(verdict, RecordUnchanged), "nothing of this page needs confirmation"
        return await self._recorder.record_unchanged(check, response, verdict, is_first=True)

    async def _response(self, check: Check, slot: Slot) -> ResponseIdentity | None:
        """The response of the page if it says that the page is as it was, else None."""
        try:
            fetched = await self._fetcher.fetch(
                check.page.url,
                validators=check.validators,
                profile=check.profile.request,
                limits=LIMITS,
                follow_redirects=False,
                max_wait=LIMITS.deadline,
            )
        except HostBusy:
            async with self._database.transaction() as session:
                await return_slot(session, slot)
            raise
        if not _is_as_it_was(check, fetched):
            return None
        return identity_of_unchanged(check.page, fetched)


def _is_as_it_was(check: Check, fetched: Fetched) -> bool:
    """Whether the response says that the page is as it was at the last check."""
    if fetched.not_modified:
        return check.validators != NO_VALIDATORS
    if fetched.location is not None or check.profile.renders(check.page.url):
        return False
    if may_refresh(fetched.body):
        return False
    if error_for_status(fetched.status, None) or error_for_document(
        fetched.content_type, fetched.body, check.profile.parts.kind
    ):
        return False
    return hashlib.sha256(fetched.body).hexdigest() == check.page.body_hash


def identity_of_unchanged(page: Page, fetched: Fetched) -> ResponseIdentity:
    """The identity of a response that brought nothing new.

    A 304 should repeat the validators of the 200 (RFC 9110, 15.4.5); many do not. An entity tag
    that the kept version did not come with names another one, so the tag that was sent stays.
    """
    received = fetched.validators
    if fetched.not_modified:
        received = Validators(
            etag=page.etag or received.etag,
            last_modified=received.last_modified or page.last_modified,
        )
    return ResponseIdentity(fetched.status, received, page.body_hash)
