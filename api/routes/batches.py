"""Batches: crawls that were started together."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body
from sqlalchemy.ext.asyncio import AsyncSession

from api.deps import ActionsDep, BatchIdDep, LauncherDep, PrincipalDep
from api.errors import documented_errors
from api.idempotency import IdempotencyDep
from api.limits import JobBody
from api.started import StartedBatch, StartedBatchAnswer
from core.errors import Conflict
from core.model import Model
from store.batches import create_batch, get_batch, undo_batch
from store.domains import domain_by_id
from store.outbox import put

router = APIRouter(prefix="/api/batches", tags=["jobs"])


class CancelledBatch(Model):
    """The batch that was cancelled, and the number of jobs that this request cancelled."""

    batch_id: UUID
    jobs_cancelled: int


class CancelledBatchAnswer(Model):
    """The batch that was cancelled."""

    data: CancelledBatch


@router.post(
    "/{batch_id}/retry", status_code=202, responses=documented_errors(400, 402, 404, 409, 413)
)
async def retry(
    batch_id: BatchIdDep,
    body: Annotated[JobBody, Body(default_factory=JobBody)],
    principal: PrincipalDep,
    actions: ActionsDep,
    launcher: LauncherDep,
    idempotency: IdempotencyDep,
) -> StartedBatchAnswer:
    """Run all failed jobs of the batch again, as a new batch. Conflict (409) if none has failed."""
    earlier = await idempotency.earlier_answer(StartedBatch)
    if earlier is not None:
        return StartedBatchAnswer(data=earlier)
    failed = await actions.failed_pages(principal.org_id, batch_id)
    if not failed:
        raise Conflict("No job of the batch has failed.")

    async def accept(session: AsyncSession, seed: UUID) -> StartedBatch:
        first = await get_batch(session, principal.org_id, batch_id)
        domain = await domain_by_id(session, first.domain_id)
        batch = await create_batch(
            session, principal.org_id, domain.id, failed, seed, quotas=launcher.quotas
        )
        await put(session, launcher.batch(domain, batch, body.job_options))
        return StartedBatch(batch_id=batch.id, jobs_queued=batch.size)

    async with idempotency.carried_out(accept, StartedBatch, undo=undo_batch) as started:
        return StartedBatchAnswer(data=started)


@router.post("/{batch_id}/cancel", responses=documented_errors(404))
async def cancel(
    batch_id: BatchIdDep, principal: PrincipalDep, actions: ActionsDep
) -> CancelledBatchAnswer:
    """Cancel every unfinished job of the batch, and start no more of its jobs; no worker is needed.
    A crawl that has stored its result finishes. A repeated request continues an interrupted one.
    """
    cancelled = await actions.cancel_batch(principal.org_id, batch_id)
    return CancelledBatchAnswer(data=CancelledBatch(batch_id=batch_id, jobs_cancelled=cancelled))
