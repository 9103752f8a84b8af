"""Retention: in a running system, with several sweeps at once, and while the database is away."""

import asyncio
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select, update
from temporalio.testing import ActivityEnvironment

from activities.retention import RetentionActivities
from core.jobs.contract import CrawlPageInput, Owner, PruneResult
from core.outbox import MessageKind
from core.schedules import Schedule
from core.settings import Settings
from store import frontier
from store.backtests import add_backtest
from store.batches import create_batch
from store.db.base import Base
from store.db.engine import Database
from store.frontier import FoundUrl
from store.hosts import take_slot
from store.pages import NewPage, add_pages
from store.pending_confirmations import PreviousFetch, store_pending_confirmation
from store.renewal import RENEWAL_DAYS
from store.retention import expiries
from store.tables.backtests import Backtest
from store.tables.batches import Batch, BatchPage
from store.tables.changes import Change
from store.tables.discoveries import Discovery, FrontierUrl
from store.tables.hosts import HostSlot
from store.tables.pending_confirmations import PendingConfirmation
from store.tables.requests import OutboxMessage
from store.tables.snapshots import Content, Snapshot
from temporal.housekeeping import PRUNING
from temporal.jobs.known import KnownToTemporal
from temporal.jobs.launch import JobStart, start_job
from tests.api.crawled import crawled_page
from tests.eventually import eventually
from tests.postgres import PostgresServer
from tests.site import FakeSite
from tests.store.rows import new_domain, new_organisation
from tests.system import System

LONG_AGO = datetime.now(UTC) - timedelta(days=400)


