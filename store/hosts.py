"""The slots of each host, in which all workers together send one request at a time.

A slot is the right to send a request at one moment. A turn is the moment at which a job that waits
for the host asks for a slot.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Final
from uuid import UUID

from sqlalchemy import Float, bindparam, case, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.dml import ReturningInsert

from core.jobs.ids import batch_part, page_of_batch_job
from core.web.robots import MAX_CRAWL_DELAY
from store.db.upsert import ROWS_PER_STATEMENT, dialect_of, insert_of, upsert
from store.tables.hosts import HostSlot, HostTurn

_SLOTS: Final = HostSlot.__table__


def _furthest(moment: float, length: float) -> float:
    """The latest time at which a host can be free again by a clock that shows `moment`.

    Nobody takes a slot that is more than `MAX_CRAWL_DELAY` away. A later time comes from a clock
    that was ahead and has been set back: to wait for it would block the host for as long.
    """
    return moment + 2 * max(length, MAX_CRAWL_DELAY)


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
    """The next free slot of the host, at `now` or later; None if it is more than `within` away.

    One atomic statement: no two callers get slots less than `interval` apart, unless the clock was
    set back by minutes between them.
    """
    moment, length = now.timestamp(), interval.total_seconds()
    next_at = await session.scalar(
        _taking(dialect_of(session)),
        {
            "host": host,
            "next_at": moment + length,
            "moment": moment,
            "length": length,
            "furthest": _furthest(moment, length),
            "latest": moment + within.total_seconds(),
        },
    )
    if next_at is None:
        return None
    return Slot(host, datetime.fromtimestamp(next_at - length, UTC), next_at)


@cache
def _taking(dialect: str) -> ReturningInsert[float]:
    """The statement of `take_slot`. To build it takes longer than to execute it."""
    moment, length, furthest, latest = (
        bindparam(name, type_=Float()) for name in ("moment", "length", "furthest", "latest")
    )
    next_at = _SLOTS.c.next_at
    free = case((next_at.between(moment, furthest), next_at), else_=moment)
    return (
        insert_of(dialect, HostSlot)
        .on_conflict_do_update(
            index_elements=[_SLOTS.c.host],
            set_={"next_at": free + length},
            where=or_(next_at <= latest, next_at > furthest),
        )
        .returning(next_at)
    )


async def return_slot(session: AsyncSession, slot: Slot) -> None:
    """Free a slot that was not used, unless the slot after it is taken."""
    await session.execute(
        update(HostSlot)
        .where(HostSlot.host == slot.host, HostSlot.next_at == slot.next_at)
        .values(next_at=slot.at.timestamp())
    )


async def plan_turn(
    session: AsyncSession, host: str, interval: timedelta, now: datetime, job_id: str
) -> datetime:
    """The turn of a job that waits for the host: the first free one, or the one that it has if
    that is sooner.

    Turns are `interval` apart. A job that asks in its turn while the host is busy gets the next
    free slot as its new turn.
    """
    length = interval.total_seconds()
    free_at = await _free_at(session, host, now, length)
    own = await session.scalar(
        select(HostTurn.due_at).where(HostTurn.host == host, HostTurn.job_id == job_id)
    )
    if own is not None and own <= free_at:
        due_at = free_at
    else:
        due_at = await _first_gap(session, host, free_at, length)
    if own is not None and free_at < own <= due_at:
        return datetime.fromtimestamp(own, UTC)
    await session.execute(
        delete(HostTurn).where(HostTurn.host == host, HostTurn.due_at < free_at - length)
    )
    await session.execute(
        upsert(session, HostTurn)
        .values(host=host, job_id=job_id, page_id=page_of_batch_job(job_id), due_at=due_at)
        .on_conflict_do_update(
            index_elements=[HostTurn.host, HostTurn.job_id], set_={HostTurn.due_at: due_at}
        )
    )
    return datetime.fromtimestamp(due_at, UTC)


async def plan_turns(
    session: AsyncSession,
    host: str,
    interval: timedelta,
    now: datetime,
    job_ids: Sequence[str],
) -> dict[str, datetime]:
    """The turns of jobs that start later, by job, in the order of `job_ids`.

    Turns are `interval` apart, from the next free slot on. They fill the gaps between the turns of
    other jobs. A job that has a turn keeps it.
    """
    length = interval.total_seconds()
    # A host that was never asked has no row to lock. `now` may be the start of a batch.
    await session.execute(
        upsert(session, HostSlot).values(host=host, next_at=0.0).on_conflict_do_nothing()
    )
    free_at = await _free_at(session, host, now, length)
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
            [
                {
                    "host": host,
                    "job_id": job_id,
                    "page_id": page_of_batch_job(job_id),
                    "due_at": due,
                }
                for job_id, due in added.items()
            ],
        )
    turns |= added
    return {job_id: datetime.fromtimestamp(turns[job_id], UTC) for job_id in job_ids}


async def _free_at(session: AsyncSession, host: str, now: datetime, length: float) -> float:
    """When the host is free, `now` or later. Its row is locked until the transaction ends."""
    moment = now.timestamp()
    next_at = await session.scalar(
        select(HostSlot.next_at).where(HostSlot.host == host).with_for_update()
    )
    if next_at is None or next_at > _furthest(moment, length):
        return moment
    return max(next_at, moment)


def _gaps(taken: Iterable[float], free_at: float, length: float) -> Iterator[float]:
    """The moments from `free_at` on that are `length` apart, also from all `taken`."""
    at = free_at
    for each in sorted(taken):
        while at + length <= each:
            yield at
            at += length
        at = max(at, each + length)
    while True:
        yield at
        at += length


async def delete_turns(session: AsyncSession, job_ids: Collection[str]) -> None:
    """Delete the turns of jobs that have ended, so that other jobs get them."""
    ids = list(job_ids)
    for start in range(0, len(ids), ROWS_PER_STATEMENT):
        some = ids[start : start + ROWS_PER_STATEMENT]
        await session.execute(delete(HostTurn).where(HostTurn.job_id.in_(some)))


async def delete_turns_of_batch(session: AsyncSession, batch_id: UUID) -> None:
    """Delete the turns of all jobs of the batch."""
    of_batch = HostTurn.job_id.contains(batch_part(batch_id), autoescape=True)
    await session.execute(delete(HostTurn).where(of_batch))


async def delete_turns_of_pages(session: AsyncSession, page_ids: Collection[UUID]) -> None:
    """Delete the turns of the jobs that batches have started for the pages."""
    ids = list(page_ids)
    for start in range(0, len(ids), ROWS_PER_STATEMENT):
        some = ids[start : start + ROWS_PER_STATEMENT]
        await session.execute(delete(HostTurn).where(HostTurn.page_id.in_(some)))


async def _first_gap(session: AsyncSession, host: str, free_at: float, length: float) -> float:
    """The first moment from `free_at` on that is `length` apart from every turn of the host."""
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
