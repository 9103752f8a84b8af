"""The gate of each host, shared by all workers: who may send the next request, and when."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import case, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from store.db.upsert import upsert
from store.tables.hosts import HostSlot, HostTurn


@dataclass(frozen=True)
class Slot:
    """The right to send one request at `at`; the host is free again at `next_at`."""

    host: str
    at: datetime
    next_at: float


async def take_slot(
    session: AsyncSession,
    host: str,
    interval: timedelta,
    now: datetime,
    within: timedelta = timedelta.max,
) -> Slot | None:
    """The next free slot of the host: `now`, or later when others are before the caller.

    None when it is more than `within` away; then nothing is taken. One atomic statement, so that
    no two callers get slots less than `interval` apart.
    """
    moment, length = now.timestamp(), interval.total_seconds()
    free = case((HostSlot.next_at > moment, HostSlot.next_at), else_=moment)
    next_at = await session.scalar(
        upsert(session, HostSlot)
        .values(host=host, next_at=moment + length)
        .on_conflict_do_update(
            index_elements=[HostSlot.host],
            set_={HostSlot.next_at: free + length},
            where=HostSlot.next_at <= moment + within.total_seconds(),
        )
        .returning(HostSlot.next_at)
    )
    if next_at is None:
        return None
    return Slot(host, datetime.fromtimestamp(next_at - length, UTC), next_at)


async def give_back(session: AsyncSession, slot: Slot) -> None:
    """Give back a slot that was not used, unless somebody has taken the one after it."""
    await session.execute(
        update(HostSlot)
        .where(HostSlot.host == slot.host, HostSlot.next_at == slot.next_at)
        .values(next_at=slot.at.timestamp())
    )


async def take_turn(
    session: AsyncSession, host: str, interval: timedelta, now: datetime, job_id: str
) -> datetime:
    """When the job is to ask for a slot again: its turn among those that wait for the host.

    Turns are `interval` apart, and the first that nobody has is given. A job that comes back in
    its turn and finds the host busy has its next turn at the next free slot.
    """
    moment, length = now.timestamp(), interval.total_seconds()
    # It locks the host: turns are given one after the other.
    busy_until = await session.scalar(
        select(HostSlot.next_at).where(HostSlot.host == host).with_for_update()
    )
    free_at = max(busy_until or moment, moment)
    own = await session.scalar(
        select(HostTurn.due_at).where(HostTurn.host == host, HostTurn.job_id == job_id)
    )
    if own is not None and own > free_at:
        return datetime.fromtimestamp(own, UTC)
    due_at = free_at if own is not None else await _first_gap(session, host, free_at, length)
    await session.execute(
        delete(HostTurn).where(HostTurn.host == host, HostTurn.due_at < free_at - length)
    )
    await session.execute(
        upsert(session, HostTurn)
        .values(host=host, job_id=job_id, due_at=due_at)
        .on_conflict_do_update(
            index_elements=[HostTurn.host, HostTurn.job_id], set_={HostTurn.due_at: due_at}
        )
    )
    return datetime.fromtimestamp(due_at, UTC)


async def take_turns(
    session: AsyncSession,
    host: str,
    interval: timedelta,
    now: datetime,
    job_ids: Sequence[str],
) -> dict[str, datetime]:
    """The moment at which each of the jobs is to ask for a slot, in the order of `job_ids`.

    Turns are `interval` apart, the first of them at the next free slot. They fill the gaps between
    turns that other jobs have. A job that has a turn keeps it.
    """
    moment, length = now.timestamp(), interval.total_seconds()
    # A host that was never asked has no row to lock.
    await session.execute(
        upsert(session, HostSlot).values(host=host, next_at=moment).on_conflict_do_nothing()
    )
    # It locks the host: turns are given one after the other.
    busy_until = await session.scalar(
        select(HostSlot.next_at).where(HostSlot.host == host).with_for_update()
    )
    free_at = max(busy_until or moment, moment)
    rows = await session.execute(
        select(HostTurn.job_id, HostTurn.due_at).where(
            HostTurn.host == host, HostTurn.due_at > free_at - length
        )
    )
    turns = {row.job_id: row.due_at for row in rows}
    without = [each for each in job_ids if each not in turns]
    added = dict(zip(without, _gaps(turns.values(), free_at, length), strict=False))
    if added:
        insertion = upsert(session, HostTurn)
        await session.execute(
            insertion.on_conflict_do_update(
                index_elements=[HostTurn.host, HostTurn.job_id],
                set_={HostTurn.due_at: insertion.excluded.due_at},
            ),
            [{"host": host, "job_id": job_id, "due_at": due} for job_id, due in added.items()],
        )
    turns |= added
    return {job_id: datetime.fromtimestamp(turns[job_id], UTC) for job_id in job_ids}


def _gaps(taken: Iterable[float], free_at: float, length: float) -> Iterator[float]:
    """The moments from `free_at` on that are `length` away from each other and from all `taken`."""
    at = free_at
    for each in sorted(taken):
        while at + length <= each:
            yield at
            at += length
        at = max(at, each + length)
    while True:
        yield at
        at += length


async def give_up_turns(session: AsyncSession, job_ids: Collection[str]) -> None:
    """Free the turns of jobs that have ended."""
    await session.execute(delete(HostTurn).where(HostTurn.job_id.in_(job_ids)))


async def _first_gap(session: AsyncSession, host: str, free_at: float, length: float) -> float:
    """The first moment from `free_at` on that is `length` away from every turn of the host."""
    following = func.lead(HostTurn.due_at).over(order_by=HostTurn.due_at)
    ahead = (
        select(HostTurn.due_at.label("due_at"), following.label("following"))
        .where(HostTurn.host == host, HostTurn.due_at > free_at - length)
        .subquery()
    )
    first = await session.scalar(select(func.min(ahead.c.due_at)))
    if first is None or first >= free_at + length:
        return free_at
    before_gap = await session.scalar(
        select(func.min(ahead.c.due_at)).where(
            (ahead.c.following.is_(None)) | (ahead.c.following - ahead.c.due_at >= 2 * length)
        )
    )
    assert before_gap is not None, "the last turn has nothing behind it"
    return float(before_gap) + length
