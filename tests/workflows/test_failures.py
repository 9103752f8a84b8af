"""Conversion of failed activities into the failures of jobs."""

from datetime import UTC, datetime

import pytest
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    ApplicationErrorCategory,
    CancelledError,
    RetryState,
    TimeoutError,
    TimeoutType,
)

from core.jobs.contract import AttemptReport, Progress
from workflows.failures import JobFailure, explain, typed_failures

BEGAN = datetime(2024, 1, 15, 10, 30, tzinfo=UTC)
LOST = "The worker stopped answering in the middle of the attempt."
TOO_LONG = "The attempt took longer than a job may take."


def failed(cause: BaseException | None) -> ActivityError:
    """An activity that failed because of `cause`."""
    error = ActivityError(
        "Activity task failed",
        scheduled_event_id=5,
        started_event_id=6,
        identity="",
        activity_type="crawl",
        activity_id="1",
        retry_state=RetryState.MAXIMUM_ATTEMPTS_REACHED,
    )
    error.__cause__ = cause
    return error


def timed_out(kind: TimeoutType, *heard: object) -> TimeoutError:
    """A timeout after the heartbeats `heard`."""
    return TimeoutError("timed out", type=kind, last_heartbeat_details=heard)


def test_an_error_of_ours_keeps_its_sentence_type_and_attempt() -> None:
    report = AttemptReport(attempt=2, first_started_at=BEGAN, percent=50)
    cause = ApplicationError("Gone.", report.model_dump(mode="json"), type="PAGE_GONE")
    assert explain(failed(cause)) == JobFailure("Gone.", "PAGE_GONE", report)


@pytest.mark.parametrize("category", ApplicationErrorCategory)
def test_what_a_site_did_is_benign_for_the_job_as_well(category: ApplicationErrorCategory) -> None:
    cause = ApplicationError("Gone.", type="PAGE_GONE", category=category)
    assert explain(failed(cause)).as_error().category is category


@pytest.mark.parametrize(
    ("cause", "reason", "error_type"),
    [
        (ApplicationError("Odd."), "Odd.", "INTERNAL"),
        (timed_out(TimeoutType.HEARTBEAT), LOST, "WORKER_LOST"),
        (timed_out(TimeoutType.START_TO_CLOSE), TOO_LONG, "JOB_TIMEOUT"),
        (timed_out(TimeoutType.SCHEDULE_TO_CLOSE), TOO_LONG, "JOB_TIMEOUT"),
        (CancelledError("cancelled"), "The job was cancelled.", "CANCELLED"),
        (None, "The job failed for an unknown reason.", "INTERNAL"),
    ],
)
def test_every_cause_has_a_sentence_and_a_type(
    cause: BaseException | None, reason: str, error_type: str
) -> None:
    lost = isinstance(cause, TimeoutError)
    assert explain(failed(cause)) == JobFailure(reason, error_type, None, lost)


def test_a_lost_worker_was_at_the_last_attempt_as_far_as_its_heartbeat_said() -> None:
    heard = Progress(attempt=2, percent=80, first_started_at=BEGAN).model_dump(mode="json")
    failure = explain(failed(timed_out(TimeoutType.HEARTBEAT, heard)))
    assert failure.lost
    assert failure.last_attempt == AttemptReport(attempt=2, first_started_at=BEGAN, percent=80)


def test_a_failed_lookup_fails_with_the_published_type_and_is_not_tried_again() -> None:
    with pytest.raises(ApplicationError) as raised, typed_failures():
        raise failed(ApplicationError("Deleted.", type="SUBJECT_GONE"))
    error = raised.value
    assert (error.message, error.type, error.non_retryable) == ("Deleted.", "SUBJECT_GONE", True)


def test_a_cancelled_lookup_stays_a_cancellation() -> None:
    with pytest.raises(ActivityError), typed_failures():
        raise failed(CancelledError("cancelled"))
