"""Pages: a domain has each URL once."""

import asyncio
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from core.errors import NotFound, SubjectGone
from core.web.urls import MAX_URL_LENGTH
from store.db.engine import Database
from store.db.paging import PageRequest
from store.db.upsert import ROWS_PER_STATEMENT
from store.pages import Added, NewPage, add_pages, get_page, list_pages, page_by_id
from store.tables.domains import Domain
from store.tables.pages import Page, PageStatus
from tests.eventually import eventually
from tests.store.rows import incompressible, minutes, new_domain, new_organisation, waiting


def found(*names: str) -> list[NewPage]:
    """Pages that a discovery has found."""
    return [NewPage(f"https://shop.example/{name}", "other") for name in names]


async def test_a_new_page_is_pending_and_monitored(session: AsyncSession, domain: Domain) -> None:
    wanted = NewPage("https://shop.example/pricing", "pricing", "Prices", monitoring_enabled=False)
    [page_id] = (await add_pages(session, domain.id, [wanted])).added
    page = await page_by_id(session, page_id)
    assert (page.url, page.page_type, page.title) == (wanted.url, "pricing", "Prices")
    assert (page.status, page.monitoring_enabled) == (PageStatus.PENDING, False)
    assert (page.snapshot_id, page.last_check_at, page.last_change_at) == (None, None, None)


async def test_known_pages_are_told_from_new_ones(session: AsyncSession, domain: Domain) -> None:
    first = await add_pages(session, domain.id, found("z", "a"))
    second = await add_pages(session, domain.id, found("z", "new", "a"))
    assert (len(first.added), first.known) == (2, [])
    assert len(second.added) == 1
    assert (await page_by_id(session, second.added[0])).url == "https://shop.example/new"
    assert second.known == ["https://shop.example/z", "https://shop.example/a"]


async def test_a_page_named_twice_is_added_once(session: AsyncSession, domain: Domain) -> None:
    assert len((await add_pages(session, domain.id, found("a", "a"))).added) == 1


async def test_no_pages_are_no_work(session: AsyncSession, domain: Domain) -> None:
    assert await add_pages(session, domain.id, []) == Added([], [])


async def test_domains_may_have_the_same_page(session: AsyncSession, domain: Domain) -> None:
    other = await new_domain(session, domain.org_id, "other.example")
    for domain_id in (domain.id, other.id):
        assert len((await add_pages(session, domain_id, found("a"))).added) == 1


async def test_more_pages_than_one_statement_takes(session: AsyncSession, domain: Domain) -> None:
    names = [str(number) for number in range(2 * ROWS_PER_STATEMENT + 1)]
    added = await add_pages(session, domain.id, found(*names))
    assert len(set(added.added)) == len(names)
    assert (await list_pages(session, domain.id, PageRequest(1))).total == len(names)
    assert len((await add_pages(session, domain.id, found(*names))).known) == len(names)


async def test_the_longest_url_fits(session: AsyncSession, domain: Domain) -> None:
    url = incompressible(MAX_URL_LENGTH)
    [page_id] = (await add_pages(session, domain.id, [NewPage(url, "other")])).added
    assert (await page_by_id(session, page_id)).url == url


async def test_a_page_needs_its_domain(database: Database) -> None:
    with pytest.raises(IntegrityError):
        async with database.transaction() as session:
            await add_pages(session, uuid4(), found("a"))


async def test_two_discoveries_add_the_same_pages_without_a_deadlock(
    database: Database, domain: Domain
) -> None:
    async def add(*names: str) -> Added:
        async with database.transaction() as session:
            return await add_pages(session, domain.id, found(*names))

    async with database.transaction() as first:
        await add_pages(first, domain.id, found("m"))
        others = [asyncio.create_task(add(*names)) for names in ("amz", "zma")]
        if first.get_bind().dialect.name == "postgresql":
            # Both others are in the middle of their work.
            await eventually(lambda: waiting(first), lambda count: count == 2)
    ended = await asyncio.gather(*others)
    assert sorted(len(each.added) for each in ended) == [0, 2]


async def test_another_organisations_page_is_as_unknown_as_none(
    session: AsyncSession, domain: Domain, page: Page
) -> None:
    assert (await get_page(session, domain.org_id, page.id)).id == page.id
    stranger = await new_organisation(session)
    messages = set()
    for org_id, page_id in ((stranger, page.id), (stranger, uuid4()), (domain.org_id, uuid4())):
        with pytest.raises(NotFound) as refused:
            await get_page(session, org_id, page_id)
        messages.add(refused.value.message)
    assert len(messages) == 1


async def test_a_job_learns_that_its_page_is_gone(session: AsyncSession) -> None:
    with pytest.raises(SubjectGone):
        await page_by_id(session, uuid4())


async def test_pages_are_listed_newest_first_of_their_domain_alone(
    session: AsyncSession, domain: Domain
) -> None:
    other = await new_domain(session, domain.org_id, "other.example")
    await add_pages(session, other.id, found("other"))
    ids: list[UUID] = []
    for number, name in enumerate("abc"):
        ids += (await add_pages(session, domain.id, found(name))).added
        (await page_by_id(session, ids[-1])).created_at = minutes(number)
    listed = await list_pages(session, domain.id, PageRequest(10))
    assert [page.id for page in listed.rows] == list(reversed(ids))
    assert listed.total == 3
    assert await session.scalar(select(func.count()).select_from(Page)) == 4


async def test_pages_are_found_by_a_text_in_url_or_title(
    database: Database, domain: Domain
) -> None:
    async with database.transaction() as session:
        urls = [f"https://a.example/{path}" for path in ("Plans_1", "plans-2", "blog")]
        titles = (None, "Prices", "100% of our PLANS")
        pages = [NewPage(url, "other", title) for url, title in zip(urls, titles, strict=True)]
        await add_pages(session, domain.id, pages)

    async def found(text: str) -> set[str]:
        async with database.reading() as session:
            rows = (await list_pages(session, domain.id, PageRequest(10), text=text)).rows
        return {page.url for page in rows}

    assert await found("plans") == set(urls)
    assert await found("PLANS_") == {urls[0]}
    assert await found("0% of") == {urls[2]}
    assert await found("pricing") == set()
