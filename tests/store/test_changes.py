"""Changes: of one organisation, one domain or one page."""

from dataclasses import dataclass
from uuid import UUID, uuid4

import pytest
from sqlalchemy.exc import InvalidRequestError

from core.errors import NotFound
from store.changes import (
    MAX_RECENT_CHANGES,
    ChangedPage,
    ChangeFilter,
    acknowledge_change,
    changed_pages,
    get_change,
    list_changes,
    recent_changes,
)
from store.db.engine import Database
from store.db.paging import PageRequest
from store.tables.changes import Change
from tests.store.rows import minutes, new_domain, new_organisation, new_page, stored

ALL = PageRequest(100)


@dataclass(frozen=True)
class Watched:
    """A page that was crawled, and the domain and organisation it belongs to."""

    org_id: UUID
    domain_id: UUID
    page_id: UUID


async def watched(database: Database, org_id: UUID | None, path: str, *moments: int) -> Watched:
    """A page of a domain of its own whose text differed at each of the minutes."""
    async with database.transaction() as session:
        owner = org_id or await new_organisation(session)
        domain = await new_domain(session, owner, f"{path.strip('/')}.example")
        page = await new_page(session, domain.id, path)
    await stored(database, page.id, "baseline", "baseline", minutes(0))
    for number in moments:
        await stored(database, page.id, f"job {number}", f"text {number}", minutes(number))
    return Watched(owner, domain.id, page.id)


def ats(changes: list[Change]) -> list[int]:
    """The minutes of the changes."""
    return [round((change.created_at - minutes(0)).total_seconds() / 60) for change in changes]


async def test_changes_are_listed_newest_first_and_filtered(database: Database) -> None:
    a = await watched(database, None, "/a", 1, 4)
    b = await watched(database, a.org_id, "/b", 2, 3)
    await watched(database, None, "/strange", 5)
    async with database.reading() as session:
        every = await list_changes(session, a.org_id, ALL)
        of_domain = await list_changes(session, a.org_id, ALL, ChangeFilter(domain_id=b.domain_id))
        of_page = await list_changes(session, a.org_id, ALL, ChangeFilter(page_id=a.page_id))
        of_both = await list_changes(
            session, a.org_id, ALL, ChangeFilter(domain_id=b.domain_id, page_id=a.page_id)
        )
    assert (ats(every.rows), every.total) == ([4, 3, 2, 1], 4)
    assert (ats(of_domain.rows), of_domain.total) == ([3, 2], 2)
    assert (ats(of_page.rows), of_page.total) == ([4, 1], 2)
    assert (of_both.rows, of_both.total) == ([], 0)


async def test_filters_do_not_reach_into_another_organisation(database: Database) -> None:
    own = await watched(database, None, "/a", 1)
    strange = await watched(database, None, "/b", 2)
    async with database.reading() as session:
        for wanted in (
            ChangeFilter(domain_id=strange.domain_id),
            ChangeFilter(page_id=strange.page_id),
        ):
            found = await list_changes(session, own.org_id, ALL, wanted)
            assert (found.rows, found.total) == ([], 0)


async def test_one_change_names_both_versions(database: Database) -> None:
    page = await watched(database, None, "/a", 1)
    async with database.reading() as session:
        [row] = (await list_changes(session, page.org_id, ALL)).rows
        found = await get_change(session, page.org_id, row.id)
    assert (found.page_id, found.domain_id) == (page.page_id, page.domain_id)
    assert found.before_id != found.after_id
    assert isinstance(found.diff, dict)
    assert found.diff["summary"] == found.summary == "Changed “a” to “b”."
    assert (found.change_type, found.severity) == ("content_change", "medium")
    assert (found.job_id, found.created_at) == ("job 1", minutes(1))


