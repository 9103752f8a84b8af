"""Temporal's clock, as an activity knows it: the clocks of machines may differ by hours."""

import time
from datetime import UTC, datetime, timedelta
from typing import Final

from temporalio import activity

AGREE_WITHIN: Final = timedelta(minutes=1)
"""Between the start of an activity and its beginning in the worker, on a busy machine."""


class TemporalClock:
    """Temporal's clock: what it showed when an activity started, and the time since then.

    A workflow waits by this clock. A moment by the clock of the worker would be too late by as much
    as that one is ahead; or it would be over at once, again and again.
    """

    def __init__(self, info: activity.Info) -> None:
        self._started_at = info.started_time
        self._began = time.monotonic()
        self._agrees = abs(datetime.now(UTC) - info.started_time) < AGREE_WITHIN

    def at(self, moment: datetime) -> datetime:
        """What Temporal's clock shows when the clock of this worker shows `moment`: the same, if
        the clocks agreed when the activity started.
        """
        if self._agrees:
            return moment
        now = self._started_at + timedelta(seconds=time.monotonic() - self._began)
        return now + (moment - datetime.now(UTC))
