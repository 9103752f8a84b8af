"""What follows an attempt that Temporal counts as lost, because its heartbeats stopped.

Temporal gives an attempt to a worker and records that it began, also where the worker never gets
it: in the moment in which a worker stops, or in which the server is too slow. So an attempt of
which nobody has heard anything is not used up. It begins again under its number, a bounded number
of times: a page may be what kills the worker before it can speak.
"""

from dataclasses import dataclass
from typing import Final

from core.jobs.contract import AttemptReport, Progress, attempts_before

MAX_REPEATS: Final = 3
"""How often a job begins attempts again of which nobody has heard."""


@dataclass(frozen=True)
class Loss:
    """A lost attempt, by its number. `heard`: it sent a heartbeat or a report before."""

    number: int
    heard: bool


def lost_attempt(
    continued: AttemptReport | None, reported: AttemptReport | None, heartbeat: Progress | None
) -> Loss:
    """The attempt that was lost in an activity which began from `continued`.

    `reported` is the last report that arrived since, and `heartbeat` the last heartbeat of the
    activity. An attempt that failed and was retried has sent both, so they may be of the attempt
    before; and a report may be a late one, from the worker that handed the attempt on.
    """
    if reported is not None and continued is not None and _is_same(reported, continued):
        reported = None
    before = attempts_before(continued)
    heard = [each for each in (reported, heartbeat) if each is not None and each.attempt > before]
    begun = max((each.attempt for each in heard), default=before)
    if all(each.is_over for each in heard if each.attempt == begun):
        return Loss(begun + 1, heard=False)
    return Loss(begun, heard=True)


def _is_same(reported: AttemptReport, continued: AttemptReport) -> bool:
    """Whether both are of one worker and one running attempt."""
    sources = {(each.attempt, each.worker, each.started_at) for each in (reported, continued)}
    return len(sources) == 1 and not reported.is_over


def next_attempt(loss: Loss, *, repeats: int, max_attempts: int) -> int | None:
    """The number of the attempt that follows; None if the job has failed.

    `repeats` counts the attempts that the job has begun again so far. The loss may have a number
    above `max_attempts` where another workflow sent reports in the job's name.
    """
    begins_again = not loss.heard and repeats < MAX_REPEATS
    following = loss.number if begins_again else loss.number + 1
    return following if following <= max_attempts else None
