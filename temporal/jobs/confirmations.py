"""Jobs that Temporal described as active a moment ago, shared by all lists and counts."""

from collections.abc import Iterable
from typing import Final

from core.jobs.states import JobState
from temporal.jobs.view import JobDetail

CONFIRMATION_LIFETIME: Final = 1.0
"""Seconds: lists and counts may lag by as much."""


class ActiveConfirmations:
    """Spares a list or count the descriptions that another one has just fetched.

    Only jobs that are active are kept, so that a job whose worker is gone is described anew. Once
    a kept job is found in another state, all are dropped: its worker may have had the others too.
    """

    def __init__(self) -> None:
        self._described_at: dict[str, float] = {}

    def record(self, job: JobDetail, described_at: float) -> None:
        """Take note of a description; `described_at` is by the clock of the event loop."""
        if job.state is JobState.ACTIVE:
            self._drop_expired(described_at)
            self._described_at.pop(job.id, None)  # the oldest are first
            self._described_at[job.id] = described_at
        elif job.id in self._described_at:
            self._described_at.clear()

    def missing(self, job_ids: Iterable[str], now: float) -> list[str]:
        """The jobs that have not been described as active within `CONFIRMATION_LIFETIME`."""
        since = now - CONFIRMATION_LIFETIME
        return [each for each in job_ids if self._described_at.get(each, since) <= since]

    def _drop_expired(self, now: float) -> None:
        oldest = next(iter(self._described_at.items()), None)
        while oldest is not None and oldest[1] <= now - CONFIRMATION_LIFETIME:
            del self._described_at[oldest[0]]
            oldest = next(iter(self._described_at.items()), None)
