"""The timeouts and retry policies of activities."""

from dataclasses import replace
from datetime import timedelta
from typing import Final

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

HEARTBEATS_STOPPED: Final = "TemporalTimeout:Heartbeat"
"""The error type by which a retry policy names an activity whose heartbeats stopped."""


def retry_policy(max_attempts: int) -> RetryPolicy:
    """The retry policy of an activity with `max_attempts` attempts in all.

    A failed attempt sets its own delay (`core.jobs.retries`). The interval here applies if a worker
    died, or an attempt takes too long: no site is at fault, so the delay does not grow.
    """
    return RetryPolicy(
        initial_interval=INITIAL_RETRY_DELAY, backoff_coefficient=1, maximum_attempts=max_attempts
    )


def job_retry_policy(max_attempts: int) -> RetryPolicy:
    """The same for the attempts of a job, of which Temporal retries none whose heartbeats stopped:
    the workflow decides what follows (`core.jobs.losses`).
    """
    return replace(retry_policy(max_attempts), non_retryable_error_types=[HEARTBEATS_STOPPED])
