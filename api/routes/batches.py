"""Batches: crawls that were started together."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body

from api.deps import ActionsDep, BatchIdDep, DeliveryDep, LauncherDep, PrincipalDep
from api.errors import documented_errors
from api.idempotency import IdempotencyDep
from api.limits import JobBody
from api.repeating import RepeatedJobs, Repetition
from api.started import StartedBatch, StartedBatchAnswer
from core.errors import Conflict
from core.model import Model

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
    delivery: DeliveryDep,
    idempotency: IdempotencyDep,
) -> StartedBatchAnswer:
    """Run all failed jobs of the batch again, as a new batch. Conflict (409) if none has failed."""
    org_id = principal.org_id
    earlier = await idempotency.earlier_answer(RepeatedJobs)
    failed = [] if earlier else await actions.failed_subjects(org_id, batch_id)
    if earlier is None and not failed:
        raise Conflict("No job of the batch has failed.")
    repetition = Repetition(org_id, failed, launcher, body.job_options)
    started = await repetition.start(idempotency, delivery)
    return StartedBatchAnswer(
        data=StartedBatch(batch_id=started.batch_id, jobs_queued=started.jobs_queued)
    )


@router.post("/{batch_id}/cancel", responses=documented_errors(404))
async def cancel(
    batch_id: BatchIdDep, principal: PrincipalDep, actions: ActionsDep
) -> CancelledBatchAnswer:
    """Cancel every unfinished job of the batch, and start no more of its jobs; no worker is needed.
    A crawl that has stored its result finishes. A repeated request continues an interrupted one.
    """
    cancelled = await actions.cancel_batch(principal.org_id, batch_id)
    return CancelledBatchAnswer(data=CancelledBatch(batch_id=batch_id, jobs_cancelled=cancelled))
