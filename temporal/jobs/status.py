"""The state of a job, from the description of its workflow."""

from dataclasses import dataclass
from datetime import datetime

from temporalio.client import WorkflowExecutionStatus

from core.jobs.states import JobState


@dataclass(frozen=True)
class LiveAttempt:
    """The attempt of an unfinished job that runs or comes next.

    `number` counts from 1. During the pause before a retry it is that of the next attempt.
    `started_at` is None while no worker executes it, `due_at` is when one may. A `released` attempt
    has begun before, and continues at `due_at`, or at once without one. `percent` is that of this
    attempt, `first_started_at` the start of attempt 1, `last_error` the reason why the attempt
    before failed. `reported` is the highest number of an attempt that is known to have begun.
    """

    number: int
    started_at: datetime | None
    due_at: datetime | None
    released: bool = False
    reported: int = 0
    percent: int = 0
    first_started_at: datetime | None = None
    last_error: str | None = None

    @property
    def begun(self) -> int:
        """Number of attempts that have begun, this one among them if it has."""
        begun = self.number if self.started_at or self.released else self.number - 1
        return max(begun, self.reported)


@dataclass(frozen=True)
class JobStatus:
    """A job's state, the number of attempts begun so far, and when the next one is due."""

    state: JobState
    attempts_made: int
    next_attempt_at: datetime | None = None


def status_of(
    status: WorkflowExecutionStatus,
    execution_time: datetime,
    attempt: LiveAttempt | None,
    now: datetime,
) -> JobStatus:
    """The status of a job, from what Temporal describes. This is the only such mapping.

    `execution_time` is when the first workflow task may run: later than the start of the workflow
    if it has a start delay. `attempts_made` of a finished job is 0: its final report
    has the number.
    """
    match status:
        case WorkflowExecutionStatus.COMPLETED:
            return JobStatus(JobState.COMPLETED, 0)
        case WorkflowExecutionStatus.RUNNING | WorkflowExecutionStatus.CONTINUED_AS_NEW:
            return _unfinished(execution_time, attempt, now)
        case _:
            return JobStatus(JobState.FAILED, 0)


def _unfinished(execution_time: datetime, attempt: LiveAttempt | None, now: datetime) -> JobStatus:
    if attempt is None:
        if execution_time > now:
            return JobStatus(JobState.DELAYED, 0, execution_time)
        return JobStatus(JobState.WAITING, 0)
    if attempt.started_at is not None:
        return JobStatus(JobState.ACTIVE, attempt.begun)
    if attempt.due_at is not None and attempt.due_at > now:
        return JobStatus(JobState.DELAYED, attempt.begun, attempt.due_at)
    return JobStatus(JobState.WAITING, attempt.begun)