async def test_a_list_does_not_load_what_differs(database: Database) -> None:
    page = await watched(database, None, "/a", 1)
    async with database.reading() as session:
        [row] = (await list_changes(session, page.org_id, ALL)).rows
        [recent] = await recent_changes(session, page.domain_id)
        for change in (row, recent):
            with pytest.raises(InvalidRequestError):
                _ = change.diff


async def test_another_organisations_change_is_as_unknown_as_none(database: Database) -> None:
    own = await watched(database, None, "/a", 1)
    strange = await watched(database, None, "/b", 1)
    messages = set()
    async with database.reading() as session:
        [row] = (await list_changes(session, own.org_id, ALL)).rows
        for org_id, change_id in ((strange.org_id, row.id), (own.org_id, uuid4())):
            with pytest.raises(NotFound) as refused:
                await get_change(session, org_id, change_id)
            messages.add(refused.value.message)
    assert len(messages) == 1


async def test_the_recent_changes_of_a_domain_are_few_and_the_newest(database: Database) -> None:
    page = await watched(database, None, "/a", *range(1, MAX_RECENT_CHANGES + 3))
    await watched(database, page.org_id, "/b", 50)
    async with database.reading() as session:
        found = await recent_changes(session, page.domain_id)
        assert ats(found) == list(range(MAX_RECENT_CHANGES + 2, 2, -1))
        assert await recent_changes(session, uuid4()) == []


async def test_the_urls_of_changed_pages_are_found_by_change(database: Database) -> None:
    a = await watched(database, None, "/a", 1, 2)
    b = await watched(database, a.org_id, "/b", 3)
    async with database.reading() as session:
        changes = (await list_changes(session, a.org_id, ALL)).rows
        found = await changed_pages(session, changes)
        expected = {
            a.page_id: ChangedPage("https://shop.example/a", "a.example"),
            b.page_id: ChangedPage("https://shop.example/b", "b.example"),
        }
        assert found == {each.id: expected[each.page_id] for each in changes if each.page_id}
        assert await changed_pages(session, []) == {}


async def test_changes_are_filtered_by_type_severity_and_time(database: Database) -> None:
    page = await watched(database, None, "/a", 1, 2, 3)

    async def found(wanted: ChangeFilter) -> list[int]:
        async with database.reading() as session:
            return ats((await list_changes(session, page.org_id, ALL, wanted)).rows)

    assert await found(ChangeFilter(change_type="content_change", severity="medium")) == [3, 2, 1]
    assert await found(ChangeFilter(change_type="price_change")) == []
    assert await found(ChangeFilter(severity="low")) == []
    assert await found(ChangeFilter(since=minutes(2))) == [3, 2]
    assert await found(ChangeFilter(since=minutes(2), until=minutes(3))) == [2]


async def test_who_first_acknowledges_a_change_stays(database: Database) -> None:
    page = await watched(database, None, "/a", 1, 2)
    async with database.transaction() as session:
        newest = (await list_changes(session, page.org_id, ALL)).rows[0]
        await acknowledge_change(session, page.org_id, newest.id, "Ann", minutes(5))
        again = await acknowledge_change(session, page.org_id, newest.id, "Bob", minutes(6))
    assert (again.acknowledged_by, again.acknowledged_at) == ("Ann", minutes(5))
    async with database.reading() as session:
        seen = await list_changes(session, page.org_id, ALL, ChangeFilter(acknowledged=True))
        unseen = await list_changes(session, page.org_id, ALL, ChangeFilter(acknowledged=False))
    assert (ats(seen.rows), ats(unseen.rows)) == ([2], [1])


async def test_another_organisations_change_cannot_be_acknowledged(database: Database) -> None:
    own, strange = await watched(database, None, "/a"), await watched(database, None, "/b", 1)
    async with database.transaction() as session:
        [row] = (await list_changes(session, strange.org_id, ALL)).rows
        with pytest.raises(NotFound):
            await acknowledge_change(session, own.org_id, row.id, "Eve", minutes(5))
