"""One discovery walks a domain at a time."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final
from uuid import UUID

from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from core.errors import AlreadyDiscovering
from store.engine import Database
from store.turns import give_turn_back, take_turn
from temporal.faults import as_unavailable

PATIENCE: Final = 5.0
"""Seconds that an attempt waits for its turn; most discoveries of small sites are over by then."""

LOOK_EVERY: Final = 0.5
"""Seconds between two looks whether the turn is free."""

TRY_AGAIN_AFTER: Final = timedelta(seconds=10)
"""When a discovery that came second has its next attempt, at the earliest."""


class DomainTurns:
    """The turns, kept in the store. Whether a job still uses its turn, Temporal knows."""

    def __init__(self, database: Database, client: Client) -> None:
        self._database = database
        self._client = client

    @asynccontextmanager
    async def held(self, domain_id: UUID, job_id: str) -> AsyncIterator[None]:
        """The job alone walks the domain in the block.

        Raises AlreadyDiscovering when a worker is at an attempt of another job of the domain for
        longer than `PATIENCE`.
        """
        deadline = time.monotonic() + PATIENCE
        while (other := await self._in_the_way(domain_id, job_id)) is not None:
            if time.monotonic() >= deadline:
                raise AlreadyDiscovering(
                    f"The job {other} is discovering the pages of this domain already.",
                    TRY_AGAIN_AFTER,
                )
            await asyncio.sleep(LOOK_EVERY)
        try:
            yield
        finally:
            async with self._database.transaction() as session:
                await give_turn_back(session, domain_id, job_id)

    async def _in_the_way(self, domain_id: UUID, job_id: str) -> str | None:
        """The job that walks the domain; None when the turn was taken for this one."""
        other = await self._take(domain_id, job_id)
        if other is not None and not await self._is_at_work(other):
            return await self._take(domain_id, job_id, instead_of=other)
        return other

    async def _take(
        self, domain_id: UUID, job_id: str, instead_of: str | None = None
    ) -> str | None:
        async with self._database.transaction() as session:
            return await take_turn(session, domain_id, job_id, instead_of=instead_of)

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
