"""Limits on connections per host, so that a host that never answers blocks no other host.

The connection pool of httpx2 has no limit per host, and the one of aiohttp cannot say when to
retry; in both, a wait for a connection counts towards the timeout of the site.
"""

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

MAX_CONNECTIONS_PER_HOST: Final = 6
"""Maximum number of connections to one host, the same as in browsers."""

MIN_CONNECTIONS_PER_HOST: Final = 2
"""Connections that a host with a low request rate may use."""


def connections_for(host_rps: float) -> int:
    """The connection limit of a host that receives `host_rps` requests a second.

    A host that answers within a second needs no more. A host that never answers then blocks few
    slots of the worker.
    """
    return min(max(math.ceil(host_rps), MIN_CONNECTIONS_PER_HOST), MAX_CONNECTIONS_PER_HOST)


@dataclass(eq=False)
class _Host:
    """The connections of one host.

    `held_since` has the start of each connection in use, and `next_retry` the time of the last
    retry that was reserved; both are in seconds of the monotonic clock.
    """

    free: asyncio.Semaphore
    held_since: list[float] = field(default_factory=list)
    next_retry: float = 0.0

    def reserve_retry(self) -> float:
        """Reserve a time for the caller's retry; the seconds until then.

        Retries are spaced by the time that the host takes to answer, because each one costs the
        Temporal server as much as a job.
        """
        now = time.monotonic()
        slowest = now - min(self.held_since, default=now)
        pace = max(slowest, 1.0) / max(len(self.held_since), 1)
        self.next_retry = max(self.next_retry, now) + pace
        return self.next_retry - now


class HostConnections:
    """Grants connections to hosts, up to `per_host` each, in the order of the requests.

    There is no limit over all hosts: an attempt fetches from one host at a time, so the concurrency
    of the worker is that limit.
    """

    def __init__(self, per_host: int = MAX_CONNECTIONS_PER_HOST) -> None:
        self._per_host = per_host
        # A host is dropped when no caller refers to it.
        self._hosts: WeakValueDictionary[str, _Host] = WeakValueDictionary()

    @asynccontextmanager
    async def hold(self, host: str, max_wait: timedelta | None) -> AsyncIterator[None]:
        """Hold one of the host's connections inside the block.

        Raises HostBusy if none becomes free within `max_wait`; None waits without a limit.
        """
        known = self._hosts.get(host)
        if known is None:
            known = self._hosts[host] = _Host(asyncio.Semaphore(self._per_host))
        try:
            async with asyncio.timeout(None if max_wait is None else max_wait.total_seconds()):
                await known.free.acquire()
        except TimeoutError:
            later = timedelta(seconds=known.reserve_retry())
            raise HostBusy(host, datetime.now(UTC) + later) from None
        since = time.monotonic()
        known.held_since.append(since)
        try:
            yield
        finally:
            known.held_since.remove(since)
            known.free.release()
