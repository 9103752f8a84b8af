"""Starting jobs: the one place that gives a workflow its owner, its memo and its turn. And ending
those that had only just been started.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.common import Priority, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from core.attributes import attributes_of
from core.contract import (
    CANCELLED,
    CrawlPageInput,
    DiscoverPagesInput,
    Ending,
    MemoKey,
    Owner,
    Subject,
)
from core.jobs import TASK_QUEUE, JobName, JobState
from temporal.faults import as_unavailable


@dataclass(frozen=True)
class JobStart:
    """A job to start: its id, its input, its owner, when it may begin."""

    job_id: str
    input: CrawlPageInput | DiscoverPagesInput
    owner: Owner
    batch_id: UUID | None = None
    delay: timedelta = timedelta(0)

    @property
    def name(self) -> JobName:
        """The workflow type that takes the input."""
        if isinstance(self.input, CrawlPageInput):
            return JobName.CRAWL_PAGE
        return JobName.DISCOVER_PAGES


async def start_job(client: Client, job: JobStart) -> None:
    """Start `job`; nothing happens when a job of its id exists already.

    Raises Unavailable when Temporal cannot be reached.
    """
    delayed = job.delay > timedelta(0)
    subject = Subject.of(job.owner, job.input.max_attempts)
    try:
        await client.start_workflow(
            job.name,
            job.input,
            id=job.job_id,
            task_queue=TASK_QUEUE,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            start_delay=job.delay if delayed else None,
            search_attributes=attributes_of(
                job.owner,
                JobState.DELAYED if delayed else JobState.WAITING,
                batch_id=job.batch_id,
                due=datetime.now(UTC) + job.delay if delayed else None,
            ),
            memo={MemoKey.SUBJECT: subject},
            priority=Priority(fairness_key=job.owner.fairness_key),
            static_summary=job.owner.url or job.owner.host,
        )
    except WorkflowAlreadyStartedError:
        return
    except RPCError as error:
        raise as_unavailable(error) from error


async def end_job(client: Client, job_id: str) -> None:
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
