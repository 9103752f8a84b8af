"""What a job is: its kinds, states and ids, and the one mapping from Temporal to a state."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from temporalio.client import WorkflowExecutionStatus

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


@dataclass(frozen=True)
class PendingAttempt:
    """What Temporal knows of the attempt that runs or comes next.

    `number` counts from 1 and is, during the pause before a retry, already that of the next
    attempt. `started_at` is None while no worker is at it; `due_at` is when one may be. One that
    was `handed_back` had been begun, and is to be gone on with, at `due_at` if there is one.
    """

    number: int
    started_at: datetime | None
    due_at: datetime | None
    handed_back: bool = False

    @property
    def begun(self) -> int:
        """How many attempts have been begun, this one or those before it."""
        return self.number if self.started_at or self.handed_back else self.number - 1


@dataclass(frozen=True)
class Standing:
    """Where a job stands: its state, the attempts started so far, when the next one is due."""

    state: JobState
    attempts_made: int
    next_attempt_at: datetime | None = None


def standing(
    status: WorkflowExecutionStatus,
    execution_time: datetime,
    pending: PendingAttempt | None,
    now: datetime,
) -> Standing:
    """The one mapping from Temporal's knowledge of an unfinished job, or its end, to a state.

    `execution_time` is when the first workflow task may run (later than the start for a delayed
    start). For a finished job `attempts_made` is 0 here: its final memo knows.
    """
    match status:
        case WorkflowExecutionStatus.COMPLETED:
            return Standing(JobState.COMPLETED, 0)
        case WorkflowExecutionStatus.RUNNING | WorkflowExecutionStatus.CONTINUED_AS_NEW:
            return _unfinished(execution_time, pending, now)
        case _:
            return Standing(JobState.FAILED, 0)


def _unfinished(
    execution_time: datetime, pending: PendingAttempt | None, now: datetime
) -> Standing:
    if pending is None:
        if execution_time > now:
            return Standing(JobState.DELAYED, 0, execution_time)
        return Standing(JobState.WAITING, 0)
    if pending.started_at is not None:
        return Standing(JobState.ACTIVE, pending.begun)
    if pending.due_at is not None and pending.due_at > now:
        return Standing(JobState.DELAYED, pending.begun, pending.due_at)
    return Standing(JobState.WAITING, pending.begun)
