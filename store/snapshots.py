"""Queries for snapshots."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from core.errors import NotFound, SubjectGone
from core.text.packing import pack
from store.contents import keep
from store.db.paging import Paged, PageRequest, paged
from store.db.types import contains_text
from store.tables.domains import Domain
from store.tables.pages import Page
from store.tables.snapshots import Content, Snapshot

WITH_TEXT: Final = joinedload(Snapshot.text_content)


@dataclass(frozen=True)
class PageWithHtml:
    """A page, and its newest snapshot, whose HTML was kept."""

    page_id: UUID
    url: str
    snapshot_id: UUID


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


async def pages_with_html(
    session: AsyncSession, domain_id: UUID, limit: int, text: str | None = None
) -> list[PageWithHtml]:
    """Up to `limit` pages of the domain whose newest snapshot has its HTML, last checked first;
    only those with `text` in URL or title, if it is given.
    """
    rows = (
        select(Page.id, Page.url, Snapshot.id)
        .join(Snapshot, Page.snapshot_id == Snapshot.id)
        .where(Page.domain_id == domain_id, Snapshot.html_key.is_not(None))
        .order_by(Page.last_check_at.desc().nulls_last(), Page.id)
        .limit(limit)
    )
    if text is not None:
        rows = rows.where(contains_text(text, Page.url, Page.title))
    return [PageWithHtml(*row) for row in await session.execute(rows)]


async def html_of(session: AsyncSession, pages: Sequence[PageWithHtml]) -> dict[UUID, Content]:
    """The packed HTML of the pages, by the id of the snapshot."""
    rows = (
        select(Snapshot.id, Content)
        .join(Content, Snapshot.html_key == Content.key)
        .where(Snapshot.id.in_([each.snapshot_id for each in pages]))
    )
    return {row[0]: row[1] for row in await session.execute(rows)}


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
