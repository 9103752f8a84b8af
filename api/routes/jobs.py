"""The Jobs API: list, one job, statistics, and acting on a job."""

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
    LauncherDep,
    PrincipalDep,
    ReaderDep,
    SettingsDep,
    WatchDep,
)
from api.errors import documented_errors
from api.idempotency import IdempotencyDep
from api.paging import ListMeta, PagingDep, PlainDigits
from api.started import StartedJob, StartedJobAnswer
from core.jobs.states import JobState, JobType
from core.model import Model, UtcTime
from core.outbox import JobMessage
from temporal.jobs.history import AttemptOutcome
from temporal.jobs.reader import JobStats
from temporal.jobs.view import JobDetail, JobRow
from temporal.jobs.visibility import JobFilter

router = APIRouter(prefix="/api/jobs", tags=["jobs"])

LONGEST_WAIT: Final = 60
"""Seconds that an answer is held back at most."""

NOT_MODIFIED: Final[dict[int | str, dict[str, object]]] = {
    304: {"description": "The client has this answer already (`If-None-Match`)."}
}


class JobListMeta(ListMeta):
    """Where a list's `data` is in the whole of it."""

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
    """Where the Temporal web UI shows the same; null where that is not known."""

    temporal_url: str | None


class AttemptListAnswer(Model):
    """The attempts of a job, first to last."""

    data: list[AttemptView]
    meta: AttemptListMeta


class JobStatsAnswer(Model):
    """The counts of the states."""

    data: JobStats


def job_filter(
    principal: PrincipalDep,
    type: JobType | None = None,
    domain_id: Annotated[UUID | None, Query(alias="domainId")] = None,
    page_id: Annotated[UUID | None, Query(alias="pageId")] = None,
    batch_id: Annotated[UUID | None, Query(alias="batchId")] = None,
) -> JobFilter:
    """The jobs of the organisation that the query parameters ask for."""
    return JobFilter(
        org_id=principal.org_id,
        type=type,
        domain_id=domain_id,
        page_id=page_id,
        batch_id=batch_id,
    )


FilterDep = Annotated[JobFilter, Depends(job_filter)]


@router.get("", response_model=JobListAnswer, responses=NOT_MODIFIED | documented_errors(400))
async def list_jobs(
    request: Request,
    wanted: FilterDep,
    paging: PagingDep,
    reader: ReaderDep,
    status: Annotated[JobState | None, Query()] = None,
) -> Response:
    """The jobs that match: unfinished first, newest first; then those that finished latest."""
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
async def job_statistics(request: Request, wanted: FilterDep, reader: ReaderDep) -> Response:
    """How many jobs are in each state; `total` counts the unfinished ones.

    Jobs of a batch that have not been started yet count as waiting.
    """
    return conditional(request, JobStatsAnswer(data=await reader.stats(wanted)))


@router.get(
    "/{job_id}", response_model=JobAnswer, responses=NOT_MODIFIED | documented_errors(400, 404)
)
async def get_job(
    request: Request,
    job_id: str,
    principal: PrincipalDep,
    watch: WatchDep,
    wait: Annotated[int, Field(ge=0, le=LONGEST_WAIT), PlainDigits, Query()] = 0,
) -> Response:
    """One job, exact at the moment of the answer; with `wait` held back until it has finished or
    that many seconds are over.
    """
    job = await watch.finished(principal.org_id, job_id, wait)
    return conditional(request, JobAnswer(data=job))


@router.get("/{job_id}/attempts", responses=documented_errors(404))
async def job_attempts(
    job_id: str, principal: PrincipalDep, reader: ReaderDep, settings: SettingsDep
) -> AttemptListAnswer:
    """Every attempt of a job that was begun, and where the Temporal web UI shows them."""
    found = await reader.attempts(principal.org_id, job_id)
    ui = settings.resolved_temporal_ui_url
    path = f"namespaces/{reader.namespace}/workflows/{quote(job_id, safe='')}/{found.run_id}"
    return AttemptListAnswer(
        data=[AttemptView.model_validate(asdict(each)) for each in found.attempts],
        meta=AttemptListMeta(temporal_url=f"{ui.rstrip('/')}/{path}" if ui else None),
    )


@router.post("/{job_id}/cancel", responses=documented_errors(404, 409))
async def cancel_job(job_id: str, principal: PrincipalDep, actions: ActionsDep) -> JobAnswer:
    """End a job that has not finished, also where no worker runs. A crawl that has stored what it
    found is not cancelled any more (409): it comes to its end.
    """
    return JobAnswer(data=await actions.cancel(principal.org_id, job_id))


@router.post("/{job_id}/promote", responses=documented_errors(404, 409))
async def promote_job(job_id: str, principal: PrincipalDep, actions: ActionsDep) -> JobAnswer:
    """Let a delayed job run now: one asked for later, or one that pauses before a retry or before a
    second look at its page.
    """
    return JobAnswer(data=await actions.promote(principal.org_id, job_id))


@router.post("/{job_id}/retry", status_code=202, responses=documented_errors(400, 404, 409))
async def retry_job(
    job_id: str,
    principal: PrincipalDep,
    actions: ActionsDep,
    launcher: LauncherDep,
    idempotency: IdempotencyDep,
) -> StartedJobAnswer:
    """Run a failed job again, as a new job of the same input."""
    started = await idempotency.earlier(StartedJob)
    if started is None:
        asked = await actions.failed_input(principal.org_id, job_id)

        async def job(session: AsyncSession, seed: UUID) -> JobMessage:
            return await launcher.repeated(session, principal.org_id, seed, asked)

        started = await idempotency.start_job(job)
    return StartedJobAnswer(data=started)
