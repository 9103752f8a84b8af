"""Schedules as the real Temporal server has them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import uuid4

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from temporalio.api.workflowservice.v1 import ListScheduleMatchingTimesRequest
from temporalio.client import (
    Client,
    ScheduleActionStartWorkflow,
    ScheduleSpec,
    ScheduleState,
)
from temporalio.client import (
    Schedule as TemporalSchedule,
)

from core.schedules import Schedule, firings, plan_of
from temporal.jobs.schedules import spec_of
from tests.core.test_schedules import AT_TIMES, IN_EVERY_HOUR, SINCE, YEAR

TIMES_PER_ANSWER: Final = 1_000
"""Maximum number of times that Temporal lists at once."""


@asynccontextmanager
async def scheduled(client: Client, spec: ScheduleSpec) -> AsyncIterator[str]:
    """A paused schedule in Temporal, for the length of the block."""
    action = ScheduleActionStartWorkflow("none", id="none", task_queue="none")
    wanted = TemporalSchedule(action=action, spec=spec, state=ScheduleState(paused=True))
    handle = await client.create_schedule(f"times-{uuid4().hex}", wanted)
    try:
        yield handle.id
    finally:
        await handle.delete()


async def times(client: Client, schedule_id: str, start: datetime, end: datetime) -> list[datetime]:
    """The times from `start` until before `end` at which Temporal will fire."""
    found: list[datetime] = []
    after = start - timedelta(seconds=1)
    while True:
        answer = await client.workflow_service.list_schedule_matching_times(
            ListScheduleMatchingTimesRequest(
                namespace=client.namespace,
                schedule_id=schedule_id,
                start_time=Timestamp(seconds=int(after.timestamp())),
                end_time=Timestamp(seconds=int(end.timestamp())),
            )
        )
        moments = [each.ToDatetime(UTC) for each in answer.start_time]
        found += [each for each in moments if each < end]
        if len(moments) < TIMES_PER_ANSWER:
            return found
        after = moments[-1]


@pytest.mark.parametrize(
    "chosen",
    [
        *(each for each, _ in IN_EVERY_HOUR + AT_TIMES),
        {"everyMinutes": 1440},
        {"cron": "30 2 * * *", "timeZone": "Europe/Berlin"},
        {"cron": "0 7 10 * mon", "timeZone": "America/New_York"},
        {"cron": "45 23 29 2 *", "timeZone": "UTC"},
        {"cron": "0 0 * * *", "timeZone": "Africa/Cairo"},
        {"cron": "20 * * * *", "timeZone": "Europe/Berlin"},
        {"cron": "4-59/8 * * * *", "timeZone": "Australia/Lord_Howe"},
        {"everyMinutes": 7, "days": ["sun", "mon"], "timeZone": "Europe/Berlin"},
        {"cron": "2,32 0,1,23 * * *", "timeZone": "Africa/Cairo"},
        {
            "everyMinutes": 20,
            "timeZone": "America/Santiago",
            "activeHours": {"from": "22:00", "to": "02:00"},
            "days": ["sat"],
        },
    ],
)
async def test_temporal_fires_all_year_when_the_schedule_does(
    client: Client, chosen: dict[str, Any]
) -> None:
    """Without jitter, and with both changes of summer time."""
    schedule = Schedule.model_validate(chosen)
    plan = plan_of(schedule, YEAR[0])
    spec = spec_of(plan, SINCE)
    assert spec.jitter == plan.jitter
    spec.jitter = None
    async with scheduled(client, spec) as schedule_id:
        found = await times(client, schedule_id, *YEAR)
        described = await client.get_schedule_handle(schedule_id).describe()
    assert found == list(firings(schedule, SINCE, *YEAR))
    assert described.schedule.spec == spec, "it is found again as it was written"


async def test_jitter_delays_a_firing_and_spreads_schedules(client: Client) -> None:
    schedule = Schedule.model_validate({"cron": "0 7 * * *", "timeZone": "Europe/Berlin"})
    plan = plan_of(schedule, YEAR[0])
    day = YEAR[0], YEAR[0] + timedelta(days=1)
    [nominal] = firings(schedule, SINCE, *day)
    delays = set()
    for _ in range(5):
        async with scheduled(client, spec_of(plan, SINCE)) as schedule_id:
            [found] = await times(client, schedule_id, *day)
        delays.add(found - nominal)
    assert len(delays) == 5
    assert all(timedelta(0) <= each <= plan.jitter for each in delays)
