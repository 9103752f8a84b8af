"""What snapshots leave behind that nobody needs any more.

A transaction that takes something away first locks it and then looks who needs it: what a crawl
refers to meanwhile is locked by the crawl, and left alone.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, delete, exists, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from store.tables import Change, Content, Page, Snapshot


async def expired_snapshots(
    session: AsyncSession, before: datetime, after: UUID | None, limit: int
) -> list[UUID]:
    """The next `limit` snapshots in the order of their ids, behind `after`, that may go: from
    before that moment, not a page's newest, and no change's evidence.
    """
    rows = (
        select(Snapshot.id)
        .where(Snapshot.created_at < before, _is_unneeded())
        .order_by(Snapshot.id)
        .limit(limit)
    )
    if after is not None:
        rows = rows.where(Snapshot.id > after)
    return list((await session.scalars(rows)).all())


async def remove_snapshots(session: AsyncSession, snapshot_ids: Sequence[UUID]) -> int:
    """Remove those of the snapshots that nothing needs; how many it were."""
    locked = await session.scalars(
        select(Snapshot.id).where(Snapshot.id.in_(snapshot_ids)).with_for_update(skip_locked=True)
    )
    removed = await session.scalars(
        delete(Snapshot)
        .where(Snapshot.id.in_(locked.all()), _is_unneeded())
        .returning(Snapshot.id)
        .execution_options(synchronize_session=False)
    )
    return len(removed.all())


async def loose_contents(session: AsyncSession, after: str, limit: int) -> list[str]:
    """The keys of the next `limit` contents that no snapshot holds, in order, behind `after`."""
    rows = (
        select(Content.key)
        .where(Content.key > after, ~_is_held())
        .order_by(Content.key)
        .limit(limit)
    )
    return list((await session.scalars(rows)).all())


async def remove_contents(session: AsyncSession, keys: Sequence[str]) -> int:
    """Remove those of the contents that no snapshot holds; how many it were."""
    locked = await session.scalars(
        select(Content.key).where(Content.key.in_(keys)).with_for_update(skip_locked=True)
    )
    removed = await session.scalars(
        delete(Content)
        .where(Content.key.in_(locked.all()), ~_is_held())
        .returning(Content.key)
        .execution_options(synchronize_session=False)
    )
    return len(removed.all())


def _is_unneeded() -> ColumnElement[bool]:
    evidence = exists().where(or_(Change.before_id == Snapshot.id, Change.after_id == Snapshot.id))
    newest = exists().where(Page.id == Snapshot.page_id, Page.snapshot_id == Snapshot.id)
    return ~evidence & ~newest


def _is_held() -> ColumnElement[bool]:
    return or_(
        *(
            exists().where(column == Content.key)
            for column in (Snapshot.text_key, Snapshot.main_text_key, Snapshot.html_key)
        )
    )
