"""Heartbeats of activities that are not attempts of a job."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from temporalio import activity

from activities.reporting import HEARTBEAT_INTERVAL


@asynccontextmanager
async def heartbeats(progress: Mapping[str, int] | None = None) -> AsyncIterator[None]:
    """Send a heartbeat every second while the block runs, with the current `progress` as details.

    Heartbeats continue while the block waits for the database or for Temporal.
    """
    task = asyncio.create_task(_beat(progress))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


async def _beat(progress: Mapping[str, int] | None) -> None:
    while True:
        activity.heartbeat(*([] if progress is None else [dict(progress)]))
        await asyncio.sleep(HEARTBEAT_INTERVAL)
