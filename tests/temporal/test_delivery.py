"""What the reconciler does with messages that are due."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select, update
from temporalio.client import ScheduleActionExecutionStartWorkflow

from core.jobs.contract import BacktestInput
from core.jobs.ids import delivery_workflow_id
from core.outbox import BacktestMessage, Message, RecurringCrawl, ScheduleMessage
from core.schedules import every_hours
from store.db.engine import Database
from store.outbox import DatabaseOutbox, put
from store.tables.requests import OutboxMessage
from temporal.delivery import Delivery, Reconciler
from temporal.faults import TemporalFault
from temporal.jobs.backtests import described_backtest
from temporal.jobs.notifications import MAX_NAME
from temporal.jobs.schedules import crawl_schedule_id, next_crawls, set_crawl_schedule
from tests.eventually import eventually
from tests.system import System


async def left(system: System) -> int:
    """How many messages there are."""
    async with system.database.reading() as session:
        return await session.scalar(select(func.count()).select_from(OutboxMessage)) or 0


async def write(system: System, *messages: Message) -> None:
    """Messages that nobody has carried out in time."""
    async with system.database.transaction() as session:
        for message in messages:
            await put(session, message)
        past = datetime.now(UTC) - timedelta(minutes=1)
        await session.execute(update(OutboxMessage).values(due_at=past))


def backtest() -> BacktestMessage:
    """One of a domain that is gone: it is started, and fails by itself."""
    job = BacktestInput(backtest_id=uuid4(), max_attempts=1)
    return BacktestMessage(
        subject_id=job.backtest_id, domain_id=uuid4(), input=job, host="a.example"
    )


def delivery(system: System, database: Database | None = None) -> Delivery:
    """As a worker has it."""
    return Delivery(system.client, DatabaseOutbox(database or system.database), 3)


@asynccontextmanager
async def reconciling(delivery: Delivery) -> AsyncIterator[None]:
    """A worker's reconciler, for the length of the block."""
    task = asyncio.create_task(Reconciler(delivery).run())
    try:
        yield
    finally:
        assert not task.done()
        task.cancel()
        await asyncio.wait({task})


async def test_a_schedule_is_looked_at_again_where_temporal_was_slow(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    await write(system, ScheduleMessage.of(uuid4()))
    with monkeypatch.context() as slow:
        slow.setattr("temporal.delivery.PROMPT_ANSWER", 0)
        await delivery(system).deliver_due()
    assert await left(system) == 1
    await write(system)
    await delivery(system).deliver_due()
    assert await left(system) == 0


async def test_a_message_that_temporal_refuses_keeps_no_other_waiting(
    system: System, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def refuse(*_: object) -> None:
        raise TemporalFault("Temporal refused the request.")

    monkeypatch.setattr("temporal.delivery.start_backtest", refuse)
    refused = backtest()
    await write(system, refused, *(ScheduleMessage.of(uuid4()) for _ in range(3)))
    await delivery(system).deliver_due()
    assert await left(system) == 1
    [kept] = await DatabaseOutbox(system.database).of_subject(refused.subject_id)
    assert kept.message == refused
    assert str(refused.subject_id) in caplog.text


@pytest.mark.sqlite
async def test_the_reconciler_outlives_a_store_that_is_locked(
    system: System, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("temporal.delivery.RECONCILE_INTERVAL", 0.05)
    await write(system, backtest())
    database = Database.open(system.settings.resolved_database_url, busy_timeout=0.05)
    other = sqlite3.connect(system.settings.data_dir / "diffy.db", isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        async with reconciling(delivery(system, database)):
            await eventually(lambda: told(caplog), lambda text: "has to wait" in text)
            other.execute("ROLLBACK")
            await eventually(lambda: left(system), lambda count: count == 0)
    finally:
        other.close()
        await database.close()


async def told(caplog: pytest.LogCaptureFixture) -> str:
    """What was logged so far."""
    return caplog.text


async def test_any_number_of_workers_may_reconcile(system: System) -> None:
    started = [backtest() for _ in range(5)]
    await write(system, *started, ScheduleMessage.of(uuid4()))
    await asyncio.gather(*(delivery(system).deliver_due() for _ in range(3)))
    assert await left(system) == 0
    for each in started:
        assert await described_backtest(system.client, each.subject_id) is not None


async def test_a_schedule_is_written_only_where_it_says_something_else(system: System) -> None:
    domain = await system.add_domain("competitor.com")
    handle = system.client.get_schedule_handle(crawl_schedule_id(domain.id))

    async def synced(max_attempts: int) -> datetime | None:
        outbox = DatabaseOutbox(system.database)
        await Delivery(system.client, outbox, max_attempts).send(ScheduleMessage.of(domain.id))
        return (await handle.describe()).info.last_updated_at

    assert await synced(system.settings.max_attempts) is None
    changed = await synced(7)
    assert changed is not None
    assert await synced(7) == changed
    await handle.pause()
    paused = (await handle.describe()).info.last_updated_at
    assert await synced(7) != paused
    assert not (await handle.describe()).schedule.state.paused


async def test_a_schedule_without_domain_is_deleted_when_it_is_due(system: System) -> None:
    crawl = RecurringCrawl(
        domain_id=uuid4(),
        name="competitor.com",
        fairness_key="competitor.com",
        schedule=every_hours(1),
        since=datetime.now(UTC),
        paused=False,
    )
    await set_crawl_schedule(system.client, crawl, 1)
    assert await next_crawls(system.client, [crawl.domain_id]) != {}
    async with system.worker():
        await system.client.get_schedule_handle(crawl_schedule_id(crawl.domain_id)).trigger()
        await eventually(
            lambda: next_crawls(system.client, [crawl.domain_id]), lambda found: found == {}
        )


async def test_what_a_schedule_starts_leads_to_the_jobs_of_its_domain(system: System) -> None:
    domain = await system.add_domain("competitor.com")
    schedule = system.client.get_schedule_handle(crawl_schedule_id(domain.id))
    await schedule.trigger()
    described = await eventually(schedule.describe, lambda found: bool(found.info.recent_actions))
    action = described.info.recent_actions[0].action
    assert isinstance(action, ScheduleActionExecutionStartWorkflow)
    workflow = await system.client.get_workflow_handle(action.workflow_id).describe()
    assert await workflow.static_summary() == "Crawl competitor.com"
    assert await workflow.static_details() == (
        f"Jobs of this domain: `DiffyDomainId = '{domain.id}'`"
    )


async def test_what_delivers_to_a_channel_is_called_by_its_name(system: System) -> None:
    name = "\N{FIRE}" * 200
    body = {"kind": "webhook", "name": name, "url": "http://hooks.example/diffy"}
    channel_id = (await system.api.post("/api/channels", json=body)).json()["data"]["id"]
    answer = await system.api.post(f"/api/channels/{channel_id}/test")
    assert answer.status_code == 202, answer.text
    handle = system.client.get_workflow_handle(delivery_workflow_id(UUID(channel_id)))
    workflow = await handle.describe()
    assert await workflow.static_summary() == f"Deliver to {name[:MAX_NAME]}"
    assert await workflow.static_details() == f"Channel: `{channel_id}`"
