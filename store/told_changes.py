"""What is told of stored changes."""

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.alerts.messages import Links, ToldChange
from core.changes.diff import TextDifference
from core.changes.price_list import PriceMove
from store.prices import moves_of
from store.tables.alerts import Alert, Delivery
from store.tables.changes import Change
from store.tables.domains import Domain
from store.tables.pages import Page

STORED_DIFFERENCE = TypeAdapter(TextDifference)


async def told_changes(
    session: AsyncSession,
    deliveries: Sequence[Delivery],
    alerts: Mapping[UUID, Alert],
    api_url: str,
) -> dict[UUID, ToldChange]:
    """What each delivery of a change tells, by its id; `api_url` is where the API is reached."""
    ids = {each.change_id for each in deliveries if each.change_id is not None}
    found = await _with_owners(session, ids)
    prices = await moves_of(session, [change for change, _, _ in found.values()])
    told = {}
    for delivery in deliveries:
        if delivery.change_id in found:
            alert = alerts.get(delivery.alert_id) if delivery.alert_id else None
            change, page, domain = found[delivery.change_id]
            told[delivery.id] = _told(change, page, domain, prices[change.id], alert, api_url)
    return told


async def describe_changes(
    session: AsyncSession, changes: Sequence[Change], api_url: str
) -> list[ToldChange]:
    """The changes as they are told, of no alert, in the same order."""
    found = await _with_owners(session, {each.id for each in changes})
    prices = await moves_of(session, changes)
    return [_told(*found[each.id], prices[each.id], None, api_url) for each in changes]


async def differences_of(
    session: AsyncSession, change_ids: Sequence[UUID]
) -> dict[UUID, TextDifference]:
    """The differences of these changes, by the id of the change."""
    rows = await session.execute(select(Change.id, Change.diff).where(Change.id.in_(change_ids)))
    return {change_id: STORED_DIFFERENCE.validate_python(diff) for change_id, diff in rows}


async def _with_owners(
    session: AsyncSession, ids: Collection[UUID]
) -> dict[UUID, tuple[Change, Page | None, Domain]]:
    rows = await session.execute(
        select(Change, Page, Domain)
        .outerjoin(Page, Change.page_id == Page.id)
        .join(Domain, Change.domain_id == Domain.id)
        .where(Change.id.in_(ids))
    )
    return {change.id: (change, page, domain) for change, page, domain in rows}


def _told(
    change: Change,
    page: Page | None,
    domain: Domain,
    prices: tuple[PriceMove, ...],
    alert: Alert | None,
    api_url: str,
) -> ToldChange:
    before, after = (
        each and f"{api_url}/api/snapshots/{each}" for each in (change.before_id, change.after_id)
    )
    return ToldChange(
        id=change.id,
        domain_id=domain.id,
        page_id=page.id if page else None,
        job_id=change.job_id,
        domain=domain.domain,
        url=page.url if page else f"{domain.origin}/",
        page_type=page.page_type if page else None,
        title=page.title if page else None,
        tags=tuple(dict.fromkeys((*(page.tags if page else ()), *domain.tags))),
        event=change.event,
        change_type=change.change_type,
        severity=change.severity,
        confidence=change.confidence,
        summary=change.summary,
        prices=prices,
        detected_at=change.created_at,
        before_snapshot_id=change.before_id,
        after_snapshot_id=change.after_id,
        alert_id=alert.id if alert else None,
        alert_name=alert.name if alert else None,
        links=Links(
            change=f"{api_url}/api/changes/{change.id}",
            page=f"{api_url}/api/pages/{page.id}" if page else None,
            before_snapshot=before,
            after_snapshot=after,
        ),
    )
