"""Alerts, and what they name of their organisation."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.alerts.attempts import DeliveryState
from core.alerts.timing import Digest, told_at
from core.errors import NotFound
from core.outbox import ChannelMessage
from store.db.paging import Paged, PageRequest, paged
from store.domains import ROW_LOCK
from store.matching import facts_of, recipients
from store.outbox_rows import put
from store.rule_indexes import RuleIndexes
from store.tables.alerts import Alert, AlertChannel, Channel, Delivery
from store.tables.changes import Change
from store.tables.domains import Domain
from store.tables.pages import Page

CHANGES_PER_READ = 500


async def get_alert(
    session: AsyncSession, org_id: UUID, alert_id: UUID, *, lock: bool = False
) -> Alert:
    """The organisation's alert; with `lock` nobody else changes it before the end of the
    transaction. Raises NotFound if there is none with this id.
    """
    found = await session.get(Alert, alert_id, with_for_update=ROW_LOCK if lock else None)
    if found is None or found.org_id != org_id:
        raise NotFound("Alert not found.")
    return found


async def list_alerts(session: AsyncSession, org_id: UUID, request: PageRequest) -> Paged[Alert]:
    """The organisation's alerts, newest first."""
    rows = select(Alert).where(Alert.org_id == org_id)
    return await paged(session, rows, Alert.created_at, Alert.id, request)


async def channels_of(session: AsyncSession, alerts: Iterable[Alert]) -> dict[UUID, list[UUID]]:
    """The channels of each alert, oldest first."""
    found: dict[UUID, list[UUID]] = {alert.id: [] for alert in alerts}
    rows = await session.execute(
        select(AlertChannel.alert_id, Channel.id)
        .join(Channel, AlertChannel.channel_id == Channel.id)
        .where(AlertChannel.alert_id.in_(found))
        .order_by(Channel.created_at, Channel.id)
    )
    for alert_id, channel_id in rows:
        found[alert_id].append(channel_id)
    return found


async def set_channels(
    session: AsyncSession, alert_id: UUID, channel_ids: Collection[UUID]
) -> None:
    """Tell these channels from now on, in place of others."""
    await session.execute(delete(AlertChannel).where(AlertChannel.alert_id == alert_id))
    session.add_all(
        AlertChannel(alert_id=alert_id, channel_id=each) for each in dict.fromkeys(channel_ids)
    )
    await session.flush()


async def delete_alert(
    session: AsyncSession, org_id: UUID, alert_id: UUID, now: datetime
) -> set[UUID]:
    """Delete an alert, and what only it was still going to tell; the channels to wake.

    What another alert tells the same channel too is told by that one from now on. Raises NotFound
    if there is no alert with this id.
    """
    await get_alert(session, org_id, alert_id, lock=True)
    pending = list(
        await session.scalars(
            select(Delivery).where(
                Delivery.alert_id == alert_id, Delivery.state == DeliveryState.PENDING
            )
        )
    )
    await session.execute(delete(Alert).where(Alert.id == alert_id))
    if not pending:
        return set()
    index = await RuleIndexes().of(session, org_id)
    woken: set[UUID] = set()
    for start in range(0, len(pending), CHANGES_PER_READ):
        part = pending[start : start + CHANGES_PER_READ]
        ids = {each.change_id for each in part}
        changes = (await session.scalars(select(Change).where(Change.id.in_(ids)))).all()
        facts = await facts_of(session, changes, index.needs)
        heirs = {
            (change.id, each.channel_id): each
            for change in changes
            for each in recipients(index, facts[change.id])
        }
        for delivery in part:
            heir = delivery.change_id and heirs.get((delivery.change_id, delivery.channel_id))
            if not heir:
                await session.delete(delivery)
                continue
            delivery.alert_id = heir.alert_id
            if delivery.digest_id is None:
                due_at = told_at(now, heir.digest, heir.quiet_hours)
                delivery.due_at = delivery.next_attempt_at = due_at
                delivery.is_digest = heir.digest is not Digest.NONE
            woken.add(delivery.channel_id)
    for channel_id in woken:
        await put(session, ChannelMessage.of(channel_id))
    await session.flush()
    return woken


async def unknown_channels(session: AsyncSession, org_id: UUID, ids: Collection[UUID]) -> set[UUID]:
    """Those of `ids` that are no channel of the organisation."""
    owned = select(Channel.id).where(Channel.org_id == org_id, Channel.id.in_(ids))
    return set(ids) - set(await session.scalars(owned))


async def unknown_domains(session: AsyncSession, org_id: UUID, ids: Collection[UUID]) -> set[UUID]:
    """Those of `ids` that are no domain of the organisation."""
    owned = select(Domain.id).where(Domain.org_id == org_id, Domain.id.in_(ids))
    return set(ids) - set(await session.scalars(owned))


async def unknown_alerts(session: AsyncSession, org_id: UUID, ids: Collection[UUID]) -> set[UUID]:
    """Those of `ids` that are no alert of the organisation."""
    owned = select(Alert.id).where(Alert.org_id == org_id, Alert.id.in_(ids))
    return set(ids) - set(await session.scalars(owned))


async def unknown_pages(session: AsyncSession, org_id: UUID, ids: Collection[UUID]) -> set[UUID]:
    """Those of `ids` that are no page of the organisation."""
    owned = (
        select(Page.id)
        .join(Domain, Page.domain_id == Domain.id)
        .where(Domain.org_id == org_id, Page.id.in_(ids))
    )
    return set(ids) - set(await session.scalars(owned))


async def changes_since(
    session: AsyncSession, org_id: UUID, since: datetime, after: Change | None
) -> Sequence[Change]:
    """The next changes of the organisation since then, oldest first, behind the change `after`."""
    rows = select(Change).where(Change.org_id == org_id, Change.created_at >= since)
    if after is not None:
        rows = rows.where(
            (Change.created_at > after.created_at)
            | ((Change.created_at == after.created_at) & (Change.id > after.id))
        )
    rows = rows.order_by(Change.created_at, Change.id).limit(CHANGES_PER_READ)
    return (await session.scalars(rows)).all()
