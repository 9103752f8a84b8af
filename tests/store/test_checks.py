"""The writes of checks: concurrent jobs store each version and change once."""

import asyncio
from uuid import UUID

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from core.changes.detection import removal
from store.checks import (
    EarlierCheck,
    check_of_job,
    record_change,
    record_gone,
    record_unchanged,
    record_version,
)
from store.db.engine import Database
from store.snapshots import get_snapshot
from store.tables.changes import Change
from store.tables.domains import Domain
from store.tables.pages import Page, PageStatus
from store.tables.snapshots import Snapshot
from tests.store.rows import NOON, changed, minutes, read, stored, version


async def unchanged(database: Database, page: Page, etag: str | None, minute: int) -> bool:
    """A crawl that found nothing new since it read `page`; whether that was recorded."""
    async with database.transaction() as session:
        return await found_as_it_was(session, page, minute, etag)


async def found_as_it_was(
    session: AsyncSession, page: Page, minute: int, etag: str | None = None
) -> bool:
    return await record_unchanged(
        session,
        page,
        at=minutes(minute),
        etag=etag,
        last_modified=None,
        body_hash=f"body with {etag}",
    )


async def gone(database: Database, page: Page, minute: int) -> bool:
    """Record that `page` is gone; whether that is a change."""
    async with database.transaction() as session:
        return await record_gone(session, page, minutes(minute))


async def counted(database: Database, rows: type[Snapshot] | type[Change]) -> int:
    """How many rows there are."""
    async with database.reading() as session:
        return await session.scalar(select(func.count()).select_from(rows)) or 0


async def test_a_first_version_is_a_baseline(
    database: Database, domain: Domain, page: Page
) -> None:
    snapshot_id = await stored(database, page.id, "job", "a", minutes(1))
    now = await read(database, page.id)
    assert (now.snapshot_id, now.status) == (snapshot_id, PageStatus.ACTIVE)
    assert (now.title, now.etag) == ("Title of a", '"a"')
    assert (now.text_hash, now.body_hash) == ("text of a", "body of a")
    assert (now.last_check_at, now.last_change_at) == (minutes(1), None)
    async with database.reading() as session:
        kept = await get_snapshot(session, domain.org_id, snapshot_id)
    assert (kept.page_id, kept.job_id, kept.status_code) == (page.id, "job", 200)
    assert (kept.text, kept.main_text, kept.created_at) == ("a", None, minutes(1))


async def test_a_second_version_is_a_change(database: Database, page: Page) -> None:
    await stored(database, page.id, "first", "a", minutes(1))
    second = await stored(database, page.id, "second", "b", minutes(2))
    now = await read(database, page.id)
    assert (now.snapshot_id, now.title) == (second, "Title of b")
    assert (now.last_check_at, now.last_change_at) == (minutes(2), minutes(2))


@pytest.mark.parametrize("crawled_before", [False, True])
async def test_two_crawls_cannot_both_store_what_they_found(
    database: Database, page: Page, crawled_before: bool
) -> None:
    if crawled_before:
        await stored(database, page.id, "before", "a")
    seen = await read(database, page.id)

    async def crawl(job_id: str) -> UUID | None:
        async with database.transaction() as session:
            after = await record_version(
                session, seen, job_id, version(job_id), at=minutes(1), is_change=True
            )
            if after is not None and seen.snapshot_id is not None:
                await changed(session, seen, job_id, seen.snapshot_id, after, minutes(1))
            return after

    ended = await asyncio.gather(*(crawl(f"job {number}") for number in range(5)))
    [winner] = [snapshot_id for snapshot_id in ended if snapshot_id is not None]
    assert (await read(database, page.id)).snapshot_id == winner
    assert await counted(database, Snapshot) == 1 + crawled_before
    assert await counted(database, Change) == crawled_before


