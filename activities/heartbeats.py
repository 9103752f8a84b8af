"""Heartbeats of an activity that is no attempt of a job."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from temporalio import activity

from activities.reporting import HEARTBEAT_EVERY


@asynccontextmanager
async def heartbeats() -> AsyncIterator[None]:
    """Send a heartbeat every second while the block runs, also while it waits for the database or
    for Temporal.
    """
    task = asyncio.create_task(_beat())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


async def _beat() -> None:
    while True:
        activity.heartbeat()
        await asyncio.sleep(HEARTBEAT_EVERY)
