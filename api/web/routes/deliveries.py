"""Deliveries: what channels were told, or are going to be."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from api.deps import DatabaseDep, DeliveryDep, DeliveryIdDep
from api.routes import alerts as rest_alerts
from api.routes import channels as rest_channels
from api.routes import deliveries as rest
from api.web.filters import chosen, chosen_id
from api.web.paging import EVERYTHING, links, requested
from api.web.rendering import page
from api.web.session import SIGNED_IN, FormDep, OwnerDep, referring_path, with_notice
from core.alerts.attempts import DeliveryState
from store.changes import summaries
from store.db.engine import Database

router = APIRouter(prefix="/deliveries", dependencies=SIGNED_IN)

SOON: Final = timedelta(minutes=1)
"""A pending delivery that is due within this time is looked at again and again."""


@dataclass(frozen=True)
class ShownDelivery:
    """A delivery with the names of what it is about; None for what was deleted."""

    delivery: rest.DeliveryView
    channel: str | None
    alert: str | None
    summary: str | None
    soon: bool


@router.get("")
async def list_deliveries(request: Request, owner: OwnerDep, database: DatabaseDep) -> Response:
    """The deliveries, newest first."""
    paging = requested(request)
    found = await rest.list_all(
        owner,
        paging,
        database,
        channel_id=chosen_id(request, "channel"),
        alert_id=chosen_id(request, "alert"),
        change_id=chosen_id(request, "change"),
        state=chosen(request, "state", DeliveryState),
    )
    return page(
        request,
        "deliveries.html",
        title="Deliveries",
        deliveries=await shown_deliveries(owner, database, found.data),
        links=links(request, paging, found.meta.total, len(found.data)),
        channels=(await rest_channels.list_all(owner, EVERYTHING, database)).data,
        alerts=(await rest_alerts.list_all(owner, EVERYTHING, database)).data,
        states=list(DeliveryState),
        query=request.query_params,
        filtered=any(request.query_params.get(n) for n in ("channel", "alert", "change", "state")),
    )


@router.post("/{delivery_id}/redeliver")
async def deliver_again(
    request: Request,
    delivery_id: DeliveryIdDep,
    _: FormDep,
    owner: OwnerDep,
    database: DatabaseDep,
    delivery: DeliveryDep,
) -> Response:
    """Deliver once more, and go back to the list."""
    await rest.deliver_again(delivery_id, owner, database, delivery)
    back = referring_path(request)
    return RedirectResponse(with_notice("/deliveries" if back == "/" else back, "redelivered"), 303)


async def shown_deliveries(
    owner: OwnerDep, database: Database, rows: Sequence[rest.DeliveryView]
) -> list[ShownDelivery]:
    """`rows` with the names of what they are about."""
    if not rows:
        return []
    channels = (await rest_channels.list_all(owner, EVERYTHING, database)).data
    alerts = (await rest_alerts.list_all(owner, EVERYTHING, database)).data
    async with database.reading() as session:
        told = await summaries(session, owner.org_id, {r.change_id for r in rows if r.change_id})
    channel_names = {each.id: each.name for each in channels}
    alert_names = {each.id: each.name for each in alerts}
    now = datetime.now(UTC)
    return [
        ShownDelivery(
            delivery=each,
            channel=channel_names.get(each.channel_id),
            alert=alert_names.get(each.alert_id) if each.alert_id else None,
            summary=told.get(each.change_id) if each.change_id else None,
            soon=each.state is DeliveryState.PENDING
            and each.created_at > now - SOON
            and each.due_at < now + SOON,
        )
        for each in rows
    ]
