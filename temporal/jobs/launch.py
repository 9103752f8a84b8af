"""Starts jobs: sets the owner, the memo and the priority of their workflows."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from temporalio.client import Client
from temporalio.common import Priority, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError

from core.jobs.contract import CrawlPageInput, DiscoverPagesInput, MemoKey, Owner, Subject
from core.jobs.ids import batch_workflow_id
from core.jobs.states import CRAWL_DOMAIN, TASK_QUEUE, JobName, JobState
from core.outbox import BatchMessage
from temporal.faults import as_unavailable
from temporal.jobs.details import details_of_batch, details_of_job
from temporal.jobs.head_starts import AHEAD, HEAD_STARTS
from workflows.search_attributes import attribute_of_batch, attributes_of


@dataclass(frozen=True)
class JobStart:
    """A job to start after `delay`.

    The first attempt of a `quick_look` without a delay begins with one (decision 0027). An `eager`
    job goes straight to the worker of the process that starts it, if that has a place for it.
    `batch_workflow_id` is the workflow that starts the jobs of the batch.
    """

    job_id: str
    input: CrawlPageInput | DiscoverPagesInput
    owner: Owner
    batch_id: UUID | None = None
    batch_workflow_id: str | None = None
    delay: timedelta = timedelta(0)
    quick_look: bool = False
    eager: bool = False

    @property
    def name(self) -> JobName:
        """The workflow type of the input."""
        if isinstance(self.input, CrawlPageInput):
            return JobName.CRAWL_PAGE
        return JobName.DISCOVER_PAGES


async def start_job(client: Client, job: JobStart) -> bool:
    """Start `job`, and return whether the worker of this process has begun it.

    Does nothing if a job with its id exists. Raises Unavailable if Temporal cannot be reached.
    """
    delayed = job.delay > timedelta(0)
    subject = Subject.of(
        job.owner, job.input.max_attempts, quick_look=job.quick_look and not delayed
    )
    try:
        handle = await client.start_workflow(
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
            priority=_priority(job.owner, delayed=delayed),
            static_summary=job.owner.url or job.owner.host,
            static_details=details_of_job(job.owner, job.batch_id, job.batch_workflow_id),
            request_eager_start=job.eager and not delayed,
        )
    except WorkflowAlreadyStartedError:
        return False
    except RPCError as error:
        raise as_unavailable(error) from error
    # The SDK has no public name for it.
    return bool(getattr(handle, "__temporal_eagerly_started", False))


async def start_batch(client: Client, batch: BatchMessage) -> None:
    """Start the workflow that starts the jobs of a batch. Does nothing if it was started before.

    Raises Unavailable if Temporal cannot be reached.
    """
    try:
        await client.start_workflow(
            CRAWL_DOMAIN,
            batch.input,
            id=batch_workflow_id(batch.subject_id, batch.owner.host if batch.readable_id else None),
            task_queue=TASK_QUEUE,
            priority=_priority(batch.owner),
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            search_attributes=attribute_of_batch(batch.subject_id),
            static_summary=f"Crawl {batch.name}",
            static_details=details_of_batch(batch.input.group_id or batch.subject_id),
        )
    except WorkflowAlreadyStartedError:
        return
    except RPCError as error:
        raise as_unavailable(error) from error


def _priority(owner: Owner, *, delayed: bool = False) -> Priority:
    """By the organisation and the host; ahead of others for the first jobs of the organisation that
    begin now: any number of delayed ones may begin at one moment.
    """
    ahead = AHEAD if not delayed and HEAD_STARTS.take(owner.org_id) else None
    return Priority(priority_key=ahead, fairness_key=owner.fairness_key)
