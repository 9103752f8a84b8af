"""The one mapping from Temporal's knowledge to a job's state."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from temporalio.client import WorkflowExecutionStatus as Status

from core.jobs.states import JobState, PendingAttempt, Standing, batch_job_id, standing

NOW = datetime(2026, 1, 15, 10, 30, tzinfo=UTC)
SOON = NOW + timedelta(seconds=5)
BEFORE = NOW - timedelta(seconds=5)


@pytest.mark.parametrize(
    ("execution_time", "pending", "expected"),
    [
        (BEFORE, None, Standing(JobState.WAITING, 0)),
        (SOON, None, Standing(JobState.DELAYED, 0, SOON)),
        (BEFORE, PendingAttempt(1, None, BEFORE), Standing(JobState.WAITING, 0)),
        (BEFORE, PendingAttempt(1, BEFORE, BEFORE), Standing(JobState.ACTIVE, 1)),
        (BEFORE, PendingAttempt(2, None, SOON), Standing(JobState.DELAYED, 1, SOON)),
        (BEFORE, PendingAttempt(2, None, BEFORE), Standing(JobState.WAITING, 1)),
        (BEFORE, PendingAttempt(2, NOW, BEFORE), Standing(JobState.ACTIVE, 2)),
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
    execution_time: datetime, pending: PendingAttempt | None, expected: Standing
) -> None:
    assert standing(Status.RUNNING, execution_time, pending, NOW) == expected


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
    assert standing(status, BEFORE, None, NOW).state is state


def test_the_job_of_a_page_in_a_batch_has_one_id() -> None:
    batch, page = UUID(int=1), UUID(int=2)
    assert batch_job_id(batch, page) == batch_job_id(batch, page)
    assert batch_job_id(batch, page) != batch_job_id(page, batch)
    assert len(batch_job_id(batch, page)) <= 200
