"""The workers that poll a task queue, as Temporal knows them."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client

from core.health import Part, Verdict, failed, ok
from core.jobs.queues import Queue

RECENT: Final = timedelta(seconds=90)
"""A poll lasts up to a minute, and the server remembers its beginning for five."""

CHECK_TIMEOUT: Final = timedelta(seconds=3)
"""Within which Temporal must answer a check."""

Polls = Mapping[str, datetime]
"""The last poll of each worker, by its identity."""


async def last_polls(client: Client, queue: str, kind: "TaskQueueType.ValueType") -> Polls:
    """The last polls for tasks of one kind in the last five minutes. Raises RPCError."""
    described = await client.workflow_service.describe_task_queue(
        DescribeTaskQueueRequest(
            namespace=client.namespace, task_queue=TaskQueue(name=queue), task_queue_type=kind
        ),
        timeout=CHECK_TIMEOUT,
    )
    return {
        each.identity: each.last_access_time.ToDatetime(tzinfo=UTC) for each in described.pollers
    }


async def worker_verdict(client: Client) -> Verdict:
    """Whether each kind of work has a worker. Raises RPCError."""
    return verdict_on(await workers_of_queues(client, datetime.now(UTC)))


def verdict_on(found: Mapping[Queue, set[str]]) -> Verdict:
    """Whether each kind of work has a worker, by the identities of those that serve it."""
    for queue, workers in found.items():
        if not workers:
            return failed(
                Part.WORKERS,
                f"No worker has polled the task queue {queue.task_queue} in the last "
                f"{RECENT.total_seconds():g} seconds.",
                f"Start a worker (`diffy worker`) with {queue} in its DIFFY_QUEUES; if one runs, "
                "read its log, and compare its namespace and the clocks of the machines.",
            )
    return ok(Part.WORKERS, f"{len(set().union(*found.values()))} polling.")


async def workers_of_queues(client: Client, now: datetime) -> dict[Queue, set[str]]:
    """The identities of the workers that serve each queue. Raises RPCError."""
    workflows = await last_polls(
        client, Queue.CHECKS.task_queue, TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW
    )
    activities = await asyncio.gather(
        *(
            last_polls(client, queue.task_queue, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY)
            for queue in Queue
        )
    )
    return {
        queue: serving(workflows, polls, now)
        if queue is Queue.CHECKS
        else working(workflows, polls, now)
        for queue, polls in zip(Queue, activities, strict=True)
    }


def serving(workflows: Polls, activities: Polls, now: datetime) -> set[str]:
    """The identities of the workers that serve the queue of the workflows.

    A worker all of whose places are taken does not poll for activities; it still polls for
    workflow tasks.
    """
    return _recent(workflows, now) & activities.keys()


def working(workflows: Polls, activities: Polls, now: datetime) -> set[str]:
    """The identities of the workers that serve a queue without workflows: they polled it, or
    polled it before and poll for workflow tasks.
    """
    return _recent(activities, now) | serving(workflows, activities, now)


def _recent(polls: Polls, now: datetime) -> set[str]:
    return {each for each, polled in polls.items() if now - polled <= RECENT}
