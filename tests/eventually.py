"""Waiting for a condition, never for a time."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

T = TypeVar("T")

SHORTEST_PAUSE: Final = 0.01
LONGEST_PAUSE: Final = 0.1
"""Seconds between two readings, a fifth of what has been waited: each costs what it waits for time
of the processor.
"""


async def eventually(
    read: Callable[[], Awaitable[T]], holds: Callable[[T], bool], *, within: float = 20
) -> T:
    """What `read` gives once it `holds`; fails with the last reading after `within` seconds."""
    began = time.monotonic()
    while True:
        seen = await read()
        if holds(seen):
            return seen
        waited = time.monotonic() - began
        if waited > within:
            raise AssertionError(f"not within {within} s; last seen: {seen!r}")
        await asyncio.sleep(min(max(SHORTEST_PAUSE, waited / 5), LONGEST_PAUSE))
