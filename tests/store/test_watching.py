"""What is told when watching breaks or works again, once whatever runs twice, on both databases."""

import asyncio
from typing import Final
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, update

from core.alerts.rules import AlertRule
from core.jobs.contract import DiscoverPagesResult
from core.tags import Tags
from store.alerts import set_channels
from store.changes import list_changes
from store.checks import record_unchanged
from store.db.engine import Database
from store.db.paging import PageRequest
from store.domains import domain_by_id
from store.matching import match_change
from store.pages import delete_page, page_by_id
from store.rule_indexes import RuleIndexes
from store.tables.alerts import Alert, Channel, ChannelKind
from store.tables.changes import Change
from store.tables.domains import Domain
from store.tables.pages import Page
from store.watch_health import problems_of
from store.watching import (
    FailedCheck,
    lock_if_failing,
    record_discovery,
    record_failed_check,
    record_failed_discovery,
    tell_added,
    tell_restored,
)
from tests.store.rows import NOON, minutes, new_page, new_pages, read, stored

LIMIT: Final = 3


async def told(database: Database) -> list[Change]:
    """The rows of the list of changes, oldest first."""
    async with database.reading() as session:
        rows = select(Change).order_by(Change.created_at, Change.id)
        return list((await session.scalars(rows)).all())


async def kinds(database: Database) -> list[str]:
    """The types of those rows."""
    return [each.change_type for each in await told(database)]


async def fails(
    database: Database, page_id: UUID, number: int, *, at_once: bool = False, walled: bool = False
) -> None:
    """A check of the page that failed; `number` is that of its job and of its minute."""
    failed = FailedCheck(
        f"job {number}", minutes(number), "The site is away.", at_once=at_once, walled=walled
    )
    async with database.transaction() as session:
        await record_failed_check(session, page_id, failed, LIMIT)


async def works(database: Database, page_id: UUID, number: int) -> None:
    """A check of the page that worked."""
    async with database.reading() as session:
        page = await page_by_id(session, page_id)
        site_fails = (await domain_by_id(session, page.domain_id)).checks_broken_since is not None
    async with database.transaction() as session:
        await lock_if_failing(session, page, site_fails=site_fails)
        await record_unchanged(
            session, page, at=minutes(number), etag=None, last_modified=None, body_hash="b"
        )
        await tell_restored(
            session, page, f"job {number}", minutes(number), LIMIT, site_fails=site_fails
        )


async def test_checks_that_fail_in_a_row_are_told_once_and_count_once_a_job(
    database: Database, page: Page
) -> None:
    for number in (1, 2, 2, 2):
        await fails(database, page.id, number)
    await works(database, page.id, 3)
    for number in (4, 5):
        await fails(database, page.id, number)
    assert await kinds(database) == [], "a check that worked was between them"
    await asyncio.gather(*(fails(database, page.id, 6) for _ in range(3)))
    await fails(database, page.id, 7)
    [broken] = await told(database)
    assert broken.summary == "The last 3 checks of the page failed. The site is away."
    assert (broken.page_id, broken.before_id, broken.after_id) == (page.id, None, None)
    await asyncio.gather(*(works(database, page.id, 8) for _ in range(2)))
    await works(database, page.id, 9)
    assert await kinds(database) == ["watch_broken", "watch_restored"]


async def test_a_page_that_nobody_watches_breaks_in_silence(database: Database, page: Page) -> None:
    async with database.transaction() as session:
        await session.execute(update(Page).values(monitoring_enabled=False))
    for number in range(5):
        await fails(database, page.id, number, at_once=True)
    assert await kinds(database) == []


async def test_a_site_that_fails_is_told_once_and_not_page_by_page(
    database: Database, domain: Domain
) -> None:
    async with database.transaction() as session:
        pages = await new_pages(session, domain.id, *(f"/{number}" for number in range(10)))
    for check in range(4):
        for number, page_id in enumerate(pages):
            await fails(database, page_id, 100 * check + number)
    [broken] = await told(database)
    assert (broken.page_id, broken.domain_id, broken.org_id) == (
        None,
        domain.id,
        domain.org_id,
    )
    assert broken.summary.startswith("The checks of 10 of the 10 watched pages fail.")
    for number, page_id in enumerate(pages[:9]):
        await works(database, page_id, 500 + number)
        restored = number >= 7  # two of ten fail still
        assert await kinds(database) == ["watch_broken", "watch_restored"][: 1 + restored]
    await fails(database, pages[9], 600)
    assert (await told(database))[-1].page_id == pages[9], "now it is that page alone"


