"""Sibling pages."""

import pytest

from store.checks import record_gone
from store.db.engine import Database
from store.pages import page_by_id
from store.siblings import MAX_SIBLING_CANDIDATES, MAX_SIBLING_TEXT_SIZE, newest_siblings, siblings
from store.tables.domains import Domain
from store.tables.pages import Page
from tests.store.rows import incompressible, minutes, new_domain, new_page, read, stored


async def test_the_pages_with_the_newest_snapshots_come_first(
    database: Database, domain: Domain, page: Page
) -> None:
    async with database.transaction() as session:
        early, late = [await new_page(session, domain.id, path) for path in ("/e", "/l")]
        await new_page(session, domain.id, "/never-crawled")
        elsewhere = await new_domain(session, domain.org_id, "other.example")
        foreign = await new_page(session, elsewhere.id, "/f")
    for at, each in enumerate((early, page, late, foreign)):
        await stored(database, each.id, "job", "a", minutes(at))
    async with database.reading() as session:
        found = await newest_siblings(session, await read(database, page.id))
    assert [each.id for each in found] == [late.id, early.id]
    assert found[0].url == "https://shop.example/l"


async def test_a_page_that_is_gone_is_none_to_judge_by(
    database: Database, domain: Domain, page: Page
) -> None:
    async with database.transaction() as session:
        gone, there = [await new_page(session, domain.id, path) for path in ("/gone", "/there")]
    for each in (gone, there):
        await stored(database, each.id, "job", "a", minutes(0))
    async with database.transaction() as session:
        assert await record_gone(session, await page_by_id(session, gone.id), minutes(1))
    async with database.reading() as session:
        assert [each.id for each in await newest_siblings(session, page)] == [there.id]


async def test_of_a_large_site_no_more_than_the_newest_are_looked_at(
    database: Database, domain: Domain, page: Page
) -> None:
    async with database.transaction() as session:
        others = [
            await new_page(session, domain.id, f"/{n}") for n in range(MAX_SIBLING_CANDIDATES + 5)
        ]
    for at, each in enumerate(others):
        await stored(database, each.id, "job", "a", minutes(at))
    async with database.reading() as session:
        found = await newest_siblings(session, page)
    assert [each.id for each in found] == [each.id for each in reversed(others[5:])]


async def test_a_page_is_known_by_its_last_two_versions(database: Database, page: Page) -> None:
    for at, text in enumerate(("one", "two", "three")):
        await stored(database, page.id, f"job {at}", text, minutes(at))
    async with database.reading() as session:
        now = (await siblings(session, [page.id]))[page.id]
        then = (await siblings(session, [page.id], until=minutes(1)))[page.id]
        first = (await siblings(session, [page.id], until=minutes(0.5)))[page.id]
        assert await siblings(session, [page.id], until=minutes(-1)) == {}
    assert (now.now.text, now.earlier and now.earlier.text) == ("three", "two")
    assert (then.now.title, then.earlier and then.earlier.text) == ("Title of two", "one")
    assert (first.now.text, first.earlier) == ("one", None)


@pytest.mark.parametrize(
    "longer",
    [
        pytest.param(incompressible(2 * MAX_SIBLING_TEXT_SIZE), id="and large as it is stored"),
        pytest.param("x" * (MAX_SIBLING_TEXT_SIZE + 1), id="however small it is stored"),
    ],
)
async def test_a_page_that_has_become_too_long_is_left_out(
    database: Database, page: Page, longer: str
) -> None:
    await stored(database, page.id, "first", "x" * MAX_SIBLING_TEXT_SIZE, minutes(0))
    async with database.reading() as session:
        assert list(await siblings(session, [page.id])) == [page.id]
    await stored(database, page.id, "second", longer, minutes(1))
    async with database.reading() as session:
        assert await siblings(session, [page.id]) == {}
