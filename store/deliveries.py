"""Deliveries: what is due for a channel, and how its attempts ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import Final
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, and_, case, exists, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, aliased

from core.alerts.attempts import (
    GIVE_UP_AFTER,
    HEALTHY,
    LONGEST_PAUSE,
    Attempt,
    ChannelState,
    DeliveryState,
    Health,
    Result,
    after_failure,
    next_attempt,
    pause_after,
)
from core.errors import Conflict, NotFound
from store.channels import get_channel
from store.db.paging import Paged, PageRequest, paged
from store.tables.alerts import Alert, Channel, Delivery
from store.tables.changes import Change

NEGLECTED_AFTER: Final = timedelta(minutes=2)
"""How much later than due a delivery is for nobody to be at it."""

MAX_DIGEST_SIZE: Final = 500
"""Changes that one digest counts; further ones are in the next."""

CLOCKS_DIFFER_BY: Final = timedelta(minutes=1)
"""The clocks of two machines, at most."""

LONGEST_PAUSE_AT: Final = next(n for n in count(1) if pause_after(n) == LONGEST_PAUSE)
"""Number of failed attempts from which on the pauses are as long as they get."""

NOT_ATTEMPTED: Final = "The channel failed for three days, in which this was not attempted."
TURNED_OFF: Final = "The channel was turned off."


@dataclass(frozen=True)
class DeliveryFilter:
    """Which deliveries are wanted; None lets all through."""

    channel_id: UUID | None = None
    alert_id: UUID | None = None
    change_id: UUID | None = None
    state: DeliveryState | None = None


async def list_deliveries(
    session: AsyncSession, org_id: UUID, request: PageRequest, wanted: DeliveryFilter
) -> Paged[Delivery]:
    """The organisation's deliveries that match the filter, newest first."""
    rows = select(Delivery).where(Delivery.org_id == org_id)
    if wanted.channel_id is not None:
        rows = rows.where(Delivery.channel_id == wanted.channel_id)
    if wanted.alert_id is not None:
        rows = rows.where(Delivery.alert_id == wanted.alert_id)
    if wanted.change_id is not None:
        rows = rows.where(Delivery.change_id == wanted.change_id)
    if wanted.state is not None:
        rows = rows.where(Delivery.state == wanted.state)
    return await paged(session, rows, Delivery.created_at, Delivery.id, request)


async def get_delivery(
    session: AsyncSession, org_id: UUID, delivery_id: UUID, *, lock: bool = False
) -> Delivery:
    """The organisation's delivery. Raises NotFound if there is none with this id."""
    found = await session.get(Delivery, delivery_id, with_for_update=lock or None)
    if found is None or found.org_id != org_id:
        raise NotFound("Delivery not found.")
    return found


async def add_test(
    session: AsyncSession, org_id: UUID, channel_id: UUID, test_id: UUID, now: datetime
) -> Delivery:
    """A delivery that tests a channel; it has one attempt. Raises NotFound as `get_channel`."""
    channel = await get_channel(session, org_id, channel_id)
    test = Delivery(
        id=test_id,
        org_id=org_id,
        channel_id=channel.id,
        changed_at=now,
        state=DeliveryState.PENDING,
        attempts=0,
        due_at=now,
        next_attempt_at=now,
        is_digest=False,
        created_at=now,
    )
    session.add(test)
    await session.flush()
    return test


async def redeliver(
    session: AsyncSession, org_id: UUID, delivery_id: UUID, now: datetime
) -> Delivery:
    """Have a delivery made again, under the same id, now and with attempts and three days of its
    own; one that is part of a digest with all of it: a message of one id says one thing.

    Raises NotFound if there is none with this id, and Conflict if its channel is turned off.
    """
    found = await get_delivery(session, org_id, delivery_id)
    channel = await get_channel(session, org_id, found.channel_id)
    if channel.state is ChannelState.OFF:
        raise Conflict("The channel is turned off: turn it on first.")
    same = Delivery.id == found.id
    if found.digest_id is not None:
        same = Delivery.digest_id == found.digest_id
    # In the order of the ids, so that two who repeat parts of one digest do not deadlock.
    rows = select(Delivery).where(same).order_by(Delivery.id).with_for_update()
    for each in await session.scalars(rows.execution_options(populate_existing=True)):
        each.state, each.attempts = DeliveryState.PENDING, 0
        each.due_at = each.next_attempt_at = now
        each.delivered_at = each.held_until = each.told = None
    return found


