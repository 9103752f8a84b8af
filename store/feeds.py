"""Feeds, and the changes in them."""

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, delete, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from core.alerts.feed import MAX_FEED_ENTRIES
from core.alerts.rules import AlertRule, ChangeFacts, Needs, judge
from core.errors import NotFound
from store.db.paging import Paged, PageRequest, paged
from store.db.types import has_tag
from store.db.upsert import ROWS_PER_STATEMENT
from store.keys import hash_of
from store.matching import facts_of, is_of_whole_domain, of_whole_domain, pages_of_domains
from store.tables.alerts import Alert
from store.tables.changes import Change
from store.tables.domains import Domain
from store.tables.feeds import Feed, FeedKind
from store.tables.pages import Page

MAX_JUDGED: Final = 2_000
"""Changes, the newest, among which those of an alert are looked for."""

JUDGED_AT_ONCE: Final = 50

MAX_KNOWN_FEEDS: Final = 1_000
"""Feeds of alerts whose changes are remembered, by their ids."""


def new_token() -> str:
    """A token that cannot be guessed."""
    return secrets.token_urlsafe(32)


async def get_feed(session: AsyncSession, org_id: UUID, feed_id: UUID) -> Feed:
    """The organisation's feed. Raises NotFound if there is none with this id."""
    found = await session.get(Feed, feed_id)
    if found is None or found.org_id != org_id:
        raise NotFound("Feed not found.")
    return found


async def list_feeds(session: AsyncSession, org_id: UUID, request: PageRequest) -> Paged[Feed]:
    """The organisation's feeds, newest first."""
    rows = select(Feed).where(Feed.org_id == org_id)
    return await paged(session, rows, Feed.created_at, Feed.id, request)


async def delete_feed(session: AsyncSession, org_id: UUID, feed_id: UUID) -> None:
    """Delete a feed: its address answers no more. Raises NotFound if there is none with this id."""
    deleted = await session.scalar(
        delete(Feed).where(Feed.id == feed_id, Feed.org_id == org_id).returning(Feed.id)
    )
    if deleted is None:
        raise NotFound("Feed not found.")


async def feed_of_token(session: AsyncSession, token: str) -> Feed:
    """The feed with this token. Raises NotFound."""
    found = await session.scalar(select(Feed).where(Feed.token_hash == hash_of(token)))
    if found is None:
        raise NotFound("Feed not found.")
    return found


async def version_of(session: AsyncSession, feed: Feed) -> str:
    """What the entries of a feed depend on, as a digest: while it is the same, so are they.

    It reads the id of each change that is shown; for an alert, of each that may have to be judged.
    Of their pages and domains it reads a few columns. A stored change never becomes another one.
    """
    rule = await _rule_of(session, feed)
    limit = MAX_FEED_ENTRIES if rule is None else MAX_JUDGED
    of = (Change.id, Change.page_id, Change.domain_id, Change.event)
    rows = (await session.execute(_rows(feed, of).limit(limit))).all()
    parts: list[object] = [feed.id, feed.name, feed.kind, feed.created_at]
    parts += [row.id for row in rows]
    page_ids = {row.page_id for row in rows if row.page_id is not None}
    of_page = (Page.id, Page.url, Page.page_type, Page.title, Page.tags)
    parts += await _columns(session, of_page, page_ids)
    of_domain = (Domain.id, Domain.domain, Domain.origin, Domain.tags)
    parts += await _columns(session, of_domain, {row.domain_id for row in rows})
    if rule is not None:
        whole = {row.domain_id for row in rows if is_of_whole_domain(row.page_id, row.event)}
        pages = await pages_of_domains(session, whole, Needs.of([rule]))
        named = [each for of_one in pages.values() for each in of_one.items()]
        parts += sorted((page_id, sorted(tags)) for page_id, tags in named)
        parts.append(rule.model_dump_json())
    return sha256(repr(parts).encode()).hexdigest()


async def _columns(
    session: AsyncSession, columns: Sequence[InstrumentedAttribute[Any]], ids: Collection[UUID]
) -> list[tuple[Any, ...]]:
    """These columns, of which the first is the id, of the rows with these ids, in their order."""
    ordered, found = sorted(ids), list[tuple[Any, ...]]()
    for start in range(0, len(ordered), ROWS_PER_STATEMENT):
        some = columns[0].in_(ordered[start : start + ROWS_PER_STATEMENT])
        rows = await session.execute(select(*columns).where(some).order_by(columns[0]))
        found += map(tuple, rows)
    return found


