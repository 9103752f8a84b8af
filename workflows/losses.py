"""The lost attempts of a job, and what follows them."""

from datetime import datetime

from temporalio import workflow

from core.jobs.contract import AttemptReport
from core.jobs.losses import lost_attempt, next_attempt
from workflows.failures import JobFailure
from workflows.policies import HEARTBEAT_TIMEOUT


class Losses:
    """The lost attempts of one job, which has `max_attempts`."""

    def __init__(self, max_attempts: int) -> None:
        self._max_attempts = max_attempts
        self._repeats = 0

    def continuation(
        self,
        failure: JobFailure,
        continued: AttemptReport | None,
        reported: AttemptReport | None,
    ) -> AttemptReport | None:
        """What the job continues from after `failure`; None if it has failed.

        `continued` is what the failed activity began from, and `reported` its last report. The
        result is the lost attempt: over if another one follows, or to begin again.
        """
        if not failure.may_go_on:
            return None
        loss = lost_attempt(continued, reported, failure.heartbeat)
        following = next_attempt(loss, repeats=self._repeats, max_attempts=self._max_attempts)
        if following is None:
            return None
        if following == loss.number:
            self._repeats += 1
            if continued is not None and continued.attempt == loss.number:
                return continued.model_copy(update={"next_at": None})
        known = reported or failure.heartbeat or continued
        return AttemptReport(
            attempt=loss.number,
            first_started_at=known.first_started_at if known else _began_by(),
            reason=failure.reason if following > loss.number else None,
            deferred_to=continued.deferred_to if continued else None,
        )


def _began_by() -> datetime:
    """The latest moment at which an attempt can have begun that never sent a heartbeat."""
    return workflow.now() - HEARTBEAT_TIMEOUT
