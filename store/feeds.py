"""Feeds, and the changes in them."""

import secrets
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import Select, delete, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.alerts.feed import MAX_FEED_ENTRIES
from core.alerts.rules import AlertRule, Needs, judge
from core.errors import NotFound
from store.db.paging import Paged, PageRequest, paged
from store.db.types import has_tag
from store.keys import hash_of
from store.matching import facts_of, of_whole_domain
from store.tables.alerts import Alert
from store.tables.changes import Change
from store.tables.domains import Domain
from store.tables.feeds import Feed, FeedKind
from store.tables.pages import Page

MAX_JUDGED: Final = 2_000
"""Changes, the newest, among which those of an alert are looked for."""

JUDGED_AT_ONCE: Final = 200


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


async def changes_of_feed(session: AsyncSession, feed: Feed) -> Sequence[Change]:
    """The newest changes of the feed, newest first, at most `MAX_FEED_ENTRIES`.

    Those of an alert are the ones that match its rule, whether the alert is enabled or not, among
    the newest of the organisation.
    """
    rows = (
        select(Change)
        .where(Change.org_id == feed.org_id)
        .order_by(Change.created_at.desc(), Change.id.desc())
    )
    match feed.kind:
        case FeedKind.ORGANISATION:
            pass
        case FeedKind.DOMAIN:
            rows = rows.where(Change.domain_id == feed.domain_id)
        case FeedKind.TAG:
            assert feed.tag is not None
            rows = (
                rows.join(Domain, Change.domain_id == Domain.id)
                .outerjoin(Page, Change.page_id == Page.id)
                .where(
                    or_(
                        has_tag(Domain.tags, feed.tag),
                        has_tag(Page.tags, feed.tag),
                        of_whole_domain() & Change.domain_id.in_(_domains_of_pages(feed.tag)),
                    )
                )
            )
        case FeedKind.ALERT:
            alert = await session.get_one(Alert, feed.alert_id)
            return await _matching(session, feed.org_id, alert.rule)
    return (await session.scalars(rows.limit(MAX_FEED_ENTRIES))).all()


def _domains_of_pages(tag: str) -> Select[UUID]:
    """The domains with a page that has the tag."""
    return select(Page.domain_id).where(has_tag(Page.tags, tag))


async def _matching(session: AsyncSession, org_id: UUID, rule: AlertRule) -> Sequence[Change]:
    found: list[Change] = []
    rows = (
        select(Change)
        .where(Change.org_id == org_id)
        .order_by(Change.created_at.desc(), Change.id.desc())
    )
    for start in range(0, MAX_JUDGED, JUDGED_AT_ONCE):
        part = (await session.scalars(rows.offset(start).limit(JUDGED_AT_ONCE))).all()
        facts = await facts_of(session, part, Needs.of([rule]))
        found += [change for change in part if judge(rule, facts[change.id]).matches]
        if len(found) >= MAX_FEED_ENTRIES or len(part) < JUDGED_AT_ONCE:
            break
    return found[:MAX_FEED_ENTRIES]
