"""How long activities may take and how often they are tried."""

from datetime import timedelta

from temporalio.common import RetryPolicy

from core.jobs.retries import FIRST_PAUSE

HEARTBEAT_TIMEOUT = timedelta(seconds=10)
"""A worker that says nothing for this long is taken for dead."""

CRAWL_TIMEOUT = timedelta(hours=1)
"""The whole attempt, most of it the wait for the host's turn: the exchange has its own deadline."""

DISCOVER_TIMEOUT = timedelta(hours=24)
"""50,000 pages at two a second take seven hours."""

BACKTEST_TIMEOUT = timedelta(hours=24)
"""Some 50 snapshots a second are four million in a day."""

LOOKUP_TIMEOUT = timedelta(seconds=30)


def capped(max_attempts: int) -> RetryPolicy:
    """The retry policy of a job: `max_attempts` attempts in all.

    An attempt that fails says itself how long to pause. The interval here is for one whose worker
    died: that says nothing against the site, so the pause does not grow.
    """
    return RetryPolicy(
        initial_interval=FIRST_PAUSE, backoff_coefficient=1, maximum_attempts=max_attempts
    )
