"""The attempts of a job: one activity, retried up to a limit, with its state published."""

import asyncio
from datetime import timedelta
from typing import TypeVar

from temporalio import workflow
from temporalio.exceptions import ActivityError, is_cancelled_exception

from core.jobs.contract import CANCELLED, AttemptReport, Outcome, attempts_before
from core.jobs.queues import Queue
from core.model import Model
from workflows.failures import explain
from workflows.losses import Losses
from workflows.policies import HEARTBEAT_TIMEOUT, job_retry_policy
from workflows.publication import Publication
from workflows.quick_look import look_quickly

Result = TypeVar("Result", bound=Model)


async def run_attempts(
    activity: str,
    job: Model,
    result: type[Result],
    publication: Publication,
    *,
    max_attempts: int,
    attempt_timeout: timedelta,
    summary: str,
    quick_look: str | None = None,
) -> Result:
    """Run `activity` with the input `job` until it gives a result of type `result`, and return it.

    A worker that shuts down releases its attempt, which resumes at once. A deferred attempt resumes
    at its `next_at`, and one that needs a browser where there is one. A resumed attempt keeps its
    number, and so does one of which nobody has heard when Temporal counts it as lost; after another
    lost attempt the next one begins (`core.jobs.losses`). The first attempt begins with the
    activity `quick_look`, if there is one and the job was started to take it. `attempt_timeout`
    limits each execution of the activity, and `summary` is its text in the Temporal web UI. Success
    and failure are written to `publication`.

    Raises an ApplicationError, whose type is the error code, if the last attempt fails or the error
    is permanent. Raises CancelledError, or an ActivityError with that cause, if the job is
    cancelled.
    """
    losses = Losses(max_attempts)
    continued: AttemptReport | None = None
    if quick_look is not None:
        looked = await look_quickly(quick_look, job, result, publication)
        if looked is not None:
            if looked.result is not None:
                return _completed(publication, looked.attempt, looked.result)
            continued = looked.attempt
            publication.go_on(continued)
    while True:
        try:
            if continued is not None and continued.next_at is not None:
                await publication.wait_until_due(continued.next_at)
            publication.begin()
            outcome: Outcome[Result] = await workflow.execute_activity(
                activity,
                args=[job, continued],
                task_queue=queue_of(continued).task_queue,
                result_type=Outcome[result],  # type: ignore[valid-type]
                start_to_close_timeout=attempt_timeout,
                heartbeat_timeout=HEARTBEAT_TIMEOUT,
                retry_policy=job_retry_policy(max_attempts - attempts_before(continued)),
                priority=publication.priority,
                cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
                summary=summary,
            )
        except (ActivityError, asyncio.CancelledError) as error:
            if is_cancelled_exception(error) or not isinstance(error, ActivityError):
                publication.fail(None, CANCELLED, attempts_uncertain=True)
                raise
            failure = explain(error)
            if failure.lost and workflow.cancellation_reason() is not None:
                # The worker died after the cancel request, so the job ends as cancelled.
                publication.fail(failure.last_attempt, CANCELLED, attempts_uncertain=True)
                raise asyncio.CancelledError from error
            continued = losses.continuation(failure, continued, publication.reported)
            if continued is None:
                publication.fail(
                    failure.last_attempt, failure.reason, attempts_uncertain=failure.lost
                )
                raise failure.as_error() from error
        else:
            if outcome.result is not None:
                return _completed(publication, outcome.attempt, outcome.result)
            continued = outcome.attempt
        publication.release(continued)


def queue_of(continued: AttemptReport | None) -> Queue:
    """Where the rest of the attempt is done, or a new one."""
    handed_on = continued.queue if continued is not None else None
    return handed_on or Queue.READING


def _completed(publication: Publication, final: AttemptReport, result: Result) -> Result:
    """The result of the job, once it is published."""
    publication.complete(final, result.model_dump(mode="json", by_alias=True))
    return result