@pytest.mark.parametrize(("pages", "failing"), [(3, 1), (4, 2), (5, 2), (12, 3)])
async def test_a_site_works_again_though_some_of_its_pages_fail_and_they_are_told(
    database: Database, domain: Domain, pages: int, failing: int
) -> None:
    async with database.transaction() as session:
        found = await new_pages(session, domain.id, *(f"/{number}" for number in range(pages)))
    for check in range(3):
        for number, page_id in enumerate(found):
            await fails(database, page_id, 100 * check + number)
    assert await kinds(database) == ["watch_broken"]
    for number, page_id in enumerate(found[failing:]):
        await works(database, page_id, 400 + number)
    assert await kinds(database) == ["watch_broken", "watch_restored"]
    await fails(database, found[0], 500)
    assert (await told(database))[-1].page_id == found[0]


async def test_a_site_whose_failing_pages_are_deleted_is_watched_again(
    database: Database, domain: Domain
) -> None:
    async with database.transaction() as session:
        pages = await new_pages(session, domain.id, *(f"/{number}" for number in range(8)))
    for check in range(3):
        for number, page_id in enumerate(pages[:5]):
            await fails(database, page_id, 100 * check + number)
    assert await kinds(database) == ["watch_broken"]
    await works(database, pages[7], 400)
    assert await kinds(database) == ["watch_broken"], "five of eight fail still"
    async with database.transaction() as session:
        for page_id in pages[:5]:
            await delete_page(session, domain.org_id, page_id)
    await works(database, pages[7], 401)
    assert await kinds(database) == ["watch_broken", "watch_restored"]


async def test_a_page_that_fails_is_told_when_those_that_failed_with_it_are_deleted(
    database: Database, domain: Domain
) -> None:
    async with database.transaction() as session:
        pages = await new_pages(session, domain.id, *(f"/{number}" for number in range(9)))
    for check in range(3):
        for number, page_id in enumerate(pages[:5]):
            await fails(database, page_id, 100 * check + number)
    async with database.transaction() as session:
        for page_id in pages[1:5]:
            await delete_page(session, domain.org_id, page_id)
    await fails(database, pages[0], 400)
    _, *last = await told(database)  # those of the last check have one moment
    assert {(each.change_type, each.page_id) for each in last} == {
        ("watch_restored", None),
        ("watch_broken", pages[0]),
    }


async def discovers(
    database: Database, domain: Domain, number: int, pages: int, *, complete: bool = True
) -> bool:
    """A discovery of the whole site that found so many pages."""
    result = DiscoverPagesResult(
        pages_discovered=pages, pages_added=0, pages_known=pages, urls_seen=pages, left_out={}
    )
    async with database.transaction() as session:
        return await record_discovery(
            session,
            domain.id,
            f"job {number}",
            result,
            whole=True,
            complete=complete,
            limit=LIMIT,
            at=minutes(number),
        )


async def test_a_discovery_that_finds_hardly_anything_is_told_until_it_is_believed(
    database: Database, domain: Domain
) -> None:
    assert await discovers(database, domain, 1, 100)
    assert await discovers(database, domain, 2, 11)
    assert await kinds(database) == []
    assert await discovers(database, domain, 3, 100)
    assert not await discovers(database, domain, 4, 10)
    assert not await discovers(database, domain, 5, 10)
    assert await kinds(database) == ["watch_broken"]
    assert not await discovers(database, domain, 6, 10)
    assert await kinds(database) == ["watch_broken", "watch_restored"]
    assert await discovers(database, domain, 7, 10)
    assert len(await told(database)) == 2


async def test_a_discovery_that_reached_its_limit_is_not_one_that_finds_hardly_anything(
    database: Database, domain: Domain
) -> None:
    await discovers(database, domain, 1, 100)
    assert await discovers(database, domain, 2, 5, complete=False)
    assert await kinds(database) == []


async def test_a_discovery_of_a_small_site_that_finds_nothing_any_more_is_told(
    database: Database, domain: Domain
) -> None:
    await discovers(database, domain, 1, 9)
    assert await discovers(database, domain, 2, 1)
    assert not await discovers(database, domain, 3, 0)
    [broken] = await told(database)
    assert broken.summary == "The discovery found 0 of the site's pages; before, it had 1."


