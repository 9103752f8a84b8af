"""Lookups of the workflows that exist in Temporal, running or within their retention."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Final, TypeVar
from uuid import UUID

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from core.jobs.ids import batch_workflow_id
from temporal.faults import as_unavailable
from workflows.search_attributes import Attribute

MAX_PARALLEL_LOOKUPS: Final = 20
BATCHES_PER_QUERY: Final = 50

T = TypeVar("T")


class KnownToTemporal:
    """Looks workflows up. Its methods raise Unavailable if Temporal cannot be reached."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def jobs(self, workflow_ids: Iterable[str]) -> set[str]:
        """The workflows among `workflow_ids` that exist."""
        known: set[str] = set()
        for chunk in _chunks(workflow_ids, MAX_PARALLEL_LOOKUPS):
            answers = await asyncio.gather(*map(self._exists, chunk))
            known.update(each for each, exists in zip(chunk, answers, strict=True) if exists)
        return known

    async def batches(self, batch_ids: Iterable[UUID]) -> set[UUID]:
        """The batches among `batch_ids` with a job, or a workflow that starts their jobs."""
        known: set[UUID] = set()
        for chunk in _chunks(batch_ids, BATCHES_PER_QUERY):
            if await self._count(chunk):
                known.update([each for each in chunk if await self._count([each])])
        return known

    async def _exists(self, workflow_id: str) -> bool:
        try:
            await self._client.get_workflow_handle(workflow_id).describe()
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False
            raise as_unavailable(error) from error
        return True

    async def _count(self, batch_ids: Sequence[UUID]) -> int:
        jobs = ", ".join(f"'{each}'" for each in batch_ids)
        # Workflows of earlier versions have no attribute, and a readable id cannot be made here.
        starters = ", ".join(f"'{batch_workflow_id(each)}'" for each in batch_ids)
        query = f"{Attribute.BATCH.name} IN ({jobs}) OR WorkflowId IN ({starters})"
        try:
            return (await self._client.count_workflows(query)).count
        except RPCError as error:
            raise as_unavailable(error) from error


def _chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk
