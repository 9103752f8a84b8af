"""Claims on the end of a job: either the crawl stores its result, or the job is cancelled."""

from collections.abc import Iterable
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncSession

from store.db.upsert import upsert
from store.tables.job_ends import ClaimedEnd, JobEnd


async def claim_ends(
    session: AsyncSession, run_ids: Iterable[str], what: JobEnd
) -> dict[str, JobEnd]:
    """Claim the end `what` for workflow runs, and return the end of each run: the first claim wins.

    A claim in a transaction that has not ended blocks the claims of others, so that its result is
    visible before they continue.
    """
    now = datetime.now(UTC)
    # Sorted, so that two transactions with the same runs cannot deadlock.
    rows = [{"run_id": each, "what": what, "created_at": now} for each in sorted(set(run_ids))]
    if not rows:
        return {}
    claim = upsert(session, ClaimedEnd).values(rows)
    # The update changes nothing: RETURNING omits rows that the statement does not write.
    claimed = claim.on_conflict_do_update(
        index_elements=[ClaimedEnd.run_id], set_={"run_id": claim.excluded.run_id}
    ).returning(ClaimedEnd.run_id, ClaimedEnd.what)
    return {row.run_id: row.what for row in await session.execute(claimed)}
