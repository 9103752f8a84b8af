"""The schedules of domains and pages: of their crawls and of their discoveries."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleCalendarSpec,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleRange,
    ScheduleSpec,
    ScheduleState,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.common import Priority
from temporalio.service import RPCError, RPCStatusCode

from core.errors import DiffyError
from core.jobs.contract import (
    CrawlDomainInput,
    CrawlPageInput,
    DiscoverPagesInput,
    MemoKey,
    Owner,
    Subject,
)
from core.jobs.ids import scheduled_id
from core.jobs.states import CRAWL_DOMAIN, TASK_QUEUE, JobName, JobState
from core.model import Model
from core.outbox import RecurringCrawl, RecurringDiscovery, RecurringPageCrawl
from core.schedules import Calendar, Plan, plan_of
from temporal.faults import as_unavailable, away
from temporal.jobs.details import details_of_domain, details_of_job
from workflows.search_attributes import attributes_of

CRAWL_CATCHUP_WINDOW: Final = timedelta(minutes=10)
"""A crawl that was missed by more than this is skipped."""

DISCOVERY_CATCHUP_WINDOW: Final = timedelta(hours=1)
"""A discovery that was missed by more than this is skipped."""

ONCE: Final = timedelta(days=40 * 365)
"""The interval of a single firing. Temporal counts from 1970, and begins with the second one."""

MAX_WRITE_ATTEMPTS: Final = 2
MAX_PARALLEL_DESCRIBES: Final = 20


async def set_crawl_schedule(client: Client, crawl: RecurringCrawl, max_attempts: int) -> None:
    """Create or update the schedule of a domain's crawls. Does nothing if it is up to date.

    `max_attempts` is for each of its jobs. Raises Unavailable if Temporal cannot be reached.
    """
    job = CrawlDomainInput(domain_id=crawl.domain_id, max_attempts=max_attempts)
    action = ScheduleActionStartWorkflow(
        CRAWL_DOMAIN,
        job,
        id=scheduled_id("batch", crawl.domain_id, crawl.name),
        task_queue=TASK_QUEUE,
        priority=Priority(fairness_key=crawl.fairness_key),
        static_summary=f"Crawl {crawl.name}",
        static_details=details_of_domain(crawl.domain_id),
    )
    wanted = _schedule(crawl, action, CRAWL_CATCHUP_WINDOW)
    await _set(client, crawl_schedule_id(crawl.domain_id), wanted, job)


async def set_discovery_schedule(
    client: Client, discovery: RecurringDiscovery, max_attempts: int
) -> None:
    """Create or update the schedule of a domain's discoveries, as `set_crawl_schedule` does."""
    owner = discovery.owner
    job = DiscoverPagesInput(
        domain_id=owner.domain_id, max_pages=discovery.max_pages, max_attempts=max_attempts
    )
    wanted = _schedule(
        discovery,
        _job_action(JobName.DISCOVER_PAGES, job, owner, max_attempts),
        DISCOVERY_CATCHUP_WINDOW,
    )
    await _set(client, discovery_schedule_id(owner.domain_id), wanted, job)


async def set_page_schedule(client: Client, crawl: RecurringPageCrawl, max_attempts: int) -> None:
    """Create or update the schedule of a page's crawls, as `set_crawl_schedule` does."""
    assert crawl.owner.page_id is not None, "the schedule of a page"
    job = CrawlPageInput(page_id=crawl.owner.page_id, max_attempts=max_attempts)
    wanted = _schedule(
        crawl,
        _job_action(JobName.CRAWL_PAGE, job, crawl.owner, max_attempts),
        CRAWL_CATCHUP_WINDOW,
    )
    await _set(client, crawl_schedule_id(crawl.owner.page_id), wanted, job)


async def delete_schedule(client: Client, schedule_id: str) -> None:
    """Delete a schedule. Does nothing if there is none.

    Raises Unavailable if Temporal cannot be reached.
    """
    try:
        await client.get_schedule_handle(schedule_id).delete()
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise _fault(error) from error


async def next_crawls(client: Client, subject_ids: Sequence[UUID]) -> dict[UUID, datetime]:
    """The time of the next crawl of each domain, or page with a schedule of its own, that has one:
    no schedule or a paused one has none.

    Temporal's list of schedules lags and cannot be filtered by id. So this describes each one,
    `MAX_PARALLEL_DESCRIBES` at a time. Raises Unavailable if Temporal cannot be reached.
    """
    describes = asyncio.Semaphore(MAX_PARALLEL_DESCRIBES)

    async def next_crawl(subject_id: UUID) -> datetime | None:
        async with describes:
            return await _next_action(client, crawl_schedule_id(subject_id))

    moments = await asyncio.gather(*map(next_crawl, subject_ids))
    return {
        subject_id: moment
        for subject_id, moment in zip(subject_ids, moments, strict=True)
        if moment is not None
    }


