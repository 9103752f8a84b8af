"""Changes."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.errors import NotFound
from store.paging import Paged, PageRequest, paged
from store.tables import Change, Domain, Page

RECENT = 5


async def list_changes(
    session: AsyncSession,
    org_id: UUID,
    request: PageRequest,
    *,
    domain_id: UUID | None = None,
    page_id: UUID | None = None,
) -> Paged[Change]:
    """The organisation's changes, newest first; of one domain or one page where asked."""
    rows = select(Change).join(Domain, Change.domain_id == Domain.id).where(Domain.org_id == org_id)
    if domain_id is not None:
        rows = rows.where(Change.domain_id == domain_id)
    if page_id is not None:
        rows = rows.where(Change.page_id == page_id)
    return await paged(session, rows, Change.created_at, Change.id, request)


async def get_change(session: AsyncSession, org_id: UUID, change_id: UUID) -> Change:
    """The organisation's change. Raises NotFound when it has none of that id."""
    found = await session.scalar(
        select(Change)
        .join(Domain, Change.domain_id == Domain.id)
        .where(Change.id == change_id, Domain.org_id == org_id)
    )
    if found is None:
        raise NotFound("Change not found.")
    return found


async def recent_changes(session: AsyncSession, domain_id: UUID) -> list[Change]:
    """The newest changes of a domain, `RECENT` at most."""
    rows = (
        select(Change)
        .where(Change.domain_id == domain_id)
        .order_by(Change.created_at.desc(), Change.id.desc())
        .limit(RECENT)
    )
    return list((await session.scalars(rows)).all())


async def page_urls(session: AsyncSession, changes: list[Change]) -> dict[UUID, str]:
    """The URL of the page of each change, by page."""
    rows = select(Page.id, Page.url).where(Page.id.in_({change.page_id for change in changes}))
    return {row.id: row.url for row in await session.execute(rows)}
