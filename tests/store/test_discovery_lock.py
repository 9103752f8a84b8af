"""The discovery lock: one attempt of one job holds it at a time."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import update

from core.errors import AlreadyDiscovering, SubjectGone
from store.db.engine import Database
from store.discovery_lock import (
    LockHolder,
    acquire_discovery_lock,
    release_discovery_lock,
    require_discovery_lock,
)
from store.tables.domains import Domain
from tests.store.rows import NOON, minutes

A = LockHolder("a", NOON)
B = LockHolder("b", NOON)


def later(walker: LockHolder) -> LockHolder:
    """The next attempt of its job."""
    return LockHolder(walker.job_id, walker.began_at + timedelta(microseconds=1))


async def take(
    database: Database, domain: Domain, walker: LockHolder, after: LockHolder | None = None
) -> LockHolder | None:
    async with database.transaction() as session:
        return await acquire_discovery_lock(session, domain.id, walker, instead_of=after)


async def give_back(database: Database, domain: Domain, walker: LockHolder) -> None:
    async with database.transaction() as session:
        await release_discovery_lock(session, domain.id, walker)


async def holds(database: Database, domain: Domain, walker: LockHolder) -> bool:
    try:
        async with database.transaction() as session:
            await require_discovery_lock(session, domain.id, walker)
    except AlreadyDiscovering:
        return False
    return True


async def test_of_many_that_come_at_once_one_has_the_turn(
    database: Database, domain: Domain
) -> None:
    attempts = [LockHolder(f"job-{number}", NOON) for number in range(5)]
    holders = await asyncio.gather(*(take(database, domain, each) for each in attempts))
    [holder] = [each for each, other in zip(attempts, holders, strict=True) if other is None]
    assert {other for other in holders if other is not None} == {holder}
    assert [each for each in attempts if await holds(database, domain, each)] == [holder]


async def test_an_attempt_that_has_the_turn_may_take_it_again(
    database: Database, domain: Domain
) -> None:
    assert await take(database, domain, A) is None
    assert await take(database, domain, A) is None


async def test_a_later_attempt_takes_the_turn_of_its_job_for_good(
    database: Database, domain: Domain
) -> None:
    await take(database, domain, A)
    assert await take(database, domain, later(A)) is None
    assert not await holds(database, domain, A)
    await give_back(database, domain, A)
    assert await take(database, domain, A) == later(A)
    assert await holds(database, domain, later(A))


async def test_only_its_holder_gives_the_turn_back(database: Database, domain: Domain) -> None:
    await take(database, domain, A)
    await give_back(database, domain, B)
    assert await take(database, domain, B) == A
    await give_back(database, domain, A)
    assert not await holds(database, domain, A)
    assert await take(database, domain, B) is None


async def test_the_turn_of_an_attempt_that_is_over_is_taken_from_that_one_alone(
    database: Database, domain: Domain
) -> None:
    await take(database, domain, A)
    assert await take(database, domain, B, after=A) is None
    assert await take(database, domain, LockHolder("c", NOON), after=A) == B


async def test_a_turn_is_not_taken_while_its_holder_writes(
    database: Database, domain: Domain
) -> None:
    await take(database, domain, A)
    async with database.transaction() as session:
        await require_discovery_lock(session, domain.id, A)
        taking = asyncio.create_task(take(database, domain, later(A)))
        done, _ = await asyncio.wait({taking}, timeout=0.2)
        assert not done
    assert await taking is None


@pytest.mark.parametrize(
    "job_id", ["a", "discover-2026", "2026-03-01", "2026-03-01T12:00 x", "ä b"]
)
async def test_a_turn_that_an_older_version_took_is_that_of_its_job(
    database: Database, domain: Domain, job_id: str
) -> None:
    async with database.transaction() as session:
        await session.execute(update(Domain).values(discovery_lock_holder=job_id))
    old = await take(database, domain, B)
    assert old is not None
    assert old.job_id == job_id
    assert await take(database, domain, B, after=old) is None
    async with database.transaction() as session:
        await session.execute(update(Domain).values(discovery_lock_holder=job_id))
    assert await take(database, domain, LockHolder(job_id, NOON)) is None


@pytest.mark.parametrize("job_id", ["a", "with spaces in it", "2026-03-01T12:00:00+00:00 b"])
def test_an_attempt_is_read_as_it_was_written(job_id: str) -> None:
    walker = LockHolder(job_id, minutes(1 / 7))
    assert LockHolder.parse(str(walker)) == walker


async def test_a_domain_that_was_deleted_is_anybodys_and_nobody_walks_it(
    database: Database,
) -> None:
    async with database.transaction() as session:
        assert await acquire_discovery_lock(session, uuid4(), A) is None
        with pytest.raises(SubjectGone):
            await require_discovery_lock(session, uuid4(), A)
