"""Moves unfinished workflows from one Temporal server to another, which knows none of them."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import uuid4

from google.protobuf.duration_pb2 import Duration
from temporalio.api.common.v1 import SearchAttributes, WorkflowExecution
from temporalio.api.enums.v1 import TaskQueueType, WorkflowIdReusePolicy
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflowservice.v1 import (
    GetWorkflowExecutionHistoryRequest,
    StartWorkflowExecutionRequest,
)
from temporalio.client import Client
from temporalio.common import SearchAttributePair, TypedSearchAttributes
from temporalio.converter import encode_search_attributes
from temporalio.service import RPCError, RPCStatusCode

from core.errors import SettingsError
from core.jobs.states import TASK_QUEUE, JobState
from temporal.deadlines import CALL_TIMEOUT
from temporal.faults import as_unavailable
from temporal.pollers import RECENT, last_polls
from workflows.search_attributes import Attribute, attribute_of_batch

AT_ONCE: Final = 20
"""Workflows that are moved in parallel."""

UNFINISHED: Final = f"TaskQueue = '{TASK_QUEUE}' AND ExecutionStatus = 'Running'"

UNPOLLED: Final = f"{TASK_QUEUE}-moving"
"""The task queue of the workflow that proves that visibility is up to date."""


async def move_unfinished(source: Client, target: Client) -> int:
    """Start each unfinished workflow of `source` in `target` from its beginning, and return their
    number.

    Each keeps its id, its input, its owner, its place in the turns and what is left of its delay.
    No worker may serve either server. May be repeated: what `target` has is not started again.

    Raises SettingsError if a worker serves `target`, and Unavailable if a server cannot be reached.
    """
    try:
        now = datetime.now(UTC)
        polls = await last_polls(target, TASK_QUEUE, TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW)
        if any(now - polled <= RECENT for polled in polls.values()):
            raise SettingsError(
                f"A worker serves the namespace {target.namespace} there, or did so in the last "
                f"{RECENT.total_seconds():g} seconds. Stop it: its jobs would find no pages yet."
            )
        await _await_visibility(source)
        count = 0
        async with asyncio.TaskGroup() as tasks:
            places = asyncio.Semaphore(AT_ONCE)
            async for each in source.list_workflows(UNFINISHED):
                await places.acquire()
                moving = tasks.create_task(_move(source, target, each.id, each.run_id))
                moving.add_done_callback(lambda _: places.release())
                count += 1
        return count
    except* RPCError as errors:
        error = errors.exceptions[0]
        assert isinstance(error, RPCError)
        raise as_unavailable(error) from error


async def _await_visibility(client: Client) -> None:
    """Return once the server lists every workflow that was started before.

    It lists them in the order in which they were started, some time later.
    """
    marker = uuid4()
    workflow = await client.start_workflow(
        UNPOLLED,
        id=f"{UNPOLLED}-{marker}",
        task_queue=UNPOLLED,
        search_attributes=attribute_of_batch(marker),
    )
    try:
        listed = 0
        while not listed:
            await asyncio.sleep(0.05)
            listed = (await client.count_workflows(f"{Attribute.BATCH.name} = '{marker}'")).count
    finally:
        await workflow.terminate()


async def _move(source: Client, target: Client, workflow_id: str, run_id: str) -> None:
    events = await _first_events(source, workflow_id, run_id)
    request = _start_again(target, workflow_id, run_id, events)
    try:
        await target.workflow_service.start_workflow_execution(request, timeout=CALL_TIMEOUT)
    except RPCError as error:
        if error.status is not RPCStatusCode.ALREADY_EXISTS:
            raise


async def _first_events(client: Client, workflow_id: str, run_id: str) -> Sequence[HistoryEvent]:
    """The event of the start of a workflow, and one more if it has begun or was promoted."""
    answer = await client.workflow_service.get_workflow_execution_history(
        GetWorkflowExecutionHistoryRequest(
            namespace=client.namespace,
            execution=WorkflowExecution(workflow_id=workflow_id, run_id=run_id),
            maximum_page_size=2,
        ),
        timeout=CALL_TIMEOUT,
    )
    return answer.history.events


def _start_again(
    target: Client, workflow_id: str, run_id: str, events: Sequence[HistoryEvent]
) -> StartWorkflowExecutionRequest:
    """The request that starts a workflow as it was started, after what is left of its delay."""
    started = events[0].workflow_execution_started_event_attributes
    delay = timedelta(0)
    if len(events) == 1:
        due = events[0].event_time.ToDatetime(tzinfo=UTC) + (
            started.first_workflow_task_backoff.ToTimedelta()
        )
        delay = max(due - datetime.now(UTC), delay)
    request = StartWorkflowExecutionRequest(
        namespace=target.namespace,
        workflow_id=workflow_id,
        workflow_type=started.workflow_type,
        task_queue=started.task_queue,
        input=started.input,
        workflow_execution_timeout=started.workflow_execution_timeout,
        workflow_run_timeout=started.workflow_run_timeout,
        workflow_task_timeout=started.workflow_task_timeout,
        identity=target.identity,
        request_id=run_id,
        workflow_id_reuse_policy=WorkflowIdReusePolicy.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
        retry_policy=started.retry_policy if started.HasField("retry_policy") else None,
        memo=started.memo,
        search_attributes=_attributes(started.search_attributes, delayed=delay > timedelta(0)),
        header=started.header,
        user_metadata=events[0].user_metadata,
        priority=started.priority,
    )
    if delay > timedelta(0):
        left = Duration()
        left.FromTimedelta(delay)
        request.workflow_start_delay.CopyFrom(left)
    return request


def _attributes(given: SearchAttributes, *, delayed: bool) -> SearchAttributes:
    """Our attributes as they were at the start, and the state that the job has now."""
    names = {key.name for key in Attribute.ALL}
    kept = {name: each for name, each in given.indexed_fields.items() if name in names}
    if not delayed and Attribute.DUE.name in kept:
        del kept[Attribute.DUE.name]
        waiting = TypedSearchAttributes(
            [SearchAttributePair(Attribute.STATE, JobState.WAITING.value)]
        )
        encoded = SearchAttributes()
        encode_search_attributes(waiting, encoded)
        kept |= encoded.indexed_fields
    return SearchAttributes(indexed_fields=kept)
