"""Cancels a job that was started a moment ago, without reading its attempts."""

from collections.abc import Awaitable, Callable

from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from core.jobs.contract import CANCELLED, FinalReport
from temporal.faults import as_unavailable


async def cancel_job(client: Client, job_id: str, claim: Callable[[str], Awaitable[bool]]) -> None:
    """Cancel the job, or terminate it if it has no attempt yet.

    `claim` gets the run id, and returns whether the job may still be cancelled. Does nothing if it
    may not, or if the job does not exist or has finished. Raises Unavailable if Temporal cannot be
    reached.
    """
    try:
        described = await client.get_workflow_handle(job_id).describe()
        if described.status is not WorkflowExecutionStatus.RUNNING:
            return
        if not await claim(described.run_id):
            return
        workflow = client.get_workflow_handle(job_id, run_id=described.run_id)
        if described.raw_description.pending_activities:
            await workflow.cancel()
        else:
            await workflow.terminate(FinalReport(failed_reason=CANCELLED), reason=CANCELLED)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise as_unavailable(error) from error
