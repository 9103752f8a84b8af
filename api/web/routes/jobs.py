"""Jobs: lists by state, and one job with its attempts and what can be done with it."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from api.deps import (
    ActionsDep,
    DatabaseDep,
    DeliveryDep,
    LauncherDep,
    ReaderDep,
    SettingsDep,
)
from api.routes import jobs as rest
from api.web.charts import Finished, History, common_history, job_chart
from api.web.filters import chosen, chosen_id
from api.web.forms import Form
from api.web.offers import domain_choices, domain_names, offered
from api.web.paging import links, requested
from api.web.rendering import page
from api.web.session import SIGNED_IN, FormDep, OnceDep, OwnerDep
from core.errors import InvalidRequest, NotFound
from core.jobs.states import JobState, JobType
from store.domains import get_domain
from store.tables.domains import Domain
from temporal.jobs.reader import JobReader
from temporal.jobs.visibility import JobFilter

router = APIRouter(dependencies=SIGNED_IN)

MAX_CHARTED: Final = 1_000
"""Jobs of each state of which the charts are drawn, the newest."""

ROWS_AT_ONCE: Final = 200


@router.get("/jobs")
async def list_jobs(
    request: Request, owner: OwnerDep, database: DatabaseDep, reader: ReaderDep
) -> Response:
    """The jobs: unfinished first, newest first; then latest finished."""
    domain_id = chosen_id(request, "domain")
    wanted = JobFilter(owner.org_id, type=chosen(request, "type", JobType), domain_id=domain_id)
    state = chosen(request, "state", JobState)
    paging = requested(request)
    stats = await reader.stats(wanted)
    found = await reader.list(
        wanted.in_state(state), limit=paging.limit, page=paging.page, cursor=None
    )
    of_rows = {job.domain_id for job in found.rows}
    names = domain_names(await domain_choices(database, owner, [domain_id, *of_rows]))
    return page(
        request,
        "jobs.html",
        title="Jobs",
        jobs=found.rows,
        links=links(request, paging, found.total, len(found.rows)),
        stats=stats,
        state=state,
        states=list(JobState),
        types=list(JobType),
        domains=offered(names, [domain_id], "domain"),
        domain_id=domain_id,
        names=names,
        query=request.query_params,
    )


@router.get("/jobs/history")
async def job_history(
    request: Request, owner: OwnerDep, database: DatabaseDep, reader: ReaderDep
) -> Response:
    """Charts of the jobs that finished last."""
    domain_id = chosen_id(request, "domain")
    wanted = JobFilter(owner.org_id, type=chosen(request, "type", JobType), domain_id=domain_id)
    finished, begin = common_history(
        [await _history(reader, wanted, each) for each in (JobState.COMPLETED, JobState.FAILED)]
    )
    names = domain_names(await domain_choices(database, owner, [domain_id]))
    now = datetime.now(UTC)
    yesterday = now - timedelta(days=1)
    day = [job for job in finished if job.at > yesterday]
    return page(
        request,
        "job_history.html",
        title="Jobs over time",
        chart=job_chart(finished, now),
        count=len(finished),
        begin=begin,
        whole_day=begin is None or begin <= yesterday,
        day=len(day),
        day_failed=sum(not job.completed for job in day),
        took=median(seconds) if (seconds := [j.seconds for j in finished if j.seconds]) else None,
        domains=offered(names, [domain_id], "domain"),
        domain_id=domain_id,
        types=list(JobType),
        query=request.query_params,
    )


async def _history(reader: JobReader, wanted: JobFilter, state: JobState) -> History:
    """The newest jobs that finished in that state."""
    finished: list[Finished] = []
    cursor: str | None = None
    while len(finished) < MAX_CHARTED:
        found = await reader.list(wanted.in_state(state), limit=ROWS_AT_ONCE, page=1, cursor=cursor)
        finished += [
            Finished(
                at=job.finished_at,
                completed=state is JobState.COMPLETED,
                seconds=(job.finished_at - job.processed_at).total_seconds()
                if job.processed_at
                else None,
            )
            for job in found.rows
            if job.finished_at is not None
        ]
        cursor = found.next_cursor
        if cursor is None:
            break
    return History(finished, complete=cursor is None)


@router.post("/jobs/cancel")
async def cancel_all(fields: FormDep, owner: OwnerDep, actions: ActionsDep) -> Response:
    """Cancel the unfinished jobs that match the filter of the list. The answer is 400 if the filter
    names a finished state.
    """
    await rest.cancel_all(_filter_of(fields, owner), actions, _state_of(fields))
    return RedirectResponse(_list_of(fields, "jobs-cancelled"), 303)


@router.post("/jobs/promote")
async def promote_all(fields: FormDep, owner: OwnerDep, actions: ActionsDep) -> Response:
    """Run the delayed jobs that match the filter of the list now. The answer is 400 if the filter
    names another state.
    """
    state = _state_of(fields) or JobState.DELAYED
    await rest.promote_all(_filter_of(fields, owner), actions, state)
    return RedirectResponse(_list_of(fields, "jobs-promoted"), 303)


@router.post("/jobs/retry")
async def retry_all(
    fields: FormDep,
    owner: OwnerDep,
    reader: ReaderDep,
    launcher: LauncherDep,
    delivery: DeliveryDep,
    once: OnceDep,
) -> Response:
    """Run the failed jobs that match the filter of the list again."""
    await rest.retry_all(_filter_of(fields, owner), reader, launcher, delivery, once)
    return RedirectResponse(_list_of(fields, "jobs-retried"), 303)


def _filter_of(fields: Form, owner: OwnerDep) -> JobFilter:
    """The filter that the list had. Raises InvalidRequest if it cannot be used.

    Unlike a filter of an address, one that cannot be used must not let every job pass.
    """
    try:
        return JobFilter(
            owner.org_id,
            type=JobType(fields["type"]) if fields.text("type") else None,
            domain_id=UUID(fields["domain"]) if fields.text("domain") else None,
        )
    except ValueError:
        raise InvalidRequest("There are no jobs of this kind.") from None


def _state_of(fields: Form) -> JobState | None:
    try:
        return JobState(fields["state"]) if fields.text("state") else None
    except ValueError:
        raise InvalidRequest("There is no such state of a job.") from None


def _list_of(fields: Form, notice: str) -> str:
    """The address of the list whose filter the form has."""
    kept = {name: value for name in ("domain", "type") if (value := fields.text(name))}
    return f"/jobs?{urlencode({**kept, 'notice': notice})}"


@router.get("/jobs/{job_id}")
async def one_job(
    request: Request,
    job_id: str,
    owner: OwnerDep,
    database: DatabaseDep,
    reader: ReaderDep,
    settings: SettingsDep,
) -> Response:
    """One job, exact now, with a timeline of its attempts."""
    job = await reader.get(owner.org_id, job_id)
    attempts = await rest.attempts(job_id, owner, reader, settings)
    domain: Domain | None = None
    with suppress(NotFound):  # it was deleted after the job
        async with database.reading() as session:
            domain = await get_domain(session, owner.org_id, job.domain_id)
    result = job.return_value if isinstance(job.return_value, dict) else {}
    return page(
        request,
        "job.html",
        title="Crawl" if job.type is JobType.CRAWL else "Discovery",
        job=job,
        domain=domain,
        attempts=attempts.data,
        temporal_url=attempts.meta.temporal_url,
        result={
            name: value for name, value in result.items() if isinstance(value, int | str | float)
        },
    )


@router.post("/jobs/{job_id}/cancel")
async def cancel(job_id: str, _: FormDep, owner: OwnerDep, actions: ActionsDep) -> Response:
    """Cancel an unfinished job."""
    job = await actions.cancel(owner.org_id, job_id)
    return RedirectResponse(f"/jobs/{job.id}?notice=cancelled", 303)


@router.post("/jobs/{job_id}/promote")
async def promote(job_id: str, _: FormDep, owner: OwnerDep, actions: ActionsDep) -> Response:
    """Run a delayed job now."""
    job = await actions.promote(owner.org_id, job_id)
    return RedirectResponse(f"/jobs/{job.id}?notice=promoted", 303)


@router.post("/jobs/{job_id}/retry")
async def retry(
    job_id: str,
    _: FormDep,
    owner: OwnerDep,
    actions: ActionsDep,
    launcher: LauncherDep,
    once: OnceDep,
) -> Response:
    """Run a failed job again, and show the new job."""
    started = await rest.retry(job_id, owner, actions, launcher, once)
    return RedirectResponse(f"/jobs/{started.data.job_id}?notice=retried", 303)
