"""The slots of each host, and the turns of those that wait for one."""

import asyncio
from datetime import datetime, timedelta
from itertools import pairwise
from uuid import uuid4

import pytest
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from core.jobs.ids import batch_job_id
from store.batches import batch_pages, cancel_batch, create_batch
from store.db.engine import Database
from store.db.upsert import ROWS_PER_STATEMENT
from store.domains import delete_domain
from store.hosts import (
    delete_turns,
    delete_turns_of_pages,
    plan_turn,
    plan_turns,
    return_slot,
    take_slot,
)
from store.pages import NewPage, add_pages, delete_page
from store.tables.domains import Domain
from store.tables.hosts import HostTurn
from store.tables.pages import Page
from tests.store.plans import plan_of, statements
from tests.store.rows import HALF_SECOND as HALF
from tests.store.rows import NOON

ROUNDING = timedelta(microseconds=1)
MINUTE = timedelta(minutes=1)
OTHERS = 2_000
"""Turns of jobs of other pages."""


async def slot(session: AsyncSession, host: str, interval: timedelta, now: datetime) -> datetime:
    """The moment of a slot that is taken however far away it is."""
    taken = await take_slot(session, host, interval, now)
    assert taken is not None
    return taken.at


async def test_the_first_caller_goes_at_once(session: AsyncSession) -> None:
    assert await slot(session, "shop.example", HALF, NOON) == NOON


async def test_callers_go_one_interval_after_each_other(session: AsyncSession) -> None:
    slots = [await slot(session, "shop.example", HALF, NOON) for _ in range(4)]
    assert slots == [NOON, NOON + HALF, NOON + 2 * HALF, NOON + 3 * HALF]


async def test_a_free_gate_lets_through_at_once(session: AsyncSession) -> None:
    await slot(session, "shop.example", HALF, NOON)
    later = NOON + timedelta(seconds=60)
    assert await slot(session, "shop.example", HALF, later) == later


async def test_an_unused_slot_is_not_saved_up(session: AsyncSession) -> None:
    await slot(session, "shop.example", HALF, NOON)
    later = NOON + timedelta(seconds=60)
    slots = [await slot(session, "shop.example", HALF, later) for _ in range(3)]
    assert slots == [later, later + HALF, later + 2 * HALF]


async def test_hosts_do_not_wait_for_each_other(session: AsyncSession) -> None:
    for host in ("a.example", "b.example", "a.example:8080"):
        assert await slot(session, host, HALF, NOON) == NOON


async def test_a_longer_interval_holds_for_those_behind(session: AsyncSession) -> None:
    await slot(session, "shop.example", timedelta(seconds=10), NOON)
    assert await slot(session, "shop.example", HALF, NOON) == NOON + timedelta(seconds=10)


async def test_a_caller_whose_clock_is_behind_waits_all_the_same(session: AsyncSession) -> None:
    await slot(session, "shop.example", HALF, NOON)
    behind = NOON - timedelta(seconds=5)
    assert await slot(session, "shop.example", HALF, behind) == NOON + HALF


@pytest.mark.parametrize("ahead", [timedelta(minutes=10), timedelta(hours=1), timedelta(days=900)])
async def test_a_host_does_not_wait_for_a_clock_that_was_set_back(
    session: AsyncSession, ahead: timedelta
) -> None:
    await slot(session, "shop.example", MINUTE, NOON + ahead)
    assert await turn(session, "waits", NOON + ahead) == NOON + ahead + MINUTE
    taken = [await take_slot(session, "shop.example", MINUTE, NOON, within=MINUTE) for _ in "12"]
    assert [each and each.at for each in taken] == [NOON, NOON + MINUTE]
    # The job that waits does so for the next turn by the present clock.
    assert await turn(session, "waits", NOON) == NOON + 2 * MINUTE


async def test_the_turns_of_a_later_batch_leave_the_host_free_until_then(
    session: AsyncSession,
) -> None:
    await plan_turns(session, "shop.example", MINUTE, NOON + 2 * MINUTE, ["later"])
    taken = await take_slot(session, "shop.example", MINUTE, NOON, within=timedelta(0))
    assert taken is not None
    assert taken.at == NOON


