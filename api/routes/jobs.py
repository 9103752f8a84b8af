"""Jobs: list, read, count, and act on them."""

from dataclasses import asdict
from typing import Annotated, Final
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncSession

from api.conditional import conditional
from api.deps import (
    ActionsDep,
    DeliveryDep,
    JobIdPath,
    LauncherDep,
    PrincipalDep,
    ReaderDep,
    SettingsDep,
    WatchDep,
)
from api.errors import documented_errors
from api.idempotency import IdempotencyDep
from api.paging import ListMeta, PagingDep, PlainDigits
from api.queries import BatchQuery, DomainQuery, PageQuery
from api.repeating import RepeatedJobs, Repetition
from api.started import StartedJob, StartedJobAnswer
from core.errors import Conflict, InvalidRequest
from core.jobs.states import JobState, JobType
from core.model import Model, UtcTime
from core.outbox import JobMessage
from temporal.jobs.history import AttemptOutcome
from temporal.jobs.messages import NO_OPTIONS
from temporal.jobs.reader import JobStats
from temporal.jobs.view import JobDetail, JobRow
from temporal.jobs.visibility import JobFilter

router = APIRouter(prefix="/api/jobs", tags=["jobs"])

MAX_WAIT: Final = 60
"""Seconds for which a request can wait for the end of a job."""

MAX_REPEATED: Final = 10_000
"""Failed jobs that one request runs again."""

NOT_MODIFIED: Final[dict[int | str, dict[str, object]]] = {
    304: {"description": "The answer has not changed (`If-None-Match`)."}
}


class JobListMeta(ListMeta):
    """The position of `data` in the whole list."""

    total: Annotated[
        int,
        Field(
            description="The number of all jobs that match, including those of a batch that have "
            "not been started yet and therefore have no row in `data`."
        ),
    ]


class JobListAnswer(Model):
    """A page of jobs."""

    data: list[JobRow]
    meta: JobListMeta


class JobAnswer(Model):
    """One job."""

    data: JobDetail


class AttemptView(Model):
    """An attempt of a job."""

    number: int
    started_at: UtcTime | None
    ended_at: UtcTime | None
    outcome: AttemptOutcome
    reason: str | None
    worker: str | None


class AttemptListMeta(Model):
    """The address of the workflow in the Temporal web UI; null if the UI is not known."""

    temporal_url: str | None


class AttemptListAnswer(Model):
    """The attempts of a job, first to last."""

    data: list[AttemptView]
    meta: AttemptListMeta


class JobStatsAnswer(Model):
    """The number of jobs in each state."""

    data: JobStats


async def job_filter(
    principal: PrincipalDep,
    type: Annotated[JobType | None, Query(description="Only of this type.")] = None,
    domain_id: DomainQuery = None,
    page_id: PageQuery = None,
    batch_id: BatchQuery = None,
) -> JobFilter:
    """The filter of the query parameters."""
    return JobFilter(
        org_id=principal.org_id,
        type=type,
        domain_id=domain_id,
        page_id=page_id,
        batch_id=batch_id,
    )


FilterDep = Annotated[JobFilter, Depends(job_filter)]
StatusQuery = Annotated[JobState | None, Query(description="Only in this state.")]


@router.get("", response_model=JobListAnswer, responses=NOT_MODIFIED | documented_errors(400))
async def list_all(
    request: Request,
    wanted: FilterDep,
    paging: PagingDep,
    reader: ReaderDep,
    status: StatusQuery = None,
) -> Response:
    """The jobs that match: unfinished first, newest first; then latest finished."""
    found = await reader.list(
        wanted.in_state(status), limit=paging.limit, page=paging.page, cursor=paging.cursor
    )
    answer = JobListAnswer(
        data=[JobRow.model_validate(row.model_dump()) for row in found.rows],
        meta=JobListMeta(
            total=found.total,
            page=paging.page,
            page_size=paging.limit,
            next_cursor=found.next_cursor,
        ),
    )
    return conditional(request, answer)


@router.get(
    "/stats", response_model=JobStatsAnswer, responses=NOT_MODIFIED | documented_errors(400)
)
async def statistics(request: Request, wanted: FilterDep, reader: ReaderDep) -> Response:
    """The number of jobs in each state; `total` counts the unfinished ones.

    Jobs of a batch that have not been started yet count as waiting.
    """
    return conditional(request, JobStatsAnswer(data=await reader.stats(wanted)))


class RepeatedJobsAnswer(Model):
    """The jobs that are run again."""

    data: RepeatedJobs


class CancelledJobs(Model):
    """The jobs that the request cancelled, and the batches that start no more jobs: nothing of it
    goes on after the answer.
    """

    jobs_cancelled: int
    job_ids: list[str]
    batch_ids: list[UUID]


class CancelledJobsAnswer(Model):
    """The jobs that were cancelled."""

    data: CancelledJobs


class PromotedJobs(Model):
    """The number of jobs that the request promoted."""

    jobs_promoted: int


class PromotedJobsAnswer(Model):
    """The jobs that were promoted."""

    data: PromotedJobs


