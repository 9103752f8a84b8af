"""Retention: expired rows are removed, and rows in use are not, even during concurrent writes."""

import asyncio
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import delete, event, func, insert, select, update

from core.alerts.attempts import DeliveryState
from core.changes.muting import ChangingLine, NoiseHistory
from core.settings import Settings
from core.text.packing import pack
from store.checks import record_gone
from store.contents import keep
from store.db.base import Base
from store.db.engine import Database
from store.domains import delete_domain
from store.page_lines import noise_history_of, store_noise_history
from store.pages import page_by_id
from store.retention import Expiry, Key, examine, expiries, remove, remove_parts
from store.snapshots import get_snapshot
from store.tables.accounts import ApiKey, WebSession
from store.tables.alerts import Channel, ChannelKind, Delivery
from store.tables.audit import AuditLine
from store.tables.backtests import Backtest
from store.tables.batches import Batch, BatchPage
from store.tables.changes import Change
from store.tables.discoveries import Discovery
from store.tables.domains import Domain
from store.tables.hosts import HostSlot, HostTurn, KeptAnswer, RobotsRecord
from store.tables.job_ends import ClaimedEnd, JobEnd
from store.tables.page_lines import PageLine
from store.tables.pages import Page
from store.tables.pending_confirmations import PendingConfirmation
from store.tables.prices import Price
from store.tables.quotas import CheckDay, CountedCheck
from store.tables.requests import KeyedRequest
from store.tables.snapshots import Content, Snapshot
from tests.store.rows import (
    HALF_SECOND,
    NOON,
    changed,
    minutes,
    new_domain,
    new_organisation,
    new_page,
    new_pages,
    read,
    stored,
    version,
)

SETTINGS = Settings(
    change_retention_days=100,
    snapshot_retention_days=50,
    job_retention_days=10,
    audit_retention_days=20,
)
KEPT_DAYS = {
    Delivery: 100,
    WebSession: 0,
    Change: 100,
    PageLine: 100,
    Backtest: 100,
    Batch: 10 + 7 + 1,
    Discovery: 10 + 7 + 1,
    KeyedRequest: 7,
    RobotsRecord: 2,
    HostSlot: 1,
    ClaimedEnd: 7,
    HostTurn: 1,
    KeptAnswer: 10 + 7 + 1,
    CheckDay: 31,
    AuditLine: 20,
    CountedCheck: 7,
    PendingConfirmation: 1,
}
LATER = NOON + timedelta(days=1000)
FULL_SCAN = rf"SCAN ({'|'.join(Base.metadata.tables)})\b"


def expiries_of(table: type[Base]) -> list[Expiry]:
    return [each for each in expiries(SETTINGS) if each.table is table]


async def may_go(database: Database, table: type[Base], now: datetime = LATER) -> set[Key]:
    """The keys of the rows that may be removed at that moment."""
    found: set[Key] = set()
    async with database.reading() as session:
        for each in expiries_of(table):
            found.update((await examine(session, each, now - each.age, None, 1000)).keys)
    return found


async def removed(
    database: Database, table: type[Base], keys: set[Key], now: datetime = LATER
) -> int:
    """How many of the rows are removed at that moment."""
    count = 0
    for each in expiries_of(table):
        async with database.transaction() as session:
            count += await remove(session, each, now - each.age, sorted(keys, key=str))
    return count


async def loose(database: Database) -> set[str]:
    return {key for (key,) in await may_go(database, Content)}


async def contents_removed(database: Database, keys: set[str]) -> int:
    return await removed(database, Content, {(key,) for key in keys})


async def counted(database: Database, table: type[Base]) -> int:
    async with database.reading() as session:
        return await session.scalar(select(func.count()).select_from(table)) or 0


async def unreported(
    database: Database, page_id: UUID, text: str, at: datetime = NOON, html: str | None = None
) -> UUID:
    """A snapshot that is neither the page's newest nor any change's evidence."""
    snapshot_id = uuid4()
    shown = version(text)
    packed, main, document = pack(shown.text), pack(shown.text.upper()), pack(html or text)
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


