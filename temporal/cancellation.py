"""Cancelling a job without its story: for one that was started a moment ago."""

from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from core.contract import CANCELLED, Ending
from temporal.faults import as_unavailable


async def cancel_job(client: Client, job_id: str) -> None:
    """Cancel the job when a worker is at it, end it at once when none has been yet.

    Nothing happens when there is none of that id, or when it is over. Raises Unavailable when
    Temporal cannot be reached.
    """
    workflow = client.get_workflow_handle(job_id)
    try:
        described = await workflow.describe()
        if described.status is not WorkflowExecutionStatus.RUNNING:
            return
        if described.raw_description.pending_activities:
            await workflow.cancel()
        else:
            await workflow.terminate(Ending(failed_reason=CANCELLED), reason=CANCELLED)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise as_unavailable(error) from error
