"""One discovery walks a domain at a time."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final
from uuid import UUID

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from core.errors import AlreadyDiscovering
from store.engine import Database
from store.turns import give_turn_back, take_turn
from temporal.faults import as_unavailable

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

        Raises AlreadyDiscovering when a worker is at an attempt of another job of the domain.
        """
        other = await self._take(domain_id, job_id)
        if other is not None and not await self._is_at_work(other):
            other = await self._take(domain_id, job_id, instead_of=other)
        if other is not None:
            raise AlreadyDiscovering(
                f"The job {other} is discovering the pages of this domain already.",
                TRY_AGAIN_AFTER,
            )
        try:
            yield
        finally:
            async with self._database.transaction() as session:
                await give_turn_back(session, domain_id, job_id)

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
        pending = described.raw_description.pending_activities
        return any(each.HasField("last_started_time") for each in pending)
