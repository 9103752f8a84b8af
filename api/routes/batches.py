"""Batches: crawls that were started together."""

from uuid import UUID

from fastapi import APIRouter

from api.deps import ActionsDep, BatchIdDep, PrincipalDep
from api.errors import documented_errors
from core.model import Model

router = APIRouter(prefix="/api/batches", tags=["jobs"])


class CancelledBatch(Model):
    """The batch that was cancelled, and the number of jobs that this request cancelled."""

    batch_id: UUID
    jobs_cancelled: int


class CancelledBatchAnswer(Model):
    """The batch that was cancelled."""

    data: CancelledBatch


@router.post("/{batch_id}/cancel", responses=documented_errors(404))
async def cancel(
    batch_id: BatchIdDep, principal: PrincipalDep, actions: ActionsDep
) -> CancelledBatchAnswer:
    """Cancel every unfinished job of the batch, and start no more of its jobs; no worker is needed.
    A crawl that has stored its result finishes. A repeated request continues an interrupted one.
    """
    cancelled = await actions.cancel_batch(principal.org_id, batch_id)
    return CancelledBatchAnswer(data=CancelledBatch(batch_id=batch_id, jobs_cancelled=cancelled))