async def neglected_channels(session: AsyncSession, now: datetime) -> Sequence[UUID]:
    """The channels with a delivery that has been due for long and that nothing holds back."""
    late = now - NEGLECTED_AFTER
    rows = (
        select(Channel.id)
        .where(
            Channel.state != ChannelState.OFF,
            or_(Channel.held_until.is_(None), Channel.held_until < late),
            exists().where(
                Delivery.channel_id == Channel.id,
                Delivery.state == DeliveryState.PENDING,
                Delivery.next_attempt_at < late,
                _is_unblocked(now),
            ),
        )
        .order_by(Channel.id)
    )
    return (await session.scalars(rows)).all()


def health_of(channel: Channel) -> Health:
    """The recent past of a channel."""
    return Health(
        channel.failures,
        channel.failing_since,
        channel.held_until,
        channel.state is ChannelState.PAUSED,
    )


def _is_unblocked(now: datetime) -> ColumnElement[bool]:
    """That no earlier delivery of the page to the channel is being attempted still; of what is told
    of a domain, none of the domain.

    What is held, with a digest or by quiet hours, keeps no later one waiting, and neither does what
    one recipient of several lacks.
    """
    other = aliased(Delivery)
    own, earlier = aliased(Change), aliased(Change)
    attempted = (
        other.channel_id == Delivery.channel_id,
        other.state == DeliveryState.PENDING,
        other.due_at <= now,
        or_(other.held_until.is_(None), other.held_until <= now),
        other.told.is_(None),
        ~other.is_digest,
        or_(
            other.changed_at < Delivery.changed_at,
            and_(other.changed_at == Delivery.changed_at, other.id < Delivery.id),
        ),
    )
    of_page = exists().where(other.page_id == Delivery.page_id, *attempted)
    of_domain = exists().where(
        other.page_id.is_(None),
        earlier.id == other.change_id,
        own.id == Delivery.change_id,
        own.domain_id == earlier.domain_id,
        *attempted,
    )
    is_blocked = or_(of_page, and_(Delivery.page_id.is_(None), of_domain))
    return or_(Delivery.is_digest, ~is_blocked)


def _pending(channel_id: UUID) -> tuple[ColumnElement[bool], ...]:
    return Delivery.channel_id == channel_id, Delivery.state == DeliveryState.PENDING


async def due_deliveries(
    session: AsyncSession, channel: Channel, now: datetime, limit: int
) -> list[Delivery]:
    """The next deliveries to attempt, oldest change first, one of a page: tests, and unless the
    channel is held the others. All of a digest come together, with its id.
    """
    due = (*_pending(channel.id), Delivery.next_attempt_at <= now)
    order = (Delivery.changed_at, Delivery.id)
    if channel.held_until is not None and channel.held_until > now:
        rows = select(Delivery).where(*due, Delivery.change_id.is_(None))
        return list(await session.scalars(rows.order_by(*order).limit(limit)))
    single = select(Delivery).where(*due, ~Delivery.is_digest, _is_unblocked(now))
    found = list(await session.scalars(single.order_by(*order).limit(limit)))
    if found:
        return found
    return await _due_digest(session, due, order)