@pytest.mark.parametrize("interval", [HALF, timedelta(seconds=1 / 3), timedelta(milliseconds=1)])
async def test_many_at_once_get_slots_an_interval_apart(
    database: Database, interval: timedelta
) -> None:
    async def take() -> list[datetime]:
        slots = []
        for _ in range(5):
            async with database.transaction() as session:
                slots.append(await slot(session, "shop.example", interval, NOON))
        return slots

    taken = await asyncio.gather(*(take() for _ in range(8)))
    slots = sorted(at for each in taken for at in each)
    assert slots[0] == NOON
    assert all(after - before >= interval - ROUNDING for before, after in pairwise(slots))
    assert slots[-1] - slots[0] <= 39 * interval + 39 * ROUNDING


async def test_a_slot_that_was_rolled_back_is_free(database: Database) -> None:
    async def take() -> None:
        async with database.transaction() as session:
            await slot(session, "shop.example", HALF, NOON)
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        await take()
    async with database.transaction() as session:
        assert await slot(session, "shop.example", HALF, NOON) == NOON


async def test_a_slot_that_is_too_far_away_is_not_taken(session: AsyncSession) -> None:
    await slot(session, "shop.example", MINUTE, NOON)
    assert await take_slot(session, "shop.example", MINUTE, NOON, within=HALF) is None
    almost = NOON + MINUTE - HALF
    taken = await take_slot(session, "shop.example", MINUTE, almost, within=HALF)
    assert taken is not None
    assert taken.at == NOON + MINUTE


async def test_a_slot_that_is_given_back_is_the_next_one_again(session: AsyncSession) -> None:
    unused = await take_slot(session, "shop.example", MINUTE, NOON)
    assert unused is not None
    await return_slot(session, unused)
    assert await slot(session, "shop.example", MINUTE, NOON) == NOON


async def test_a_slot_before_others_that_were_taken_cannot_be_given_back(
    session: AsyncSession,
) -> None:
    unused = await take_slot(session, "shop.example", HALF, NOON)
    assert unused is not None
    await slot(session, "shop.example", HALF, NOON)
    await return_slot(session, unused)
    assert await slot(session, "shop.example", HALF, NOON) == NOON + 2 * HALF


async def turn(session: AsyncSession, job_id: str, now: datetime = NOON) -> datetime:
    """The turn of a job at a host that is busy for a minute from noon on."""
    if await take_slot(session, "shop.example", MINUTE, now, within=HALF) is not None:
        return now
    return await plan_turn(session, "shop.example", MINUTE, now, job_id)


async def test_jobs_that_wait_have_turns_one_interval_after_each_other(
    session: AsyncSession,
) -> None:
    turns = [await turn(session, f"job-{number}") for number in range(4)]
    assert turns == [NOON + n * MINUTE for n in range(4)]


async def test_a_job_that_asks_before_its_turn_keeps_it(session: AsyncSession) -> None:
    await turn(session, "first")
    due = [await turn(session, "second"), await turn(session, "third")]
    assert await turn(session, "third") == due[1]
    assert await turn(session, "fourth") == due[1] + MINUTE


async def test_a_job_that_finds_the_host_busy_in_its_turn_comes_next(
    session: AsyncSession,
) -> None:
    await turn(session, "first")
    due = await turn(session, "second")
    await turn(session, "third")
    assert await turn(session, "another", due) == due, "it came when the host was free"
    assert await turn(session, "second", due) == due + MINUTE


async def test_the_turn_of_a_job_that_has_ended_is_given_to_another(
    session: AsyncSession,
) -> None:
    for job_id in ("first", "second", "third", "fourth"):
        await turn(session, job_id)
    await delete_turns(session, ["third"])
    assert await turn(session, "fifth") == NOON + 2 * MINUTE
    assert await turn(session, "sixth") == NOON + 4 * MINUTE


async def test_turns_that_nobody_came_for_keep_nobody_waiting(session: AsyncSession) -> None:
    for job_id in ("first", "second", "third"):
        await turn(session, job_id)
    later = NOON + 10 * MINUTE
    assert await turn(session, "fourth", later) == later
    assert await turn(session, "fifth", later) == later + MINUTE


async def test_two_jobs_that_wait_at_once_have_turns_of_their_own(database: Database) -> None:
    async with database.transaction() as session:
        await turn(session, "first")

    async def wait(job_id: str) -> datetime:
        async with database.transaction() as session:
            return await turn(session, job_id)

    turns = await asyncio.gather(*(wait(f"job-{number}") for number in range(8)))
    assert sorted(turns) == [NOON + n * MINUTE for n in range(1, 9)]


async def turns(database: Database, *job_ids: str) -> dict[str, datetime]:
    """The turns of jobs that are planned together."""
    async with database.transaction() as session:
        return await plan_turns(session, "shop.example", MINUTE, NOON, job_ids)


