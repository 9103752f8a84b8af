"""The schedules by which domains are crawled."""

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

CATCH_UP: Final = timedelta(minutes=10)
"""A recurring crawl that was missed by more than this waits for its next turn."""

TRIES: Final = 2


async def set_schedule(client: Client, crawl: RecurringCrawl, max_attempts: int) -> None:
    """Have a domain crawled as `crawl` says, its jobs tried `max_attempts` times; nothing happens
    where its schedule says so already.

    Raises Unavailable when Temporal cannot be reached.
    """
    job = CrawlDomainInput(domain_id=crawl.domain_id, max_attempts=max_attempts)
    wanted = _schedule(crawl, job)
    handle = client.get_schedule_handle(schedule_id_of(crawl.domain_id))

    async def replace(found: ScheduleUpdateInput) -> ScheduleUpdate | None:
        [payload] = await client.data_converter.encode([job])
        alike = _alike(found.description.schedule, wanted, payload)
        return None if alike else ScheduleUpdate(wanted)

    for _ in range(TRIES):
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
            continue  # another has made it a moment ago
        except RPCError as error:
            raise _fault(error) from error
    raise away()


async def delete_schedule(client: Client, domain_id: UUID) -> None:
    """End the recurring crawl of a domain; nothing happens when it has none.

    Raises Unavailable when Temporal cannot be reached.
    """
    try:
        await client.get_schedule_handle(schedule_id_of(domain_id)).delete()
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise _fault(error) from error


async def next_crawls(client: Client, domain_ids: Sequence[UUID]) -> dict[UUID, datetime]:
    """When each domain is crawled next; a paused one, or one without schedule, is left out.

    Raises Unavailable when Temporal cannot be reached.
    """
    moments = await asyncio.gather(*(_next_crawl(client, each) for each in domain_ids))
    return {
        domain_id: moment
        for domain_id, moment in zip(domain_ids, moments, strict=True)
        if moment is not None
    }


def schedule_id_of(domain_id: UUID) -> str:
    """The id of the schedule of a domain."""
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
    """As `as_unavailable` says. A server that has just started cannot tell of schedules before its
    own worker polls, and calls that a failed precondition.
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
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=CATCH_UP),
        state=ScheduleState(paused=crawl.paused),
    )


def _alike(found: Schedule, wanted: Schedule, payload: Payload) -> bool:
    """Whether `found` says the same of when as `wanted`, and starts a workflow of that payload."""
    when = (found.spec, found.policy, found.state) == (wanted.spec, wanted.policy, wanted.state)
    return (
        when
        and isinstance(found.action, ScheduleActionStartWorkflow)
        and list(found.action.args) == [payload]
    )
