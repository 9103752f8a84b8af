"""Waiting for a condition, never for a time."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

T = TypeVar("T")

HANG: Final = 120.0
"""Seconds that nothing takes but what hangs, however slow the machine is and whatever else it does.
No test judges by less.
"""

SHORTEST_PAUSE: Final = 0.01
LONGEST_PAUSE: Final = 0.5
"""Seconds between two readings, a fifth of what has been waited: each costs what it waits for time
of the processor.
"""


async def eventually(
    read: Callable[[], Awaitable[T]], holds: Callable[[T], bool], *, within: float = HANG
) -> T:
    """What `read` gives once it `holds`; fails with the last reading after `within` seconds, which
    only benchmarks choose.
    """
    began = time.monotonic()
    while True:
        seen = await read()
        if holds(seen):
            return seen
        waited = time.monotonic() - began
        if waited > within:
            raise AssertionError(f"not within {within:g} s; last seen: {seen!r}")
        await asyncio.sleep(min(max(SHORTEST_PAUSE, waited / 5), LONGEST_PAUSE))


async def begun(running: asyncio.Task[None], ready: asyncio.Event) -> None:
    """Return once `running` says that it is ready; raises what it ended with instead."""
    waiting = asyncio.create_task(ready.wait())
    async with asyncio.timeout(HANG):
        await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if running.done():
        await running
        raise AssertionError("it ended before it was ready")