async def test_jobs_that_are_planned_together_have_turns_of_their_own(database: Database) -> None:
    planned = [await turns(database, "first", "second"), await turns(database, "third", "first")]
    assert planned == [
        {"first": NOON, "second": NOON + MINUTE},
        {"third": NOON + 2 * MINUTE, "first": NOON},
    ]


async def test_planned_turns_fill_the_gaps_between_others(database: Database) -> None:
    await turns(database, "first", "second", "third", "fourth")
    async with database.transaction() as session:
        await delete_turns(session, ["second", "third"])
    async with database.transaction() as session:
        early = await plan_turns(
            session, "shop.example", MINUTE, NOON + MINUTE, ["fifth", "sixth", "seventh"]
        )
    assert list(early.values()) == [NOON + n * MINUTE for n in (1, 2, 4)]


async def test_turns_planned_at_once_for_a_host_that_was_never_asked_differ(
    database: Database,
) -> None:
    planned = await asyncio.gather(*(turns(database, f"job-{number}") for number in range(8)))
    found = sorted(due for each in planned for due in each.values())
    assert found == [NOON + n * MINUTE for n in range(8)]


async def test_a_planned_turn_long_past_is_planned_anew(database: Database) -> None:
    await turns(database, "first", "second")
    async with database.transaction() as session:
        later = await plan_turns(
            session, "shop.example", MINUTE, NOON + 5 * MINUTE, ["second", "third"]
        )
    assert later == {"second": NOON + 5 * MINUTE, "third": NOON + 6 * MINUTE}


async def turns_left(session: AsyncSession) -> list[str]:
    return sorted(await session.scalars(select(HostTurn.job_id)))


async def test_the_turns_of_a_batch_that_is_cancelled_are_free(
    database: Database, domain: Domain
) -> None:
    async with database.transaction() as session:
        await add_pages(
            session, domain.id, [NewPage(f"https://a.example/{n}", "other") for n in range(3)]
        )
        batch = await create_batch(session, domain.org_id, domain.id, None, uuid4())
        members = await batch_pages(session, batch.id, None, 10)
    jobs = [each.job_id for each in members]
    await turns(database, *jobs, "crawl-of-another")
    async with database.transaction() as session:
        await cancel_batch(session, domain.org_id, batch.id)
        assert await turns_left(session) == ["crawl-of-another"]


@pytest.mark.parametrize("deleted", ["page", "domain"])
async def test_the_turns_of_pages_that_are_deleted_are_free(
    database: Database, domain: Domain, deleted: str
) -> None:
    async with database.transaction() as session:
        await add_pages(
            session, domain.id, [NewPage(f"https://a.example/{n}", "other") for n in range(2)]
        )
        first, second = await session.scalars(select(Page.id).order_by(Page.url))
    jobs = [batch_job_id(uuid4(), each, "https://a.example/x") for each in (first, second)]
    await turns(database, *jobs, "crawl-of-another")
    async with database.transaction() as session:
        if deleted == "page":
            await delete_page(session, domain.org_id, first)
            assert await turns_left(session) == sorted([jobs[1], "crawl-of-another"])
        else:
            await delete_domain(session, domain.org_id, domain.id)
            assert await turns_left(session) == ["crawl-of-another"]


async def test_the_turns_of_pages_are_found_without_reading_those_of_others(
    session: AsyncSession,
) -> None:
    ours = [uuid4() for _ in range(2)]
    ids = [batch_job_id(uuid4(), each, url) for each in ours for url in (None, "https://a.example")]
    others = [batch_job_id(uuid4(), uuid4(), "https://a.example/x") for _ in range(OTHERS)]
    for host in ("a.example", "b.example"):
        await plan_turns(session, host, MINUTE, NOON, [*others, *ids])
    await plan_turn(session, "c.example", MINUTE, NOON, ids[0])
    await session.execute(text("ANALYZE"))
    with statements() as seen:
        await delete_turns_of_pages(session, ours)
    assert await turns_left(session) == sorted([*others, *others])
    [statement] = seen
    assert "ix_host_turns_page_id" in await plan_of(session, statement), statement.text
    with statements() as seen:
        await delete_turns_of_pages(session, [uuid4() for _ in range(2 * ROWS_PER_STATEMENT + 1)])
    assert len(seen) == 3
    assert all(len(each.parameters) <= ROWS_PER_STATEMENT for each in seen)