async def _due_digest(
    session: AsyncSession,
    due: tuple[ColumnElement[bool], ...],
    order: tuple[InstrumentedAttribute[datetime], InstrumentedAttribute[UUID]],
) -> list[Delivery]:
    """The deliveries of the next digest. What is part of a message stays part of it: a digest that
    may have arrived is the same when it is sent again.
    """
    first = await session.scalar(
        select(Delivery)
        .where(*due, Delivery.is_digest)
        .order_by(Delivery.digest_id.is_(None), *order)
        .limit(1)
    )
    if first is None:
        return []
    same_alert = Delivery.alert_id.is_not_distinct_from(first.alert_id)
    if first.digest_id is not None:
        same = select(Delivery).where(*due, Delivery.digest_id == first.digest_id)
        return list(await session.scalars(same.order_by(*order)))
    fresh = select(Delivery).where(
        *due, Delivery.is_digest, Delivery.digest_id.is_(None), same_alert
    )
    found = list(await session.scalars(fresh.order_by(*order).limit(MAX_DIGEST_SIZE)))
    digest_id = uuid4()
    for each in found:
        each.digest_id = digest_id
    return found


async def next_due(session: AsyncSession, channel: Channel, now: datetime) -> datetime | None:
    """When something is to be delivered next; None if nothing is pending."""
    rows = select(func.min(Delivery.next_attempt_at)).where(*_pending(channel.id))
    tests = await session.scalar(rows.where(Delivery.change_id.is_(None)))
    others = await session.scalar(rows.where(Delivery.change_id.is_not(None), _is_unblocked(now)))
    if others is not None and channel.held_until is not None:
        others = max(others, channel.held_until)
    return min((each for each in (tests, others) if each is not None), default=None)


async def expire(session: AsyncSession, channel: Channel, now: datetime) -> int:
    """Give up on what a failing channel could not be told in time; how many deliveries."""
    if not health_of(channel).is_suspect:
        return 0
    return await _fail(session, channel.id, NOT_ATTEMPTED, Delivery.due_at < now - GIVE_UP_AFTER)


async def _fail(
    session: AsyncSession, channel_id: UUID, answer: str, *which: ColumnElement[bool]
) -> int:
    failed = await session.execute(
        update(Delivery)
        .where(*_pending(channel_id), *which)
        .values(state=DeliveryState.FAILED, next_attempt_at=None, last_answer=answer)
        .returning(Delivery.id)
        .execution_options(synchronize_session=False)
    )
    return len(failed.all())


async def pull_back(session: AsyncSession, channel: Channel, now: datetime) -> None:
    """Have what was put off while the clock was ahead be due when it would be by the present one.

    Something that happened in the future shows that the clock was set back since; so does an
    attempt that is put off for longer than any failure puts one off. A Retry-After is kept by the
    channel. What waits for a digest or for the end of quiet hours waits for a time of the day.
    """
    ahead = now + CLOCKS_DIFFER_BY
    if channel.failing_since is not None and channel.failing_since > ahead:
        _set_health(channel, HEALTHY)
    pending = (*_pending(channel.id), ~Delivery.is_digest, Delivery.held_until.is_(None))
    longest = case(
        *((Delivery.attempts == n, now + pause_after(n)) for n in range(1, LONGEST_PAUSE_AT)),
        else_=now + LONGEST_PAUSE,
    )
    for since, late in (
        ({"created_at": now, "due_at": now}, Delivery.created_at > ahead),
        ({}, and_(Delivery.attempts > 0, Delivery.next_attempt_at > longest)),
    ):
        if await session.scalar(select(Delivery.id).where(*pending, late).limit(1)) is not None:
            await session.execute(
                update(Delivery)
                .where(*pending, late)
                .values(next_attempt_at=now, **since)
                .execution_options(synchronize_session=False)
            )


async def hold(session: AsyncSession, deliveries: Sequence[Delivery], until: datetime) -> None:
    """Hold deliveries until then: their alert has quiet hours now. They get no further days."""
    await session.execute(
        update(Delivery)
        .where(
            Delivery.id.in_([each.id for each in deliveries]),
            Delivery.state == DeliveryState.PENDING,
        )
        .values(held_until=until, next_attempt_at=until)
        .execution_options(synchronize_session=False)
    )


async def alerts_by_id(session: AsyncSession, deliveries: Sequence[Delivery]) -> dict[UUID, Alert]:
    """The alerts of the deliveries that still have one."""
    ids = {each.alert_id for each in deliveries if each.alert_id is not None}
    return {each.id: each for each in await session.scalars(select(Alert).where(Alert.id.in_(ids)))}


