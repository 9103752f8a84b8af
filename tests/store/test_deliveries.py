"""Deliveries in the store: their order, what holds them, and how one is made again."""

from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest

from core.alerts.attempts import (
    FIRST_PAUSE,
    GIVE_UP_AFTER,
    SUSPECT_AFTER,
    Attempt,
    ChannelState,
    DeliveryState,
    Result,
)
from store.db.engine import Database
from store.deliveries import (
    due_deliveries,
    expire,
    hold,
    neglected_channels,
    next_due,
    pull_back,
    record_attempt,
    redeliver,
    turn_on,
)
from store.tables.alerts import Channel, Delivery
from store.tables.domains import Domain
from store.tables.pages import Page
from tests.store.rows import NOON, minutes, new_channel, new_delivery, new_page

FAILED = Attempt(Result.FAILED, "It answered 500.")
DAY = timedelta(days=1)


@pytest.fixture
async def channel(database: Database, domain: Domain) -> Channel:
    """A channel to deliver to."""
    async with database.transaction() as session:
        return await new_channel(session, domain.org_id)


async def told(
    database: Database,
    channel: Channel,
    about: Page | Domain,
    minute: int,
    *,
    digest_id: UUID | None = None,
) -> UUID:
    """A change of a page or domain in that minute, with a delivery that is due: its id."""
    async with database.transaction() as session:
        return await new_delivery(session, channel, about, minutes(minute), digest_id=digest_id)


async def due(database: Database, channel: Channel, now: datetime) -> list[UUID]:
    """What would be attempted now."""
    async with database.transaction() as session:
        return [each.id for each in await due_deliveries(session, channel, now, 10)]


async def read(database: Database, delivery_id: UUID) -> Delivery:
    """The delivery as it is now."""
    async with database.reading() as session:
        found = await session.get(Delivery, delivery_id)
    assert found is not None
    return found


async def attempted(
    database: Database, channel: Channel, attempt: Attempt, now: datetime, *ids: UUID
) -> None:
    """An attempt that ended so."""
    async with database.transaction() as session:
        await record_attempt(session, channel.id, ids, attempt, now)


async def pulled_back(database: Database, channel: Channel, now: datetime) -> list[UUID]:
    """What would be attempted now, by a clock that may have been set back."""
    async with database.transaction() as session:
        found = await session.get_one(Channel, channel.id)
        await pull_back(session, found, now)
        return [each.id for each in await due_deliveries(session, found, now, 10)]


@pytest.mark.parametrize("failures", [0, 1, SUSPECT_AFTER + 2])
@pytest.mark.parametrize("made", [0, 60])
async def test_a_delivery_does_not_wait_for_a_clock_that_was_set_back(
    database: Database, page: Page, channel: Channel, failures: int, made: int
) -> None:
    delivery_id = await told(database, channel, page, made)
    for minute in range(failures):
        await attempted(database, channel, FAILED, minutes(60 + minute), delivery_id)
    if made or failures:
        assert await due(database, channel, minutes(2)) == []
    assert await pulled_back(database, channel, minutes(2)) == [delivery_id]


async def test_a_delivery_that_is_put_off_by_this_clock_stays_so(
    database: Database, page: Page, domain: Domain, channel: Channel
) -> None:
    quiet = await told(database, channel, domain, 0)
    async with database.transaction() as session:
        await hold(session, [await session.get_one(Delivery, quiet)], minutes(600))
    failed = await told(database, channel, page, 0)
    await attempted(database, channel, FAILED, NOON, failed)
    assert await pulled_back(database, channel, NOON + FIRST_PAUSE / 2) == []
    assert await pulled_back(database, channel, NOON + FIRST_PAUSE) == [failed]
    busy = Attempt(Result.FAILED, "It answered 429.", timedelta(hours=1))
    await attempted(database, channel, busy, minutes(1), failed)
    assert await pulled_back(database, channel, minutes(30)) == []
    assert await pulled_back(database, channel, minutes(61)) == [failed]


async def test_what_is_told_of_a_page_or_a_domain_comes_in_order(
    database: Database, domain: Domain, page: Page, channel: Channel
) -> None:
    for about in (page, domain):
        first = await told(database, channel, about, 1)
        second = await told(database, channel, about, 2)
        assert await due(database, channel, minutes(3)) == [first]
        await attempted(database, channel, FAILED, minutes(3), first)
        assert await due(database, channel, minutes(3)) == [], "the first is attempted still"
        delivered = Attempt(Result.DELIVERED, "It answered 200.")
        await attempted(database, channel, delivered, minutes(4), first)
        assert await due(database, channel, minutes(5)) == [second]
        await attempted(database, channel, delivered, minutes(6), second)


async def test_what_is_told_of_one_domain_waits_for_no_other(
    database: Database, domain: Domain, page: Page, channel: Channel
) -> None:
    failing = await told(database, channel, domain, 1)
    await attempted(database, channel, FAILED, minutes(1), failing)
    async with database.transaction() as session:
        other = await new_page(session, domain.id, "/other")
    of_pages = [await told(database, channel, page, 2), await told(database, channel, other, 2)]
    assert set(await due(database, channel, minutes(2))) >= set(of_pages)


