"""How many connections a host may hold: one that never answers keeps nobody from the others."""

import asyncio
import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final
from weakref import WeakValueDictionary

from core.errors import HostBusy

PER_HOST: Final = 6
"""Connections to one host at most, as browsers have them."""

FEWEST: Final = 2
"""Connections that a host may hold though it is asked seldom."""


def connections_for(host_rps: float) -> int:
    """How many connections a host may hold that is asked `host_rps` times a second.

    A host that answers within a second needs no more. One that never answers holds few places of
    its worker.
    """
    return min(max(math.ceil(host_rps), FEWEST), PER_HOST)


@dataclass(eq=False)
class _Host:
    """The connections of one host; `held_since` tells when each that is in use was taken, and
    `next_try` when the last of those who were sent away comes back, by the monotonic clock.
    """

    free: asyncio.Semaphore
    held_since: list[float] = field(default_factory=list)
    next_try: float = 0.0

    def line_up(self) -> float:
        """Seconds until the caller comes back.

        Those who are sent away come back one by one, the slower the longer the host takes to
        answer: each return costs the server as much as a job.
        """
        now = time.monotonic()
        slowest = now - min(self.held_since, default=now)
        pace = max(slowest, 1.0) / max(len(self.held_since), 1)
        self.next_try = max(self.next_try, now) + pace
        return self.next_try - now


class HostConnections:
    """Hands out the connections of each host in the order in which they were asked for.

    There is no limit over all hosts: an attempt asks one host at a time, so that the number of
    attempts is one.
    """

    def __init__(self, per_host: int = PER_HOST) -> None:
        self._per_host = per_host
        # Those of hosts that nobody asks any more are forgotten.
        self._hosts: WeakValueDictionary[str, _Host] = WeakValueDictionary()

    @asynccontextmanager
    async def one(self, host: str, patience: timedelta | None) -> AsyncIterator[None]:
        """A connection to `host` may be used in the block.

        Raises HostBusy when none has become free for as long as `patience`, if there is a limit.
        """
        known = self._hosts.get(host)
        if known is None:
            known = self._hosts[host] = _Host(asyncio.Semaphore(self._per_host))
        try:
            async with asyncio.timeout(None if patience is None else patience.total_seconds()):
                await known.free.acquire()
        except TimeoutError:
            later = timedelta(seconds=known.line_up())
            raise HostBusy(host, datetime.now(UTC) + later) from None
        since = time.monotonic()
        known.held_since.append(since)
        try:
            yield
        finally:
            known.held_since.remove(since)
            known.free.release()
