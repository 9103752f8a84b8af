"""Restarts services that end or hang."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final, Protocol

from core.errors import Unavailable

MIN_BACKOFF: Final = 1.0
MAX_BACKOFF: Final = 5.0
"""Seconds between the end of a service and its restart."""

BACKOFF_RESET_AFTER: Final = 20.0
"""Seconds. The backoff starts again at `MIN_BACKOFF` if a service ran longer than this."""

log = logging.getLogger(__name__)


class Service(Protocol):
    """A process that runs until it is stopped or fails."""

    name: str

    async def start(self) -> None:
        """Start it, and return once it is ready. Raises Unavailable if it fails to start."""

    async def exited(self) -> int:
        """The exit code, once it has ended."""

    async def hung(self) -> str:
        """Wait until it hangs; then say how that shows."""

    def kill(self) -> None:
        """Kill it, as a crash would end it."""

    async def stop(self) -> None:
        """Stop it. Does nothing if it does not run."""


@asynccontextmanager
async def supervised(services: Sequence[Service]) -> AsyncIterator[None]:
    """Run `services`, and restart those that end or hang, for the length of the block.

    Raises Unavailable if one of them fails to start.
    """
    keepers: list[asyncio.Task[None]] = []
    try:
        await _start(services)
        keepers = [asyncio.create_task(keep(service)) for service in services]
        yield
    finally:
        for keeper in keepers:
            keeper.cancel()
        await asyncio.gather(*keepers, return_exceptions=True)
        for service in services:
            await service.stop()


async def _start(services: Sequence[Service]) -> None:
    try:
        async with asyncio.TaskGroup() as starting:
            for service in services:
                starting.create_task(service.start())
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None


async def keep(service: Service, first_backoff: float = MIN_BACKOFF) -> None:
    """Restart a running `service` whenever it ends or hangs, with a growing backoff.

    Never returns.
    """
    backoff = first_backoff
    while True:
        began = time.monotonic()
        end = await _end_of(service)
        if time.monotonic() - began > BACKOFF_RESET_AFTER:
            backoff = first_backoff
        log.warning("%s %s; starting it again in %g s", service.name, end, backoff)
        await asyncio.sleep(backoff)
        backoff = min(backoff * 2, MAX_BACKOFF)
        try:
            await service.start()
        except (Unavailable, OSError) as error:
            log.warning("%s", error)


async def _end_of(service: Service) -> str:
    """How the service ended, once it has. One that hangs is killed."""
    exited = asyncio.create_task(service.exited())
    hung = asyncio.create_task(service.hung())
    try:
        await asyncio.wait({exited, hung}, return_when=asyncio.FIRST_COMPLETED)
        if exited.done():
            return f"ended with code {exited.result()}"
        service.kill()
        await exited
        return f"{hung.result()} and was killed"
    finally:
        exited.cancel()
        hung.cancel()
