"""The gate of each host, shared by all workers."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import case
from sqlalchemy.ext.asyncio import AsyncSession

from store.tables import HostSlot
from store.upsert import upsert


async def take_slot(
    session: AsyncSession, host: str, interval: timedelta, now: datetime
) -> datetime:
    """The caller's own slot: `now`, or later when others are before it.

    One atomic statement, so that no two callers get slots less than `interval` apart.
    """
    moment, length = now.timestamp(), interval.total_seconds()
    free = case((HostSlot.next_at > moment, HostSlot.next_at), else_=moment)
    next_at = await session.scalar(
        upsert(session, HostSlot)
        .values(host=host, next_at=moment + length)
        .on_conflict_do_update(
            index_elements=[HostSlot.host], set_={HostSlot.next_at: free + length}
        )
        .returning(HostSlot.next_at)
    )
    assert next_at is not None
    return datetime.fromtimestamp(next_at - length, UTC)