async def next_discovery(client: Client, domain_id: UUID) -> datetime | None:
    """The time of the next discovery of a domain; None if there is none.

    Raises Unavailable if Temporal cannot be reached.
    """
    return await _next_action(client, discovery_schedule_id(domain_id))


def crawl_schedule_id(subject_id: UUID) -> str:
    """The id of the schedule that crawls a domain, or a page."""
    return f"crawl-of-{subject_id.hex}"


def discovery_schedule_id(domain_id: UUID) -> str:
    """The id of the schedule that discovers the pages of a domain."""
    return f"discovery-of-{domain_id.hex}"


async def _next_action(client: Client, schedule_id: str) -> datetime | None:
    try:
        described = await client.get_schedule_handle(schedule_id).describe()
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


async def _set(client: Client, schedule_id: str, wanted: Schedule, job: Model) -> None:
    handle = client.get_schedule_handle(schedule_id)

    async def replace(found: ScheduleUpdateInput) -> ScheduleUpdate | None:
        payloads = await client.data_converter.encode([job])
        equal = _equal(found.description.schedule, wanted, payloads)
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


def _job_action(
    name: JobName, job: CrawlPageInput | DiscoverPagesInput, owner: Owner, max_attempts: int
) -> ScheduleActionStartWorkflow:
    """The start of a job, whose id is this one and the time of its start."""
    subject = owner.page_id or owner.domain_id
    return ScheduleActionStartWorkflow(
        name,
        job,
        id=scheduled_id(name.type, subject, owner.url or owner.host),
        task_queue=TASK_QUEUE,
        typed_search_attributes=attributes_of(owner, JobState.WAITING),
        memo={MemoKey.SUBJECT: Subject.of(owner, max_attempts)},
        priority=Priority(fairness_key=owner.fairness_key),
        static_summary=owner.url or owner.host,
        static_details=details_of_job(owner),
    )


def _schedule(
    recurring: RecurringCrawl | RecurringDiscovery | RecurringPageCrawl,
    action: ScheduleActionStartWorkflow,
    catchup_window: timedelta,
) -> Schedule:
    return Schedule(
        action=action,
        spec=spec_of(plan_of(recurring.schedule, datetime.now(UTC)), recurring.since),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=catchup_window),
        state=ScheduleState(paused=recurring.paused),
    )


def spec_of(plan: Plan, since: datetime) -> ScheduleSpec:
    """The plan as Temporal has it; an interval is counted from `since`."""
    every = [plan.every] if plan.every else []
    intervals = [
        ScheduleIntervalSpec(every=each, offset=_since_epoch(since) % each) for each in every
    ]
    intervals += [
        ScheduleIntervalSpec(ONCE, offset=_since_epoch(each) % ONCE) for each in plan.moments
    ]
    return ScheduleSpec(
        calendars=[_calendar(each) for each in plan.calendars],
        intervals=intervals,
        jitter=plan.jitter,
        time_zone_name=plan.time_zone if plan.calendars else None,
    )


def _since_epoch(moment: datetime) -> timedelta:
    return timedelta(seconds=moment.timestamp())


def _calendar(calendar: Calendar) -> ScheduleCalendarSpec:
    return ScheduleCalendarSpec(
        minute=_ranges(calendar.minutes),
        hour=_ranges(calendar.hours),
        day_of_month=_ranges(calendar.days),
        month=_ranges(calendar.months),
        year=_ranges(calendar.years),
        day_of_week=_ranges(calendar.weekdays),
    )


def _ranges(values: Sequence[int]) -> tuple[ScheduleRange, ...]:
    """Ascending values as ranges."""
    ranges: list[ScheduleRange] = []
    for value in values:
        if ranges and ranges[-1].end == value - 1:
            ranges[-1] = ScheduleRange(ranges[-1].start, value, 1)
        else:
            ranges.append(ScheduleRange(value, value, 1))
    return tuple(ranges)


def _equal(found: Schedule, wanted: Schedule, payloads: Sequence[Any]) -> bool:
    """Whether `found` has the times of `wanted`, and starts what it does, with those payloads."""
    same_times = (found.spec, found.policy, found.state) == (
        wanted.spec,
        wanted.policy,
        wanted.state,
    )
    return (
        same_times
        and isinstance(found.action, ScheduleActionStartWorkflow)
        and isinstance(wanted.action, ScheduleActionStartWorkflow)
        and found.action.id == wanted.action.id
        and list(found.action.args) == list(payloads)
    )
