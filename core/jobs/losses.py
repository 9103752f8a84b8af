"""What follows an attempt that Temporal counts as lost, because its heartbeats stopped.

Temporal gives an attempt to a worker and records that it began, also where the worker never gets
it: in the moment in which a worker stops, or in which the server is too slow. So an attempt of
which nobody has heard anything is not used up. It begins again under its number, a bounded number
of times: a page may be what kills the worker before it can speak.
"""

from dataclasses import dataclass
from typing import Final

from core.jobs.contract import AttemptReport, attempts_before

MAX_REPEATS: Final = 3
"""How often a job begins attempts again of which nobody has heard."""


@dataclass(frozen=True)
class Loss:
    """A lost attempt, by its number. `heard`: it sent a heartbeat or a report before."""

    number: int
    heard: bool


def lost_attempt(
    continued: AttemptReport | None, reported: AttemptReport | None, heartbeat: int
) -> Loss:
    """The attempt that was lost in an activity which began from `continued`.

    `reported` is the last report from that activity, and `heartbeat` the number of the attempt that
    sent its last heartbeat, 0 if there was none. An attempt that failed and was retried has sent
    both, so they may be of the attempt before.
    """
    begun = max(attempts_before(continued), reported.attempt if reported else 0, heartbeat)
    ended = begun == attempts_before(continued) or (
        reported is not None and reported.attempt == begun and reported.is_over
    )
    return Loss(begun + 1, heard=False) if ended else Loss(begun, heard=True)


def next_attempt(loss: Loss, *, repeats: int, max_attempts: int) -> int | None:
    """The number of the attempt that follows; None if the job has failed.

    `repeats` counts the attempts that the job has begun again so far. The loss may have a number
    above `max_attempts` where another workflow sent reports in the job's name.
    """
    begins_again = not loss.heard and repeats < MAX_REPEATS
    following = loss.number if begins_again else loss.number + 1
    return following if following <= max_attempts else None
