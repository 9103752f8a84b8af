"""The activity of `prune.snapshots`: delete expired rows, in small transactions, and renew what
would expire.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import product
from typing import Any, Final
from uuid import UUID

from temporalio import activity

from activities.heartbeats import heartbeats
from core.jobs.contract import ActivityName, PruneResult
from store.batches import groups_of
from store.db.engine import Database
from store.renewal import renew_schedules
from store.retention import Expiry, Key, Trace, examine, remove, remove_parts
from store.tables.snapshots import Content, Snapshot
from temporal.jobs.backtests import workflow_id_of
from temporal.jobs.known import KnownToTemporal

EXAMINED_BATCH_SIZE: Final = 1_000
"""Rows examined in one transaction."""

REMOVED_BATCH_SIZE: Final = 200
"""Rows deleted in one transaction: on SQLite all other writers wait for it."""


def _now() -> datetime:
    return datetime.now(UTC)


class RetentionActivities:
    """Deletes the rows that `expiries` name, unless Temporal still knows the job they belong to.

    `clock` returns the current time.
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
        """Delete all rows past their retention; the number of rows deleted, by table.

        Also have today's share of the schedules renewed. Concurrent runs are safe.
        """
        removed: Counter[str] = Counter()
        async with heartbeats(removed):
            for expiry in self._expiries:
                await self._remove_all(expiry, removed)
            await renew_schedules(self._database, self._clock().date())
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
                examined = await examine(session, expiry, before, last, EXAMINED_BATCH_SIZE)
            known = await self._known_to_temporal(expiry.trace, {key[0] for key in examined.keys})
            keys = [key for key in examined.keys if key[0] not in known]
            for start in range(0, len(keys), REMOVED_BATCH_SIZE):
                await self._remove(
                    expiry, before, keys[start : start + REMOVED_BATCH_SIZE], removed
                )
            if examined.last is None:
                return
            last = examined.last

    async def _remove(
        self, expiry: Expiry, before: datetime, keys: Sequence[Key], removed: Counter[str]
    ) -> None:
        for part, owner in product(expiry.parts, keys):
            count = REMOVED_BATCH_SIZE
            while count == REMOVED_BATCH_SIZE:
                async with self._database.transaction() as session:
                    count = await remove_parts(session, part, owner, REMOVED_BATCH_SIZE)
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
                return await self._known_batches(ids)
            case Trace.BACKTEST:
                workflows = {workflow_id_of(each): each for each in ids}
                return {workflows[each] for each in await self._known.jobs(workflows)}

    async def _known_batches(self, ids: set[UUID]) -> set[UUID]:
        """The batches with a job: those of a group have the jobs that it is followed by."""
        async with self._database.reading() as session:
            groups = await groups_of(session, ids)
        known = await self._known.batches(ids | set(groups.values()))
        return {each for each in ids if each in known or groups.get(each) in known}
