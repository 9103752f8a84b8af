"""Queries and writes for changes."""

from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID, uuid4

from pydantic import JsonValue
from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased, undefer

from core.changes.detection import DetectedChange
from core.changes.events import Event
from core.errors import NotFound
from core.jobs.ids import batch_part
from store.db.paging import Paged, PageRequest, paged
from store.db.types import contains_text, has_tag
from store.matching import announce_change
from store.tables.batches import BatchPage
from store.tables.changes import Change
from store.tables.domains import Domain
from store.tables.pages import Page
from store.tables.snapshots import Snapshot

EventOwner = Page | Domain
"""What an event is about: its organisation is that of the domain."""

MAX_RECENT_CHANGES = 5


@dataclass(frozen=True)
class ChangeFilter:
    """A filter of changes; a field that is None does not filter.

    `since` is the first moment included, `until` the first one excluded. A `tag` is one of the page
    or of its domain. A `batch_id` finds nothing once the batch is past its retention; if it is that
    of a group, `batches` are those of the group. A `text` is in the summary, the URL of the page or
    the name of the domain.
    """

    domain_id: UUID | None = None
    page_id: UUID | None = None
    change_type: str | None = None
    severity: str | None = None
    event: Event | None = None
    since: datetime | None = None
    until: datetime | None = None
    acknowledged: bool | None = None
    tag: str | None = None
    batch_id: UUID | None = None
    batches: tuple[UUID, ...] = ()
    text: str | None = None

    def conditions(self) -> Iterator[ColumnElement[bool]]:
        """The conditions of the fields that are set."""
        if self.domain_id is not None:
            yield Change.domain_id == self.domain_id
        if self.page_id is not None:
            yield Change.page_id == self.page_id
        if self.change_type is not None:
            yield Change.change_type == self.change_type
        if self.severity is not None:
            yield Change.severity == self.severity
        if self.event is not None:
            yield Change.event == self.event
        if self.since is not None:
            yield Change.created_at >= self.since
        if self.until is not None:
            yield Change.created_at < self.until
        if self.tag is not None:
            yield or_(
                Change.domain_id.in_(select(Domain.id).where(has_tag(Domain.tags, self.tag))),
                Change.page_id.in_(select(Page.id).where(has_tag(Page.tags, self.tag))),
            )
        if self.acknowledged is not None:
            yield (
                Change.acknowledged_at.is_not(None)
                if self.acknowledged
                else Change.acknowledged_at.is_(None)
            )
        if self.batch_id is not None:
            batches = self.batches or (self.batch_id,)
            members = select(BatchPage.page_id).where(BatchPage.batch_id.in_(batches))
            yield Change.page_id.in_(members)
            of_batch = (batch_part(each) for each in batches)
            yield or_(*(Change.job_id.contains(each, autoescape=True) for each in of_batch))
        if self.text is not None:
            named = contains_text(self.text, Domain.domain, Domain.display_name)
            yield or_(
                contains_text(self.text, Change.summary),
                Change.page_id.in_(select(Page.id).where(contains_text(self.text, Page.url))),
                Change.domain_id.in_(select(Domain.id).where(named)),
            )


NO_FILTER = ChangeFilter()


async def record_event(
    session: AsyncSession,
    owner: EventOwner,
    page_id: UUID | None,
    job_id: str,
    detected: DetectedChange,
    *,
    at: datetime,
    before_id: UUID | None = None,
    after_id: UUID | None = None,
) -> UUID:
    """Store a change of a page, or an event; its id. Every row of the list of changes is written
    here.

    The outbox has it told, if the organisation has an alert.

    `owner` is the page or the domain that it is about, and `page_id` None if it is about the
    domain. A job reports at most one row of each kind of event about a page.
    """
    domain_id = owner.domain_id if isinstance(owner, Page) else owner.id
    change = Change(
        id=uuid4(),
        org_id=select(Domain.org_id).where(Domain.id == domain_id).scalar_subquery(),
        domain_id=domain_id,
        page_id=page_id,
        job_id=job_id,
        before_id=before_id,
        after_id=after_id,
        event=Event.of(detected.change_type),
        change_type=detected.change_type,
        severity=detected.severity,
        confidence=detected.confidence,
        summary=detected.summary,
        prices=detected.prices,
        diff=asdict(detected.difference.for_display()),
        created_at=at,
    )
    session.add(change)
    await session.flush()
    await announce_change(session, change.id, domain_id)
    return change.id


