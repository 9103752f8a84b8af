"""Batches: the pages that are crawled together."""

import asyncio
from uuid import UUID, uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from core.errors import NotFound
from store.batches import batch_pages, create_batch
from store.engine import Database
from store.pages import page_by_id
from store.tables import Batch, Domain
from tests.store.rows import new_domain, new_pages


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
