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
        return await super().start_workflow(_with_deadline(input))

    async def cancel_workflow(self, input: CancelWorkflowInput) -> None:
        await super().cancel_workflow(_with_deadline(input))

    async def describe_workflow(self, input: DescribeWorkflowInput) -> WorkflowExecutionDescription:
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
        return await super().count_workflows(_with_deadline(input))

    async def signal_workflow(self, input: SignalWorkflowInput) -> None:
        await super().signal_workflow(_with_deadline(input))

    async def terminate_workflow(self, input: TerminateWorkflowInput) -> None:
        await super().terminate_workflow(_with_deadline(input))

    async def create_schedule(self, input: CreateScheduleInput) -> ScheduleHandle:
        return await super().create_schedule(_with_deadline(input))

    async def update_schedule(self, input: UpdateScheduleInput) -> None:
        await super().update_schedule(_with_deadline(input))

    async def describe_schedule(self, input: DescribeScheduleInput) -> ScheduleDescription:
        return await super().describe_schedule(_with_deadline(input))

    async def delete_schedule(self, input: DeleteScheduleInput) -> None:
        await super().delete_schedule(_with_deadline(input))


def _with_deadline(call: Call) -> Call:
    if call.rpc_timeout is None:
        call.rpc_timeout = CALL_TIMEOUT
    return call