class NothingKnown(KnownToTemporal):
    """A Temporal server that has forgotten all."""

    def __init__(self) -> None:
        """It needs no connection."""

    async def jobs(self, workflow_ids: Iterable[str]) -> set[str]:
        return set()

    async def batches(self, batch_ids: Iterable[UUID]) -> set[UUID]:
        return set()


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of an empty store of each kind."""
    if request.param == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgres")
        with server.migrated() as url:
            yield url
    else:
        yield f"sqlite:///{request.getfixturevalue('sqlite_path')}"


@pytest.fixture
async def either_database(store_url: str) -> AsyncIterator[Database]:
    """An empty store of each kind."""
    database = Database.open(store_url)
    yield database
    await database.close()


async def test_the_daily_schedule_takes_away_what_is_past_its_retention(
    system: System, site: FakeSite
) -> None:
    page = await crawled_page(system, site, "<p>one</p>", "<p>two</p>", "<p>three</p>")
    path = f"/api/pages/{page.page_id}/snapshots"
    third, second, first = (row["id"] for row in (await system.api.get(path)).json()["data"])
    async with system.database.transaction() as session:
        await session.execute(update(Snapshot).values(created_at=LONG_AGO))
        await session.execute(
            update(Change).where(Change.before_id == UUID(first)).values(created_at=LONG_AGO)
        )
        look = PreviousFetch(1, LONG_AGO, None)
        await store_pending_confirmation(session, page.page_id, "a job that is gone", look)
    async with system.worker():
        await system.client.get_schedule_handle(PRUNING).trigger()

        async def swept() -> int:
            async with system.database.reading() as session:
                return (
                    await session.scalar(select(func.count()).select_from(PendingConfirmation)) or 0
                )

        await eventually(swept, lambda left: left == 0)
    async with system.database.reading() as session:
        snapshots = {str(each) for each in await session.scalars(select(Snapshot.id))}
        texts = {each.text for each in await session.scalars(select(Content))}
    assert snapshots == {second, third}, "the evidence of the newer change"
    assert {"two", "three"} < texts
    assert not any("one" in each for each in texts)
    assert (await system.jobs(limit=100)).meta.total == 4, "a discovery and three crawls"
    [change] = (await system.api.get("/api/changes")).json()["data"]
    assert (change["beforeSnapshotId"], change["afterSnapshotId"]) == (second, third)


async def test_what_temporal_knows_is_kept(system: System, site: FakeSite) -> None:
    page_id = await system.lone_page(site)
    [domain] = (await system.api.get("/api/domains")).json()["data"]
    org_id, domain_id = UUID(domain["orgId"]), UUID(domain["id"])
    # No worker runs: nothing of the batch has been started but what starts its jobs.
    asked = (await system.api.post(f"/api/domains/{domain_id}/crawl")).json()["data"]["batchId"]
    backtest = (await system.api.post(f"/api/domains/{domain_id}/backtest")).json()["data"]
    started, gone, gone_backtest, of_group = uuid4(), uuid4(), uuid4(), uuid4()
    owner = Owner(org_id=org_id, domain_id=domain_id, page_id=page_id, url=None, host="shop")
    job = JobStart("job of a batch", CrawlPageInput(page_id=page_id), owner, batch_id=started)
    await start_job(system.client, job)
    await system.client.get_workflow_handle(job.job_id).terminate()
    async with system.database.transaction() as session:
        for batch_id in (started, gone):
            await create_batch(session, org_id, domain_id, None, batch_id)
        # Its jobs are known by the id of the group.
        await create_batch(session, org_id, domain_id, None, of_group, group_id=started)
        for job_id in (job.job_id, "gone"):
            await frontier.begin(session, job_id, domain_id)
        await add_backtest(session, domain_id, gone_backtest, LONG_AGO)
        for table in (Batch, Discovery, Backtest):
            await session.execute(update(table).values(created_at=LONG_AGO))
    known = KnownToTemporal(system.client)
    kept = {UUID(asked), started}
    await eventually(lambda: known.batches({*kept, gone}), lambda found: found == kept)
    retention = RetentionActivities(system.database, expiries(system.settings), known)
    swept = await ActivityEnvironment().run(retention.prune)
    assert (swept.rows["batches"], swept.rows["discoveries"], swept.rows["backtests"]) == (1, 1, 1)
    async with system.database.reading() as session:
        assert set(await session.scalars(select(Batch.id))) == {*kept, of_group}
        assert set(await session.scalars(select(Discovery.job_id))) == {job.job_id}
        assert set(await session.scalars(select(Backtest.id))) == {UUID(backtest["backtestId"])}


async def test_sweeps_at_once_remove_each_row_once(either_database: Database) -> None:
    paths = [f"/{number}" for number in range(205)]
    async with either_database.transaction() as session:
        org_id = await new_organisation(session)
        domain = await new_domain(session, org_id)
        added = await add_pages(session, domain.id, [NewPage(path, "other") for path in paths])
        for each in range(2):
            await create_batch(session, org_id, domain.id, None)
            await frontier.begin(session, f"job {each}", domain.id)
            found = [FoundUrl(path, 1) for path in paths]
            await frontier.add_urls(session, f"job {each}", found, 1000)
        session.add_all(HostSlot(host=path, next_at=LONG_AGO.timestamp()) for path in paths)
        session.add_all(
            PendingConfirmation(page_id=page_id, job_id="job", fetch_number=1, due_at=LONG_AGO)
            for page_id in added.added
        )
    tables = (Batch, BatchPage, Discovery, FrontierUrl, HostSlot, PendingConfirmation)
    there = {each.__tablename__: await counted(either_database, each) for each in tables}
    assert list(there.values()) == [2, 410, 2, 410, 205, 205]
    in_two_months = datetime.now(UTC) + timedelta(days=60)
    retention = RetentionActivities(
        either_database, expiries(Settings()), NothingKnown(), lambda: in_two_months
    )
    sweeps = [ActivityEnvironment().run(retention.prune) for _ in range(3)]
    done: list[PruneResult] = await asyncio.gather(*sweeps)
    removed = sum((Counter(each.rows) for each in done), Counter[str]())
    assert removed == Counter(there)
    assert not any([await counted(either_database, each) for each in tables])


async def test_the_attempt_is_heard_of_while_the_database_is_waited_for(
    sqlite_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("activities.heartbeats.HEARTBEAT_INTERVAL", 0.01)
    database = Database.open(f"sqlite:///{sqlite_path}", busy_timeout=0.01, outage_timeout=20)
    async with database.transaction() as session:
        await take_slot(session, "shop.example", timedelta(seconds=1), LONG_AGO)
    heard: list[object] = []
    environment = ActivityEnvironment()
    environment.on_heartbeat = heard.append
    retention = RetentionActivities(database, expiries(Settings()), NothingKnown())
    other = sqlite3.connect(sqlite_path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    sweep = asyncio.create_task(environment.run(retention.prune))

    async def beats() -> int:
        return len(heard)

    await eventually(beats, lambda count: count >= 5)
    assert not sweep.done()
    other.close()
    assert (await sweep).rows["host_slots"] == 1
    await database.close()


async def counted(database: Database, table: type[Base]) -> int:
    async with database.reading() as session:
        return await session.scalar(select(func.count()).select_from(table)) or 0


async def test_a_month_of_sweeps_has_each_schedule_written_again(
    either_database: Database,
) -> None:
    async with either_database.transaction() as session:
        domain = await new_domain(session, await new_organisation(session))
        domain.schedule = Schedule(cron="30 2 * * *", time_zone="Europe/Berlin")
    days = [datetime.now(UTC) + timedelta(days=number) for number in range(RENEWAL_DAYS)]
    retention = RetentionActivities(either_database, [], NothingKnown(), iter(days).__next__)
    for _ in days:
        await ActivityEnvironment().run(retention.prune)
    async with either_database.reading() as session:
        [message] = await session.scalars(select(OutboxMessage))
    assert (message.kind, message.subject_id) == (MessageKind.SCHEDULE, domain.id)
