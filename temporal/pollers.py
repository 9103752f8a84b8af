"""The workers that poll a task queue, as Temporal knows them."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client

from core.health import Part, Verdict, failed, ok

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


async def worker_verdict(client: Client, queues: Iterable[str]) -> Verdict:
    """Whether each of the task queues has a worker. Raises RPCError."""
    now = datetime.now(UTC)
    workers: set[str] = set()
    for queue in queues:
        found = serving(
            await last_polls(client, queue, TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW),
            await last_polls(client, queue, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY),
            now,
        )
        if not found:
            return failed(
                Part.WORKERS,
                f"No worker has polled the task queue {queue} in the last "
                f"{RECENT.total_seconds():g} seconds.",
                "Start a worker (`diffy worker`); if one runs, read its log, and compare its "
                "namespace and the clocks of the machines.",
            )
        workers |= found
    return ok(Part.WORKERS, f"{len(workers)} polling.")


def serving(workflows: Polls, activities: Polls, now: datetime) -> set[str]:
    """The identities of the workers that serve a queue.

    A worker all of whose places are taken does not poll for activities; it still polls for
    workflow tasks.
    """
    recent = {each for each, polled in workflows.items() if now - polled <= RECENT}
    return recent & activities.keys()