class KnownMatches:
    """The changes of the feeds of alerts that were read last, each for one version of its feed: a
    reader that asks without a condition does not have everything judged again.
    """

    def __init__(self) -> None:
        self._found: OrderedDict[UUID, tuple[str, Sequence[UUID]]] = OrderedDict()

    def get(self, feed_id: UUID, version: str) -> Sequence[UUID] | None:
        """The changes of that version of the feed, newest first; None if they are not known."""
        known = self._found.get(feed_id)
        return known[1] if known is not None and known[0] == version else None

    def keep(self, feed_id: UUID, version: str, change_ids: Sequence[UUID]) -> None:
        """Remember the changes of that version of the feed."""
        self._found.pop(feed_id, None)
        self._found[feed_id] = version, change_ids
        if len(self._found) > MAX_KNOWN_FEEDS:
            self._found.popitem(last=False)


async def changes_of_feed(
    session: AsyncSession, feed: Feed, version: str, known: KnownMatches
) -> Sequence[Change]:
    """The newest changes of the feed, newest first, at most `MAX_FEED_ENTRIES`.

    Those of an alert are the ones that match its rule, whether the alert is enabled or not, among
    the newest of the organisation. `version` is that of the feed.
    """
    rule = await _rule_of(session, feed)
    if rule is None:
        return (await session.scalars(_changes(feed).limit(MAX_FEED_ENTRIES))).all()
    change_ids = known.get(feed.id, version)
    if change_ids is None:
        found = await _matching(session, feed, rule)
        known.keep(feed.id, version, [each.id for each in found])
        return found
    return (await session.scalars(_changes(feed).where(Change.id.in_(change_ids)))).all()


async def _rule_of(session: AsyncSession, feed: Feed) -> AlertRule | None:
    """The rule of the feed's alert; None if it is not of an alert. Raises NotFound if the alert has
    just been deleted: its feeds are, too.
    """
    if feed.kind is not FeedKind.ALERT:
        return None
    alert = await session.get(Alert, feed.alert_id)
    if alert is None:
        raise NotFound("Feed not found.")
    return alert.rule


def _changes(feed: Feed) -> Select[Change]:
    return _rows(feed, (Change,))


def _rows(feed: Feed, columns: Sequence[Any]) -> Select[Any]:
    """These columns of the changes that a feed is of, newest first; of those that an alert may
    match for the feed of one.
    """
    rows = (
        select(*columns)
        .select_from(Change)
        .join(Domain, Change.domain_id == Domain.id)
        .outerjoin(Page, Change.page_id == Page.id)
        .where(Change.org_id == feed.org_id)
        .order_by(Change.created_at.desc(), Change.id.desc())
    )
    match feed.kind:
        case FeedKind.DOMAIN:
            return rows.where(Change.domain_id == feed.domain_id)
        case FeedKind.TAG:
            assert feed.tag is not None
            of_page = of_whole_domain() & Change.domain_id.in_(_domains_of_pages(feed.tag))
            return rows.where(
                or_(has_tag(Domain.tags, feed.tag), has_tag(Page.tags, feed.tag), of_page)
            )
        case FeedKind.ORGANISATION | FeedKind.ALERT:
            return rows


def _domains_of_pages(tag: str) -> Select[UUID]:
    """The domains with a page that has the tag."""
    return select(Page.domain_id).where(has_tag(Page.tags, tag))


async def _matching(session: AsyncSession, feed: Feed, rule: AlertRule) -> Sequence[Change]:
    found: list[Change] = []
    needs = Needs.of([rule])
    for start in range(0, MAX_JUDGED, JUDGED_AT_ONCE):
        part = (await session.scalars(_changes(feed).offset(start).limit(JUDGED_AT_ONCE))).all()
        facts = await facts_of(session, part, needs)
        # A rule may search long texts for many words: others are answered meanwhile.
        matching = await asyncio.to_thread(_judged, rule, facts)
        found += [change for change in part if change.id in matching]
        if len(found) >= MAX_FEED_ENTRIES or len(part) < JUDGED_AT_ONCE:
            break
    return found[:MAX_FEED_ENTRIES]


def _judged(rule: AlertRule, facts: Mapping[UUID, ChangeFacts]) -> set[UUID]:
    return {change_id for change_id, each in facts.items() if judge(rule, each).matches}
