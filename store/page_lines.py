"""The noise history of pages: changing and muted lines (`core.changes.muting`)."""

import hashlib
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.changes.muting import ChangingLine, NoiseHistory
from store.db.upsert import upsert
from store.tables.page_lines import PageLine


async def noise_history_of(session: AsyncSession, page_id: UUID, crawls: int) -> NoiseHistory:
    """The noise history of the page after `crawls` crawls."""
    rows = await session.scalars(select(PageLine).where(PageLine.page_id == page_id))
    lines = {ChangingLine(row.section, row.words): row for row in rows}
    return NoiseHistory(
        crawl_count=crawls,
        changed={line: tuple(row.crawls) for line, row in lines.items()},
        muted=frozenset(line for line, row in lines.items() if row.muted_at is not None),
    )


async def store_noise_history(
    session: AsyncSession, page_id: UUID, before: NoiseHistory, after: NoiseHistory, at: datetime
) -> None:
    """Store the lines of a noise history that the crawl at the moment `at` has updated."""
    for line, crawls in sorted(after.changed.items(), key=lambda each: _key(each[0])):
        newly_muted = line in after.muted and line not in before.muted
        insertion = upsert(session, PageLine).values(
            page_id=page_id,
            key=_key(line),
            section=line.section,
            words=line.words,
            crawls=list(crawls),
            changed_at=at,
            muted_at=at if newly_muted else None,
        )
        changes: dict[str, object] = {"crawls": insertion.excluded.crawls, "changed_at": at}
        if newly_muted:
            changes["muted_at"] = at
        await session.execute(
            insertion.on_conflict_do_update(
                index_elements=[PageLine.page_id, PageLine.key], set_=changes
            )
        )


async def muted_lines(session: AsyncSession, page_id: UUID) -> list[PageLine]:
    """The muted lines of the page, in the order in which they were muted."""
    rows = (
        select(PageLine)
        .where(PageLine.page_id == page_id, PageLine.muted_at.is_not(None))
        .order_by(PageLine.muted_at, PageLine.key)
    )
    return list((await session.scalars(rows)).all())


async def delete_muted_lines(session: AsyncSession, page_id: UUID) -> None:
    """Delete the noise history of the page, so that changes of its lines are reported again."""
    await session.execute(delete(PageLine).where(PageLine.page_id == page_id))


def _key(line: ChangingLine) -> str:
    return hashlib.sha256(f"{line.section}\n{line.words}".encode()).hexdigest()
