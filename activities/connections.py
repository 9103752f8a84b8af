"""How many connections a host may hold: one that never answers keeps nobody from the others."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Final
from weakref import WeakValueDictionary

from core.errors import HostBusy

PER_HOST: Final = 6
"""Connections to one host at once, as browsers have them."""

TRY_AGAIN_AFTER: Final = timedelta(seconds=5)
"""How long who found all connections of a host in use leaves it alone."""


class HostConnections:
    """Hands out the connections of each host in the order in which they were asked for.

    There is no limit over all hosts: an attempt asks one host at a time, so that the number of
    attempts is one.
    """

    def __init__(self) -> None:
        # Those of hosts that nobody asks any more are forgotten.
        self._hosts: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    @asynccontextmanager
    async def one(self, host: str, patience: timedelta | None) -> AsyncIterator[None]:
        """A connection to `host` may be used in the block.

        Raises HostBusy when none has become free for as long as `patience`, if there is a limit.
        """
        free = self._hosts.get(host)
        if free is None:
            free = self._hosts[host] = asyncio.Semaphore(PER_HOST)
        try:
            async with asyncio.timeout(patience.total_seconds() if patience else None):
                await free.acquire()
        except TimeoutError:
            raise HostBusy(host, datetime.now(UTC) + TRY_AGAIN_AFTER) from None
        try:
            yield
        finally:
            free.release()
