"""What has been learned of the regions of pages."""

import hashlib
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.changes.muting import ChangingLine, NoiseHistory
from store.db.upsert import upsert
from store.tables.page_lines import PageLine


async def noise_history_of(session: AsyncSession, page_id: UUID, crawls: int) -> NoiseHistory:
    """What is known of the page's regions after so many crawls."""
    rows = await session.scalars(select(PageLine).where(PageLine.page_id == page_id))
    found = {ChangingLine(row.section, row.words): row for row in rows}
    return NoiseHistory(
        crawl_count=crawls,
        changed={line: tuple(row.crawls) for line, row in found.items()},
        muted=frozenset(line for line, row in found.items() if row.muted_at is not None),
    )


async def store_noise_history(
    session: AsyncSession, page_id: UUID, before: NoiseHistory, after: NoiseHistory, at: datetime
) -> None:
    """Store what the crawl at that moment has taught."""
    for line, crawls in sorted(after.changed.items(), key=lambda each: _key(each[0])):
        fresh = line in after.muted and line not in before.muted
        insertion = upsert(session, PageLine).values(
            page_id=page_id,
            key=_key(line),
            section=line.section,
            words=line.words,
            crawls=list(crawls),
            changed_at=at,
            muted_at=at if fresh else None,
        )
        changes: dict[str, object] = {"crawls": insertion.excluded.crawls, "changed_at": at}
        if fresh:
            changes["muted_at"] = at
        await session.execute(
            insertion.on_conflict_do_update(
                index_elements=[PageLine.page_id, PageLine.key], set_=changes
            )
        )


async def muted_lines(session: AsyncSession, page_id: UUID) -> list[PageLine]:
    """The page's muted regions, the first to be muted first."""
    rows = (
        select(PageLine)
        .where(PageLine.page_id == page_id, PageLine.muted_at.is_not(None))
        .order_by(PageLine.muted_at, PageLine.key)
    )
    return list((await session.scalars(rows)).all())


async def delete_muted_lines(session: AsyncSession, page_id: UUID) -> None:
    """Forget what was learned of the page's regions: whatever changes is news again."""
    await session.execute(delete(PageLine).where(PageLine.page_id == page_id))


def _key(line: ChangingLine) -> str:
    return hashlib.sha256(f"{line.section}\n{line.words}".encode()).hexdigest()
