"""The texts that snapshots hold. What says the same is stored once, whoever it belongs to."""

from collections.abc import Iterable

from sqlalchemy.ext.asyncio import AsyncSession

from core.text.packing import Packed
from store.db.upsert import upsert
from store.tables.snapshots import Content


async def keep(session: AsyncSession, contents: Iterable[Packed]) -> None:
    """Have `contents` stored, and no one remove them before this transaction has ended."""
    found = {each.key: each.data for each in contents}
    # Everybody inserts in one order: two crawls of the same contents cannot wait for each other.
    rows = [{"key": key, "data": found[key]} for key in sorted(found)]
    insertion = upsert(session, Content).values(rows)
    # PostgreSQL locks a row that is there already only if it is written to.
    await session.execute(
        insertion.on_conflict_do_update(
            index_elements=[Content.key], set_={"key": insertion.excluded.key}
        )
    )
