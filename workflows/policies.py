"""The timeouts and retry policies of activities."""

from datetime import timedelta

from temporalio.common import RetryPolicy

from core.jobs.retries import INITIAL_RETRY_DELAY

HEARTBEAT_TIMEOUT = timedelta(seconds=10)
"""A worker that sends no heartbeat for this long is considered dead."""

CRAWL_TIMEOUT = timedelta(hours=1)
"""Limit of one attempt, mostly for the wait for a slot: the exchange has a timeout of its own."""

DISCOVER_TIMEOUT = timedelta(hours=24)
"""50,000 pages at two requests per second take seven hours."""

BACKTEST_TIMEOUT = timedelta(hours=24)
"""At about 50 snapshots per second, enough for four million snapshots."""

LOOKUP_TIMEOUT = timedelta(seconds=30)


def retry_policy(max_attempts: int) -> RetryPolicy:
    """The retry policy of a job with `max_attempts` attempts in all.

    A failed attempt sets its own delay (`core.jobs.retries`). The interval here applies if a worker
    died: the site is not at fault, so the delay does not grow.
    """
    return RetryPolicy(
        initial_interval=INITIAL_RETRY_DELAY, backoff_coefficient=1, maximum_attempts=max_attempts
    )