async def test_a_version_that_is_rolled_back_leaves_the_page_as_it_was(
    database: Database, page: Page
) -> None:
    async def crawl() -> None:
        async with database.transaction() as session:
            await record_version(session, page, "job", version("a"), at=NOON, is_change=False)
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        await crawl()
    now = await read(database, page.id)
    assert (now.snapshot_id, now.status, now.etag) == (None, PageStatus.PENDING, None)
    assert await counted(database, Snapshot) == 0
    await stored(database, page.id, "job", "a")


async def test_a_job_that_runs_again_finds_what_it_stored(database: Database, page: Page) -> None:
    first = await stored(database, page.id, "first", "a")
    second = await stored(database, page.id, "second", "b")
    async with database.reading() as session:
        [change_id] = (await session.scalars(select(Change.id))).all()
        assert await check_of_job(session, page.id, "first") == EarlierCheck(first, 200, None)
        assert await check_of_job(session, page.id, "second") == EarlierCheck(
            second, 200, change_id
        )
        assert await check_of_job(session, page.id, "third") is None


async def test_a_job_cannot_store_a_page_twice(database: Database, page: Page) -> None:
    await stored(database, page.id, "job", "a")
    with pytest.raises(IntegrityError):
        await stored(database, page.id, "job", "b")
    assert await counted(database, Snapshot) == 1
    assert (await read(database, page.id)).title == "Title of a"


async def test_a_job_finds_one_change_of_a_page_alone(database: Database, page: Page) -> None:
    before = await stored(database, page.id, "first", "a")
    after = await stored(database, page.id, "second", "b")
    with pytest.raises(IntegrityError):
        async with database.transaction() as session:
            await changed(session, page, "second", before, after, NOON)
    assert await counted(database, Change) == 1


async def test_a_page_is_found_gone_once(database: Database, page: Page) -> None:
    await stored(database, page.id, "first", "a")
    seen = await read(database, page.id)
    reported = await asyncio.gather(*(gone(database, seen, 1) for _ in range(3)))
    assert sorted(reported) == [False, False, True]
    assert not await gone(database, await read(database, page.id), 2)
    assert (await read(database, page.id)).last_check_at == minutes(2)


@pytest.mark.parametrize("text", ["a", "b"], ids=["as it was", "with another text"])
async def test_a_late_answer_that_it_is_gone_does_not_remove_a_page_that_was_found_since(
    database: Database, page: Page, text: str
) -> None:
    await stored(database, page.id, "first", "a", minutes(1))
    slow = await read(database, page.id)

    async def found(session: AsyncSession) -> bool:
        if text == "a":
            return await found_as_it_was(session, slow, 2)
        after = version(text)
        return bool(
            await record_version(session, slow, "second", after, at=minutes(2), is_change=True)
        )

    async with database.transaction() as session:
        assert await found(session)
        late = asyncio.create_task(gone(database, slow, 3))
        await asyncio.sleep(0.01)
    assert not await late
    now = await read(database, page.id)
    assert (now.status, now.last_check_at) == (PageStatus.ACTIVE, minutes(2))


@pytest.mark.parametrize("text", ["a", "b"], ids=["as it was", "with another text"])
async def test_a_late_answer_does_not_bring_a_page_back_that_was_found_gone_since(
    database: Database, page: Page, text: str
) -> None:
    await stored(database, page.id, "first", "a", minutes(1))
    slow = await read(database, page.id)

    async def found() -> object:
        if text == "a":
            return await unchanged(database, slow, '"a"', 3)
        async with database.transaction() as session:
            return await record_version(
                session, slow, "second", version(text), at=minutes(3), is_change=True
            )

    async with database.transaction() as session:
        assert await record_gone(session, slow, minutes(2))
        late = asyncio.create_task(found())
        await asyncio.sleep(0.01)
    assert not await late
    now = await read(database, page.id)
    assert (now.status, now.last_check_at) == (PageStatus.GONE, minutes(2))