@dataclass(frozen=True)
class Recorded:
    """How many deliveries an attempt brought to an end."""

    delivered: int = 0
    failed: int = 0


async def record_attempt(
    session: AsyncSession,
    channel_id: UUID,
    delivery_ids: Sequence[UUID],
    attempt: Attempt,
    now: datetime,
) -> Recorded:
    """Record how an attempt ended, for the deliveries of its message and for the channel.

    A success releases what earlier failures of the channel have put off. That one of several
    recipients is not told yet is no failure of the channel.
    """
    channel = await session.get(Channel, channel_id, with_for_update=True)
    if channel is None:
        return Recorded()  # it was deleted meanwhile, and its deliveries with it
    channel.last_answer = attempt.answer
    rows = select(Delivery).where(
        Delivery.id.in_(delivery_ids), Delivery.state == DeliveryState.PENDING
    )
    deliveries = list(await session.scalars(rows.with_for_update()))
    for each in deliveries:
        each.attempts += 1
        each.last_answer = attempt.answer
        if attempt.told:
            each.told = [*(each.told or ()), *attempt.told]
    match attempt.result:
        case Result.DELIVERED:
            for each in deliveries:
                each.state, each.next_attempt_at = DeliveryState.DELIVERED, None
                each.delivered_at = now
            channel.last_delivered_at = now
            await _recover(session, channel, now)
            return Recorded(delivered=len(deliveries))
        case Result.GONE:
            channel.state, channel.off_reason = ChannelState.OFF, attempt.answer
            _set_health(channel, HEALTHY)
            for each in deliveries:
                each.state, each.next_attempt_at = DeliveryState.FAILED, None
            await session.flush()
            return Recorded(failed=len(deliveries) + await _fail(session, channel.id, TURNED_OFF))
        case Result.FAILED:
            failed = 0
            if attempt.told:
                channel.last_delivered_at = now
                await _recover(session, channel, now)
            for each in deliveries:
                is_test = each.change_id is None
                at = next_attempt(each.attempts, each.due_at, now, attempt.retry_after)
                each.next_attempt_at = None if is_test else at
                if each.next_attempt_at is None:
                    each.state, failed = DeliveryState.FAILED, failed + 1
            if any(each.change_id is not None and each.told is None for each in deliveries):
                health = after_failure(health_of(channel), now, attempt.retry_after)
                _set_health(channel, health)
                if health.is_suspect and health.held_until is not None:
                    # The channel is at fault: its pause counts, and not that of the message.
                    for each in deliveries:
                        if each.next_attempt_at is not None:
                            each.next_attempt_at = min(each.next_attempt_at, health.held_until)
            return Recorded(failed=failed)


async def _recover(session: AsyncSession, channel: Channel, now: datetime) -> None:
    if health_of(channel).is_suspect:
        await session.flush()
        await session.execute(
            update(Delivery)
            .where(*_pending(channel.id), Delivery.due_at <= now, Delivery.next_attempt_at > now)
            .values(next_attempt_at=now)
            .execution_options(synchronize_session=False)
        )
    _set_health(channel, HEALTHY)


def _set_health(channel: Channel, health: Health) -> None:
    channel.failures = health.failures
    channel.failing_since = health.failing_since
    channel.held_until = health.held_until
    if channel.state is not ChannelState.OFF:
        channel.state = ChannelState.PAUSED if health.paused else ChannelState.ACTIVE


def turn_on(channel: Channel) -> None:
    """Deliver to the channel again, at once."""
    channel.state, channel.off_reason = ChannelState.ACTIVE, None
    _set_health(channel, HEALTHY)


async def turn_off(session: AsyncSession, channel: Channel, reason: str = TURNED_OFF) -> None:
    """Deliver nothing more to the channel, for that `reason`; what is pending fails."""
    channel.state, channel.off_reason = ChannelState.OFF, reason
    await _fail(session, channel.id, TURNED_OFF)
