"""The kinds, states and ids of jobs."""

from enum import StrEnum
from uuid import UUID

TASK_QUEUE = "diffy"
"""The task queue of all workflows and activities; part of the published contract."""


class JobName(StrEnum):
    """The published workflow types of jobs."""

    CRAWL_PAGE = "crawl.page"
    DISCOVER_PAGES = "discover.pages"

    @property
    def type(self) -> "JobType":
        """The job type of this workflow type."""
        return JobType.CRAWL if self is JobName.CRAWL_PAGE else JobType.DISCOVER


class JobType(StrEnum):
    """The published types of jobs, by which clients filter."""

    CRAWL = "crawl"
    DISCOVER = "discover"

    @property
    def job_name(self) -> JobName:
        """The workflow type of this job type."""
        return JobName.CRAWL_PAGE if self is JobType.CRAWL else JobName.DISCOVER_PAGES


CRAWL_DOMAIN = "crawl.domain"
"""The workflow type that starts the crawl jobs of a batch; not a job."""

PRUNE_SNAPSHOTS = "prune.snapshots"
"""The workflow type that removes data past its retention; not a job."""

BACKTEST_DOMAIN = "backtest.domain"
"""The workflow type of a backtest. It has the states of a job, but no list of jobs shows it."""

NOTIFICATION_DELIVER = "notification.deliver"
"""The workflow type that delivers to one channel; not a job."""


class JobState(StrEnum):
    """The published states of jobs."""

    WAITING = "waiting"  # ready to run; no worker has started the attempt
    ACTIVE = "active"  # a worker executes the attempt
    COMPLETED = "completed"  # finished with a return value
    FAILED = "failed"  # out of attempts, a permanent error, or cancelled
    DELAYED = "delayed"  # starts later: by request, before a retry, or because it is deferred

    @property
    def finished(self) -> bool:
        """Whether the state is final."""
        return self in (JobState.COMPLETED, JobState.FAILED)


def job_id_of(name: JobName, seed: UUID) -> str:
    """The id of a single job; `seed` identifies the request that starts it."""
    return f"{name.type}-{seed.hex}"


def batch_job_id(batch_id: UUID, page_id: UUID) -> str:
    """The id of a page's job in a batch; deterministic, so that the fan-out can be repeated."""
    return f"{batch_job_prefix(batch_id)}{page_id.hex}"


def batch_job_prefix(batch_id: UUID) -> str:
    """The beginning of the ids of all jobs of a batch, and of no other job."""
    return f"{JobType.CRAWL}-{batch_id.hex}-"


def page_of_batch_job(job_id: str) -> UUID | None:
    """The page of the job of a batch; None if no batch has started the job."""
    parts = job_id.split("-")
    if len(parts) != 3 or parts[0] != JobType.CRAWL:
        return None
    try:
        return UUID(hex=parts[2])
    except ValueError:
        return None


def batch_workflow_id(batch_id: UUID) -> str:
    """The id of the workflow that starts the jobs of a client's batch."""
    return f"batch-{batch_id.hex}"


def delivery_workflow_id(channel_id: UUID) -> str:
    """The id of the workflow that delivers to a channel."""
    return f"deliver-{channel_id.hex}"
