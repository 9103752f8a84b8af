"""The schedules that crawl domains."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from temporalio.api.common.v1 import Payload
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
from temporalio.common import Priority
from temporalio.service import RPCError, RPCStatusCode

from core.errors import DiffyError
from core.jobs.contract import CrawlDomainInput
from core.jobs.states import CRAWL_DOMAIN, TASK_QUEUE
from core.outbox import RecurringCrawl
from temporal.faults import as_unavailable, away

CRAWL_CATCHUP_WINDOW: Final = timedelta(minutes=10)
"""A crawl that was missed by more than this is skipped."""

MAX_WRITE_ATTEMPTS: Final = 2
MAX_PARALLEL_DESCRIBES: Final = 20


async def set_schedule(client: Client, crawl: RecurringCrawl, max_attempts: int) -> None:
    """Create or update the schedule of a domain. Does nothing if it is up to date.

    `max_attempts` is for each of its jobs. Raises Unavailable if Temporal cannot be reached.
    """
    job = CrawlDomainInput(domain_id=crawl.domain_id, max_attempts=max_attempts)
    wanted = _schedule(crawl, job)
    handle = client.get_schedule_handle(schedule_id_of(crawl.domain_id))

    async def replace(found: ScheduleUpdateInput) -> ScheduleUpdate | None:
        [payload] = await client.data_converter.encode([job])
        equal = _equal(found.description.schedule, wanted, payload)
        return None if equal else ScheduleUpdate(wanted)

    for _ in range(MAX_WRITE_ATTEMPTS):
        try:
            await handle.update(replace)
            return
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise _fault(error) from error
        try:
            await client.create_schedule(handle.id, wanted)
            return
        except ScheduleAlreadyRunningError:
            continue  # another process has just created it
        except RPCError as error:
            raise _fault(error) from error
    raise away()


async def delete_schedule(client: Client, domain_id: UUID) -> None:
    """Delete the schedule of a domain. Does nothing if it has none.

    Raises Unavailable if Temporal cannot be reached.
    """
    try:
        await client.get_schedule_handle(schedule_id_of(domain_id)).delete()
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise _fault(error) from error


async def next_crawls(client: Client, domain_ids: Sequence[UUID]) -> dict[UUID, datetime]:
    """The time of the next crawl of each domain that has one: no schedule or a paused one has none.

    Temporal's list of schedules lags and cannot be filtered by id. So this describes each one,
    `MAX_PARALLEL_DESCRIBES` at a time. Raises Unavailable if Temporal cannot be reached.
    """
    describes = asyncio.Semaphore(MAX_PARALLEL_DESCRIBES)

    async def next_crawl(domain_id: UUID) -> datetime | None:
        async with describes:
            return await _next_crawl(client, domain_id)

    moments = await asyncio.gather(*map(next_crawl, domain_ids))
    return {
        domain_id: moment
        for domain_id, moment in zip(domain_ids, moments, strict=True)
        if moment is not None
    }


def schedule_id_of(domain_id: UUID) -> str:
    """The id of the schedule that crawls a domain."""
    return f"crawl-of-{domain_id.hex}"


async def _next_crawl(client: Client, domain_id: UUID) -> datetime | None:
    try:
        described = await client.get_schedule_handle(schedule_id_of(domain_id)).describe()
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise _fault(error) from error
    if described.schedule.state.paused or not described.info.next_action_times:
        return None
    return described.info.next_action_times[0]


def _fault(error: RPCError) -> DiffyError:
    """`error` as ours. A server that has just started answers calls on schedules with a failed
    precondition until its internal worker polls.
    """
    return away() if error.status is RPCStatusCode.FAILED_PRECONDITION else as_unavailable(error)


def _schedule(crawl: RecurringCrawl, job: CrawlDomainInput) -> Schedule:
    since_epoch = timedelta(seconds=crawl.since.timestamp())
    return Schedule(
        action=ScheduleActionStartWorkflow(
            CRAWL_DOMAIN,
            job,
            id=f"batch-of-{crawl.domain_id.hex}",
            task_queue=TASK_QUEUE,
            priority=Priority(fairness_key=crawl.fairness_key),
            static_summary=f"Crawl {crawl.name}",
        ),
        spec=ScheduleSpec(
            intervals=[ScheduleIntervalSpec(every=crawl.every, offset=since_epoch % crawl.every)]
        ),
        policy=SchedulePolicy(
            overlap=ScheduleOverlapPolicy.SKIP, catchup_window=CRAWL_CATCHUP_WINDOW
        ),
        state=ScheduleState(paused=crawl.paused),
    )


def _equal(found: Schedule, wanted: Schedule, payload: Payload) -> bool:
    """Whether `found` has the times of `wanted`, and starts a workflow with that payload."""
    same_times = (found.spec, found.policy, found.state) == (
        wanted.spec,
        wanted.policy,
        wanted.state,
    )
    return (
        same_times
        and isinstance(found.action, ScheduleActionStartWorkflow)
        and list(found.action.args) == [payload]
    )
