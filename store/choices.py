"""What people choose from in an organisation: the newest of a kind, and what they named before."""

from collections.abc import Collection
from typing import TypeVar
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from store.tables.alerts import Alert, Channel
from store.tables.domains import Domain
from store.tables.pages import Page

Kind = TypeVar("Kind", Domain, Channel, Alert)


async def newest_and(
    session: AsyncSession, kind: type[Kind], org_id: UUID, count: int, also: Collection[UUID]
) -> list[Kind]:
    """The organisation's `count` newest of that kind, and those of `also` that are its own; the
    newest first.
    """
    newest = (
        select(kind.id)
        .where(kind.org_id == org_id)
        .order_by(kind.created_at.desc(), kind.id.desc())
        .limit(count)
    )
    rows = (
        select(kind)
        .where(kind.org_id == org_id, or_(kind.id.in_(newest), kind.id.in_(also)))
        .order_by(kind.created_at.desc(), kind.id.desc())
    )
    return list(await session.scalars(rows))


async def owned_urls(
    session: AsyncSession, org_id: UUID, page_ids: Collection[UUID]
) -> dict[UUID, str]:
    """The URLs of those pages that are the organisation's."""
    rows = await session.execute(
        select(Page.id, Page.url)
        .join(Domain, Page.domain_id == Domain.id)
        .where(Domain.org_id == org_id, Page.id.in_(page_ids))
    )
    return {row.id: row.url for row in rows}