def of_organisation(org_id: UUID) -> Iterator[Base]:
    """The channel of deliveries and the key of sessions of an organisation, with its id."""
    yield ApiKey(id=org_id, org_id=org_id, key_hash=org_id.hex, created_at=NOON)
    yield Channel(
        id=org_id,
        org_id=org_id,
        kind=ChannelKind.SIGNAL,
        name="",
        target={},
        created_at=NOON,
        updated_at=NOON,
    )


def one_of_each(org_id: UUID, page: Page, snapshot_id: UUID, at: datetime) -> Iterator[Base]:
    """A row of each of those tables, of that moment."""
    own, domain_id = str(at), page.domain_id
    yield Change(
        org_id=org_id,
        domain_id=domain_id,
        page_id=page.id,
        job_id=own,
        before_id=snapshot_id,
        change_type="other",
        severity="low",
        confidence=1,
        summary="",
        diff={},
        created_at=at,
    )
    yield Delivery(
        id=uuid4(),
        org_id=org_id,
        channel_id=org_id,  # `a_channel`
        changed_at=at,
        state=DeliveryState.FAILED,
        due_at=at,
        created_at=at,
    )
    yield Price(
        domain_id=domain_id,
        page_id=page.id,
        amount=Decimal(9),
        first_seen_at=at,
        last_seen_at=at,
        ended_at=at,
    )
    yield PageLine(page_id=page.id, key=own, words="", crawls=[1], changed_at=at, muted_at=NOON)
    counts = ("pages", "pages_done", "snapshots", "same", "different", "new", "gone")
    yield Backtest(id=uuid4(), domain_id=domain_id, created_at=at, **dict.fromkeys(counts, 0))
    yield Batch(id=uuid4(), org_id=org_id, domain_id=domain_id, size=0, created_at=at)
    yield Discovery(job_id=own, domain_id=domain_id, created_at=at)
    yield KeyedRequest(org_id=org_id, key=own, fingerprint="", seed=uuid4(), created_at=at)
    yield RobotsRecord(origin=own, status=200, body=b"", fetched_at=at)
    yield HostSlot(host=own, next_at=at.timestamp())
    yield HostTurn(host=own, job_id=own, due_at=at.timestamp())
    line = {"method": "POST", "route": own, "status": 200}
    yield AuditLine(org_id=org_id, key_id=org_id, at=at, **line)
    yield CheckDay(org_id=org_id, day=at)
    yield CountedCheck(job_id=own, counted_at=at)
    yield ClaimedEnd(run_id=own, what=JobEnd.STORED, created_at=at)
    yield KeptAnswer(job_id=own, url=own, status=200, body=b"", kept_at=at)
    yield PendingConfirmation(page_id=page.id, job_id=own, fetch_number=1, due_at=at)
    yield WebSession(key_id=org_id, token_hash=own, created_at=NOON, expires_at=at)


async def test_a_row_goes_at_the_end_of_its_retention(
    database: Database, org_id: UUID, page: Page
) -> None:
    snapshot_id = await stored(database, page.id, "job", "a")
    async with database.transaction() as session:
        session.add_all(of_organisation(org_id))
    for table, days in KEPT_DAYS.items():
        end = LATER - timedelta(days)
        keys: list[Key] = []
        for at in (end - HALF_SECOND, end):
            rows = one_of_each(org_id, page, snapshot_id, at)
            row = next(each for each in rows if isinstance(each, table))
            async with database.transaction() as session:
                session.add(row)
            keys.append(tuple(row.__mapper__.primary_key_from_instance(row)))
        assert await may_go(database, table) == {keys[0]}, table
        assert await removed(database, table, set(keys)) == 1, table
        assert await may_go(database, table) == set(), table
        assert await counted(database, table) == 1, table


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
    old = {(await unreported(database, page.id, f"old {n}", minutes(n)),) for n in range(3)}
    end = LATER - timedelta(days=50)
    await unreported(database, page.id, "young", end)
    assert await may_go(database, Snapshot) == old
    assert await may_go(database, Snapshot, NOON) == set()
    [expiry] = expiries_of(Snapshot)
    async with database.reading() as session:
        found: list[Key] = []
        last: Key | None = None
        while not found or last is not None:
            examined = await examine(session, expiry, end, last, 2)
            found += examined.keys
            last = examined.last
    assert sorted(found) == sorted(old), "two at a time, each once"
    kept = {(newest,), *((each,) for each in evidence)}
    assert await removed(database, Snapshot, kept | old) == 3
    assert (await counted(database, Snapshot), await counted(database, Change)) == (5, 2)


