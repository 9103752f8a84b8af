"""Snapshots."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import defer

from core.errors import NotFound, SubjectGone
from store.paging import Paged, PageRequest, paged
from store.tables import Domain, Page, Snapshot


async def list_snapshots(
    session: AsyncSession, page_id: UUID, request: PageRequest
) -> Paged[Snapshot]:
    """The page's snapshots, newest first, without their text."""
    without_text = defer(Snapshot.text), defer(Snapshot.main_text)
    rows = select(Snapshot).options(*without_text).where(Snapshot.page_id == page_id)
    return await paged(session, rows, Snapshot.created_at, Snapshot.id, request)


async def get_snapshot(session: AsyncSession, org_id: UUID, snapshot_id: UUID) -> Snapshot:
    """The organisation's snapshot. Raises NotFound when it has none of that id."""
    found = await session.scalar(
        select(Snapshot)
        .join(Page, Snapshot.page_id == Page.id)
        .join(Domain, Page.domain_id == Domain.id)
        .where(Snapshot.id == snapshot_id, Domain.org_id == org_id)
    )
    if found is None:
        raise NotFound("Snapshot not found.")
    return found


async def snapshot_by_id(session: AsyncSession, snapshot_id: UUID) -> Snapshot:
    """The snapshot, whoever owns it. Raises SubjectGone when it does not exist."""
    found = await session.get(Snapshot, snapshot_id)
    if found is None:
        raise SubjectGone("The page does not exist here any more.")
    return found
