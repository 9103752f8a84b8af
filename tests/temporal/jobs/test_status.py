"""The one mapping from Temporal's knowledge to a job's state."""

from datetime import UTC, datetime, timedelta

import pytest
from temporalio.client import WorkflowExecutionStatus as Status

from core.jobs.states import JobState
from temporal.jobs.status import JobStatus, LiveAttempt, status_of

NOW = datetime(2026, 1, 15, 10, 30, tzinfo=UTC)
SOON = NOW + timedelta(seconds=5)
BEFORE = NOW - timedelta(seconds=5)


@pytest.mark.parametrize(
    ("execution_time", "pending", "expected"),
    [
        (BEFORE, None, JobStatus(JobState.WAITING, 0)),
        (SOON, None, JobStatus(JobState.DELAYED, 0, SOON)),
        (BEFORE, LiveAttempt(1, None, BEFORE), JobStatus(JobState.WAITING, 0)),
        (BEFORE, LiveAttempt(1, BEFORE, BEFORE), JobStatus(JobState.ACTIVE, 1)),
        (BEFORE, LiveAttempt(2, None, SOON), JobStatus(JobState.DELAYED, 1, SOON)),
        (BEFORE, LiveAttempt(2, None, BEFORE), JobStatus(JobState.WAITING, 1)),
        (BEFORE, LiveAttempt(2, NOW, BEFORE), JobStatus(JobState.ACTIVE, 2)),
    ],
    ids=[
        "no worker yet",
        "asked to start later",
        "scheduled, not begun",
        "first attempt runs",
        "pause before a retry",
        "pause over, no worker",
        "second attempt runs",
    ],
)
def test_unfinished_jobs(
    execution_time: datetime, pending: LiveAttempt | None, expected: JobStatus
) -> None:
    assert status_of(Status.RUNNING, execution_time, pending, NOW) == expected


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (Status.COMPLETED, JobState.COMPLETED),
        (Status.FAILED, JobState.FAILED),
        (Status.CANCELED, JobState.FAILED),
        (Status.TERMINATED, JobState.FAILED),
        (Status.TIMED_OUT, JobState.FAILED),
    ],
)
def test_finished_jobs(status: Status, state: JobState) -> None:
    assert status_of(status, BEFORE, None, NOW).state is state
