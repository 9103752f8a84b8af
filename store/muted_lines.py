"""What has been learned of the regions of pages."""

import hashlib
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.changes.muting import Learned, Region
from store.db.upsert import upsert
from store.tables.muted_lines import PageRegion


async def learned_of(session: AsyncSession, page_id: UUID, crawls: int) -> Learned:
    """What is known of the page's regions after so many crawls."""
    rows = await session.scalars(select(PageRegion).where(PageRegion.page_id == page_id))
    found = {Region(row.section, row.words): row for row in rows}
    return Learned(
        crawls=crawls,
        changed={region: tuple(row.crawls) for region, row in found.items()},
        muted=frozenset(region for region, row in found.items() if row.muted_at is not None),
    )


async def remember(
    session: AsyncSession, page_id: UUID, before: Learned, after: Learned, at: datetime
) -> None:
    """Store what the crawl at that moment has taught."""
    for region, crawls in sorted(after.changed.items(), key=lambda each: _key(each[0])):
        fresh = region in after.muted and region not in before.muted
        insertion = upsert(session, PageRegion).values(
            page_id=page_id,
            key=_key(region),
            section=region.section,
            words=region.words,
            crawls=list(crawls),
            changed_at=at,
            muted_at=at if fresh else None,
        )
        changes: dict[str, object] = {"crawls": insertion.excluded.crawls, "changed_at": at}
        if fresh:
            changes["muted_at"] = at
        await session.execute(
            insertion.on_conflict_do_update(
                index_elements=[PageRegion.page_id, PageRegion.key], set_=changes
            )
        )


async def muted_regions(session: AsyncSession, page_id: UUID) -> list[PageRegion]:
    """The page's muted regions, the first to be muted first."""
    rows = (
        select(PageRegion)
        .where(PageRegion.page_id == page_id, PageRegion.muted_at.is_not(None))
        .order_by(PageRegion.muted_at, PageRegion.key)
    )
    return list((await session.scalars(rows)).all())


async def forget(session: AsyncSession, page_id: UUID) -> None:
    """Forget what was learned of the page's regions: whatever changes is news again."""
    await session.execute(delete(PageRegion).where(PageRegion.page_id == page_id))


def _key(region: Region) -> str:
    return hashlib.sha256(f"{region.section}\n{region.words}".encode()).hexdigest()
