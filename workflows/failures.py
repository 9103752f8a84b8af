"""Conversion of an activity's failure into the published failure of its job."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    ApplicationErrorCategory,
    CancelledError,
    RetryState,
    TimeoutError,
    TimeoutType,
    is_cancelled_exception,
)

from core.jobs.contract import CANCELLED, AttemptReport, Progress


@dataclass(frozen=True)
class JobFailure:
    """The failure of a job: a sentence, the published error type, and the last attempt if known.

    If the attempt was `lost`, `last_attempt` is what its last `heartbeat` says, if there was one.
    `may_go_on` is set if Temporal leaves it to the workflow whether another attempt follows.
    A failure is `benign` if the site caused it: metrics do not count it as ours.
    """

    reason: str
    error_type: str
    last_attempt: AttemptReport | None
    lost: bool = False
    may_go_on: bool = False
    heartbeat: Progress | None = None
    benign: bool = False

    def as_error(self) -> ApplicationError:
        """The error that fails the workflow."""
        category = (
            ApplicationErrorCategory.BENIGN if self.benign else ApplicationErrorCategory.UNSPECIFIED
        )
        return ApplicationError(
            self.reason, type=self.error_type, non_retryable=True, category=category
        )


def explain(error: ActivityError) -> JobFailure:
    """The job failure that an activity's failure means."""
    match error.cause:
        case ApplicationError() as cause:
            return JobFailure(
                cause.message,
                cause.type or "INTERNAL",
                _reported(cause.details),
                benign=cause.category is ApplicationErrorCategory.BENIGN,
            )
        case TimeoutError() as cause:
            heartbeat = _heartbeat(cause.last_heartbeat_details)
            return JobFailure(
                _timeout_sentence(cause.type),
                "WORKER_LOST" if cause.type is TimeoutType.HEARTBEAT else "JOB_TIMEOUT",
                _interrupted(heartbeat) if heartbeat else None,
                lost=True,
                may_go_on=_is_left_to_workflow(cause.type, error.retry_state),
                heartbeat=heartbeat,
            )
        case CancelledError():
            return JobFailure(CANCELLED, "CANCELLED", None)
        case _:
            return JobFailure("The job failed for an unknown reason.", "INTERNAL", None)


@contextmanager
def typed_failures() -> Iterator[None]:
    """A block in which a failed activity fails the workflow with the published error type.

    For activities other than a job's attempts. A cancellation is passed on unchanged.
    """
    try:
        yield
    except ActivityError as error:
        if is_cancelled_exception(error):
            raise
        raise explain(error).as_error() from error


def _is_left_to_workflow(kind: TimeoutType | None, state: RetryState | None) -> bool:
    """Whether heartbeats stopped in an activity of `workflows.policies.job_retry_policy`.

    Temporal itself retries those that older versions scheduled: they end with another state.
    """
    return kind is TimeoutType.HEARTBEAT and state is RetryState.NON_RETRYABLE_FAILURE


def _timeout_sentence(kind: TimeoutType | None) -> str:
    if kind is TimeoutType.HEARTBEAT:
        return "The worker stopped answering in the middle of the attempt."
    return "The attempt took longer than a job may take."


def _reported(details: Sequence[object]) -> AttemptReport | None:
    return AttemptReport.model_validate(details[0]) if details else None


def _heartbeat(details: Sequence[object]) -> Progress | None:
    return Progress.model_validate(details[0]) if details else None


def _interrupted(progress: Progress) -> AttemptReport:
    return AttemptReport(
        attempt=progress.attempt,
        first_started_at=progress.first_started_at,
        percent=progress.percent,
    )
