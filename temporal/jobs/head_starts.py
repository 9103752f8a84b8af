"""Which jobs go ahead of what is queued: the first few of each organisation.

Temporal takes turns between fairness keys, and an organisation has one for each of its hosts. While
one organisation has jobs of a thousand hosts queued, the turn of another one comes after a thousand
jobs. Its first jobs therefore have a higher priority. They are few, whatever an organisation asks
for, so nothing waits long behind them.
"""

from collections import OrderedDict
from time import monotonic
from typing import Final
from uuid import UUID

AHEAD: Final = 2
"""The priority of a job with a head start; the default of Temporal is 3, and deliveries have 1."""

BURST: Final = 20
"""Jobs of an organisation that have a head start at once, in each process."""

PER_SECOND: Final = 1.0
"""Further jobs of an organisation that have one in a second."""

MAX_KEPT: Final = 10_000
"""Organisations that are remembered. One that is forgotten has all its head starts again."""


class HeadStarts:
    """Gives each organisation `BURST` head starts, and `PER_SECOND` new ones up to that number."""

    def __init__(self) -> None:
        self._left: OrderedDict[UUID, tuple[float, float]] = OrderedDict()

    def take(self, org_id: UUID) -> bool:
        """Whether the next job of the organisation has a head start."""
        now = monotonic()
        left, since = self._left.pop(org_id, (float(BURST), now))
        left = min(left + (now - since) * PER_SECOND, BURST)
        taken = left >= 1
        self._left[org_id] = (left - taken, now)
        if len(self._left) > MAX_KEPT:
            self._left.popitem(last=False)
        return taken


HEAD_STARTS: Final = HeadStarts()
"""The head starts that this process gives."""
