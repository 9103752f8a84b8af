"""A job as Server-Sent Events."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Header
from fastapi.sse import EventSourceResponse, ServerSentEvent

from api.deps import JobIdPath, PrincipalDep, ReaderDep, WatchDep
from api.documentation import event_data
from api.errors import documented_errors
from temporal.jobs.view import JobDetail

router = APIRouter(prefix="/api/jobs", tags=["jobs"])


async def watched_job(job_id: JobIdPath, principal: PrincipalDep, reader: ReaderDep) -> JobDetail:
    """The job of the path. Raises NotFound before the stream begins."""
    return await reader.get(principal.org_id, job_id)


WatchedJobDep = Annotated[JobDetail, Depends(watched_job)]


@router.get(
    "/{job_id}/events",
    response_class=EventSourceResponse,
    responses=documented_errors(404),
    openapi_extra=event_data(JobDetail),
)
async def follow(
    first: WatchedJobDep,
    principal: PrincipalDep,
    watch: WatchDep,
    last_event_id: Annotated[
        str | None, Header(description="The id of the last event that was received.")
    ] = None,
) -> AsyncIterator[ServerSentEvent]:
    """The job now, and whenever its state, attempt or progress changes, until it has finished.

    With `Last-Event-ID`, only the events after that one.
    """
    latest = last_event_id
    async for job in watch.changes(principal.org_id, first.id):
        event = job_event(job, latest)
        if event is not None:
            latest = event.id
            yield event


def job_event(job: JobDetail, latest: str | None) -> ServerSentEvent | None:
    """The event of a changed job; None if nothing has changed since the event with id `latest`.

    The id of an event consists of state, attempt and progress.
    """
    event_id = f"{job.state}.{job.attempts_made}.{job.progress}"
    if event_id == latest:
        return None
    state, _, rest = (latest or "").partition(".")
    if state != job.state:
        kind = "state"
    elif rest.partition(".")[0] != str(job.attempts_made):
        kind = "attempt"
    else:
        kind = "progress"
    return ServerSentEvent(raw_data=job.model_dump_json(by_alias=True), event=kind, id=event_id)