async def test_evidence_stays_as_long_as_its_change(database: Database, page: Page) -> None:
    first, second, third = [
        await stored(database, page.id, f"job {number}", str(number), minutes(number))
        for number in range(3)
    ]
    assert await may_go(database, Snapshot) == set()
    async with database.transaction() as session:
        await session.execute(delete(Change).where(Change.before_id == first))
    assert await may_go(database, Snapshot) == {(first,)}
    assert await may_go(database, Snapshot, NOON + timedelta(days=50)) == set()
    async with database.transaction() as session:
        await session.execute(delete(Change))
    assert await may_go(database, Snapshot) == {(first,), (second,)}, "the newest stays"
    assert (await read(database, page.id)).snapshot_id == third


async def test_what_a_removal_was_told_from_stays(database: Database, page: Page) -> None:
    last = await unreported(database, page.id, "the last that was seen")
    async with database.transaction() as session:
        await record_gone(session, await page_by_id(session, page.id), NOON)
        await changed(session, await read(database, page.id), "job", last, last, NOON)
    assert await may_go(database, Snapshot) == set()


async def test_a_line_that_is_no_noise_is_forgotten_when_no_crawl_counts_any_more(
    database: Database, page: Page
) -> None:
    nothing = NoiseHistory(0, {}, frozenset())
    lines = {"old": (3, 6), "last": (7,), "muted": (1, 2, 3)}
    changed_in = {ChangingLine(None, words): crawls for words, crawls in lines.items()}
    muted = frozenset({ChangingLine(None, "muted")})
    now = NOON + timedelta(days=2)
    async with database.transaction() as session:
        await store_noise_history(
            session, page.id, nothing, NoiseHistory(7, changed_in, muted), NOON
        )
        await session.execute(update(Page).values(crawl_count=10))
        known = await noise_history_of(session, page.id, 10)
    assert await removed(database, PageLine, await may_go(database, PageLine, now), now) == 1
    async with database.reading() as session:
        left = await noise_history_of(session, page.id, 10)
    assert {each.words for each in left.changed} == {"last", "muted"}
    assert left.updated(known.changed) == known.updated(known.changed), "it makes no difference"


async def test_a_batch_goes_after_its_members_a_few_at_a_time(
    database: Database, org_id: UUID, domain: Domain
) -> None:
    batch_id = uuid4()
    async with database.transaction() as session:
        pages = await new_pages(session, domain.id, "/1", "/2", "/3")
        session.add(Batch(id=batch_id, org_id=org_id, domain_id=domain.id, size=3, created_at=NOON))
        await session.flush()
        members = [{"batch_id": batch_id, "page_id": each} for each in pages]
        await session.execute(insert(BatchPage), members)
    [expiry] = expiries_of(Batch)
    [part] = expiry.parts
    for left in (1, 0):
        assert await removed(database, Batch, {(batch_id,)}) == 0
        async with database.transaction() as session:
            assert await remove_parts(session, part, (batch_id,), 2) == 2 - (left == 0)
        assert await counted(database, BatchPage) == left
    assert await removed(database, Batch, {(batch_id,)}) == 1


