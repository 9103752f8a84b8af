"""The discovery lock of a domain: one discovery walks the domain at a time."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from core.errors import AlreadyDiscovering, HostBusy
from core.web.urls import host_of
from store.db.engine import Database
from store.discovery_lock import (
    LockHolder,
    acquire_discovery_lock,
    release_discovery_lock,
    require_discovery_lock,
)
from store.tables.domains import Domain
from temporal.faults import as_unavailable

MAX_LOCK_WAIT: Final = 5.0
"""Seconds that an attempt waits for the lock; most discoveries of small sites take less."""

LOCK_POLL_INTERVAL: Final = 0.5
"""Seconds between two tries to acquire the lock."""

LOCK_RETRY_DELAY: Final = timedelta(seconds=10)
"""Delay before a discovery that did not get the lock tries again, at first."""

MAX_LOCK_RETRY_DELAY: Final = timedelta(minutes=2)


def lock_retry_delay(deferrals: int) -> timedelta:
    """The delay after so many deferrals: each one grows the workflow history, which has a limit."""
    return min(LOCK_RETRY_DELAY * (1 + deferrals / 6), MAX_LOCK_RETRY_DELAY)


class DiscoveryLock:
    """The lock of a domain as an attempt holds it, until a later attempt takes it over."""

    def __init__(self, database: Database, domain_id: UUID, holder: LockHolder) -> None:
        self._database = database
        self._domain_id = domain_id
        self._holder = holder

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """A transaction that keeps the lock until it ends.

        Raises AlreadyDiscovering if another attempt has taken the lock over, and SubjectGone if the
        domain was deleted.
        """
        async with self._database.transaction() as session:
            await require_discovery_lock(session, self._domain_id, self._holder)
            yield session


class DiscoveryLocks:
    """The locks of all domains, in the store. Temporal knows whether their holders still run."""

    def __init__(self, database: Database, client: Client) -> None:
        self._database = database
        self._client = client

    @asynccontextmanager
    async def held(
        self,
        domain: Domain,
        holder: LockHolder,
        *,
        resumed: bool,
        retry_after: timedelta = LOCK_RETRY_DELAY,
    ) -> AsyncIterator[DiscoveryLock]:
        """Hold the lock of the domain inside the block.

        An attempt takes over the lock of an earlier attempt of its job, which may still run after
        Temporal has given it up. It also takes over the lock of a job that no worker runs.

        Raises HostBusy if another job holds the lock for longer than `MAX_LOCK_WAIT`: the attempt
        is deferred for `retry_after`, and none is used up. Raises AlreadyDiscovering if a later
        attempt of the same job holds it; if `resumed`, HostBusy too.
        """
        deadline = time.monotonic() + MAX_LOCK_WAIT
        while (other := await self._acquire(domain.id, holder)) is not None:
            if other.job_id == holder.job_id or time.monotonic() >= deadline:
                if other.job_id != holder.job_id or resumed:
                    raise HostBusy(host_of(domain.origin), datetime.now(UTC) + retry_after)
                raise AlreadyDiscovering(
                    f"The job {other.job_id} is discovering the pages of this domain already.",
                    LOCK_RETRY_DELAY,
                )
            await asyncio.sleep(LOCK_POLL_INTERVAL)
        try:
            yield DiscoveryLock(self._database, domain.id, holder)
        finally:
            async with self._database.transaction() as session:
                await release_discovery_lock(session, domain.id, holder)

    async def _acquire(self, domain_id: UUID, holder: LockHolder) -> LockHolder | None:
        """Acquire the lock; the attempt that holds it, None if that is now `holder`."""
        other = await self._try_acquire(domain_id, holder)
        if other is None or other.job_id == holder.job_id or await self._is_running(other.job_id):
            return other
        return await self._try_acquire(domain_id, holder, instead_of=other)

    async def _try_acquire(
        self, domain_id: UUID, holder: LockHolder, instead_of: LockHolder | None = None
    ) -> LockHolder | None:
        async with self._database.transaction() as session:
            return await acquire_discovery_lock(session, domain_id, holder, instead_of=instead_of)

    async def _is_running(self, job_id: str) -> bool:
        """Whether a worker runs an attempt of the job: not while it waits for a retry."""
        try:
            described = await self._client.get_workflow_handle(job_id).describe()
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False
            raise as_unavailable(error) from error
        if described.status is not WorkflowExecutionStatus.RUNNING:
            return False  # a terminated workflow keeps its pending activities
        pending = described.raw_description.pending_activities
        return any(each.HasField("last_started_time") for each in pending)
