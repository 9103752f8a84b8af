"""Matches stored changes with the alerts of their organisation."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid5

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, exists, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.alerts.attempts import DeliveryState
from core.alerts.rules import (
    NO_WORDS,
    WATCH_EVENTS,
    ChangeFacts,
    Needs,
    RuleIndex,
    WordsOfChange,
    words_of,
)
from core.alerts.timing import Digest, told_at
from core.changes.diff import TextDifference
from core.changes.events import Event
from core.changes.price_list import steps_of
from core.changes.rules import Severity
from core.outbox import ChangeMessage, MessageKind
from store.db.types import has_tag
from store.db.upsert import ROWS_PER_STATEMENT, upsert
from store.outbox_rows import put
from store.prices import moves_of
from store.rule_indexes import Recipient, RuleIndexes
from store.tables.alerts import Alert, AlertChannel, Delivery
from store.tables.changes import Change
from store.tables.domains import Domain
from store.tables.pages import Page
from store.tables.requests import OutboxMessage

STORED_DIFFERENCE = TypeAdapter(TextDifference)
ANNOUNCED: Final = "diffy_announced"


async def announce_change(session: AsyncSession, change_id: UUID, domain_id: UUID) -> None:
    """Have a stored change told, by a message of the outbox, if its organisation has an alert.

    Once the transaction is committed, it is for its process to tell what was `announced`; if that
    dies, the reconciler does.
    """
    has_alert = exists().where(
        Alert.org_id == Domain.org_id, Alert.enabled, AlertChannel.alert_id == Alert.id
    )
    if await session.scalar(select(Domain.id).where(Domain.id == domain_id, has_alert)):
        await put(session, ChangeMessage(subject_id=change_id, domain_id=domain_id))
        session.info.setdefault(ANNOUNCED, []).append(change_id)


def announced(session: AsyncSession) -> Sequence[UUID]:
    """The changes that the transaction of the session has announced, in their order."""
    return tuple(session.info.get(ANNOUNCED, ()))


async def match_change(
    session: AsyncSession, change_id: UUID, now: datetime, indexes: RuleIndexes
) -> Sequence[UUID]:
    """Store a delivery of the change for each channel of an alert that matches; the channels with a
    delivery to make. Idempotent.

    Earlier changes of the page whose message waits still are matched first: of two processes the
    one with the newer change may be faster.
    """
    change = await session.scalar(select(Change).where(Change.id == change_id))
    if change is None:
        return []
    earlier = (
        select(Change)
        .join(OutboxMessage, OutboxMessage.subject_id == Change.id)
        .where(
            OutboxMessage.kind == MessageKind.CHANGE,
            Change.domain_id == change.domain_id,
            Change.page_id.is_not_distinct_from(change.page_id),
            Change.created_at < change.created_at,
        )
        .order_by(Change.created_at, Change.id)
    )
    changes = [*(await session.scalars(earlier)), change]
    index = await indexes.of(session, change.org_id)
    facts = await facts_of(session, changes, index.needs)
    channel_ids: set[UUID] = set()
    for each in changes:
        for recipient in recipients(index, facts[each.id]):
            await _add(session, each, recipient, now)
            channel_ids.add(recipient.channel_id)
    return sorted(channel_ids)


def recipients(index: RuleIndex[Recipient], facts: ChangeFacts) -> list[Recipient]:
    """Whom a change is told, each channel once: by the alert that tells it first."""
    found: dict[UUID, Recipient] = {}
    for each in index.matching(facts):
        present = found.get(each.channel_id)
        if present is None or _promptness(each) < _promptness(present):
            found[each.channel_id] = each
    return list(found.values())


def _promptness(recipient: Recipient) -> tuple[int, bool]:
    return list(Digest).index(recipient.digest), recipient.quiet_hours is not None


async def facts_of(
    session: AsyncSession, changes: Sequence[Change], needs: Needs
) -> dict[UUID, ChangeFacts]:
    """What rules with these `needs` see of each change, by its id."""
    ids = [change.id for change in changes]
    rows = (
        await session.execute(
            select(Change.id, Page.page_type, Page.tags, Domain.tags)
            .outerjoin(Page, Change.page_id == Page.id)
            .join(Domain, Change.domain_id == Domain.id)
            .where(Change.id.in_(ids))
        )
    ).all()
    words: Mapping[UUID, WordsOfChange] = {}
    if needs.difference:
        read = select(Change.id, Change.diff).where(Change.id.in_(ids))
        stored = (await session.execute(read)).all()
        words = await asyncio.to_thread(_words, stored)
    about = {row[0]: row for row in rows}
    prices = await moves_of(session, changes)
    whole = {
        each.id: each.domain_id for each in changes if is_of_whole_domain(each.page_id, each.event)
    }
    pages = await pages_of_domains(session, set(whole.values()), needs)
    found = {}
    for change in changes:
        _, page_type, page_tags, domain_tags = about[change.id]
        found[change.id] = ChangeFacts(
            domain_id=change.domain_id,
            page_id=change.page_id,
            page_type=page_type,
            tags=frozenset((*(page_tags or ()), *domain_tags)),
            change_type=change.change_type,
            severity=Severity(change.severity),
            confidence=change.confidence,
            price_steps=steps_of(prices[change.id]),
            words=words.get(change.id, NO_WORDS),
            pages=pages[change.domain_id] if change.id in whole else {},
        )
    return found


def _words(stored: Iterable[Sequence[Any]]) -> dict[UUID, WordsOfChange]:
    """The words of changes, by their ids, from their stored differences."""
    return {
        change_id: words_of(STORED_DIFFERENCE.validate_python(difference))
        for change_id, difference in stored
    }


def of_whole_domain() -> ColumnElement[bool]:
    """That a change says that watching a whole domain broke or works again."""
    return Change.page_id.is_(None) & Change.event.in_(WATCH_EVENTS)


def is_of_whole_domain(page_id: UUID | None, event: Event) -> bool:
    """Whether a change of that page says that watching a whole domain broke or works again."""
    return page_id is None and event in WATCH_EVENTS


async def pages_of_domains(
    session: AsyncSession, domain_ids: set[UUID], needs: Needs
) -> dict[UUID, dict[UUID, frozenset[str]]]:
    """The tags of the pages of each domain that rules name, or name a tag of."""
    found: dict[UUID, dict[UUID, frozenset[str]]] = {each: {} for each in domain_ids}
    if not domain_ids:
        return found
    named = sorted(needs.page_ids)
    tags = sorted(needs.tags)
    wanted: list[ColumnElement[bool]] = [
        Page.id.in_(named[start : start + ROWS_PER_STATEMENT])
        for start in range(0, len(named), ROWS_PER_STATEMENT)
    ] + [
        or_(*(has_tag(Page.tags, tag) for tag in tags[start : start + ROWS_PER_STATEMENT]))
        for start in range(0, len(tags), ROWS_PER_STATEMENT)
    ]
    for condition in wanted:
        rows = await session.execute(
            select(Page.domain_id, Page.id, Page.tags).where(
                Page.domain_id.in_(domain_ids), condition
            )
        )
        for domain_id, page_id, page_tags in rows:
            found[domain_id][page_id] = frozenset(page_tags)
    return found


def delivery_id(change_id: UUID, channel_id: UUID) -> UUID:
    """The one id under which a channel is told a change."""
    return uuid5(change_id, channel_id.hex)


async def _add(session: AsyncSession, change: Change, recipient: Recipient, now: datetime) -> None:
    due_at = told_at(now, recipient.digest, recipient.quiet_hours)
    await session.execute(
        upsert(session, Delivery)
        .values(
            id=delivery_id(change.id, recipient.channel_id),
            org_id=change.org_id,
            channel_id=recipient.channel_id,
            alert_id=recipient.alert_id,
            change_id=change.id,
            page_id=change.page_id,
            changed_at=change.created_at,
            state=DeliveryState.PENDING,
            due_at=due_at,
            next_attempt_at=due_at,
            is_digest=recipient.digest is not Digest.NONE,
            created_at=now,
        )
        .on_conflict_do_nothing()
    )
