"""The sibling pages of a page, for the detection of boilerplate (`core.changes.boilerplate`)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.changes.boilerplate import Sibling, SiblingVersion
from core.text.packing import unpack_at_most
from store.tables.pages import Page, PageStatus
from store.tables.snapshots import Content, Snapshot

MAX_SIBLING_CANDIDATES: Final = 100
"""Number of pages of a site from which siblings are chosen."""

MAX_SIBLING_TEXT_SIZE: Final = 256 * 1024
"""Number of bytes of a decompressed text; pages with longer texts are not used as siblings."""


@dataclass(frozen=True)
class SitePage:
    """A page of the same site."""

    id: UUID
    url: str


async def newest_siblings(session: AsyncSession, page: Page) -> list[SitePage]:
    """The other pages of the site with the newest snapshots, newest first, without gone pages."""
    rows = (
        select(Page.id, Page.url)
        .where(
            Page.domain_id == page.domain_id,
            Page.id != page.id,
            Page.snapshot_at.is_not(None),
            Page.status != PageStatus.GONE,
        )
        .order_by(Page.snapshot_at.desc(), Page.id)
        .limit(MAX_SIBLING_CANDIDATES)
    )
    return [SitePage(page_id, url) for page_id, url in await session.execute(rows)]


async def siblings(
    session: AsyncSession, page_ids: Sequence[UUID], until: datetime | None = None
) -> dict[UUID, Sibling]:
    """The last two versions of pages by page id, optionally as of the moment `until`.

    Pages without a snapshot at that moment are omitted.
    """
    ranked = select(
        Snapshot.page_id,
        Snapshot.title,
        Snapshot.text_key,
        func.row_number()
        .over(
            partition_by=Snapshot.page_id,
            order_by=(Snapshot.created_at.desc(), Snapshot.id.desc()),
        )
        .label("age"),
    ).where(Snapshot.page_id.in_(page_ids))
    if until is not None:
        ranked = ranked.where(Snapshot.created_at <= until)
    newest = ranked.subquery()
    rows = (
        select(newest.c.page_id, newest.c.age, newest.c.title, Content.data)
        .join(Content, Content.key == newest.c.text_key)
        .where(newest.c.age <= 2, func.length(Content.data) <= MAX_SIBLING_TEXT_SIZE)
        .order_by(newest.c.age)
    )
    versions: dict[UUID, list[SiblingVersion]] = {}
    for page_id, age, title, data in await session.execute(rows):
        text = unpack_at_most(data, MAX_SIBLING_TEXT_SIZE)
        if text is not None and (age == 1 or page_id in versions):
            versions.setdefault(page_id, []).append(SiblingVersion(title, text))
    return {page_id: Sibling(*found) for page_id, found in versions.items()}
