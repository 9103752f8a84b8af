"""What happens in an organisation, as Server-Sent Events."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

from api.deps import DatabaseDep, PrincipalDep, WatchDep, principal_of
from api.documentation import event_data
from api.errors import documented_errors
from api.routes.changes import ChangeRow, change_rows
from core.errors import Unauthorized
from store.changes import changed_pages
from store.db.engine import Database
from store.tables.changes import Change
from temporal.jobs.feed import FeedEvent, Mark, Position
from temporal.jobs.view import JobDetail
from temporal.jobs.watch import JobWatch

router = APIRouter(prefix="/api/events", tags=["events"])


async def position(
    last_event_id: Annotated[
        str | None, Header(description="The id of the last event that was received.")
    ] = None,
) -> Position | None:
    """Where the client was. Raises InvalidRequest before the stream begins."""
    return Position.parse(last_event_id) if last_event_id else None


PositionDep = Annotated[Position | None, Depends(position)]


@router.get(
    "",
    response_class=EventSourceResponse,
    responses=documented_errors(400),
    openapi_extra=event_data(JobDetail, ChangeRow, or_nothing=True),
)
async def follow(
    request: Request,
    principal: PrincipalDep,
    watch: WatchDep,
    database: DatabaseDep,
    after: PositionDep,
) -> AsyncIterator[ServerSentEvent]:
    """Every job of the organisation whenever its state, attempt or progress changes (`job`), and
    every new change (`change`), as the lists show them.

    With `Last-Event-ID`, also what happened since that event, if it is at most an hour ago; after
    a longer time a `resync` comes first. An event may come twice.
    """

    async def allowed() -> bool:
        try:
            await principal_of(request.app, request.headers)
        except Unauthorized:
            return False
        return True

    async for event in organisation_events(principal.org_id, watch, database, after, allowed):
        yield event


async def organisation_events(
    org_id: UUID,
    watch: JobWatch,
    database: Database,
    after: Position | None,
    allowed: Callable[[], Awaitable[bool]],
) -> AsyncIterator[ServerSentEvent]:
    """The events of the organisation, until the process ends or the listener is not `allowed` them
    any more, which is asked before each one.
    """
    async for happened in watch.events(org_id, after):
        event = await _event(happened, database)
        if not await allowed():
            return
        if event is not None:
            yield event


async def _event(happened: FeedEvent, database: Database) -> ServerSentEvent | None:
    position = str(happened.position)
    match happened.subject:
        case JobDetail() as job:
            data, kind = job.model_dump_json(by_alias=True), "job"
        case Change() as change:
            async with database.reading() as session:
                if not await changed_pages(session, [change]):
                    return None  # the page has been deleted since
                [row] = await change_rows(session, [change])
            data, kind = row.model_dump_json(by_alias=True), "change"
        case Mark.BEGIN:
            # Without data it is no event, but clients keep its id.
            return ServerSentEvent(comment="from here on", id=position)
        case Mark.RESYNC:
            data, kind = "{}", "resync"
    return ServerSentEvent(raw_data=data, event=kind, id=position)