async def list_changes(
    session: AsyncSession, org_id: UUID, request: PageRequest, wanted: ChangeFilter = NO_FILTER
) -> Paged[Change]:
    """The organisation's changes that match the filter, newest first, without their `diff`."""
    rows = select(Change).where(Change.org_id == org_id, *wanted.conditions())
    return await paged(session, rows, Change.created_at, Change.id, request)


async def get_change(
    session: AsyncSession, org_id: UUID, change_id: UUID, *, lock: bool = False
) -> Change:
    """The organisation's change with its `diff`. Raises NotFound if there is none with this id.

    With `lock`, no other transaction can change or delete it until the end of this one.
    """
    rows = (
        select(Change)
        .options(undefer(Change.diff))
        .where(Change.id == change_id, Change.org_id == org_id)
    )
    change = await session.scalar(rows.with_for_update(key_share=True) if lock else rows)
    if change is None:
        raise NotFound("Change not found.")
    return change


async def acknowledge_change(
    session: AsyncSession, org_id: UUID, change_id: UUID, by: str | None, at: datetime
) -> Change:
    """Record that `by` has seen the organisation's change; idempotent: the first one wins.

    Raises NotFound if there is none with this id.
    """
    change = await get_change(session, org_id, change_id, lock=True)
    if change.acknowledged_at is None:
        change.acknowledged_at, change.acknowledged_by = at, by
    return change


@dataclass(frozen=True)
class ToldDifference:
    """What a change told of the text of a page: its stored `diff`.

    `same_name` is whether the page kept its title and its URL.
    """

    id: UUID
    change_type: str
    diff: JsonValue
    same_name: bool


async def told_differences(
    session: AsyncSession, domain_id: UUID, page_id: UUID | None, first_id: UUID, limit: int
) -> list[ToldDifference]:
    """The change `first_id`, and the newest changes of texts of the domain or of one of its pages:
    at most `limit`.
    """
    before, after = aliased(Snapshot), aliased(Snapshot)
    rows = (
        select(
            Change.id,
            Change.change_type,
            Change.diff,
            before.title.is_not_distinct_from(after.title) & (before.url == after.url),
        )
        .outerjoin(before, Change.before_id == before.id)
        .outerjoin(after, Change.after_id == after.id)
        .where(Change.domain_id == domain_id, Change.event == Event.CHANGE)
        .order_by((Change.id == first_id).desc(), Change.created_at.desc(), Change.id.desc())
        .limit(limit)
    )
    if page_id is not None:
        rows = rows.where(Change.page_id == page_id)
    return [
        ToldDifference(change_id, kind, diff, bool(same))
        for change_id, kind, diff, same in await session.execute(rows)
    ]


async def changes_since(
    session: AsyncSession, org_ids: Collection[UUID], moment: datetime, limit: int | None
) -> list[Change]:
    """The changes of these organisations since `moment`, oldest first, without their `diff`."""
    rows = (
        select(Change)
        .where(Change.org_id.in_(org_ids), Change.created_at >= moment)
        .order_by(Change.created_at, Change.id)
        .limit(limit)
    )
    return list((await session.scalars(rows)).all())


async def recent_changes(session: AsyncSession, domain_id: UUID) -> list[Change]:
    """The newest changes of a domain, at most `MAX_RECENT_CHANGES`, without their `diff`."""
    rows = (
        select(Change)
        .where(Change.domain_id == domain_id)
        .order_by(Change.created_at.desc(), Change.id.desc())
        .limit(MAX_RECENT_CHANGES)
    )
    return list((await session.scalars(rows)).all())


async def summaries(session: AsyncSession, org_id: UUID, ids: Collection[UUID]) -> dict[UUID, str]:
    """The summaries of those changes that the organisation has, by their ids."""
    rows = select(Change.id, Change.summary).where(Change.org_id == org_id, Change.id.in_(ids))
    return {row.id: row.summary for row in await session.execute(rows)}


@dataclass(frozen=True)
class ChangedPage:
    """What a change is about: a page, or a site, whose URL is that of its front page."""

    url: str
    domain: str


async def changed_pages(session: AsyncSession, changes: list[Change]) -> dict[UUID, ChangedPage]:
    """What each change is about, by the id of the change."""
    rows = (
        select(Change.id, Page.url, Domain.domain, Domain.origin)
        .join(Domain, Change.domain_id == Domain.id)
        .outerjoin(Page, Change.page_id == Page.id)
        .where(Change.id.in_([change.id for change in changes]))
    )
    return {
        row.id: ChangedPage(row.url or f"{row.origin}/", row.domain)
        for row in await session.execute(rows)
    }
