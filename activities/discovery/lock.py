"""One discovery walks a domain at a time."""

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

PATIENCE: Final = 5.0
"""Seconds that an attempt waits for its turn; most discoveries of small sites are over by then."""

LOOK_EVERY: Final = 0.5
"""Seconds between two looks whether the turn is free."""

TRY_AGAIN_AFTER: Final = timedelta(seconds=10)
"""When a discovery that came second has its next attempt, or is resumed, at the earliest."""


class Turn:
    """The right of one attempt to walk a domain, until it is taken from it."""

    def __init__(self, database: Database, domain_id: UUID, walker: LockHolder) -> None:
        self._database = database
        self._domain_id = domain_id
        self._walker = walker

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """A transaction, made only while it is the attempt's turn.

        Raises AlreadyDiscovering when the attempt was taken for lost and another one walks, and
        SubjectGone when the domain does not exist any more.
        """
        async with self._database.transaction() as session:
            await require_discovery_lock(session, self._domain_id, self._walker)
            yield session


class DomainTurns:
    """The turns, kept in the store. Whether a job still uses its turn, Temporal knows."""

    def __init__(self, database: Database, client: Client) -> None:
        self._database = database
        self._client = client

    @asynccontextmanager
    async def held(
        self, domain: Domain, walker: LockHolder, *, resumed: bool
    ) -> AsyncIterator[Turn]:
        """The attempt alone walks the domain in the block. One that Temporal has given up may not
        know it: a later attempt of its job takes its turn.

        Raises AlreadyDiscovering when a worker is at an attempt of another job of the domain for
        longer than `PATIENCE`, or at a later attempt of the same job. An attempt that is `resumed`
        had its turn and gave it back while it was deferred: it is deferred again, by HostBusy.
        """
        deadline = time.monotonic() + PATIENCE
        while (other := await self._in_the_way(domain.id, walker)) is not None:
            if other.job_id == walker.job_id or time.monotonic() >= deadline:
                if resumed:
                    raise HostBusy(host_of(domain.origin), datetime.now(UTC) + TRY_AGAIN_AFTER)
                raise AlreadyDiscovering(
                    f"The job {other.job_id} is discovering the pages of this domain already.",
                    TRY_AGAIN_AFTER,
                )
            await asyncio.sleep(LOOK_EVERY)
        try:
            yield Turn(self._database, domain.id, walker)
        finally:
            async with self._database.transaction() as session:
                await release_discovery_lock(session, domain.id, walker)

    async def _in_the_way(self, domain_id: UUID, walker: LockHolder) -> LockHolder | None:
        """The attempt that walks the domain; None when the turn was taken for this one."""
        other = await self._take(domain_id, walker)
        if other is None or other.job_id == walker.job_id or await self._is_at_work(other.job_id):
            return other
        return await self._take(domain_id, walker, instead_of=other)

    async def _take(
        self, domain_id: UUID, walker: LockHolder, instead_of: LockHolder | None = None
    ) -> LockHolder | None:
        async with self._database.transaction() as session:
            return await acquire_discovery_lock(session, domain_id, walker, instead_of=instead_of)

    async def _is_at_work(self, job_id: str) -> bool:
        """A job that waits out a pause, or whose worker has died, uses no turn."""
        try:
            described = await self._client.get_workflow_handle(job_id).describe()
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False
            raise as_unavailable(error) from error
        if described.status is not WorkflowExecutionStatus.RUNNING:
            return False  # of one that was terminated Temporal still tells the attempt
        pending = described.raw_description.pending_activities
        return any(each.HasField("last_started_time") for each in pending)
