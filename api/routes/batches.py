"""Batches: crawls that were asked for together, ended together."""

from contextlib import suppress
from uuid import UUID

from fastapi import APIRouter

from api.deps import ActionsDep, BatchIdDep, DatabaseDep, PrincipalDep
from api.errors import documented_errors
from core.errors import Unavailable
from core.jobs.states import batch_job_id
from core.model import Model
from core.outbox import CancellationMessage, MessageKind
from store.batches import batch_pages, cancel_batch
from store.db.engine import Database
from store.outbox import put, withdraw
from temporal.jobs.actions import JobActions

router = APIRouter(prefix="/api/batches", tags=["jobs"])

CHUNK = 50
"""Jobs that are looked at together."""


class CancelledBatch(Model):
    """The batch that was cancelled, and how many of its jobs that ended."""

    batch_id: UUID
    jobs_cancelled: int


class CancelledBatchAnswer(Model):
    """The batch that was cancelled."""

    data: CancelledBatch


@router.post("/{batch_id}/cancel", responses=documented_errors(404))
async def cancel(
    batch_id: BatchIdDep, principal: PrincipalDep, database: DatabaseDep, actions: ActionsDep
) -> CancelledBatchAnswer:
    """End every job of the batch that has not finished, and start none of the rest; also where no
    worker runs. A crawl that has stored what it found comes to its end. Asked again, it goes on
    where it was interrupted.
    """
    # First: a fan-out that is at work sees it, and ends what it started meanwhile.
    async with database.transaction() as session:
        batch = await cancel_batch(session, principal.org_id, batch_id)
        await put(session, CancellationMessage(subject_id=batch.id, domain_id=batch.domain_id))
    ended = await _end_jobs(principal.org_id, batch_id, database, actions)
    with suppress(Unavailable):  # they are ended once more then
        async with database.transaction() as session:
            await withdraw(session, batch_id, MessageKind.CANCELLATION)
    return CancelledBatchAnswer(data=CancelledBatch(batch_id=batch_id, jobs_cancelled=ended))


async def _end_jobs(org_id: UUID, batch_id: UUID, database: Database, actions: JobActions) -> int:
    ended = 0
    last: UUID | None = None
    while True:
        async with database.reading() as session:
            members = await batch_pages(session, batch_id, last, CHUNK)
        if not members:
            return ended
        jobs = [batch_job_id(batch_id, each.page_id) for each in members]
        ended += await actions.cancel_all(org_id, jobs)
        last = members[-1].page_id
