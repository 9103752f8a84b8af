"""How long an event loop was held up."""

import asyncio
import time
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Generic, TypeVar

Result = TypeVar("Result")


@dataclass(frozen=True)
class Watched(Generic[Result]):
    """What work came to, the seconds it took, and the longest in which nothing else had a turn."""

    result: Result
    seconds: float
    longest_pause: float


async def watched(work: Awaitable[Result]) -> Watched[Result]:
    """Await `work` beside a task that wants a turn each 10 ms."""
    pauses = [0.0]

    async def tick() -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0.01)
            pauses.append(time.perf_counter() - before)

    ticker = asyncio.create_task(tick())
    await asyncio.sleep(0)
    began = time.perf_counter()
    try:
        result = await work
        seconds = time.perf_counter() - began
        await asyncio.sleep(0.02)
    finally:
        ticker.cancel()
    return Watched(result, seconds, max(pauses))
