"""The outbox: messages become due, are taken by one process, and removed by version."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import update

from core.jobs.contract import BacktestInput
from core.outbox import (
    BacktestMessage,
    CancellationMessage,
    Message,
    MessageKind,
    PageScheduleMessage,
    ScheduleMessage,
)
from core.schedules import every_hours
from store.db.engine import Database
from store.domains import delete_domain
from store.outbox import DatabaseOutbox, is_pending, put, withdraw
from store.tables.domains import Domain, DomainStatus
from store.tables.requests import OutboxMessage


def backtest_of(domain_id: UUID) -> BacktestMessage:
    """A backtest to start."""
    job = BacktestInput(backtest_id=domain_id, max_attempts=2)
    return BacktestMessage(subject_id=domain_id, domain_id=domain_id, input=job, host="a.example")


async def written(database: Database, *messages: Message) -> None:
    """Write messages, one a transaction."""
    for message in messages:
        async with database.transaction() as session:
            await put(session, message)


async def pending(database: Database, subject_id: UUID) -> list[Message]:
    """The messages of a subject."""
    return [each.message for each in await DatabaseOutbox(database).of_subject(subject_id)]


async def overdue(database: Database, by: timedelta = timedelta(0)) -> None:
    """Let as much time pass as a message is held for, and more."""
    async with database.transaction() as session:
        await session.execute(update(OutboxMessage).values(due_at=datetime.now(UTC) - by))


async def test_messages_of_a_subject_come_in_order_and_as_they_were(
    database: Database, domain: Domain
) -> None:
    backtest, schedule = backtest_of(domain.id), ScheduleMessage.of(domain.id)
    other = ScheduleMessage.of(uuid4())
    await written(database, backtest, other, schedule)
    assert await pending(database, domain.id) == [schedule, backtest]
    async with database.reading() as session:
        assert await is_pending(session, domain.id, MessageKind.BACKTEST)
        assert not await is_pending(session, domain.id, MessageKind.BATCH)
    async with database.transaction() as session:
        await withdraw(session, domain.id, MessageKind.BACKTEST)
    assert await pending(database, domain.id) == [schedule]


async def test_a_message_is_left_to_whoever_wrote_or_took_it(
    database: Database, domain: Domain
) -> None:
    outbox = DatabaseOutbox(database)
    await written(database, ScheduleMessage.of(domain.id), backtest_of(domain.id))
    assert await outbox.take_due(10) == []
    await overdue(database)
    [first] = await outbox.take_due(1)
    [second] = await outbox.take_due(10)
    assert {first.message.kind, second.message.kind} == {
        MessageKind.SCHEDULE,
        MessageKind.BACKTEST,
    }
    assert await outbox.take_due(10) == []


async def test_a_message_does_not_wait_for_a_clock_that_was_set_back(
    database: Database, domain: Domain
) -> None:
    outbox = DatabaseOutbox(database)
    await written(database, ScheduleMessage.of(domain.id))
    await overdue(database, -timedelta(hours=1))
    [taken] = await outbox.take_due(10)
    assert taken.message.kind is MessageKind.SCHEDULE
    assert await outbox.take_due(10) == []


async def test_what_another_one_is_taking_is_left_to_it(database: Database, domain: Domain) -> None:
    outbox = DatabaseOutbox(database)
    await written(database, ScheduleMessage.of(domain.id), backtest_of(domain.id))
    await overdue(database)
    taken = await asyncio.gather(*(outbox.take_due(1) for _ in range(4)))
    assert sorted(len(each) for each in taken) == [0, 0, 1, 1]


async def test_a_message_that_was_written_again_is_not_removed(
    database: Database, domain: Domain
) -> None:
    outbox, message = DatabaseOutbox(database), ScheduleMessage.of(domain.id)
    await written(database, message)
    [before] = await outbox.of_subject(domain.id)
    await written(database, message)
    await outbox.remove(before)
    [now] = await outbox.of_subject(domain.id)
    await outbox.remove(now)
    assert await pending(database, domain.id) == []


async def test_with_a_domain_go_its_messages_and_its_schedule_is_to_go(
    database: Database, domain: Domain
) -> None:
    batch_id = uuid4()
    await written(
        database,
        ScheduleMessage.of(domain.id),
        backtest_of(domain.id),
        CancellationMessage(subject_id=batch_id, domain_id=domain.id),
    )
    [before, _] = await DatabaseOutbox(database).of_subject(domain.id)
    async with database.transaction() as session:
        await delete_domain(session, domain.org_id, domain.id)
    assert await pending(database, domain.id) == [ScheduleMessage.of(domain.id)]
    assert await pending(database, batch_id) == []
    await DatabaseOutbox(database).remove(before)
    assert await pending(database, domain.id) == [ScheduleMessage.of(domain.id)]


async def test_the_schedules_of_pages_that_were_deleted_before_their_domain_are_to_go(
    database: Database, domain: Domain
) -> None:
    deleted = PageScheduleMessage.of(uuid4(), domain.id)
    await written(database, deleted)
    async with database.transaction() as session:
        await delete_domain(session, domain.org_id, domain.id)
    assert await pending(database, deleted.subject_id) == [deleted]


async def test_a_schedule_is_what_the_domain_says(database: Database, domain: Domain) -> None:
    outbox = DatabaseOutbox(database)
    crawl = await outbox.recurring_crawl(domain.id)
    assert crawl is not None
    own = f"{domain.org_id.hex[:12]}-shop.example"
    assert (crawl.name, crawl.fairness_key) == ("shop.example", own)
    assert (crawl.schedule, crawl.since) == (every_hours(24), domain.created_at)
    assert not crawl.paused
    async with database.transaction() as session:
        await session.execute(
            update(Domain).values(status=DomainStatus.PAUSED, check_frequency_hours=1)
        )
    assert await outbox.recurring_crawl(domain.id) == replace(
        crawl, paused=True, schedule=every_hours(1)
    )
    assert await outbox.recurring_crawl(uuid4()) is None


async def test_what_a_newer_version_has_written_is_left_to_it(
    database: Database, domain: Domain, caplog: pytest.LogCaptureFixture
) -> None:
    await written(database, ScheduleMessage.of(domain.id), backtest_of(domain.id))
    async with database.transaction() as session:
        await session.execute(
            update(OutboxMessage)
            .where(OutboxMessage.kind == MessageKind.BACKTEST)
            .values(kind="digest", message={"kind": "digest"})
        )
    await overdue(database)
    [taken] = await DatabaseOutbox(database).take_due(10)
    assert taken.message == ScheduleMessage.of(domain.id)
    assert await pending(database, domain.id) == [taken.message]
    assert "digest" in caplog.text
