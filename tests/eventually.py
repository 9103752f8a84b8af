"""Waiting for a condition, never for a time."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def eventually(
    read: Callable[[], Awaitable[T]], holds: Callable[[T], bool], *, within: float = 20
) -> T:
    """What `read` gives once it `holds`; fails with the last reading after `within` seconds."""
    deadline = time.monotonic() + within
    while True:
        seen = await read()
        if holds(seen):
            return seen
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within} s; last seen: {seen!r}")
        await asyncio.sleep(0.02)
