"""Batches: crawls that were asked for together, ended together."""

from uuid import UUID

from fastapi import APIRouter

from api.deps import ActionsDep, BatchIdDep, PrincipalDep
from api.errors import documented_errors
from core.model import Model

router = APIRouter(prefix="/api/batches", tags=["jobs"])


class CancelledBatch(Model):
    """The batch that was cancelled, and how many of its jobs that ended."""

    batch_id: UUID
    jobs_cancelled: int


class CancelledBatchAnswer(Model):
    """The batch that was cancelled."""

    data: CancelledBatch


@router.post("/{batch_id}/cancel", responses=documented_errors(404))
async def cancel(
    batch_id: BatchIdDep, principal: PrincipalDep, actions: ActionsDep
) -> CancelledBatchAnswer:
    """End every job of the batch that has not finished, and start none of the rest; also where no
    worker runs. A crawl that has stored what it found comes to its end. Asked again, it goes on
    where it was interrupted.
    """
    cancelled = await actions.cancel_batch(principal.org_id, batch_id)
    return CancelledBatchAnswer(data=CancelledBatch(batch_id=batch_id, jobs_cancelled=cancelled))
