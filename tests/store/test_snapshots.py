"""Snapshots."""

from uuid import uuid4

import pytest
from sqlalchemy import func, inspect, select

from core.errors import NotFound, SubjectGone
from store.db.engine import Database
from store.db.paging import PageRequest
from store.snapshots import get_snapshot, list_snapshots, snapshot_by_id, store_main_text
from store.tables.domains import Domain
from store.tables.pages import Page
from store.tables.snapshots import Content, Snapshot
from tests.store.rows import minutes, new_organisation, new_page, stored


async def test_snapshots_of_a_page_are_listed_newest_first(
    database: Database, domain: Domain, page: Page
) -> None:
    async with database.transaction() as session:
        other = await new_page(session, domain.id, "/other")
    await stored(database, other.id, "job 1", "other", minutes(9))
    ids = [
        await stored(database, page.id, f"job {number}", str(number), minutes(number))
        for number in range(3)
    ]
    async with database.reading() as session:
        first = await list_snapshots(session, page.id, PageRequest(2))
        rest = await list_snapshots(session, page.id, PageRequest(2, after=first.next_cursor))
    assert [each.id for each in first.rows + rest.rows] == list(reversed(ids))
    assert (first.total, rest.next_cursor) == (3, None)


async def test_a_list_of_snapshots_does_not_read_their_text(database: Database, page: Page) -> None:
    await stored(database, page.id, "job", "a")
    async with database.reading() as session:
        [row] = (await list_snapshots(session, page.id, PageRequest(5))).rows
    assert {"text_content", "main_text_content", "html_content"} <= inspect(row).unloaded


async def test_one_snapshot_has_its_text(database: Database, domain: Domain, page: Page) -> None:
    snapshot_id = await stored(database, page.id, "job", "Zürich 東京")
    async with database.reading() as session:
        found = await get_snapshot(session, domain.org_id, snapshot_id)
    assert (found.id, found.text) == (snapshot_id, "Zürich 東京")
    assert (found.main_text, found.html) == (None, "<p>Zürich 東京</p>")


async def test_the_first_main_text_of_a_snapshot_is_kept(
    database: Database, domain: Domain, page: Page
) -> None:
    snapshot_id = await stored(database, page.id, "job", "a")
    for main_text in ("Zürich", "東京"):
        async with database.transaction() as session:
            await store_main_text(session, snapshot_id, main_text)
    async with database.reading() as session:
        assert (await get_snapshot(session, domain.org_id, snapshot_id)).main_text == "Zürich"


async def test_a_snapshot_that_was_removed_gets_no_main_text(database: Database) -> None:
    async with database.transaction() as session:
        await store_main_text(session, uuid4(), "a")


async def test_what_says_the_same_is_stored_once(
    database: Database, domain: Domain, page: Page
) -> None:
    async with database.transaction() as session:
        other = await new_page(session, domain.id, "/other")
    for number, text in enumerate(("a", "b", "a")):
        await stored(database, page.id, f"job {number}", text, minutes(number))
        await stored(database, other.id, f"job {number}", text, minutes(number))
    async with database.reading() as session:
        assert await session.scalar(select(func.count()).select_from(Snapshot)) == 6
        # Text and HTML of each of the two.
        assert await session.scalar(select(func.count()).select_from(Content)) == 4


async def test_another_organisations_snapshot_is_as_unknown_as_none(
    database: Database, domain: Domain, page: Page
) -> None:
    snapshot_id = await stored(database, page.id, "job", "a")
    async with database.transaction() as session:
        stranger = await new_organisation(session)
    messages = set()
    async with database.reading() as session:
        for org_id, wanted in ((stranger, snapshot_id), (domain.org_id, uuid4())):
            with pytest.raises(NotFound) as refused:
                await get_snapshot(session, org_id, wanted)
            messages.add(refused.value.message)
    assert len(messages) == 1


async def test_a_job_learns_that_its_snapshot_is_gone(database: Database) -> None:
    async with database.reading() as session:
        with pytest.raises(SubjectGone):
            await snapshot_by_id(session, uuid4())
