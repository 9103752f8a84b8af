"""Turns: a domain is walked by one job at a time."""

import asyncio
from uuid import UUID, uuid4

from store.engine import Database
from store.tables import Domain
from store.turns import give_turn_back, take_turn


async def take(
    database: Database, domain_id: UUID, job: str, after: str | None = None
) -> str | None:
    async with database.transaction() as session:
        return await take_turn(session, domain_id, job, instead_of=after)


async def give_back(database: Database, domain_id: UUID, job: str) -> None:
    async with database.transaction() as session:
        await give_turn_back(session, domain_id, job)


async def test_of_many_that_come_at_once_one_has_the_turn(
    database: Database, domain: Domain
) -> None:
    jobs = [f"job-{number}" for number in range(5)]
    told = await asyncio.gather(*(take(database, domain.id, job) for job in jobs))
    [holder] = [job for job, other in zip(jobs, told, strict=True) if other is None]
    assert {other for other in told if other is not None} == {holder}


async def test_a_job_that_has_the_turn_may_take_it_again(
    database: Database, domain: Domain
) -> None:
    assert await take(database, domain.id, "a") is None
    assert await take(database, domain.id, "a") is None


async def test_only_its_holder_gives_the_turn_back(database: Database, domain: Domain) -> None:
    await take(database, domain.id, "a")
    await give_back(database, domain.id, "b")
    assert await take(database, domain.id, "b") == "a"
    await give_back(database, domain.id, "a")
    assert await take(database, domain.id, "b") is None


async def test_the_turn_of_a_job_that_is_over_is_taken_from_that_job_alone(
    database: Database, domain: Domain
) -> None:
    await take(database, domain.id, "a")
    assert await take(database, domain.id, "b", after="a") is None
    assert await take(database, domain.id, "c", after="a") == "b"


async def test_a_domain_that_was_deleted_is_anybodys(database: Database) -> None:
    assert await take(database, uuid4(), "a") is None
