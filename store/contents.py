"""The texts of snapshots. Equal texts are stored once, even for different organisations."""

from collections.abc import Iterable

from sqlalchemy.ext.asyncio import AsyncSession

from core.text.packing import Packed
from store.db.upsert import upsert
from store.tables.snapshots import Content


async def keep(session: AsyncSession, contents: Iterable[Packed]) -> None:
    """Store `contents`, and lock them against removal until the end of the transaction."""
    data = {each.key: each.data for each in contents}
    # Sorted, so that two transactions with the same contents cannot deadlock.
    rows = [{"key": key, "data": data[key]} for key in sorted(data)]
    insertion = upsert(session, Content).values(rows)
    # PostgreSQL locks an existing row only if the statement updates it.
    await session.execute(
        insertion.on_conflict_do_update(
            index_elements=[Content.key], set_={"key": insertion.excluded.key}
        )
    )
