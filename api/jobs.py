"""The Jobs API: list, one job, statistics."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from api.deps import PrincipalDep, ReaderDep
from api.errors import documented_errors
from api.job_reader import JobStats
from api.job_view import JobDetail, JobRow
from api.paging import ListMeta, PagingDep
from api.visibility import JobFilter
from core.jobs import JobState, JobType
from core.model import Model

router = APIRouter(prefix="/api/jobs", tags=["jobs"])


class JobListAnswer(Model):
    """A page of jobs."""

    data: list[JobRow]
    meta: ListMeta


class JobAnswer(Model):
    """One job."""

    data: JobDetail


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


@router.get("", responses=documented_errors(400))
async def list_jobs(
    wanted: FilterDep,
    paging: PagingDep,
    reader: ReaderDep,
    status: Annotated[JobState | None, Query()] = None,
) -> JobListAnswer:
    """The jobs that match: unfinished first, newest first; then those that finished latest."""
    found = await reader.list(
        wanted.in_state(status), limit=paging.limit, page=paging.page, cursor=paging.cursor
    )
    return JobListAnswer(
        data=[JobRow.model_validate(row.model_dump()) for row in found.rows],
        meta=ListMeta(
            total=found.total,
            page=paging.page,
            page_size=paging.limit,
            next_cursor=found.next_cursor,
        ),
    )


@router.get("/stats", responses=documented_errors(400))
async def job_statistics(wanted: FilterDep, reader: ReaderDep) -> JobStatsAnswer:
    """How many jobs are in each state; `total` counts the unfinished ones."""
    return JobStatsAnswer(data=await reader.stats(wanted))


@router.get("/{job_id}", responses=documented_errors(404))
async def get_job(job_id: str, principal: PrincipalDep, reader: ReaderDep) -> JobAnswer:
    """One job, exact at the moment of the answer."""
    return JobAnswer(data=await reader.get(principal.org_id, job_id))
