"""The activity of `crawl.domain`: start the jobs of a batch, each exactly once."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from temporalio import activity
from temporalio.client import Client
from temporalio.exceptions import ApplicationError

from activities.heartbeats import heartbeats
from activities.places import Places
from activities.reporting import MAX_HOST_WAIT
from core.errors import DiffyError, SubjectGone, Unavailable
from core.jobs.contract import ActivityName, CrawlPageInput, Owner, StartBatch, StartBatchResult
from core.jobs.ids import batch_workflow_id
from core.logs.context import logging_about
from core.quotas import UNLIMITED, Quotas
from core.web.urls import host_of
from store.batches import (
    BatchMember,
    batch_exists,
    batch_pages,
    close_batch,
    create_batch,
    next_chunk,
    open_batches,
    start_batch_result,
    unlisted_pages,
)
from store.db.engine import Database
from store.domains import domain_by_id
from store.hosts import delete_turns_of_batch, plan_turns
from store.job_ends import claim_ends
from store.tables.batches import BEFORE_ALL
from store.tables.domains import Domain
from store.tables.job_ends import JobEnd
from temporal.jobs.batches import LAG, is_running, listed_jobs, pages_being_crawled
from temporal.jobs.cancellation import cancel_job
from temporal.jobs.launch import JobStart, start_job
from temporal.jobs.room import MANY_JOBS, make_room
from temporal.jobs.schedules import crawl_schedule_id, delete_schedule

JOBS_PER_CHUNK = 50
"""Jobs that are started together. Temporal lists all of them before the next ones are started."""

MAX_PARALLEL_STARTS: Final = 8
"""Jobs that a worker starts at the same time, over all batches. More of them make the server no
faster, and the calls of other jobs slower.
"""

MAX_ROBOTS_WAIT: Final = timedelta(seconds=2)
"""Maximum wait for the robots.txt of a host, after which its jobs start at once."""

FIRST_POLL_AFTER: Final = 0.03
LONGEST_POLL_INTERVAL: Final = 0.5
"""Seconds between two questions whether Temporal lists the jobs of a chunk."""

LISTED_WITHIN: Final = 60.0
"""Seconds after which the attempt fails if Temporal does not list a job that was started. The job
may have been deleted; the next attempt starts it again.
"""

EAGER_WITHIN: Final = 0.4
"""Seconds for which the jobs of a chunk wait for a place in this worker. The rest starts without
one, so that a large batch is listed soon.
"""

ABANDONED_AFTER: Final = timedelta(hours=1)
"""Minimum age of a batch that is closed because no workflow runs that starts its jobs. The workflow
of a younger batch may not have been started yet.
"""


class BatchActivities:
    """Starts the jobs of batches through `client`.

    `interval_of` gives the time between two requests to the host of a URL (`Politeness.interval`).
    Jobs that begin with a quick look start in the `places` of this worker, as far as there are any.
    `quotas` are those of organisations that have none of their own.
    """

    def __init__(
        self,
        database: Database,
        client: Client,
        interval_of: Callable[[str], Awaitable[timedelta]],
        places: Places | None = None,
        quotas: Quotas = UNLIMITED,
    ) -> None:
        self._database = database
        self._client = client
        self._interval_of = interval_of
        self._places = places or Places(0)
        self._quotas = quotas
        self._starts = asyncio.Semaphore(MAX_PARALLEL_STARTS)

    @activity.defn(name=ActivityName.START_BATCH)
    async def start_batch(self, batch: StartBatch) -> StartBatchResult:
        """Start every job of the batch that no earlier attempt has started, and return how many
        have been started. A job that exists is left alone. If the batch is cancelled, all its jobs
        are.

        Raises SUBJECT_GONE if the domain was deleted.
        """
        async with heartbeats():
            try:
                domain = await self._domain(batch)
                logging_about(org_id=domain.org_id, domain_id=domain.id)
                if batch.create:
                    await self._create(batch, domain)
                await self._fan_out(batch, domain)
                async with self._database.reading() as session:
                    return await start_batch_result(session, batch.batch_id)
            except SubjectGone as error:
                raise ApplicationError(
                    error.message, type=error.code, non_retryable=True
                ) from error

    async def _domain(self, batch: StartBatch) -> Domain:
        """The domain of the batch. If it is gone, the schedule that asked for the batch goes too:
        versions before the outbox may have left it behind.
        """
        try:
            async with self._database.reading() as session:
                return await domain_by_id(session, batch.domain_id)
        except SubjectGone:
            if batch.create:
                await delete_schedule(self._client, crawl_schedule_id(batch.domain_id))
            raise

    async def _create(self, batch: StartBatch, domain: Domain) -> None:
        """Create the batch, of the monitored pages whose last crawl has ended.

        A batch that an earlier attempt has created stays as it is.
        """
        async with self._database.reading() as session:
            if await batch_exists(session, batch.batch_id):
                return
        await self._close_abandoned(domain)
        # Temporal then lists every crawl that was started before this attempt.
        await asyncio.sleep(LAG.total_seconds())
        # The store first: a job that it says is listed is listed when Temporal is asked.
        async with self._database.reading() as session:
            busy = await unlisted_pages(session, domain.org_id, domain.id)
        busy |= await pages_being_crawled(self._client, domain.org_id, domain.id)
        await make_room(self._client, self._database, domain.org_id, MANY_JOBS, self._quotas)
        async with self._database.transaction() as session:
            await domain_by_id(session, domain.id)
            await create_batch(
                session,
                domain.org_id,
                domain.id,
                None,
                batch.batch_id,
                busy=busy,
                workflow_id=activity.info().workflow_id,
                quotas=self._quotas,
                in_part=True,
            )

    async def _close_abandoned(self, domain: Domain) -> None:
        """Close the batches whose workflow ended without starting all jobs, because an operator
        terminated it. Their pages would count as waiting, and be passed over, for ever.
        """
        before = datetime.now(UTC) - ABANDONED_AFTER
        async with self._database.reading() as session:
            old = await open_batches(session, domain.org_id, domain.id, before)
        for each in old:
            host = host_of(domain.origin) if each.readable_ids else None
            starter = each.workflow_id or batch_workflow_id(each.id, host)
            if not await is_running(self._client, starter):
                async with self._database.transaction() as session:
                    await close_batch(session, each.id)

    async def _fan_out(self, batch: StartBatch, domain: Domain) -> None:
        """Start the jobs, a chunk at a time.

        The store records a chunk before its jobs are started, and again once Temporal lists them.
        A reader that asks the store first and then Temporal therefore misses no job. It can ask
        Temporal which jobs of a recorded chunk are listed, also after the worker has died.
        """
        listed_to = BEFORE_ALL
        intervals: dict[str, timedelta] = {}
        quick_looks = QuickLookPace(intervals)
        while True:
            async with self._database.transaction() as session:
                chunk = await next_chunk(session, batch.batch_id, listed_to, JOBS_PER_CHUNK)
            if not chunk.members:
                break
            turns = await self._turns(batch, chunk.members, intervals)
            eager_until = asyncio.get_running_loop().time() + EAGER_WITHIN
            await asyncio.gather(
                *(
                    self._start(batch, domain, each, turns.get(each), quick_looks, eager_until)
                    for each in chunk.members
                )
            )
            await self._await_listed(chunk.members)
            listed_to = chunk.members[-1].page_id
        if chunk.cancelled:
            await self._cancel_all(batch.batch_id)

    async def _await_listed(self, members: Sequence[BatchMember]) -> None:
        """Wait until Temporal lists the jobs of these members. Raises Unavailable if it does not
        within `LISTED_WITHIN`.
        """
        jobs = [each.job_id for each in members]
        deadline = time.monotonic() + LISTED_WITHIN
        pause = FIRST_POLL_AFTER
        while True:
            await asyncio.sleep(pause)
            if await listed_jobs(self._client, jobs) >= len(jobs):
                return
            if time.monotonic() > deadline:
                raise Unavailable("Temporal does not list the jobs that it has started.")
            pause = min(2 * pause, LONGEST_POLL_INTERVAL)

    async def _cancel_all(self, batch_id: UUID) -> None:
        """Cancel all jobs of the batch: the request that cancelled it may have missed some."""
        last: UUID | None = None
        while members := await self._members(batch_id, last):
            jobs = [each.job_id for each in members]
            await asyncio.gather(*(cancel_job(self._client, each, self._claim) for each in jobs))
            last = members[-1].page_id
        async with self._database.transaction() as session:
            await delete_turns_of_batch(session, batch_id)

    async def _claim(self, run_id: str) -> bool:
        async with self._database.transaction() as session:
            ends = await claim_ends(session, [run_id], JobEnd.CANCELLED)
        return ends[run_id] is JobEnd.CANCELLED

    async def _members(self, batch_id: UUID, after: UUID | None) -> list[BatchMember]:
        async with self._database.reading() as session:
            return await batch_pages(session, batch_id, after, JOBS_PER_CHUNK)

    async def _turns(
        self, batch: StartBatch, members: Sequence[BatchMember], intervals: dict[str, timedelta]
    ) -> dict[BatchMember, datetime]:
        """The start times of the jobs of slow hosts. Temporal paces the jobs of other hosts.

        A job of a slow host that starts at once is only deferred by its worker, which costs as much
        as a whole job. `intervals` caches the intervals of the hosts of this batch.
        """
        jobs: defaultdict[str, dict[str, BatchMember]] = defaultdict(dict)
        for member in members:
            jobs[host_of(member.url)][member.job_id] = member
        turns: dict[BatchMember, datetime] = {}
        for host, of_host in jobs.items():
            if host not in intervals:
                intervals[host] = await self._interval(next(iter(of_host.values())).url)
            if intervals[host] <= MAX_HOST_WAIT:
                continue
            start = max(datetime.now(UTC), batch.not_before or datetime.min.replace(tzinfo=UTC))
            async with self._database.transaction() as session:
                found = await plan_turns(session, host, intervals[host], start, list(of_host))
            turns |= {member: found[job_id] for job_id, member in of_host.items()}
        return turns

    async def _interval(self, url: str) -> timedelta:
        """The time between two requests to the host, 0 if its robots.txt cannot be read soon."""
        try:
            async with asyncio.timeout(MAX_ROBOTS_WAIT.total_seconds()):
                return await self._interval_of(url)
        except (TimeoutError, DiffyError):
            return timedelta(0)

    async def _start(
        self,
        batch: StartBatch,
        domain: Domain,
        member: BatchMember,
        turn: datetime | None,
        quick_looks: "QuickLookPace",
        eager_until: float,
    ) -> None:
        start = turn or batch.not_before
        job_id = member.job_id
        async with self._starts:
            quick = start is None and member.found_same and quick_looks.allows(member.url)
            eager = quick and await self._places.take(job_id, eager_until)
            begun = await start_job(
                self._client,
                JobStart(
                    job_id=job_id,
                    input=CrawlPageInput(page_id=member.page_id, max_attempts=batch.max_attempts),
                    owner=Owner(
                        org_id=domain.org_id,
                        domain_id=domain.id,
                        page_id=member.page_id,
                        url=member.url,
                        host=host_of(member.url),
                    ),
                    batch_id=batch.group_id or batch.batch_id,
                    batch_workflow_id=activity.info().workflow_id,
                    delay=start - datetime.now(UTC) if start else timedelta(0),
                    quick_look=quick,
                    eager=eager,
                ),
            )
            if eager and not begun:
                self._places.free(job_id)


class QuickLookPace:
    """Which jobs of a batch begin with a quick look: as many as their hosts have time for.

    A quick look that finds its host busy has cost the job something, and has gained nothing.
    `intervals` has the time between two requests of each host; it is 0 if the robots.txt of the
    host cannot be read soon, and then a quick look would have to wait for it.
    """

    def __init__(self, intervals: Mapping[str, timedelta]) -> None:
        self._intervals = intervals
        self._next: dict[str, float] = {}

    def allows(self, url: str) -> bool:
        """Whether the job of `url` takes a quick look if it starts now."""
        host, now = host_of(url), time.monotonic()
        interval = self._intervals.get(host)
        if not interval or self._next.get(host, now) > now:
            return False
        self._next[host] = now + interval.total_seconds()
        return True
