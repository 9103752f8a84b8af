"""The frontier of a discovery: every URL it saw, and what became of it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from pydantic import JsonValue
from sqlalchemy import bindparam, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from store.tables import Discovery, FrontierState, FrontierUrl
from store.upsert import ROWS_AT_ONCE, upsert


@dataclass(frozen=True)
class FoundUrl:
    """A URL that was seen, `depth` links from where the walk began.

    With a `reason` it is left out at once.
    """

    url: str
    depth: int
    reason: str | None = None


@dataclass(frozen=True)
class Settled:
    """What became of a URL that waited for a visit."""

    url: str
    state: FrontierState
    reason: str | None = None


@dataclass(frozen=True)
class Tally:
    """How many URLs there are of each end."""

    added: int = 0
    known: int = 0
    pending: int = 0
    left_out: dict[str, int] = field(default_factory=dict)

    @property
    def discovered(self) -> int:
        """The pages."""
        return self.added + self.known

    @property
    def seen(self) -> int:
        """Every URL."""
        return self.discovered + self.pending + sum(self.left_out.values())


async def begin(session: AsyncSession, job_id: str, domain_id: UUID) -> Discovery:
    """The discovery of that job, made when there is none."""
    await session.execute(
        upsert(session, Discovery)
        .values(job_id=job_id, domain_id=domain_id)
        .on_conflict_do_nothing()
    )
    found = await session.get(Discovery, job_id)
    assert found is not None
    return found


async def add_urls(session: AsyncSession, job_id: str, urls: Sequence[FoundUrl]) -> list[FoundUrl]:
    """Add the URLs that the discovery has not seen; those of them that wait for a visit."""
    new = {found.url: found for found in reversed(urls)}
    ordered = [found for found in dict.fromkeys(urls) if new[found.url] is found]
    last = await session.scalar(
        select(func.max(FrontierUrl.position)).where(FrontierUrl.job_id == job_id)
    )
    position = (last or 0) + 1
    inserted: set[str] = set()
    for start in range(0, len(ordered), ROWS_AT_ONCE):
        rows = [
            {
                "job_id": job_id,
                "url": found.url,
                "depth": found.depth,
                "position": position + start + offset,
                "state": FrontierState.LEFT_OUT if found.reason else FrontierState.PENDING,
                "reason": found.reason,
            }
            for offset, found in enumerate(ordered[start : start + ROWS_AT_ONCE])
        ]
        inserted.update(
            await session.scalars(
                upsert(session, FrontierUrl)
                .values(rows)
                .on_conflict_do_nothing()
                .returning(FrontierUrl.url)
            )
        )
    return [found for found in ordered if found.url in inserted and found.reason is None]


async def pending(session: AsyncSession, job_id: str) -> list[FoundUrl]:
    """The URLs that wait for a visit, in the order they were found."""
    rows = await session.execute(
        select(FrontierUrl.url, FrontierUrl.depth)
        .where(FrontierUrl.job_id == job_id, FrontierUrl.state == FrontierState.PENDING)
        .order_by(FrontierUrl.position)
    )
    return [FoundUrl(url, depth) for url, depth in rows]


async def linked(session: AsyncSession, job_id: str, *, but_for: Collection[str]) -> list[str]:
    """The URLs that links led to, in the order they were found, but for those that were left out
    for one of these reasons.
    """
    rows = await session.scalars(
        select(FrontierUrl.url)
        .where(
            FrontierUrl.job_id == job_id,
            FrontierUrl.depth > 0,
            func.coalesce(FrontierUrl.reason, "").not_in(but_for),
        )
        .order_by(FrontierUrl.position)
    )
    return list(rows)


async def settle(session: AsyncSession, job_id: str, outcomes: Sequence[Settled]) -> None:
    """Store what became of the URLs."""
    if not outcomes:
        return
    frontier = FrontierUrl.__table__
    await session.execute(
        update(frontier)  # type: ignore[arg-type]
        .where(frontier.c.job_id == job_id, frontier.c.url == bindparam("settled_url"))
        .values(state=bindparam("settled_state"), reason=bindparam("settled_reason")),
        [
            {
                "settled_url": outcome.url,
                "settled_state": outcome.state,
                "settled_reason": outcome.reason,
            }
            for outcome in outcomes
        ],
    )


async def leave_out_pending(session: AsyncSession, job_id: str, reason: str) -> None:
    """Leave out whatever still waits for a visit."""
    await session.execute(
        update(FrontierUrl)
        .where(FrontierUrl.job_id == job_id, FrontierUrl.state == FrontierState.PENDING)
        .values(state=FrontierState.LEFT_OUT, reason=reason)
    )


async def tally(session: AsyncSession, job_id: str) -> Tally:
    """Count the URLs of the discovery."""
    rows = await session.execute(
        select(FrontierUrl.state, FrontierUrl.reason, func.count())
        .where(FrontierUrl.job_id == job_id)
        .group_by(FrontierUrl.state, FrontierUrl.reason)
    )
    counts = {(state, reason): count for state, reason, count in rows}
    return Tally(
        added=counts.get((FrontierState.PAGE_ADDED, None), 0),
        known=counts.get((FrontierState.PAGE_KNOWN, None), 0),
        pending=counts.get((FrontierState.PENDING, None), 0),
        left_out={
            reason: count
            for (state, reason), count in sorted(counts.items(), key=lambda each: str(each[0]))
            if state is FrontierState.LEFT_OUT and reason is not None
        },
    )


async def start_over(session: AsyncSession, job_id: str) -> None:
    """Forget what the discovery saw."""
    await session.execute(delete(FrontierUrl).where(FrontierUrl.job_id == job_id))


async def finish(session: AsyncSession, job_id: str, result: JsonValue) -> None:
    """Store the result of the discovery; its frontier is not needed any more."""
    await session.execute(
        update(Discovery)
        .where(Discovery.job_id == job_id)
        .values(result=result, finished_at=datetime.now(UTC))
    )
    await start_over(session, job_id)
