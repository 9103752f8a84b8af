"""Which jobs Temporal knows: those that run, and those that have ended and are still readable."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Final, TypeVar
from uuid import UUID

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from core.jobs.states import batch_workflow_id
from temporal.faults import as_unavailable
from workflows.search_attributes import Attribute

JOBS_AT_ONCE: Final = 20
BATCHES_AT_ONCE: Final = 50
"""Batches that one filter names."""

T = TypeVar("T")


class KnownToTemporal:
    """Asks Temporal through `client`. Its methods raise Unavailable when it cannot be reached."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def jobs(self, workflow_ids: Iterable[str]) -> set[str]:
        """Those of the workflows that Temporal knows."""
        known: set[str] = set()
        for chunk in _chunks(workflow_ids, JOBS_AT_ONCE):
            answers = await asyncio.gather(*map(self._knows, chunk))
            known.update(each for each, is_known in zip(chunk, answers, strict=True) if is_known)
        return known

    async def batches(self, batch_ids: Iterable[UUID]) -> set[UUID]:
        """Those of the batches of which Temporal knows a job, or the workflow that starts them."""
        known: set[UUID] = set()
        for chunk in _chunks(batch_ids, BATCHES_AT_ONCE):
            if await self._count(chunk):
                known.update([each for each in chunk if await self._count([each])])
        return known

    async def _knows(self, workflow_id: str) -> bool:
        try:
            await self._client.get_workflow_handle(workflow_id).describe()
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False
            raise as_unavailable(error) from error
        return True

    async def _count(self, batch_ids: Sequence[UUID]) -> int:
        jobs = ", ".join(f"'{each}'" for each in batch_ids)
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
