"""The course of every job: one activity, tried up to its cap, its progress and end published."""

import asyncio
from datetime import timedelta
from typing import TypeVar

from temporalio import workflow
from temporalio.exceptions import ActivityError, is_cancelled_exception

from core.jobs.contract import CANCELLED, AttemptReport, Outcome, attempts_before
from core.model import Model
from workflows.failures import explain
from workflows.policies import HEARTBEAT_TIMEOUT, capped
from workflows.publication import Publication

Result = TypeVar("Result", bound=Model)


async def run_attempts(
    activity: str,
    job: Model,
    result: type[Result],
    publication: Publication,
    *,
    max_attempts: int,
    longest: timedelta,
    summary: str,
) -> Result:
    """The result of `activity` for `job`, the end of it published either way.

    An attempt that is handed back is gone on with, at once or when it is due, and counts once.
    `longest` bounds one attempt. Raises an ApplicationError of the published type when every
    attempt is used up or no retry can help, and the cancellation when the job was cancelled.
    """
    released: AttemptReport | None = None
    while True:
        try:
            if released is not None and released.next_at is not None:
                await publication.due(released.next_at)
            outcome: Outcome[Result] = await workflow.execute_activity(
                activity,
                args=[job, released],
                result_type=Outcome[result],  # type: ignore[valid-type]
                start_to_close_timeout=longest,
                heartbeat_timeout=HEARTBEAT_TIMEOUT,
                retry_policy=capped(max_attempts - attempts_before(released)),
                priority=publication.turn,
                cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
                summary=summary,
            )
        except (ActivityError, asyncio.CancelledError) as error:
            if is_cancelled_exception(error) or not isinstance(error, ActivityError):
                publication.fail(None, CANCELLED, attempts_uncertain=True)
                raise
            failure = explain(error)
            if failure.lost and workflow.cancellation_reason() is not None:
                # Nobody was left to end the attempt; for this it is not tried again.
                publication.fail(failure.last_attempt, CANCELLED, attempts_uncertain=True)
                raise asyncio.CancelledError from error
            publication.fail(failure.last_attempt, failure.reason, attempts_uncertain=failure.lost)
            raise failure.as_error() from error
        if outcome.result is not None:
            break
        released = outcome.attempt
        publication.hand_back(released)
    publication.complete(outcome.attempt, outcome.result.model_dump(mode="json", by_alias=True))
    return outcome.result
