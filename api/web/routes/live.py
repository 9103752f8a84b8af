"""The stream that keeps pages up to date."""

from collections.abc import AsyncIterator

from fastapi import APIRouter, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

from api.deps import DatabaseDep, WatchDep
from api.routes.events import PositionDep, organisation_events
from api.web.session import SIGNED_IN, OwnerDep, session_or_none

router = APIRouter(dependencies=SIGNED_IN)


@router.get("/live", response_class=EventSourceResponse)
async def live(
    request: Request, owner: OwnerDep, watch: WatchDep, database: DatabaseDep, after: PositionDep
) -> AsyncIterator[ServerSentEvent]:
    """The events of `GET /api/events`, for the session of a browser, until it ends."""

    async def allowed() -> bool:
        return await session_or_none(request) is not None

    async for event in organisation_events(owner.org_id, watch, database, after, allowed):
        yield event
