"""The activity of `discover.pages`: walk a domain under its discovery lock."""

import logging
from datetime import UTC, datetime
from functools import partial
from typing import Final

from temporalio import activity

from activities.crawling.profiles import SiteProfiles
from activities.discovery.lock import DiscoveryLocks, lock_retry_delay
from activities.discovery.visit import Visitor
from activities.discovery.walk import Walk
from activities.http.kept_responses import KeptResponses
from activities.http.politeness import Politeness
from activities.notifications.telling import Teller
from activities.reporting import Attempt, Reporter, job_error_of
from core.errors import AlreadyDiscovering, DiffyError, JobError, NamesUnavailable, SubjectGone
from core.jobs.contract import (
    ActivityName,
    AttemptReport,
    DiscoverPagesInput,
    DiscoverPagesResult,
    Outcome,
)
from core.logs.context import logging_about
from core.quotas import Quotas
from core.web.crawl_settings import Render
from store import frontier
from store.db.engine import Database
from store.discovery_lock import LockHolder
from store.domains import domain_by_id
from store.matching import announced
from store.secretkey import SecretKey
from store.watching import FailedCheck, is_wall, record_failed_discovery
from temporal.delivery import Delivery

NO_FAILED_DISCOVERY: Final = (AlreadyDiscovering, SubjectGone, NamesUnavailable)
"""Errors that say nothing about the site."""

log = logging.getLogger(__name__)


class DiscoverActivities:
    """Discovers pages, each attempt reported."""

    def __init__(
        self,
        database: Database,
        visitor: Visitor,
        politeness: Politeness,
        locks: DiscoveryLocks,
        reporter: Reporter,
        secret_key: SecretKey,
        delivery: Delivery,
        broken_after: int,
        quotas: Quotas,
    ) -> None:
        self._database = database
        self._visitor = visitor
        self._politeness = politeness
        self._locks = locks
        self._reporter = reporter
        self._secret_key = secret_key
        self._delivery = delivery
        self._broken_after = broken_after
        self._quotas = quotas

    @activity.defn(name=ActivityName.DISCOVER)
    async def discover(
        self, job: DiscoverPagesInput, continued: AttemptReport | None
    ) -> Outcome[DiscoverPagesResult]:
        """Walk the domain of `job`. A later attempt resumes where the last one stopped."""
        return await self._reporter.run(partial(self._reported, job), continued)

    async def _reported(self, job: DiscoverPagesInput, attempt: Attempt) -> DiscoverPagesResult:
        """Walk the domain, and record the discovery if it fails for good."""
        try:
            return await self._discover(job, attempt)
        except NO_FAILED_DISCOVERY:
            raise
        except Exception as error:
            failed = job_error_of(error)
            if failed is not None and attempt.ends_with(failed):
                await self._record_failed(job, failed)
            raise

    async def _record_failed(self, job: DiscoverPagesInput, error: JobError) -> None:
        job_id = activity.info().workflow_id or ""
        failed = FailedCheck(job_id, datetime.now(UTC), error.message, walled=is_wall(error))
        try:
            async with self._database.transaction() as session:
                await record_failed_discovery(session, job.domain_id, failed, self._broken_after)
            await Teller(self._delivery).tell(*announced(session))
        except DiffyError as unrecorded:
            log.warning("a failed discovery was not recorded: %s", unrecorded.message)

    async def _discover(self, job: DiscoverPagesInput, attempt: Attempt) -> DiscoverPagesResult:
        info = activity.info()
        holder = LockHolder(info.workflow_id or "", info.started_time)
        async with self._database.transaction() as session:
            domain = await domain_by_id(session, job.domain_id)
            logging_about(org_id=domain.org_id, domain_id=domain.id)
            discovery = await frontier.begin(session, holder.job_id, domain.id)
        if discovery.result is not None:
            return DiscoverPagesResult.model_validate(discovery.result)
        profiles = SiteProfiles(domain, self._secret_key)
        if profiles.new_page.render is Render.ALWAYS:
            self._visitor.renderer.check_is_here()
        async with (
            self._locks.held(
                domain,
                holder,
                resumed=attempt.resumed,
                retry_after=lock_retry_delay(attempt.deferrals),
            ) as lock,
            KeptResponses.of(self._database, holder.job_id, resumed=attempt.resumed) as kept,
        ):
            walk = Walk(
                self._database,
                lock,
                self._visitor,
                self._politeness,
                holder.job_id,
                job,
                domain,
                profiles,
                attempt,
                kept,
                self._delivery,
                self._broken_after,
                self._quotas,
            )
            return await walk.run()
