"""How long an event loop was held up: by what its thread computed, not by the clock."""

import asyncio
import os
import time
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final, Generic, TypeVar

Result = TypeVar("Result")

TICK: Final = os.sysconf("SC_CLK_TCK")


async def unpaced(_: str) -> timedelta:
    """The time between two requests to any host: none."""
    return timedelta(0)


@dataclass(frozen=True)
class Watched(Generic[Result]):
    """What work came to, the seconds of the processor that it took here and in child processes, and
    the most of them that this thread took without giving anything else a turn.
    """

    result: Result
    seconds: float
    longest_pause: float


async def watched(work: Awaitable[Result]) -> Watched[Result]:
    """Await `work` beside a task that wants a turn each 10 ms."""
    pauses = [0.0]

    async def tick() -> None:
        while True:
            before = time.thread_time()
            await asyncio.sleep(0.01)
            pauses.append(time.thread_time() - before)

    ticker = asyncio.create_task(tick())
    await asyncio.sleep(0)
    began = time.thread_time() + _of_children()
    try:
        result = await work
        seconds = time.thread_time() + _of_children() - began
        await asyncio.sleep(0.02)
    finally:
        ticker.cancel()
    return Watched(result, seconds, max(pauses))


def _of_children() -> float:
    """What the child processes have taken so far, those among them that have ended too."""
    ended = os.times()
    found = ended.children_user + ended.children_system
    for listed in Path("/proc/self/task").glob("*/children"):
        for child in listed.read_text().split():
            fields = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
            found += (int(fields[11]) + int(fields[12])) / TICK
    return found
