"""What a job is: its kinds, its states and its ids."""

from enum import StrEnum
from uuid import UUID

TASK_QUEUE = "diffy"
"""The task queue of every workflow and activity; part of the published contract."""


class JobName(StrEnum):
    """The published names of the workflows that are jobs: the workflow types in Temporal."""

    CRAWL_PAGE = "crawl.page"
    DISCOVER_PAGES = "discover.pages"

    @property
    def type(self) -> "JobType":
        """The documented `type` that goes with the name."""
        return JobType.CRAWL if self is JobName.CRAWL_PAGE else JobType.DISCOVER


class JobType(StrEnum):
    """The short kind of a job, as clients filter by it."""

    CRAWL = "crawl"
    DISCOVER = "discover"

    @property
    def job_name(self) -> JobName:
        """The workflow type that goes with the type."""
        return JobName.CRAWL_PAGE if self is JobType.CRAWL else JobName.DISCOVER_PAGES


CRAWL_DOMAIN = "crawl.domain"
"""The workflow that fans a batch out into crawl jobs; it is no job itself."""


PRUNE_SNAPSHOTS = "prune.snapshots"
"""The workflow that takes away what is past its retention; it is no job either."""


BACKTEST_DOMAIN = "backtest.domain"
"""The workflow of a backtest. It has the states of a job and is in no list of jobs."""


class JobState(StrEnum):
    """The documented states."""

    WAITING = "waiting"  # could run now, and no worker has begun the attempt
    ACTIVE = "active"  # a worker is executing the attempt
    COMPLETED = "completed"  # finished with a return value
    FAILED = "failed"  # every attempt used up, an error no retry can mend, or cancelled
    DELAYED = "delayed"  # asked to start later, waiting for a retry or for a second look at a page

    @property
    def finished(self) -> bool:
        """Whether the job is over."""
        return self in (JobState.COMPLETED, JobState.FAILED)


def job_id_of(name: JobName, seed: UUID) -> str:
    """The id of a job that is asked for on its own, by a request of that seed."""
    return f"{name.type}-{seed.hex}"


def batch_job_id(batch_id: UUID, page_id: UUID) -> str:
    """The id of a page's job in a batch: the same however often the fan-out is repeated."""
    return f"{JobType.CRAWL}-{batch_id.hex}-{page_id.hex}"


def batch_workflow_id(batch_id: UUID) -> str:
    """The id of the workflow that starts the jobs of a batch which was asked for."""
    return f"batch-{batch_id.hex}"
