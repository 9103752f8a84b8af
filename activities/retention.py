"""The activity of `prune.snapshots`: what is past its retention goes, a little at a time."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import product
from typing import Any, Final

from temporalio import activity

from core.jobs.contract import ActivityName, PruneResult
from store.db.engine import Database
from store.retention import Expiry, Key, Trace, examine, remove, remove_parts
from store.tables.snapshots import Content, Snapshot
from temporal.jobs.backtests import workflow_id_of
from temporal.jobs.known import KnownToTemporal

LOOKED_AT: Final = 1_000
"""Rows that one transaction looks at."""

AT_ONCE: Final = 200
"""Rows that one transaction removes: on SQLite all other writers wait for it."""

HEARTBEAT_EVERY: Final = 10.0
"""Seconds between heartbeats. They go on while the database is waited for."""


def _now() -> datetime:
    return datetime.now(UTC)


class RetentionActivities:
    """Removes what `expiries` name, unless it belongs to what Temporal still knows.

    `clock` tells the time.
    """

    def __init__(
        self,
        database: Database,
        expiries: Sequence[Expiry],
        known: KnownToTemporal,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self._database = database
        self._expiries = expiries
        self._known = known
        self._clock = clock

    @activity.defn(name=ActivityName.PRUNE)
    async def prune(self) -> PruneResult:
        """Remove all that is past its retention; how much that was. Several may do so at once."""
        removed: Counter[str] = Counter()
        async with _heartbeats(removed):
            for expiry in self._expiries:
                await self._remove_all(expiry, removed)
        return PruneResult(
            snapshots=removed[Snapshot.__tablename__],
            contents=removed[Content.__tablename__],
            rows=dict(removed),
        )

    async def _remove_all(self, expiry: Expiry, removed: Counter[str]) -> None:
        before = self._clock() - expiry.age
        last: Key | None = None
        while True:
            async with self._database.reading() as session:
                examined = await examine(session, expiry, before, last, LOOKED_AT)
            known = await self._known_to_temporal(expiry.trace, {key[0] for key in examined.keys})
            keys = [key for key in examined.keys if key[0] not in known]
            for start in range(0, len(keys), AT_ONCE):
                await self._remove(expiry, before, keys[start : start + AT_ONCE], removed)
            if examined.last is None:
                return
            last = examined.last

    async def _remove(
        self, expiry: Expiry, before: datetime, keys: Sequence[Key], removed: Counter[str]
    ) -> None:
        for part, owner in product(expiry.parts, keys):
            count = AT_ONCE
            while count == AT_ONCE:
                async with self._database.transaction() as session:
                    count = await remove_parts(session, part, owner, AT_ONCE)
                removed[part.table.__tablename__] += count
        async with self._database.transaction() as session:
            removed[expiry.table.__tablename__] += await remove(session, expiry, before, keys)

    async def _known_to_temporal(self, trace: Trace | None, ids: set[Any]) -> set[Any]:
        match trace:
            case None:
                return set()
            case Trace.JOB:
                return await self._known.jobs(ids)
            case Trace.BATCH:
                return await self._known.batches(ids)
            case Trace.BACKTEST:
                workflows = {workflow_id_of(each): each for each in ids}
                return {workflows[each] for each in await self._known.jobs(workflows)}


@asynccontextmanager
async def _heartbeats(details: Counter[str]) -> AsyncIterator[None]:
    async def beat() -> None:
        while True:
            activity.heartbeat(dict(details))
            await asyncio.sleep(HEARTBEAT_EVERY)

    beating = asyncio.create_task(beat())
    try:
        yield
    finally:
        beating.cancel()
