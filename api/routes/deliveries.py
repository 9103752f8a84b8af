"""Deliveries: what channels were told, or are going to be."""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from api.deps import DatabaseDep, DeliveryDep, DeliveryIdDep, PrincipalDep
from api.errors import documented_errors
from api.paging import ListMeta, PagingDep
from core.alerts.attempts import DeliveryState
from core.errors import RateLimited, Unavailable
from core.model import Model, UtcTime
from core.outbox import ChannelMessage
from store.deliveries import DeliveryFilter, get_delivery, list_deliveries, redeliver
from store.outbox_rows import put
from store.tables.alerts import Delivery

router = APIRouter(prefix="/api/deliveries", tags=["deliveries"])


class DeliveryView(Model):
    """A change that a channel is told, or a test of the channel, without alert and change.

    `digestId` is the id of the digest that it is part of. `lastAnswer` is how the last attempt
    ended.
    """

    id: UUID
    channel_id: UUID
    alert_id: UUID | None
    change_id: UUID | None
    digest_id: UUID | None
    state: DeliveryState
    attempts: int
    last_answer: str | None
    due_at: UtcTime
    next_attempt_at: UtcTime | None
    created_at: UtcTime
    delivered_at: UtcTime | None


class DeliveryListAnswer(Model):
    """A page of deliveries."""

    data: list[DeliveryView]
    meta: ListMeta


class DeliveryAnswer(Model):
    """One delivery."""

    data: DeliveryView


def delivery_view(delivery: Delivery) -> DeliveryView:
    """A delivery as the API shows it."""
    return DeliveryView(
        id=delivery.id,
        channel_id=delivery.channel_id,
        alert_id=delivery.alert_id,
        change_id=delivery.change_id,
        digest_id=delivery.digest_id,
        state=delivery.state,
        attempts=delivery.attempts,
        last_answer=delivery.last_answer,
        due_at=delivery.due_at,
        next_attempt_at=delivery.next_attempt_at,
        created_at=delivery.created_at,
        delivered_at=delivery.delivered_at,
    )


@router.get("", responses=documented_errors(400))
async def list_all(
    principal: PrincipalDep,
    paging: PagingDep,
    database: DatabaseDep,
    channel_id: Annotated[
        UUID | None, Query(alias="channelId", description="Only to this channel.")
    ] = None,
    alert_id: Annotated[
        UUID | None, Query(alias="alertId", description="Only of this alert.")
    ] = None,
    change_id: Annotated[
        UUID | None, Query(alias="changeId", description="Only of this change.")
    ] = None,
    state: Annotated[DeliveryState | None, Query(description="Only in this state.")] = None,
) -> DeliveryListAnswer:
    """The deliveries that match all filters, newest first."""
    wanted = DeliveryFilter(channel_id, alert_id, change_id, state)
    async with database.reading() as session:
        found = await list_deliveries(session, principal.org_id, paging.request, wanted)
    data = [delivery_view(each) for each in found.rows]
    return DeliveryListAnswer(data=data, meta=paging.meta(found))


@router.get("/{delivery_id}", responses=documented_errors(404))
async def get(
    delivery_id: DeliveryIdDep, principal: PrincipalDep, database: DatabaseDep
) -> DeliveryAnswer:
    """One delivery."""
    async with database.reading() as session:
        found = await get_delivery(session, principal.org_id, delivery_id)
    return DeliveryAnswer(data=delivery_view(found))


@router.post("/{delivery_id}/redeliver", status_code=202, responses=documented_errors(404, 409))
async def deliver_again(
    delivery_id: DeliveryIdDep,
    principal: PrincipalDep,
    database: DatabaseDep,
    delivery: DeliveryDep,
) -> DeliveryAnswer:
    """Deliver once more, now, under the same id. It has three days again."""
    now = datetime.now(UTC)
    async with database.transaction() as session:
        found = await redeliver(session, principal.org_id, delivery_id, now)
        await put(session, ChannelMessage.of(found.channel_id))
    # It is stored. If this fails, the reconciler has it delivered.
    with suppress(Unavailable, RateLimited):
        await delivery.deliver(found.channel_id)
    return DeliveryAnswer(data=delivery_view(found))
