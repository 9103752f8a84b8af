"""Who comes first: a crawl that stores what it found, or whoever cancels its job."""

from collections.abc import Iterable
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncSession

from store.db.upsert import upsert
from store.tables.job_ends import ClaimedEnd, JobEnd


async def claim_ends(
    session: AsyncSession, run_ids: Iterable[str], what: JobEnd
) -> dict[str, JobEnd]:
    """How each of those runs of jobs ends: as `what`, unless another transaction came first.

    A transaction that has claimed one and is not over keeps others that want to waiting, so that
    what it stores is there before they go on.
    """
    now = datetime.now(UTC)
    # In one order, or two that claim the same runs might wait for each other.
    rows = [{"run_id": each, "what": what, "created_at": now} for each in sorted(set(run_ids))]
    if not rows:
        return {}
    claim = upsert(session, ClaimedEnd).values(rows)
    # It changes nothing; a row that is left alone is not returned.
    claimed = claim.on_conflict_do_update(
        index_elements=[ClaimedEnd.run_id], set_={"run_id": claim.excluded.run_id}
    ).returning(ClaimedEnd.run_id, ClaimedEnd.what)
    return {row.run_id: row.what for row in await session.execute(claimed)}
