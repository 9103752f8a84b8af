"""Kept indexes of rules hold only as long as what they are made of stays as it is."""

from collections.abc import Callable
from datetime import time
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core.alerts.attempts import ChannelState
from core.alerts.rules import AlertRule
from core.alerts.timing import Digest, QuietHours
from store import rule_indexes
from store.alerts import set_channels
from store.db.engine import Database
from store.matching import match_change
from store.rule_indexes import RuleIndexes
from store.tables.alerts import Alert, Channel, Delivery
from store.tables.changes import Change
from store.tables.domains import Domain
from store.tables.pages import Page
from tests.store.rows import NOON, minutes, new_channel, new_organisation, stored


@pytest.fixture
async def channel(database: Database, domain: Domain) -> Channel:
    """A channel to deliver to."""
    async with database.transaction() as session:
        return await new_channel(session, domain.org_id)


async def new_alert(session: AsyncSession, channel: Channel, rule: AlertRule) -> UUID:
    """An alert of the channel."""
    made = Alert(org_id=channel.org_id, name="a", rule=rule, created_at=NOON, updated_at=NOON)
    session.add(made)
    await session.flush()
    await set_channels(session, made.id, [channel.id])
    return made.id


async def told(database: Database, page: Page, minute: int, indexes: RuleIndexes) -> list[Delivery]:
    """To whom a new change of the page is told."""
    await stored(database, page.id, f"job {minute}", f"text {minute}", minutes(minute))
    async with database.transaction() as session:
        newest = select(Change).order_by(Change.created_at.desc()).limit(1)
        change = (await session.scalars(newest)).one()
        await match_change(session, change.id, minutes(minute), indexes)
        rows = await session.scalars(select(Delivery).where(Delivery.change_id == change.id))
        return list(rows)


def counted(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """How often rules were read since the last call."""
    read, reads = rule_indexes._rules, []

    async def counting(session: AsyncSession, org_id: UUID) -> object:
        reads.append(org_id)
        return await read(session, org_id)

    monkeypatch.setattr(rule_indexes, "_rules", counting)

    def count() -> int:
        found = len(reads)
        reads.clear()
        return found

    return count


async def test_an_index_is_kept_and_follows_each_change_of_alerts_and_channels(
    database: Database, page: Page, channel: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though none of the rows says that it was changed."""
    reads, indexes = counted(monkeypatch), RuleIndexes()
    await stored(database, page.id, "job 0", "text 0")
    async with database.transaction() as session:
        alert_id = await new_alert(session, channel, AlertRule())
        other = await new_channel(session, channel.org_id)
    minute = 0

    async def channels() -> set[UUID]:
        nonlocal minute
        minute += 1
        return {each.channel_id for each in await told(database, page, minute, indexes)}

    assert await channels() == await channels() == {channel.id}
    assert reads() == 1
    row = update(Alert).where(Alert.id == alert_id)
    quiet = QuietHours(start=time(0), end=time(23), time_zone="UTC")
    for statement, expected in (
        (row.values(rule=AlertRule(page_ids=(uuid4(),))), set()),
        (row.values(rule=AlertRule()), {channel.id}),
        (row.values(enabled=False), set()),
        (row.values(enabled=True, digest=Digest.DAILY), {channel.id}),
        (row.values(quiet_hours=quiet), {channel.id}),
        (update(Channel).values(state=ChannelState.OFF), set()),
        (update(Channel).values(state=ChannelState.PAUSED), {channel.id}),
    ):
        async with database.transaction() as session:
            await session.execute(statement)
        assert await channels() == expected
        assert await channels() == expected
        assert reads() == 1
    async with database.transaction() as session:
        await set_channels(session, alert_id, [other.id])
    assert await channels() == {other.id}
    async with database.transaction() as session:
        await new_alert(session, channel, AlertRule())
    assert await channels() == {other.id, channel.id}
    assert reads() == 2


async def test_what_is_told_of_an_alert_that_was_changed_waits_as_it_says_now(
    database: Database, page: Page, channel: Channel
) -> None:
    indexes = RuleIndexes()
    await stored(database, page.id, "job 0", "text 0")
    async with database.transaction() as session:
        await new_alert(session, channel, AlertRule())
    [at_once] = await told(database, page, 1, indexes)
    async with database.transaction() as session:
        await session.execute(update(Alert).values(digest=Digest.HOURLY))
    [later] = await told(database, page, 2, indexes)
    assert (at_once.is_digest, at_once.due_at) == (False, minutes(1))
    assert (later.is_digest, later.due_at) == (True, minutes(60))


async def test_no_more_rules_are_kept_than_there_is_room_for(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rule_indexes, "KEPT_RULES", 3)
    reads, indexes = counted(monkeypatch), RuleIndexes()
    org_ids = []
    for _ in range(3):
        async with database.transaction() as session:
            channel = await new_channel(session, await new_organisation(session))
            org_ids.append(channel.org_id)
            for _ in range(2):
                await new_alert(session, channel, AlertRule())
    async with database.reading() as session:
        for org_id in (*org_ids, org_ids[2]):
            await indexes.of(session, org_id)
        assert reads() == 3
        await indexes.of(session, org_ids[0])
        assert reads() == 1
