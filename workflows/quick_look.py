"""The quick look of a job: the beginning of its first attempt, inside the first workflow task."""

import asyncio
from datetime import timedelta
from typing import Final, TypeVar

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import FailureError, is_cancelled_exception

from core.jobs.contract import CANCELLED, QUICK_LOOK_LIMIT, AttemptReport, Outcome
from core.model import Model
from workflows.publication import Publication

Result = TypeVar("Result", bound=Model)

PATCH: Final = "quick-look"
"""Tells a job that began in a worker without quick looks, and must go on without one."""

ONCE: Final = RetryPolicy(maximum_attempts=1)


async def look_quickly(
    activity: str, job: Model, result: type[Result], publication: Publication
) -> Outcome[Result] | None:
    """The outcome of the quick look `activity`; None if the job takes none.

    The outcome has no result unless the quick look finished the job: then the attempt goes on in
    its ordinary activity, as one that was released. Raises the cancellation if the job is
    cancelled.
    """
    if not publication.looks_quickly or not workflow.patched(PATCH):
        return None
    begun = AttemptReport(attempt=1, first_started_at=workflow.now(), started_at=workflow.now())
    try:
        outcome: Outcome[Result] = await workflow.execute_local_activity(
            activity,
            args=[job, begun],
            result_type=Outcome[result],  # type: ignore[valid-type]
            schedule_to_close_timeout=timedelta(seconds=QUICK_LOOK_LIMIT),
            retry_policy=ONCE,
        )
    except (FailureError, asyncio.CancelledError) as error:
        if is_cancelled_exception(error):
            publication.fail(begun, CANCELLED)
            raise
        # An ActivityError at first, but in a replay the bare cause, as the SDK records it.
        return Outcome(attempt=begun, result=None)
    return outcome
