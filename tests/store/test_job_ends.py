"""Claims on the end of a job: the first one wins."""

import asyncio

import pytest

from store.db.engine import Database
from store.job_ends import claim_ends
from store.tables.job_ends import JobEnd

OTHER = {JobEnd.STORED: JobEnd.CANCELLED, JobEnd.CANCELLED: JobEnd.STORED}


async def claimed(database: Database, what: JobEnd, *run_ids: str) -> dict[str, JobEnd]:
    """How the runs end, which are claimed to end so."""
    async with database.transaction() as session:
        return await claim_ends(session, run_ids, what)


@pytest.mark.parametrize("first", JobEnd)
async def test_the_first_stands(database: Database, first: JobEnd) -> None:
    for what in (first, OTHER[first], first):
        assert await claimed(database, what, "run") == {"run": first}


@pytest.mark.parametrize("first", JobEnd)
async def test_who_comes_second_waits_for_the_first_and_hears_of_it(
    database: Database, first: JobEnd
) -> None:
    async with database.transaction() as session:
        await claim_ends(session, ["run"], first)
        second = asyncio.create_task(claimed(database, OTHER[first], "run"))
        assert await asyncio.wait({second}, timeout=0.1) == (set(), {second})
    assert await second == {"run": first}


@pytest.mark.parametrize("first", JobEnd)
async def test_a_claim_that_is_taken_back_is_none(database: Database, first: JobEnd) -> None:
    async def give_up() -> None:
        async with database.transaction() as session:
            await claim_ends(session, ["run"], first)
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        await give_up()
    assert await claimed(database, OTHER[first], "run") == {"run": OTHER[first]}


async def test_many_are_claimed_at_once_each_by_itself(database: Database) -> None:
    runs = [f"run {number}" for number in range(50)]
    await claimed(database, JobEnd.STORED, *runs[::2])
    both = await asyncio.gather(
        claimed(database, JobEnd.CANCELLED, *runs),
        claimed(database, JobEnd.CANCELLED, *reversed(runs)),
    )
    stored = dict.fromkeys(runs[::2], JobEnd.STORED)
    cancelled = dict.fromkeys(runs[1::2], JobEnd.CANCELLED)
    assert all(each == stored | cancelled for each in both)
    assert await claimed(database, JobEnd.CANCELLED) == {}
