"""Deliveries: what channels were told, or are going to be."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from api.deps import DatabaseDep, DeliveryDep, DeliveryIdDep
from api.routes import deliveries as rest
from api.web.filters import chosen, chosen_id
from api.web.offers import alert_names, channel_names, offered
from api.web.paging import links, requested
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
    channel, alert = chosen_id(request, "channel"), chosen_id(request, "alert")
    found = await rest.list_all(
        owner,
        paging,
        database,
        channel_id=channel,
        alert_id=alert,
        change_id=chosen_id(request, "change"),
        state=chosen(request, "state", DeliveryState),
    )
    return page(
        request,
        "deliveries.html",
        title="Deliveries",
        deliveries=await shown_deliveries(owner, database, found.data),
        links=links(request, paging, found.meta.total, len(found.data)),
        channels=offered(await channel_names(database, owner, [channel]), [channel], "channel"),
        alerts=offered(await alert_names(database, owner, [alert]), [alert], "alert"),
        channel_id=channel,
        alert_id=alert,
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
    channels = await channel_names(database, owner, {each.channel_id for each in rows})
    alerts = await alert_names(database, owner, {each.alert_id for each in rows})
    async with database.reading() as session:
        told = await summaries(session, owner.org_id, {r.change_id for r in rows if r.change_id})
    now = datetime.now(UTC)
    return [
        ShownDelivery(
            delivery=each,
            channel=channels.get(each.channel_id),
            alert=alerts.get(each.alert_id) if each.alert_id else None,
            summary=told.get(each.change_id) if each.change_id else None,
            soon=each.state is DeliveryState.PENDING
            and each.created_at > now - SOON
            and each.due_at < now + SOON,
        )
        for each in rows
    ]