async def test_a_job_that_found_a_page_back_as_it_was_answers_so_again(
    database: Database, page: Page
) -> None:
    snapshot_id = await stored(database, page.id, "first", "a")
    async with database.transaction() as session:
        change_id = await changed(session, page, "back", snapshot_id, snapshot_id, NOON)
    async with database.reading() as session:
        assert await check_of_job(session, page.id, "back") == EarlierCheck(
            snapshot_id, 200, change_id
        )
        assert await check_of_job(session, page.id, "first") == EarlierCheck(snapshot_id, 200, None)


async def test_a_job_that_found_a_page_gone_answers_so_again(
    database: Database, page: Page
) -> None:
    last = await stored(database, page.id, "first", "a")
    async with database.transaction() as session:
        change_id = await record_change(
            session,
            page=page,
            job_id="gone",
            before_id=last,
            after_id=None,
            detected=removal("It is gone."),
            at=NOON,
        )
    async with database.reading() as session:
        assert await check_of_job(session, page.id, "gone") == EarlierCheck(
            last, 200, change_id, "It is gone."
        )
        assert await check_of_job(session, page.id, "first") == EarlierCheck(last, 200, None)


async def test_an_unchanged_page_keeps_its_version_and_gets_new_validators(
    database: Database, page: Page
) -> None:
    snapshot_id = await stored(database, page.id, "first", "a", minutes(1))
    await unchanged(database, await read(database, page.id), '"new"', 5)
    now = await read(database, page.id)
    assert (now.snapshot_id, now.title, now.text_hash) == (snapshot_id, "Title of a", "text of a")
    assert (now.etag, now.last_modified, now.body_hash) == ('"new"', None, 'body with "new"')
    assert (now.last_check_at, now.last_change_at) == (minutes(5), None)
    assert await counted(database, Snapshot) == 1


async def test_validators_of_an_older_version_do_not_join_a_newer_one(
    database: Database, page: Page
) -> None:
    await stored(database, page.id, "first", "a", minutes(1))
    slow = await read(database, page.id)
    await stored(database, page.id, "second", "b", minutes(2))
    await unchanged(database, slow, '"a"', 3)
    now = await read(database, page.id)
    assert (now.etag, now.body_hash, now.last_check_at) == ('"b"', "body of b", minutes(2))


async def test_of_two_crawls_that_find_a_gone_page_there_again_one_tells(
    database: Database, page: Page
) -> None:
    await stored(database, page.id, "job", "a", minutes(1))
    assert await gone(database, await read(database, page.id), 2)
    seen = await read(database, page.id)
    assert [await unchanged(database, seen, None, minute) for minute in (3, 4)] == [True, False]


async def test_a_gone_page_keeps_what_is_known_of_it(database: Database, page: Page) -> None:
    snapshot_id = await stored(database, page.id, "first", "a", minutes(1))
    assert await gone(database, await read(database, page.id), 2)
    now = await read(database, page.id)
    assert (now.status, now.last_check_at) == (PageStatus.GONE, minutes(2))
    assert (now.snapshot_id, now.title, now.etag) == (snapshot_id, "Title of a", '"a"')


@pytest.mark.parametrize("text", ["a", "b"])
async def test_a_gone_page_that_is_back_is_active(
    database: Database, page: Page, text: str
) -> None:
    await stored(database, page.id, "first", "a", minutes(1))
    assert await gone(database, await read(database, page.id), 2)
    if text == "a":
        await unchanged(database, await read(database, page.id), '"a"', 3)
    else:
        await stored(database, page.id, "second", text, minutes(3))
    now = await read(database, page.id)
    assert (now.status, now.last_check_at) == (PageStatus.ACTIVE, minutes(3))


async def test_nothing_is_stored_of_a_page_that_was_deleted(database: Database, page: Page) -> None:
    async with database.transaction() as session:
        await session.delete(page)
    async with database.transaction() as session:
        assert (
            await record_version(session, page, "job", version("a"), at=NOON, is_change=False)
            is None
        )
        assert not await record_gone(session, page, NOON)
    assert await counted(database, Snapshot) == 0
