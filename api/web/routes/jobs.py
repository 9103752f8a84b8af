"""Jobs: lists by state, and one job with its attempts and what can be done with it."""

from contextlib import suppress

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from api.deps import (
    ActionsDep,
    DatabaseDep,
    LauncherDep,
    ReaderDep,
    SettingsDep,
)
from api.routes import jobs as rest
from api.web.filters import chosen, chosen_id
from api.web.paging import links, requested
from api.web.rendering import page
from api.web.routes.changes import domain_choices
from api.web.session import SIGNED_IN, FormDep, OnceDep, OwnerDep
from core.errors import NotFound
from core.jobs.states import JobState, JobType
from store.domains import get_domain
from store.tables.domains import Domain
from temporal.jobs.visibility import JobFilter

router = APIRouter(dependencies=SIGNED_IN)


@router.get("/jobs")
async def list_jobs(
    request: Request, owner: OwnerDep, database: DatabaseDep, reader: ReaderDep
) -> Response:
    """The jobs: unfinished first, newest first; then latest finished."""
    wanted = JobFilter(
        owner.org_id,
        type=chosen(request, "type", JobType),
        domain_id=chosen_id(request, "domain"),
    )
    state = chosen(request, "state", JobState)
    paging = requested(request)
    stats = await reader.stats(wanted)
    found = await reader.list(
        wanted.in_state(state), limit=paging.limit, page=paging.page, cursor=None
    )
    domains = await domain_choices(database, owner)
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
        domains=domains,
        names={domain.id: domain.display_name for domain in domains},
        query=request.query_params,
    )


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
    attempts = await rest.job_attempts(job_id, owner, reader, settings)
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
    started = await rest.retry_job(job_id, owner, actions, launcher, once)
    return RedirectResponse(f"/jobs/{started.data.job_id}?notice=retried", 303)
