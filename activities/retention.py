"""The activity of `prune.snapshots`: what is past its retention goes, a little at a time."""

from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from temporalio import activity

from core.contract import ActivityName, PruneResult
from store.engine import Database
from store.retention import (
    expired_snapshots,
    loose_contents,
    remove_contents,
    remove_snapshots,
)
from store.sightings import forget_looks_due

AT_ONCE: Final = 200
"""Rows that one transaction takes away: on SQLite all other writers wait for it."""

OVERDUE: Final = timedelta(days=1)
"""By so much a second look is late whose job has ended."""


class RetentionActivities:
    """Takes away what is older than `retention`."""

    def __init__(self, database: Database, retention: timedelta) -> None:
        self._database = database
        self._retention = retention

    @activity.defn(name=ActivityName.PRUNE)
    async def prune(self) -> PruneResult:
        """Remove the snapshots that may go, and then every content that none holds; and what was
        seen once by jobs that are gone.
        """
        async with self._database.transaction() as session:
            await forget_looks_due(session, datetime.now(UTC) - OVERDUE)
        return PruneResult(
            snapshots=await self._snapshots(datetime.now(UTC) - self._retention),
            contents=await self._contents(),
        )

    async def _snapshots(self, before: datetime) -> int:
        removed = 0
        last: UUID | None = None
        while True:
            async with self._database.reading() as session:
                found = await expired_snapshots(session, before, last, AT_ONCE)
            if not found:
                return removed
            async with self._database.transaction() as session:
                removed += await remove_snapshots(session, found)
            last = found[-1]
            activity.heartbeat(removed)

    async def _contents(self) -> int:
        removed = 0
        last = ""
        while True:
            async with self._database.reading() as session:
                found = await loose_contents(session, last, AT_ONCE)
            if not found:
                return removed
            async with self._database.transaction() as session:
                removed += await remove_contents(session, found)
            last = found[-1]
            activity.heartbeat(removed)
