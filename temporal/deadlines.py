"""A deadline for each call of Temporal: a server may accept a call and never answer."""

from datetime import timedelta
from typing import Any, Final, Protocol, TypeVar

from temporalio.client import (
    CancelWorkflowInput,
    CountWorkflowsInput,
    CreateScheduleInput,
    DeleteScheduleInput,
    DescribeScheduleInput,
    DescribeWorkflowInput,
    FetchWorkflowHistoryEventsInput,
    Interceptor,
    ListWorkflowsInput,
    OutboundInterceptor,
    ScheduleDescription,
    ScheduleHandle,
    SignalWorkflowInput,
    StartWorkflowInput,
    TerminateWorkflowInput,
    UpdateScheduleInput,
    WorkflowExecutionAsyncIterator,
    WorkflowExecutionCount,
    WorkflowExecutionDescription,
    WorkflowHandle,
    WorkflowHistoryEventAsyncIterator,
)

from core.metrics import TEMPORAL_CALLS, timed

CALL_TIMEOUT: Final = timedelta(seconds=5)
"""Deadline of one call. On a healthy server a list of 1,000 rows takes far less."""


class _Call(Protocol):
    """The input of a call."""

    rpc_timeout: timedelta | None


Call = TypeVar("Call", bound=_Call)


class CallDeadlines(Interceptor):
    """Gives `CALL_TIMEOUT` to every call without a timeout: it fails with DEADLINE_EXCEEDED."""

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:
        """The interceptor of the calls of one client."""
        return _CallsWithDeadline(next)


class _CallsWithDeadline(OutboundInterceptor):
    """The calls that this project makes. Other calls of the SDK have no deadline."""

    async def start_workflow(self, input: StartWorkflowInput) -> WorkflowHandle[Any, Any]:
        with timed(TEMPORAL_CALLS, "start_workflow"):
            return await super().start_workflow(_with_deadline(input))

    async def cancel_workflow(self, input: CancelWorkflowInput) -> None:
        with timed(TEMPORAL_CALLS, "cancel_workflow"):
            await super().cancel_workflow(_with_deadline(input))

    async def describe_workflow(self, input: DescribeWorkflowInput) -> WorkflowExecutionDescription:
        with timed(TEMPORAL_CALLS, "describe_workflow"):
            return await super().describe_workflow(_with_deadline(input))

    def fetch_workflow_history_events(
        self, input: FetchWorkflowHistoryEventsInput
    ) -> WorkflowHistoryEventAsyncIterator:
        # A call that waits for new events is long by intention.
        return super().fetch_workflow_history_events(
            input if input.wait_new_event else _with_deadline(input)
        )

    def list_workflows(self, input: ListWorkflowsInput) -> WorkflowExecutionAsyncIterator:
        return super().list_workflows(_with_deadline(input))

    async def count_workflows(self, input: CountWorkflowsInput) -> WorkflowExecutionCount:
        with timed(TEMPORAL_CALLS, "count_workflows"):
            return await super().count_workflows(_with_deadline(input))

    async def signal_workflow(self, input: SignalWorkflowInput) -> None:
        with timed(TEMPORAL_CALLS, "signal_workflow"):
            await super().signal_workflow(_with_deadline(input))

    async def terminate_workflow(self, input: TerminateWorkflowInput) -> None:
        with timed(TEMPORAL_CALLS, "terminate_workflow"):
            await super().terminate_workflow(_with_deadline(input))

    async def create_schedule(self, input: CreateScheduleInput) -> ScheduleHandle:
        with timed(TEMPORAL_CALLS, "create_schedule"):
            return await super().create_schedule(_with_deadline(input))

    async def update_schedule(self, input: UpdateScheduleInput) -> None:
        with timed(TEMPORAL_CALLS, "update_schedule"):
            await super().update_schedule(_with_deadline(input))

    async def describe_schedule(self, input: DescribeScheduleInput) -> ScheduleDescription:
        with timed(TEMPORAL_CALLS, "describe_schedule"):
            return await super().describe_schedule(_with_deadline(input))

    async def delete_schedule(self, input: DeleteScheduleInput) -> None:
        with timed(TEMPORAL_CALLS, "delete_schedule"):
            await super().delete_schedule(_with_deadline(input))


def _with_deadline(call: Call) -> Call:
    if call.rpc_timeout is None:
        call.rpc_timeout = CALL_TIMEOUT
    return call
