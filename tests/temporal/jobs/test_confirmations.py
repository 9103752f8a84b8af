"""What spares lists and counts a second description of an active job."""

from datetime import UTC, datetime
from uuid import uuid4

from core.jobs.states import JobName, JobState
from temporal.jobs.confirmations import CONFIRMATION_LIFETIME, ActiveConfirmations
from temporal.jobs.view import JobDetail


def described(job_id: str, state: JobState) -> JobDetail:
    """A job in that state."""
    return JobDetail(
        id=job_id,
        name=JobName.CRAWL_PAGE,
        type=JobName.CRAWL_PAGE.type,
        url=None,
        domain_id=uuid4(),
        page_id=None,
        state=state,
        progress=0,
        attempts_made=1,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        processed_at=None,
        finished_at=None,
        failed_reason=None,
        max_attempts=1,
        next_attempt_at=None,
        return_value=None,
    )


def test_a_job_that_was_active_a_moment_ago_is_not_described_again() -> None:
    confirmations = ActiveConfirmations()
    confirmations.record(described("a", JobState.ACTIVE), 10.0)
    confirmations.record(described("b", JobState.WAITING), 10.0)
    assert confirmations.missing(["a", "b", "c"], 10.5) == ["b", "c"]
    assert confirmations.missing(["a"], 10.0 + CONFIRMATION_LIFETIME) == ["a"]


def test_a_confirmation_that_proves_wrong_discredits_the_others() -> None:
    confirmations = ActiveConfirmations()
    for job_id in ("a", "b"):
        confirmations.record(described(job_id, JobState.ACTIVE), 10.0)
    confirmations.record(described("c", JobState.WAITING), 10.1)
    assert confirmations.missing(["a", "b"], 10.1) == []
    confirmations.record(described("a", JobState.COMPLETED), 10.1)
    assert confirmations.missing(["a", "b"], 10.1) == ["a", "b"]
