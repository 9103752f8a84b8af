"""The robots.txt files of sites, shared by all workers."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from store.db.upsert import upsert
from store.tables.hosts import RobotsRecord


async def known_robots(session: AsyncSession, origin: str) -> RobotsRecord | None:
    """The last response for robots.txt of `origin`; None if there is none."""
    return await session.get(RobotsRecord, origin)


async def put_robots(
    session: AsyncSession, origin: str, status: int, body: bytes, at: datetime
) -> None:
    """Store the response for robots.txt of `origin`; it replaces an older one."""
    answer = {"status": status, "body": body, "fetched_at": at}
    await session.execute(
        upsert(session, RobotsRecord)
        .values(origin=origin, **answer)
        .on_conflict_do_update(index_elements=[RobotsRecord.origin], set_=answer)
    )
