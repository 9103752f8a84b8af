"""Queries for snapshots."""

from typing import Final
from uuid import UUID

from sqlalchemy import select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from core.errors import NotFound, SubjectGone
from core.text.packing import pack
from store.contents import keep
from store.db.paging import Paged, PageRequest, paged
from store.tables.domains import Domain
from store.tables.pages import Page
from store.tables.snapshots import Snapshot

WITH_TEXT: Final = joinedload(Snapshot.text_content)


async def list_snapshots(
    session: AsyncSession, page_id: UUID, request: PageRequest
) -> Paged[Snapshot]:
    """The page's snapshots, newest first, without their contents."""
    rows = select(Snapshot).where(Snapshot.page_id == page_id)
    return await paged(session, rows, Snapshot.created_at, Snapshot.id, request)


async def get_snapshot(session: AsyncSession, org_id: UUID, snapshot_id: UUID) -> Snapshot:
    """The organisation's snapshot with all contents. Raises NotFound if there is none with this
    id.
    """
    found = await session.scalar(
        select(Snapshot)
        .options(
            WITH_TEXT,
            joinedload(Snapshot.main_text_content),
            joinedload(Snapshot.html_content),
        )
        .join(Page, Snapshot.page_id == Page.id)
        .join(Domain, Page.domain_id == Domain.id)
        .where(Snapshot.id == snapshot_id, Domain.org_id == org_id)
    )
    if found is None:
        raise NotFound("Snapshot not found.")
    return found


async def snapshot_before(session: AsyncSession, snapshot: Snapshot) -> UUID | None:
    """The id of the page's previous snapshot; None if this is the first one."""
    rows = (
        select(Snapshot.id)
        .where(
            Snapshot.page_id == snapshot.page_id,
            tuple_(Snapshot.created_at, Snapshot.id) < (snapshot.created_at, snapshot.id),
        )
        .order_by(Snapshot.created_at.desc(), Snapshot.id.desc())
        .limit(1)
    )
    return await session.scalar(rows)


async def snapshot_with_html(session: AsyncSession, snapshot_id: UUID) -> Snapshot:
    """The snapshot of any organisation with its text and HTML. Raises SubjectGone if it does not
    exist.
    """
    wanted = [WITH_TEXT, joinedload(Snapshot.html_content)]
    found = await session.get(Snapshot, snapshot_id, options=wanted)
    if found is None:
        raise SubjectGone("The snapshot does not exist here any more.")
    return found


async def snapshot_by_id(session: AsyncSession, snapshot_id: UUID) -> Snapshot:
    """The snapshot of any organisation with its text. Raises SubjectGone if it does not exist."""
    found = await session.get(Snapshot, snapshot_id, options=[WITH_TEXT])
    if found is None:
        raise SubjectGone("The page does not exist here any more.")
    return found


async def store_main_text(session: AsyncSession, snapshot_id: UUID, main_text: str) -> None:
    """Store the main text of the snapshot, unless it has one or does not exist."""
    packed = pack(main_text)
    await keep(session, [packed])
    await session.execute(
        update(Snapshot)
        .where(Snapshot.id == snapshot_id, Snapshot.main_text_key.is_(None))
        .values(main_text_key=packed.key)
        .execution_options(synchronize_session=False)
    )
