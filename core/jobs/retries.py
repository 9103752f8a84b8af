"""How long a job pauses before its next attempt.

An attempt that fails hands the pause to Temporal and announces its end as the moment of the next
attempt, so the two cannot disagree. One whose worker died can say nothing: after it the pause is
`FIRST_PAUSE`.
"""

from datetime import timedelta

FIRST_PAUSE = timedelta(seconds=2)
GROWTH = 3.0
LONGEST_PAUSE = timedelta(minutes=5)
LONGEST_RETRY_AFTER = timedelta(hours=1)
"""A site that asks for more patience than this is asked again after this long."""


def pause_after(attempt: int, retry_after: timedelta | None = None) -> timedelta:
    """The pause after the failed attempt number `attempt` (from 1): 2 s, 6 s, 18 s ... 5 min.

    What the site asked for (`Retry-After`, RFC 9110, 10.2.3) counts when it is longer, up to
    `LONGEST_RETRY_AFTER`.
    """
    grown = min(FIRST_PAUSE * GROWTH ** (attempt - 1), LONGEST_PAUSE)
    if retry_after is None:
        return grown
    return max(grown, min(retry_after, LONGEST_RETRY_AFTER))