async def test_nobody_is_called_to_deliver_what_waits_for_an_earlier_one(
    database: Database, page: Page, channel: Channel
) -> None:
    first = await told(database, channel, page, 1)
    await told(database, channel, page, 2)
    later = minutes(30)
    async with database.transaction() as session:
        assert list(await neglected_channels(session, later)) == [channel.id]
        pending = await session.get(Delivery, first)
        assert pending is not None
        pending.next_attempt_at = later + timedelta(hours=6)
    async with database.reading() as session:
        assert list(await neglected_channels(session, later)) == []
        assert await next_due(session, channel, later) == later + timedelta(hours=6)


async def test_a_delivery_that_quiet_hours_hold_keeps_no_later_one_waiting(
    database: Database, page: Page, domain: Domain, channel: Channel
) -> None:
    for about in (page, domain):
        held = await told(database, channel, about, 1)
        await attempted(database, channel, FAILED, minutes(2), held)
        async with database.transaction() as session:
            await hold(session, [await read(database, held)], minutes(480))
        later = await told(database, channel, about, 3)
        assert later in await due(database, channel, minutes(4))
        delivered = Attempt(Result.DELIVERED, "It answered 200.")
        await attempted(database, channel, delivered, minutes(5), later)
        # Once it is held no longer, what comes after it waits for it again.
        after = await told(database, channel, about, 6)
        assert after not in await due(database, channel, minutes(481))


async def test_quiet_hours_give_an_attempted_delivery_no_further_days(
    database: Database, page: Page, channel: Channel
) -> None:
    delivery_id = await told(database, channel, page, 1)
    async with database.transaction() as session:
        await hold(session, [await read(database, delivery_id)], minutes(60))
    await attempted(database, channel, FAILED, minutes(61), delivery_id)
    for night in range(1, 5):
        async with database.transaction() as session:
            await hold(session, [await read(database, delivery_id)], minutes(60) + night * DAY)
    found = await read(database, delivery_id)
    assert (found.due_at, found.next_attempt_at) == (minutes(1), minutes(60) + 4 * DAY)
    await attempted(database, channel, FAILED, minutes(61) + 4 * DAY, delivery_id)
    assert (await read(database, delivery_id)).state is DeliveryState.FAILED


async def test_quiet_hours_do_not_keep_what_could_not_be_attempted_for_ever(
    database: Database, page: Page, channel: Channel
) -> None:
    """A channel that fails attempts other deliveries; this one is never its turn."""
    delivery_id = await told(database, channel, page, 1)
    for night in range(5):
        async with database.transaction() as session:
            await hold(session, [await read(database, delivery_id)], minutes(60) + night * DAY)
    found = await read(database, delivery_id)
    assert found.due_at == minutes(1)
    async with database.transaction() as session:
        failing = await session.get(Channel, channel.id)
        assert failing is not None
        failing.failures, failing.failing_since = 9, NOON
        assert await expire(session, failing, found.due_at + GIVE_UP_AFTER + DAY) == 1


async def test_a_digest_is_made_again_as_a_whole(
    database: Database, page: Page, channel: Channel
) -> None:
    digest_id = uuid4()
    ids = [await told(database, channel, page, n, digest_id=digest_id) for n in (1, 2, 3)]
    await attempted(database, channel, Attempt(Result.DELIVERED, "Sent."), minutes(4), *ids)
    assert await due(database, channel, minutes(5)) == []
    async with database.transaction() as session:
        again = await redeliver(session, channel.org_id, ids[1], minutes(6))
    assert (again.id, again.state) == (ids[1], DeliveryState.PENDING)
    assert await due(database, channel, minutes(6)) == ids


async def test_a_channel_at_fault_is_attempted_when_it_says(
    database: Database, page: Page, channel: Channel
) -> None:
    delivery_id = await told(database, channel, page, 0)
    now, states = NOON, []
    for _ in range(30):
        await attempted(database, channel, FAILED, now, delivery_id)
        async with database.reading() as session:
            found = await session.get_one(Channel, channel.id)
            at = await next_due(session, found, now)
        assert at is not None
        if found.failures >= SUSPECT_AFTER:
            assert at == found.held_until
            states.append(found.state)
        now = at
    assert set(states) == {ChannelState.ACTIVE, ChannelState.PAUSED}


async def test_a_delivery_that_is_made_again_has_the_pauses_of_a_new_one(
    database: Database, page: Page, channel: Channel
) -> None:
    delivery_id = await told(database, channel, page, 0)
    now = NOON
    while (await read(database, delivery_id)).state is DeliveryState.PENDING:
        await attempted(database, channel, FAILED, now, delivery_id)
        now = (await read(database, delivery_id)).next_attempt_at or now
    async with database.transaction() as session:
        turn_on(await session.get_one(Channel, channel.id))
        await redeliver(session, channel.org_id, delivery_id, now)
    await attempted(database, channel, FAILED, now, delivery_id)
    found = await read(database, delivery_id)
    assert found.attempts == 1
    assert found.next_attempt_at == now + FIRST_PAUSE
