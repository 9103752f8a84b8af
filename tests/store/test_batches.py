"""Batches: the pages that are crawled together."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncSession

from core.errors import NotFound, SubjectGone
from core.jobs.contract import StartBatchResult
from store.batches import (
    batch_pages,
    cancel_batch,
    close_batch,
    create_batch,
    next_chunk,
    start_batch_result,
    unlisted_pages,
    unstarted_jobs,
)
from store.db.engine import Database
from store.db.upsert import ROWS_PER_STATEMENT
from store.domains import delete_domain
from store.pages import page_by_id
from store.tables.batches import BEFORE_ALL, Batch
from store.tables.domains import Domain
from tests.store.plans import plan_of, statements
from tests.store.rows import new_domain, new_organisation, new_pages


async def members(session: AsyncSession, batch: Batch) -> list[UUID]:
    """The pages of the batch."""
    return [each.page_id for each in await batch_pages(session, batch.id, None, 100)]


async def test_a_batch_holds_the_monitored_pages_of_the_domain(
    session: AsyncSession, domain: Domain
) -> None:
    ids = await new_pages(session, domain.id, "/a", "/b", "/c")
    (await page_by_id(session, ids[1])).monitoring_enabled = False
    other = await new_domain(session, domain.org_id, "other.example")
    await new_pages(session, other.id, "/a")
    batch = await create_batch(session, domain.org_id, domain.id, None)
    assert await members(session, batch) == sorted([ids[0], ids[2]])
    assert batch.size == 2


async def test_a_batch_of_chosen_pages_holds_those_monitored_or_not(
    session: AsyncSession, domain: Domain
) -> None:
    ids = await new_pages(session, domain.id, "/a", "/b", "/c")
    (await page_by_id(session, ids[0])).monitoring_enabled = False
    batch = await create_batch(session, domain.org_id, domain.id, [ids[0], ids[2], ids[0]])
    assert await members(session, batch) == sorted([ids[0], ids[2]])
    assert batch.size == 2


async def test_a_page_of_another_domain_makes_no_batch(database: Database, domain: Domain) -> None:
    async with database.transaction() as session:
        [own] = await new_pages(session, domain.id, "/a")
        other = await new_domain(session, domain.org_id, "other.example")
        [foreign] = await new_pages(session, other.id, "/a")
    batch_id = uuid4()
    for stranger in (foreign, uuid4()):
        with pytest.raises(NotFound):
            async with database.transaction() as session:
                await create_batch(session, domain.org_id, domain.id, [own, stranger], batch_id)
    async with database.reading() as session:
        assert await session.get(Batch, batch_id) is None
        assert await batch_pages(session, batch_id, None, 10) == []


async def test_a_domain_without_pages_has_an_empty_batch(
    session: AsyncSession, domain: Domain
) -> None:
    batch = await create_batch(session, domain.org_id, domain.id, None)
    assert (batch.size, await members(session, batch)) == (0, [])


async def test_a_batch_that_exists_stays_as_it_is(session: AsyncSession, domain: Domain) -> None:
    ids = await new_pages(session, domain.id, "/a")
    batch_id = uuid4()
    first = await create_batch(session, domain.org_id, domain.id, None, batch_id)
    await new_pages(session, domain.id, "/b")
    again = await create_batch(session, domain.org_id, domain.id, None, batch_id)
    assert (again.id, again.size, again.created_at) == (batch_id, 1, first.created_at)
    assert await members(session, again) == ids


async def test_two_attempts_at_once_make_one_batch(database: Database, domain: Domain) -> None:
    batch_id = uuid4()
    async with database.transaction() as session:
        await new_pages(session, domain.id, "/a", "/b")

    async def create() -> int:
        async with database.transaction() as session:
            return (await create_batch(session, domain.org_id, domain.id, None, batch_id)).size

    assert await asyncio.gather(*(create() for _ in range(5))) == [2] * 5


async def test_the_members_are_read_in_pieces_each_once(
    session: AsyncSession, domain: Domain
) -> None:
    ids = await new_pages(session, domain.id, *(f"/{number}" for number in range(7)))
    batch = await create_batch(session, domain.org_id, domain.id, None)
    read: list[UUID] = []
    while piece := await batch_pages(session, batch.id, read[-1] if read else None, 3):
        assert len(piece) <= 3
        read += [each.page_id for each in piece]
        assert all(each.url.startswith("https://shop.example/") for each in piece)
    assert read == sorted(ids)


async def test_busy_pages_are_passed_over_however_many_they_are(
    session: AsyncSession, domain: Domain
) -> None:
    ids = await new_pages(session, domain.id, *(f"/{number}" for number in range(5)))
    busy = {uuid4() for _ in range(ROWS_PER_STATEMENT)} | {ids[0], ids[3]}
    batch = await create_batch(session, domain.org_id, domain.id, None, busy=busy)
    assert await members(session, batch) == sorted({*ids} - busy)
    assert (batch.size, batch.passed_over) == (3, 2)
    again = await create_batch(session, domain.org_id, domain.id, None, batch.id, busy=ids)
    assert (again.size, again.passed_over) == (3, 2)


async def started(session: AsyncSession, domain: Domain, **chosen: UUID) -> tuple[int, set[UUID]]:
    """The number of unstarted jobs, and the pages of those that are starting."""
    jobs = await unstarted_jobs(session, domain.org_id, **chosen)
    return jobs.unstarted, {each.page_id for each in jobs.starting}


async def test_a_fan_out_leaves_word_of_each_chunk_before_and_after_it_is_started(
    session: AsyncSession, domain: Domain
) -> None:
    first, second, third = sorted(await new_pages(session, domain.id, "/a", "/b", "/c"))
    batch = await create_batch(session, domain.org_id, domain.id, None)
    assert await started(session, domain) == (3, set())

    async def next_two(listed_to: UUID) -> list[UUID]:
        chunk = await next_chunk(session, batch.id, listed_to, 2)
        assert not chunk.cancelled
        return [each.page_id for each in chunk.members]

    assert await next_two(BEFORE_ALL) == [first, second]
    assert await started(session, domain) == (1, {first, second})
    assert await unlisted_pages(session, domain.org_id, domain.id) == {first, second, third}
    assert await next_two(BEFORE_ALL) == [first, second], "another attempt"
    assert await next_two(second) == [third]
    assert await started(session, domain) == (0, {third})
    assert await next_two(first) == [third], "an attempt that was taken for dead"
    assert await unlisted_pages(session, domain.org_id, domain.id) == {third}
    result = await start_batch_result(session, batch.id)
    assert result == StartBatchResult(jobs_queued=2, passed_over=0)
    assert await next_two(third) == []
    assert batch.fanned_out_at is not None
    assert await started(session, domain) == (0, set())
    assert (await start_batch_result(session, batch.id)).jobs_queued == 3


async def test_unstarted_jobs_are_those_of_the_owner_and_can_be_chosen(
    session: AsyncSession, domain: Domain
) -> None:
    ids = await new_pages(session, domain.id, "/a", "/b", "/c", "/d")
    batch = await create_batch(session, domain.org_id, domain.id, ids[:3])
    await create_batch(session, domain.org_id, domain.id, ids[2:])
    other = await new_domain(session, domain.org_id, "other.example")
    [elsewhere] = await new_pages(session, other.id, "/a")
    await create_batch(session, domain.org_id, other.id, None)
    stranger = await new_domain(session, await new_organisation(session))
    await new_pages(session, stranger.id, "/a", "/b")
    await create_batch(session, stranger.org_id, stranger.id, None)
    assert await started(session, domain) == (6, set())
    assert await started(session, domain, domain_id=domain.id) == (5, set())
    assert await started(session, domain, domain_id=stranger.id) == (0, set())
    assert await started(session, domain, batch_id=batch.id) == (3, set())
    assert await started(session, domain, page_id=ids[2]) == (2, set())
    assert await started(session, domain, batch_id=batch.id, page_id=elsewhere) == (0, set())
    assert await unlisted_pages(session, domain.org_id, domain.id) == set(ids)


async def test_no_job_is_left_to_start_of_a_batch_that_is_cancelled_closed_or_deleted(
    session: AsyncSession, domain: Domain
) -> None:
    ids = await new_pages(session, domain.id, "/a", "/b")
    cancelled = await create_batch(session, domain.org_id, domain.id, None)
    await cancel_batch(session, domain.org_id, cancelled.id)
    assert await started(session, domain) == (0, set())
    assert (await next_chunk(session, cancelled.id, BEFORE_ALL, 2)).cancelled
    closed = await create_batch(session, domain.org_id, domain.id, None)
    await close_batch(session, closed.id)
    assert await started(session, domain) == (0, set())
    chunk = await next_chunk(session, closed.id, BEFORE_ALL, 2)
    assert [each.page_id for each in chunk.members] == sorted(ids), "should its workflow run yet"
    batch = await create_batch(session, domain.org_id, domain.id, None)
    await session.delete(await page_by_id(session, ids[0]))
    assert await started(session, domain) == (1, set())
    await delete_domain(session, domain.org_id, domain.id)
    session.expunge_all()
    assert await started(session, domain) == (0, set())
    with pytest.raises(SubjectGone):
        await next_chunk(session, batch.id, BEFORE_ALL, 2)
    with pytest.raises(SubjectGone):
        await start_batch_result(session, batch.id)


OLD = 300
"""Batches whose jobs have long been started."""


async def test_unstarted_jobs_are_found_without_a_look_at_old_batches(
    session: AsyncSession, domain: Domain
) -> None:
    await new_pages(session, domain.id, "/a", "/b")
    now = datetime.now(UTC)
    old = {"org_id": domain.org_id, "domain_id": domain.id, "size": 0, "created_at": now}
    done = [{"id": uuid4(), "fanned_out_at": now, **old} for _ in range(OLD)]
    await session.execute(insert(Batch), done)
    await create_batch(session, domain.org_id, domain.id, None)
    await session.flush()
    await session.execute(text("ANALYZE"))
    with statements() as seen:
        assert await started(session, domain) == (2, set())
        assert len(await unlisted_pages(session, domain.org_id, domain.id)) == 2
    assert len(seen) == 3
    for each in seen:
        assert "ix_batches_open" in await plan_of(session, each), each.text