async def test_no_table_is_read_as_a_whole_to_remove_some_rows(sqlite_path: Path) -> None:
    """By the plans of SQLite: PostgreSQL reads a table of few rows whatever indexes it has."""
    database = Database.open(f"sqlite:///{sqlite_path}")
    async with database.transaction() as session:
        org_id = await new_organisation(session)
        page = await new_page(session, (await new_domain(session, org_id)).id)
        await keep(session, [pack("loose"), pack("loose as well")])
        session.add_all(of_organisation(org_id))
    snapshot_id = await stored(database, page.id, "job", "a")
    for number in range(2):
        await unreported(database, page.id, str(number))
    statements: dict[str, Any] = {}

    def note(_: object, __: object, statement: str, parameters: object, *___: object) -> None:
        statements[statement] = parameters

    async with database.transaction() as session:
        for at in (NOON, minutes(1)):
            session.add_all(one_of_each(org_id, page, snapshot_id, at))
        await session.flush()
        event.listen(session.get_bind(), "before_cursor_execute", note)
        for each in expiries(SETTINGS):
            found = await examine(session, each, LATER, None, 2)
            assert found.last is not None, each.table
            await examine(session, each, LATER, found.last, 2)
            if not found.keys:
                continue
            async with session.begin_nested() as savepoint:
                for part in each.parts:
                    await remove_parts(session, part, found.keys[0], 2)
                await remove(session, each, LATER, found.keys)
                await savepoint.rollback()
        event.remove(session.get_bind(), "before_cursor_execute", note)
        connection = await session.connection()
        for statement, parameters in statements.items():
            plan = [
                str(row[-1])
                for row in await connection.exec_driver_sql(
                    f"EXPLAIN QUERY PLAN {statement}", parameters
                )
            ]
            in_order = "ORDER BY" in statement
            assert "USE TEMP B-TREE FOR ORDER BY" not in plan, statement
            assert [step for step in plan if re.match(FULL_SCAN, step) and not in_order] == []
    await database.close()


async def test_contents_go_with_the_last_snapshot_that_holds_them(
    database: Database, domain: Domain, page: Page
) -> None:
    kept = await stored(database, page.id, "job", "a")
    old = await unreported(database, page.id, "a", html="another document")
    assert await loose(database) == set()
    assert await removed(database, Snapshot, {(old,)}) == 1
    own = {pack("another document").key, pack("A").key}
    assert await loose(database) == own
    assert await contents_removed(database, own | {pack("a").key}) == 2
    async with database.reading() as session:
        snapshot = await get_snapshot(session, domain.org_id, kept)
    assert (snapshot.text, snapshot.html) == ("a", "<p>a</p>")


async def test_what_a_deleted_domain_leaves_behind_goes(
    database: Database, domain: Domain, page: Page
) -> None:
    await stored(database, page.id, "job", "a")
    async with database.transaction() as session:
        await delete_domain(session, domain.org_id, domain.id)
    assert await contents_removed(database, await loose(database)) == 2
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
        sweep = asyncio.create_task(contents_removed(database, found))
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
        [loose_contents] = expiries_of(Content)
        assert await remove(session, loose_contents, LATER, [(pack("a").key,)]) == 1
        crawl = asyncio.create_task(stored(database, page.id, "job", "a"))
        await asyncio.wait({crawl}, timeout=0.3)
        assert not crawl.done(), "it waits until the content is gone for good"
    await crawl
    assert await loose(database) == set()
    assert await counted(database, Content) == 2


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
            keys = await loose(database) | {pack(each).key for each in "ab"}
            await contents_removed(database, keys)

    await asyncio.gather(sweeps(), *(crawls(each) for each in pages))
    async with database.reading() as session:
        ids = list(await session.scalars(select(Snapshot.id)))
        texts = [(await get_snapshot(session, domain.org_id, each)).text for each in ids]
    assert sorted(texts) == ["a"] * 12 + ["b"] * 12
