"""The delay of a job before its next attempt.

A failed attempt passes the delay to Temporal and publishes the same moment as the start of the next
attempt, so the two always agree. An attempt that took too long publishes nothing; Temporal then
waits `INITIAL_RETRY_DELAY`. After an attempt whose worker died, the next one begins at once: the
missing heartbeats were waited for.
"""

from datetime import timedelta

INITIAL_RETRY_DELAY = timedelta(seconds=2)
RETRY_BACKOFF = 3.0
MAX_RETRY_DELAY = timedelta(minutes=5)
MAX_RETRY_AFTER = timedelta(hours=1)
"""Limit on a site's Retry-After."""


def retry_delay(attempt: int, retry_after: timedelta | None = None) -> timedelta:
    """The delay after failed attempt number `attempt` (from 1): 2 s, 6 s, 18 s ... 5 min.

    A longer `retry_after` (RFC 9110, 10.2.3) takes precedence, up to `MAX_RETRY_AFTER`.
    """
    delay = min(INITIAL_RETRY_DELAY * RETRY_BACKOFF ** (attempt - 1), MAX_RETRY_DELAY)
    return delay if retry_after is None else max(delay, min(retry_after, MAX_RETRY_AFTER))