async def test_a_wall_is_told_at_the_first_check_and_once_of_a_site(
    database: Database, domain: Domain
) -> None:
    async with database.transaction() as session:
        pages = await new_pages(session, domain.id, *(f"/{number}" for number in range(10)))
    for check in range(4):
        for number, page_id in enumerate(pages):
            await fails(database, page_id, 100 * check + number, walled=True)
        assert {each.page_id for each in await told(database)} == (
            {pages[0]} if check < LIMIT - 1 else {pages[0], None}
        )
    assert await kinds(database) == ["watch_broken"] * 2


async def test_a_discovery_that_meets_a_wall_is_told_at_once(
    database: Database, domain: Domain
) -> None:
    for number in (1, 2):
        failed = FailedCheck(f"job {number}", minutes(number), "Prove it.", walled=True)
        async with database.transaction() as session:
            await record_failed_discovery(session, domain.id, failed, LIMIT)
    [broken] = await told(database)
    assert broken.summary == "The last discovery of the pages failed. Prove it."


async def test_discoveries_that_fail_in_a_row_are_told(database: Database, domain: Domain) -> None:
    for number in (1, 2, 2, 3, 4):
        failed = FailedCheck(f"job {number}", minutes(number), "The site is away.")
        async with database.transaction() as session:
            await record_failed_discovery(session, domain.id, failed, LIMIT)
        assert await problems(database, domain) == {domain.id: "The site is away."}
    [broken] = await told(database)
    assert broken.summary == "The last 3 discoveries of the pages failed. The site is away."
    assert await discovers(database, domain, 5, 1)
    assert await kinds(database) == ["watch_broken", "watch_restored"]
    assert await problems(database, domain) == {}


async def problems(database: Database, domain: Domain) -> dict[UUID, str]:
    """What the list of domains says of the domain."""
    async with database.reading() as session:
        return await problems_of(session, [domain.id])


async def alert(database: Database, domain: Domain, rule: AlertRule) -> UUID:
    """A channel of its own for a new alert with this rule."""
    async with database.transaction() as session:
        channel = Channel(
            org_id=domain.org_id,
            kind=ChannelKind.SIGNAL,
            name="a",
            target={},
            created_at=NOON,
            updated_at=NOON,
        )
        made = Alert(
            org_id=domain.org_id,
            name="a",
            rule=rule,
            created_at=NOON,
            updated_at=NOON,
        )
        session.add_all([channel, made])
        await session.flush()
        await set_channels(session, made.id, [channel.id])
    return channel.id


async def test_who_watches_one_page_hears_that_its_domain_broke_and_works_again(
    database: Database, domain: Domain, page: Page
) -> None:
    async with database.transaction() as session:
        other = await new_page(session, domain.id, "/other")
        other.tags = Tags(("eu",))
    by_page = await alert(database, domain, AlertRule(page_ids=(page.id,)))
    by_tag = await alert(database, domain, AlertRule(tags=("eu",)))
    await alert(database, domain, AlertRule(page_ids=(uuid4(),)))
    await alert(database, domain, AlertRule(tags=("us",)))
    for number in range(1, LIMIT + 1):
        failed = FailedCheck(f"job {number}", minutes(number), "The site is away.")
        async with database.transaction() as session:
            await record_failed_discovery(session, domain.id, failed, LIMIT)
    await discovers(database, domain, 8, 20)
    broken, restored = await told(database)
    assert [broken.change_type, restored.change_type] == ["watch_broken", "watch_restored"]
    for change in (broken, restored):
        async with database.transaction() as session:
            channels = await match_change(session, change.id, minutes(9), RuleIndexes())
        assert set(channels) == {by_page, by_tag}


async def test_a_new_page_is_told_once_beside_the_change_of_the_same_page(
    database: Database, domain: Domain, page: Page
) -> None:
    async with database.transaction() as session:
        await session.execute(update(Page).values(found_by="discovery"))
    snapshot = await stored(database, page.id, "crawl", "a")
    found = await read(database, page.id)

    async def tell() -> None:
        async with database.transaction() as session:
            owner = await domain_by_id(session, domain.id)
            await tell_added(session, found, owner, snapshot, "Plans", "Plans\nPro", minutes(1))

    await asyncio.gather(*(tell() for _ in range(3)))
    [added] = await told(database)
    assert (added.job_id, added.after_id, added.before_id) == ("discovery", snapshot, None)
    assert added.summary == "New page: “Plans”, https://shop.example/. It says “Pro”."
    await stored(database, page.id, "discovery", "b", minutes(2))
    assert await kinds(database) == ["page_added", "content_change"]
    async with database.reading() as session:
        listed = await list_changes(session, domain.org_id, PageRequest(10))
    assert listed.total == 2
