"""How the API asks Temporal for work: discoveries, crawls, batches, recurring crawls."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleState,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.common import Priority, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from core.contract import CrawlDomainInput, CrawlPageInput, DiscoverPagesInput, Owner
from core.jobs import CRAWL_DOMAIN, TASK_QUEUE, batch_workflow_id
from core.settings import Settings
from core.urls import host_of
from store.batch_tables import Batch
from store.tables import Domain, DomainStatus, Page
from temporal.faults import as_unavailable
from temporal.launch import JobStart, start_job

CATCH_UP = timedelta(minutes=10)
"""A recurring crawl that was missed by more than this waits for its next turn."""


@dataclass(frozen=True)
class JobOptions:
    """When a job may begin, and how often it is tried (None: the setting)."""

    delay: timedelta = timedelta(0)
    max_attempts: int | None = None


@dataclass(frozen=True)
class DiscoverOptions:
    """How far a discovery walks."""

    max_pages: int
    max_depth: int
    include: tuple[str, ...]
    exclude: tuple[str, ...]


class Launcher:
    """Starts workflows. Its methods raise Unavailable when Temporal cannot be reached."""

    def __init__(self, client: Client, settings: Settings) -> None:
        self._client = client
        self._max_attempts = settings.max_attempts

    async def discover(
        self, domain: Domain, job_id: str, options: DiscoverOptions, job: JobOptions
    ) -> None:
        """Start the discovery `job_id` of `domain`."""
        await start_job(
            self._client,
            JobStart(
                job_id=job_id,
                input=DiscoverPagesInput(
                    domain_id=domain.id,
                    max_pages=options.max_pages,
                    max_depth=options.max_depth,
                    include=options.include,
                    exclude=options.exclude,
                    max_attempts=self._attempts(job),
                ),
                owner=_owner(domain, None),
                delay=job.delay,
            ),
        )

    async def crawl_page(self, domain: Domain, page: Page, job_id: str, job: JobOptions) -> None:
        """Start the crawl `job_id` of `page`."""
        await start_job(
            self._client,
            JobStart(
                job_id=job_id,
                input=CrawlPageInput(page_id=page.id, max_attempts=self._attempts(job)),
                owner=_owner(domain, page),
                delay=job.delay,
            ),
        )

    async def run_again(
        self,
        domain: Domain,
        page: Page | None,
        job_id: str,
        asked: CrawlPageInput | DiscoverPagesInput,
    ) -> None:
        """Start the job `job_id`, which does what another one was asked to."""
        await start_job(
            self._client, JobStart(job_id=job_id, input=asked, owner=_owner(domain, page))
        )

    async def crawl_batch(self, domain: Domain, batch: Batch, job: JobOptions) -> None:
        """Start the fan-out of `batch`; it goes on until each of its jobs has been started."""
        not_before = datetime.now(UTC) + job.delay if job.delay else None
        try:
            await self._client.start_workflow(
                CRAWL_DOMAIN,
                CrawlDomainInput(
                    domain_id=domain.id,
                    batch_id=batch.id,
                    not_before=not_before,
                    max_attempts=self._attempts(job),
                ),
                id=batch_workflow_id(batch.id),
                task_queue=TASK_QUEUE,
                priority=_turn(domain),
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                static_summary=f"Crawl {domain.domain}",
            )
        except WorkflowAlreadyStartedError:
            return
        except RPCError as error:
            raise as_unavailable(error) from error

    async def schedule(self, domain: Domain) -> None:
        """Make, or bring up to date, the recurring crawl of `domain`."""
        wanted = self._recurring_crawl(domain)
        schedule_id = _schedule_id(domain.id)

        async def replace(_: ScheduleUpdateInput) -> ScheduleUpdate:
            return ScheduleUpdate(schedule=wanted)

        try:
            try:
                await self._client.create_schedule(schedule_id, wanted)
            except ScheduleAlreadyRunningError:
                await self._client.get_schedule_handle(schedule_id).update(replace)
        except RPCError as error:
            raise as_unavailable(error) from error

    async def unschedule(self, domain_id: UUID) -> None:
        """End the recurring crawl of a domain; nothing happens when it has none."""
        try:
            await self._client.get_schedule_handle(_schedule_id(domain_id)).delete()
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise as_unavailable(error) from error

    async def next_crawls(self, domain_ids: Sequence[UUID]) -> dict[UUID, datetime]:
        """When each domain is crawled next; a paused one, or one without schedule, is left out."""
        moments = await asyncio.gather(*(self._next_crawl(each) for each in domain_ids))
        return {
            domain_id: moment
            for domain_id, moment in zip(domain_ids, moments, strict=True)
            if moment is not None
        }

    async def _next_crawl(self, domain_id: UUID) -> datetime | None:
        try:
            described = await self._client.get_schedule_handle(_schedule_id(domain_id)).describe()
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return None
            raise as_unavailable(error) from error
        if described.schedule.state.paused or not described.info.next_action_times:
            return None
        return described.info.next_action_times[0]

    def _recurring_crawl(self, domain: Domain) -> Schedule:
        every = timedelta(hours=domain.check_frequency_hours)
        since_epoch = timedelta(seconds=domain.created_at.timestamp())
        return Schedule(
            action=ScheduleActionStartWorkflow(
                CRAWL_DOMAIN,
                CrawlDomainInput(domain_id=domain.id, max_attempts=self._max_attempts),
                id=f"batch-of-{domain.id.hex}",
                task_queue=TASK_QUEUE,
                priority=_turn(domain),
                static_summary=f"Crawl {domain.domain}",
            ),
            spec=ScheduleSpec(
                intervals=[ScheduleIntervalSpec(every=every, offset=since_epoch % every)]
            ),
            policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=CATCH_UP),
            state=ScheduleState(paused=domain.status is DomainStatus.PAUSED),
        )

    def _attempts(self, job: JobOptions) -> int:
        return job.max_attempts or self._max_attempts


def _owner(domain: Domain, page: Page | None) -> Owner:
    return Owner(
        org_id=domain.org_id,
        domain_id=domain.id,
        page_id=page.id if page else None,
        url=page.url if page else None,
        host=host_of(page.url if page else domain.origin),
    )


def _turn(domain: Domain) -> Priority:
    return Priority(fairness_key=_owner(domain, None).fairness_key)


def _schedule_id(domain_id: UUID) -> str:
    return f"crawl-of-{domain_id.hex}"
