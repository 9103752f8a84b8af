"""The gate of each host."""

import asyncio
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from store.engine import Database
from store.hosts import take_slot
from tests.store.rows import HALF_SECOND as HALF
from tests.store.rows import NOON

ROUNDING = timedelta(microseconds=1)


async def test_the_first_caller_goes_at_once(session: AsyncSession) -> None:
    assert await take_slot(session, "shop.example", HALF, NOON) == NOON


async def test_callers_go_one_interval_after_each_other(session: AsyncSession) -> None:
    slots = [await take_slot(session, "shop.example", HALF, NOON) for _ in range(4)]
    assert slots == [NOON, NOON + HALF, NOON + 2 * HALF, NOON + 3 * HALF]


async def test_a_free_gate_lets_through_at_once(session: AsyncSession) -> None:
    await take_slot(session, "shop.example", HALF, NOON)
    later = NOON + timedelta(seconds=60)
    assert await take_slot(session, "shop.example", HALF, later) == later


async def test_an_unused_slot_is_not_saved_up(session: AsyncSession) -> None:
    await take_slot(session, "shop.example", HALF, NOON)
    later = NOON + timedelta(seconds=60)
    slots = [await take_slot(session, "shop.example", HALF, later) for _ in range(3)]
    assert slots == [later, later + HALF, later + 2 * HALF]


async def test_hosts_do_not_wait_for_each_other(session: AsyncSession) -> None:
    for host in ("a.example", "b.example", "a.example:8080"):
        assert await take_slot(session, host, HALF, NOON) == NOON


async def test_a_longer_interval_holds_for_those_behind(session: AsyncSession) -> None:
    await take_slot(session, "shop.example", timedelta(seconds=10), NOON)
    assert await take_slot(session, "shop.example", HALF, NOON) == NOON + timedelta(seconds=10)


async def test_a_caller_whose_clock_is_behind_waits_all_the_same(session: AsyncSession) -> None:
    await take_slot(session, "shop.example", HALF, NOON)
    behind = NOON - timedelta(seconds=5)
    assert await take_slot(session, "shop.example", HALF, behind) == NOON + HALF


@pytest.mark.parametrize("interval", [HALF, timedelta(seconds=1 / 3), timedelta(milliseconds=1)])
async def test_many_at_once_get_slots_an_interval_apart(
    database: Database, interval: timedelta
) -> None:
    async def take() -> list[datetime]:
        slots = []
        for _ in range(5):
            async with database.transaction() as session:
                slots.append(await take_slot(session, "shop.example", interval, NOON))
        return slots

    taken = await asyncio.gather(*(take() for _ in range(8)))
    slots = sorted(slot for each in taken for slot in each)
    assert slots[0] == NOON
    assert all(after - before >= interval - ROUNDING for before, after in pairwise(slots))
    assert slots[-1] - slots[0] <= 39 * interval + 39 * ROUNDING


async def test_a_slot_that_was_rolled_back_is_free(database: Database) -> None:
    async def take() -> None:
        async with database.transaction() as session:
            await take_slot(session, "shop.example", HALF, NOON)
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        await take()
    async with database.transaction() as session:
        assert await take_slot(session, "shop.example", HALF, NOON) == NOON
