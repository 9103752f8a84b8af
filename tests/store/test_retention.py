"""What retention takes away, and what it must not, whoever writes at the same moment."""

import asyncio
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import func, select

from core.packing import pack
from store.checks import record_gone
from store.contents import keep
from store.domains import delete_domain
from store.engine import Database
from store.pages import page_by_id
from store.retention import (
    expired_snapshots,
    loose_contents,
    remove_contents,
    remove_snapshots,
)
from store.snapshots import get_snapshot
from store.tables import Change, Content, Domain, Page, Snapshot
from tests.store.rows import NOON, changed, minutes, new_page, read, stored, version

LATER = minutes(10_000)


async def unreported(
    database: Database, page_id: UUID, text: str, at: datetime = NOON, html: str | None = None
) -> UUID:
    """A snapshot that is neither the page's newest nor any change's evidence."""
    snapshot_id = uuid4()
    shown = version(text)
    packed, main, document = pack(shown.text), pack(shown.main_text), pack(html or text)
    async with database.transaction() as session:
        await keep(session, [packed, main, document])
        session.add(
            Snapshot(
                id=snapshot_id,
                page_id=page_id,
                job_id=snapshot_id.hex,
                url=shown.url,
                status_code=200,
                title=None,
                text_key=packed.key,
                main_text_key=main.key,
                html_key=document.key,
                text_hash="t",
                body_hash="b",
                created_at=at,
            )
        )
    return snapshot_id


async def expired(database: Database, before: datetime = LATER, limit: int = 100) -> list[UUID]:
    async with database.reading() as session:
        return await expired_snapshots(session, before, None, limit)


async def loose(database: Database) -> set[str]:
    async with database.reading() as session:
        return set(await loose_contents(session, "", 100))


async def removed(database: Database, keys: set[str]) -> int:
    async with database.transaction() as session:
        return await remove_contents(session, sorted(keys))


async def counted(database: Database, rows: type[Snapshot | Content | Change]) -> int:
    async with database.reading() as session:
        return await session.scalar(select(func.count()).select_from(rows)) or 0


async def test_only_old_snapshots_that_nothing_needs_may_go(
    database: Database, domain: Domain, page: Page
) -> None:
    async with database.transaction() as session:
        lone = await new_page(session, domain.id, "/lone")
    newest = await stored(database, lone.id, "job 0", "alone")
    evidence = [
        await stored(database, page.id, f"job {number}", str(number), minutes(number))
        for number in range(3)
    ]
    old = [await unreported(database, page.id, f"old {n}", minutes(n)) for n in range(3)]
    await unreported(database, page.id, "young", LATER)
    assert set(await expired(database)) == set(old)
    assert await expired(database, NOON) == []
    async with database.reading() as session:
        first = await expired_snapshots(session, LATER, None, 2)
        rest = await expired_snapshots(session, LATER, first[-1], 2)
    assert first + rest == sorted(old, key=lambda each: each.bytes)
    async with database.transaction() as session:
        assert await remove_snapshots(session, [newest, *evidence, *old]) == 3
    assert await expired(database) == []
    assert (await counted(database, Snapshot), await counted(database, Change)) == (5, 2)


async def test_what_a_removal_was_told_from_stays(database: Database, page: Page) -> None:
    last = await unreported(database, page.id, "the last that was seen")
    async with database.transaction() as session:
        await record_gone(session, await page_by_id(session, page.id), NOON)
        await changed(session, await read(database, page.id), "job", last, last, NOON)
    assert await expired(database) == []


async def test_contents_go_with_the_last_snapshot_that_holds_them(
    database: Database, domain: Domain, page: Page
) -> None:
    kept = await stored(database, page.id, "job", "a")
    old = await unreported(database, page.id, "a", html="another document")
    assert await loose(database) == set()
    async with database.transaction() as session:
        await remove_snapshots(session, [old])
    document = pack("another document").key
    assert await loose(database) == {document}
    assert await removed(database, {document, pack("a").key}) == 1
    async with database.reading() as session:
        snapshot = await get_snapshot(session, domain.org_id, kept)
    assert (snapshot.text, snapshot.html) == ("a", "<p>a</p>")


async def test_what_a_deleted_domain_leaves_behind_goes(
    database: Database, domain: Domain, page: Page
) -> None:
    await stored(database, page.id, "job", "a")
    async with database.transaction() as session:
        await delete_domain(session, domain.org_id, domain.id)
    assert await removed(database, await loose(database)) == 3
    assert await counted(database, Content) == 0


async def test_content_that_a_crawl_is_storing_is_not_lost(
    database: Database, domain: Domain, page: Page
) -> None:
    async with database.transaction() as session:
        await keep(session, [pack("a"), pack("b")])
    found = await loose(database)
    assert found == {pack("a").key, pack("b").key}
    sweep = None
    async with database.transaction() as session:
        # The crawl has come so far when the sweep, which found the content loose, sets out.
        await keep(session, [pack("a")])
        sweep = asyncio.create_task(removed(database, found))
        await asyncio.wait({sweep}, timeout=0.3)
        session.add(
            Snapshot(
                page_id=page.id,
                job_id="job",
                url="https://shop.example/",
                status_code=200,
                text_key=pack("a").key,
                main_text_key=pack("a").key,
                text_hash="t",
                body_hash="b",
                created_at=NOON,
            )
        )
    assert await sweep == 1
    async with database.reading() as session:
        assert set(await session.scalars(select(Content.key))) == {pack("a").key}


async def test_a_crawl_that_comes_after_the_sweep_stores_the_content_again(
    database: Database, page: Page
) -> None:
    async with database.transaction() as session:
        await keep(session, [pack("a")])
    async with database.transaction() as session:
        assert await remove_contents(session, [pack("a").key]) == 1
        crawl = asyncio.create_task(stored(database, page.id, "job", "a"))
        await asyncio.wait({crawl}, timeout=0.3)
        assert not crawl.done(), "it waits until the content is gone for good"
    await crawl
    assert await loose(database) == set()
    assert await counted(database, Content) == 3


async def test_crawls_and_sweeps_at_once_lose_nothing(
    database: Database, domain: Domain, page: Page
) -> None:
    async with database.transaction() as session:
        pages = [(await new_page(session, domain.id, f"/{n}")).id for n in range(4)]

    async def crawls(page_id: UUID) -> None:
        for turn in range(6):
            await stored(database, page_id, f"job {turn}", "ab"[turn % 2], minutes(turn))

    async def sweeps() -> None:
        for _ in range(12):
            await removed(database, await loose(database) | {pack(each).key for each in "ab"})

    await asyncio.gather(sweeps(), *(crawls(each) for each in pages))
    async with database.reading() as session:
        ids = list(await session.scalars(select(Snapshot.id)))
        texts = [(await get_snapshot(session, domain.org_id, each)).text for each in ids]
    assert sorted(texts) == ["a"] * 12 + ["b"] * 12