@router.post("/retry", status_code=202, responses=documented_errors(400, 402, 409))
async def retry_all(
    wanted: FilterDep,
    reader: ReaderDep,
    launcher: LauncherDep,
    delivery: DeliveryDep,
    idempotency: IdempotencyDep,
    status: Annotated[
        JobState, Query(description="Only `failed`: no others are run again.")
    ] = JobState.FAILED,
) -> RepeatedJobsAnswer:
    """Run the failed jobs that match the filters of the list again, each page once, as one batch,
    also if they are of several domains. At most 10,000 jobs of 500 domains. Conflict (409) if no
    job matches.
    """
    if status is not JobState.FAILED:
        sentence = "Only failed jobs can be run again."
        raise InvalidRequest(sentence, {"status": sentence})
    earlier = await idempotency.earlier_answer(RepeatedJobs)
    subjects = [] if earlier else await reader.subjects(wanted.in_state(status), MAX_REPEATED)
    if earlier is None and not subjects:
        raise Conflict("No failed job matches.")
    repetition = Repetition(wanted.org_id, subjects, launcher, NO_OPTIONS)
    return RepeatedJobsAnswer(data=await repetition.start(idempotency, delivery))


@router.post("/cancel", responses=documented_errors(400))
async def cancel_all(
    wanted: FilterDep,
    actions: ActionsDep,
    status: StatusQuery = None,
) -> CancelledJobsAnswer:
    """Cancel the unfinished jobs that match the filters of the list; no worker is needed. The
    answer comes once they have ended, and names them. A batch with jobs that match and are not
    started yet is cancelled as a whole. Repeat the request if there are more than 10,000 jobs in
    one state.
    """
    if status is not None and status.finished:
        sentence = "Only unfinished jobs can be cancelled."
        raise InvalidRequest(sentence, {"status": sentence})
    cancelled = await actions.cancel_matching(wanted.in_state(status))
    return CancelledJobsAnswer(
        data=CancelledJobs(
            jobs_cancelled=len(cancelled.jobs),
            job_ids=list(cancelled.jobs),
            batch_ids=list(cancelled.batches),
        )
    )


@router.post("/promote", responses=documented_errors(400))
async def promote_all(
    wanted: FilterDep,
    actions: ActionsDep,
    status: Annotated[
        JobState, Query(description="Only `delayed`: no others can be promoted.")
    ] = JobState.DELAYED,
) -> PromotedJobsAnswer:
    """Run the delayed jobs that match the filters of the list now. Jobs of a batch that are not
    started yet keep their delay. Repeat the request if there are more than 10,000 jobs.
    """
    if status is not JobState.DELAYED:
        sentence = "Only delayed jobs can be promoted."
        raise InvalidRequest(sentence, {"status": sentence})
    promoted = await actions.promote_matching(wanted)
    return PromotedJobsAnswer(data=PromotedJobs(jobs_promoted=promoted))


@router.get(
    "/{job_id}", response_model=JobAnswer, responses=NOT_MODIFIED | documented_errors(400, 404)
)
async def get(
    request: Request,
    job_id: JobIdPath,
    principal: PrincipalDep,
    watch: WatchDep,
    wait: Annotated[
        int,
        Field(ge=0, le=MAX_WAIT),
        PlainDigits,
        Query(description="Seconds for which the answer waits for the end of the job."),
    ] = 0,
) -> Response:
    """One job, exact at the moment of the answer. With `wait`, the answer comes once the job has
    finished, or after that many seconds.
    """
    job = await watch.finished(principal.org_id, job_id, wait)
    return conditional(request, JobAnswer(data=job))


@router.get("/{job_id}/attempts", responses=documented_errors(404))
async def attempts(
    job_id: JobIdPath, principal: PrincipalDep, reader: ReaderDep, settings: SettingsDep
) -> AttemptListAnswer:
    """Every attempt of a job that has begun."""
    found = await reader.attempts(principal.org_id, job_id)
    ui = settings.resolved_temporal_ui_url
    path = f"namespaces/{reader.namespace}/workflows/{quote(job_id, safe='')}/{found.run_id}"
    return AttemptListAnswer(
        data=[AttemptView.model_validate(asdict(each)) for each in found.attempts],
        meta=AttemptListMeta(temporal_url=f"{ui.rstrip('/')}/{path}" if ui else None),
    )


@router.post("/{job_id}/cancel", responses=documented_errors(404, 409))
async def cancel(job_id: JobIdPath, principal: PrincipalDep, actions: ActionsDep) -> JobAnswer:
    """Cancel an unfinished job; no worker is needed. A crawl that has stored its result can no
    longer be cancelled (409): it finishes.
    """
    return JobAnswer(data=await actions.cancel(principal.org_id, job_id))


@router.post("/{job_id}/promote", responses=documented_errors(404, 409))
async def promote(job_id: JobIdPath, principal: PrincipalDep, actions: ActionsDep) -> JobAnswer:
    """Run a delayed job now: one that starts later, or that pauses before a retry or before a
    confirmation.
    """
    return JobAnswer(data=await actions.promote(principal.org_id, job_id))


@router.post("/{job_id}/retry", status_code=202, responses=documented_errors(400, 402, 404, 409))
async def retry(
    job_id: JobIdPath,
    principal: PrincipalDep,
    actions: ActionsDep,
    launcher: LauncherDep,
    idempotency: IdempotencyDep,
) -> StartedJobAnswer:
    """Run a failed job again, as a new job with the same input."""
    started = await idempotency.earlier_answer(StartedJob)
    if started is None:
        asked = await actions.failed_input(principal.org_id, job_id)

        async def job(session: AsyncSession, seed: UUID) -> JobMessage:
            return await launcher.repeated(session, principal.org_id, seed, asked)

        started = await idempotency.start_job(job, launcher.quotas)
    return StartedJobAnswer(data=started)
