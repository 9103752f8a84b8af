"""What is there after a run: in the API, in Temporal's histories, in the site's own log."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from pydantic import JsonValue
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import (
    ActivityTaskCompletedEventAttributes,
    MarkerRecordedEventAttributes,
)
from temporalio.client import Client as Temporal

from benchmarks.chaos.client import Client
from benchmarks.site import Visit
from core.jobs.contract import Outcome
from core.jobs.states import JobName
from temporal.jobs.history import LOCAL_ACTIVITY_RESULT
from temporal.jobs.untrusted import read_payloads

T = TypeVar("T")

AT_ONCE: Final = 8
CLOSED: Final = frozenset(
    {
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW,
    }
)


@dataclass(frozen=True)
class Run:
    """One execution of a job's workflow: how often it closed, and how often its activity was begun.

    `begun` counts what was handed back as well, and goes on as the same attempt; `released` counts
    of these what a worker that stopped gave up. `undecided` counts quick looks that left the
    attempt to its activity, which asks again. Of an activity that was open when its workflow was
    terminated Temporal keeps nothing.
    """

    job_id: str
    closes: int
    begun: int
    released: int = 0
    undecided: int = 0


@dataclass(frozen=True)
class Paced:
    """What a site that asks for `delay` seconds between requests was asked for, while faults
    struck `strikes` times.
    """

    delay: float
    visits: list[Visit]
    strikes: int


@dataclass(frozen=True)
class Evidence:
    """All of it. `snapshots` and `changes` are by page, oldest first; `accepted` are the ids that
    the API gave, `batches` the sizes that it promised, `seen` the last look of every watcher.
    `shown` are the ids of the rows that the API has shown, by kind, and `stored` of those left.
    """

    accepted: frozenset[str]
    batches: dict[str, int]
    cancelled: frozenset[str]
    listed: list[Any]
    jobs: dict[str, Any]
    attempts: dict[str, list[Any]]
    of_batch: dict[str, list[str]]
    stats: Any
    runs: list[Run]
    pages: dict[str, str]
    snapshots: dict[str, list[Any]]
    changes: dict[str, list[Any]]
    visits: list[Visit]
    seen: dict[str, Any]
    shown: dict[str, set[str]]
    stored: dict[str, set[str]]
    paced: Paced | None = None


async def of_each(keys: Iterable[str], read: Callable[[str], Awaitable[T]]) -> dict[str, T]:
    """What is read of each key, some at once."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(key: str) -> tuple[str, T]:
        async with gate:
            return key, await read(key)

    return dict(await asyncio.gather(*(one(key) for key in keys)))


async def runs_of(temporal: Temporal) -> list[Run]:
    """Every execution of every job."""
    names = ", ".join(f"'{name.value}'" for name in JobName)
    gate = asyncio.Semaphore(AT_ONCE)

    async def read(job_id: str, run_id: str | None) -> Run:
        async with gate:
            history = await temporal.get_workflow_handle(job_id, run_id=run_id).fetch_history()
        kinds = Counter(event.event_type for event in history.events)
        begun = sum(
            event.activity_task_started_event_attributes.attempt
            for event in history.events
            if event.HasField("activity_task_started_event_attributes")
        )
        released = [
            await _is_release(temporal, event.activity_task_completed_event_attributes)
            for event in history.events
            if event.HasField("activity_task_completed_event_attributes")
        ]
        undecided = [
            await _is_undecided(temporal, event.marker_recorded_event_attributes)
            for event in history.events
            if event.HasField("marker_recorded_event_attributes")
        ]
        closes = sum(kinds[kind] for kind in CLOSED)
        return Run(job_id, closes, begun, sum(released), sum(undecided))

    found = [each async for each in temporal.list_workflows(f"WorkflowType IN ({names})")]
    return list(await asyncio.gather(*(read(each.id, each.run_id) for each in found)))


async def _is_release(temporal: Temporal, ended: ActivityTaskCompletedEventAttributes) -> bool:
    """Whether an activity ended because its worker stopped: what was deferred, or handed to another
    queue, says so.
    """
    outcome = await read_payloads(
        temporal.data_converter, ended.result.payloads, Outcome[JsonValue]
    )
    if outcome is None or outcome.result is not None:
        return False
    return outcome.attempt.next_at is None and outcome.attempt.queue is None


async def _is_undecided(temporal: Temporal, marker: MarkerRecordedEventAttributes) -> bool:
    """Whether the marker of a local activity is that of a quick look without a result."""
    payloads = marker.details[LOCAL_ACTIVITY_RESULT].payloads
    outcome = await read_payloads(temporal.data_converter, payloads, Outcome[JsonValue])
    return outcome is not None and outcome.result is None


async def snapshots_of(client: Client, page_id: str) -> list[Any]:
    """The snapshots of a page with their text, oldest first."""
    rows = await client.every(f"/api/pages/{page_id}/snapshots")
    return [await client.get(f"/api/snapshots/{row['id']}") for row in reversed(rows)]
