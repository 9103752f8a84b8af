"""Keeps services running: what ends by itself is started again."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final, Protocol

from core.errors import Unavailable

FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 5.0
STEADY_AFTER: Final = 20.0
"""Seconds after which a service counts as well again: its next pause is the first one."""

log = logging.getLogger(__name__)


class Service(Protocol):
    """Something that runs until it is stopped, or fails."""

    name: str

    async def start(self) -> None:
        """Start it; returns once it is ready. Raises Unavailable when it does not become so."""

    async def exited(self) -> int:
        """Its exit code, once it has ended."""

    async def stop(self) -> None:
        """End it in order; nothing happens when it does not run."""


@asynccontextmanager
async def supervised(services: Sequence[Service]) -> AsyncIterator[None]:
    """Services that run for the length of the block; they are started and stopped together.

    Raises Unavailable when one of them does not start.
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


async def keep(service: Service, first_pause: float = FIRST_PAUSE) -> None:
    """Start a started `service` again whenever it ends, with growing pauses; never returns."""
    pause = first_pause
    while True:
        began = time.monotonic()
        code = await service.exited()
        if time.monotonic() - began > STEADY_AFTER:
            pause = first_pause
        log.warning("%s ended with code %d; starting it again in %g s", service.name, code, pause)
        await asyncio.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE)
        try:
            await service.start()
        except (Unavailable, OSError) as error:
            log.warning("%s", error)
