"""Queries and writes for domains."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID, uuid4

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.errors import Conflict, NotFound, SubjectGone
from core.outbox import PageScheduleMessage, ScheduleMessage
from core.schedules import Schedule
from core.tags import NO_TAGS, Tags
from core.web.crawl_settings import CrawlSettings
from core.web.watch_rules import WatchRules
from store.db.paging import Paged, PageRequest, paged
from store.db.types import contains_text, has_tag
from store.db.upsert import upsert
from store.hosts import delete_turns_of_pages
from store.outbox_rows import put, withdraw_domain
from store.tables.domains import Domain
from store.tables.pages import Page


@dataclass(frozen=True)
class PageSummary:
    """The number of pages of a domain, and the time of the last check of any of them."""

    count: int
    last_check_at: datetime | None


NO_PAGES = PageSummary(0, None)

DEFAULT_DISCOVER_FREQUENCY: Final = 24
"""Hours between two discoveries of a domain."""

ROW_LOCK: Final = {"key_share": True}
"""The lock for an update of a row: other transactions may still insert rows that refer to it."""


async def add_domain(
    session: AsyncSession,
    org_id: UUID,
    *,
    domain_id: UUID | None = None,
    domain: str,
    origin: str,
    display_name: str,
    check_frequency_hours: int,
    discover_frequency_hours: int = DEFAULT_DISCOVER_FREQUENCY,
    schedule: Schedule | None = None,
    watch: WatchRules | None = None,
    crawl_settings: CrawlSettings | None = None,
    tags: Tags = NO_TAGS,
) -> Domain:
    """Add a domain to the organisation; idempotent if `domain_id` is given.

    Raises Conflict if the organisation has the domain already, with another id.
    """
    now = datetime.now(UTC)
    added = await session.scalar(
        upsert(session, Domain)
        .values(
            id=domain_id or uuid4(),
            org_id=org_id,
            domain=domain,
            origin=origin,
            display_name=display_name,
            check_frequency_hours=check_frequency_hours,
            discover_frequency_hours=discover_frequency_hours,
            schedule=schedule,
            watch=watch,
            crawl_settings=crawl_settings,
            tags=tags,
            created_at=now,
            updated_at=now,
        )
        .on_conflict_do_nothing()
        .returning(Domain.id)
    )
    if added is not None:
        return await domain_by_id(session, added)
    found = await session.get(Domain, domain_id) if domain_id else None
    if found is None:
        raise Conflict(f"{domain} is registered already.")
    return found


async def get_domain(
    session: AsyncSession, org_id: UUID, domain_id: UUID, *, lock: bool = False
) -> Domain:
    """The organisation's domain. Raises NotFound if there is none with this id.

    With `lock`, no other transaction can change or delete it until the end of this one.
    """
    found = await session.get(Domain, domain_id, with_for_update=ROW_LOCK if lock else None)
    if found is None or found.org_id != org_id:
        raise NotFound("Domain not found.")
    return found


async def domain_by_id(session: AsyncSession, domain_id: UUID) -> Domain:
    """The domain of any organisation. Raises SubjectGone if it does not exist."""
    found = await session.get(Domain, domain_id)
    if found is None:
        raise SubjectGone("The domain does not exist here any more.")
    return found


async def domains_called(session: AsyncSession, name: str) -> list[Domain]:
    """The domain with this id, or the domains of all organisations with this name."""
    try:
        wanted = Domain.id == UUID(name)
    except ValueError:
        wanted = Domain.domain == name.lower()
    return list((await session.scalars(select(Domain).where(wanted).order_by(Domain.id))).all())


async def list_domains(
    session: AsyncSession,
    org_id: UUID,
    request: PageRequest,
    tag: str | None = None,
    text: str | None = None,
) -> Paged[Domain]:
    """The organisation's domains, or those with a tag, or a text in their names, newest first."""
    rows = select(Domain).where(Domain.org_id == org_id)
    if tag is not None:
        rows = rows.where(has_tag(Domain.tags, tag))
    if text is not None:
        rows = rows.where(contains_text(text, Domain.domain, Domain.display_name))
    return await paged(session, rows, Domain.created_at, Domain.id, request)


async def all_domains(session: AsyncSession, org_id: UUID) -> list[Domain]:
    """All domains of the organisation, oldest first."""
    rows = select(Domain).where(Domain.org_id == org_id).order_by(Domain.created_at, Domain.id)
    return list((await session.scalars(rows)).all())


async def page_summaries(
    session: AsyncSession, domain_ids: Sequence[UUID]
) -> dict[UUID, PageSummary]:
    """The page summaries by domain id; a domain without pages has none."""
    rows = await session.execute(
        select(Page.domain_id, func.count(), func.max(Page.last_check_at))
        .where(Page.domain_id.in_(domain_ids))
        .group_by(Page.domain_id)
    )
    return {domain_id: PageSummary(count, last) for domain_id, count, last in rows}


async def delete_domain(session: AsyncSession, org_id: UUID, domain_id: UUID) -> None:
    """Delete the domain and all its data, and write the messages that delete its schedules, and
    those of its pages.

    Raises NotFound if there is none with this id.
    """
    owned = select(Page.id, Page.schedule).join(Domain)
    rows = await session.execute(owned.where(Domain.id == domain_id, Domain.org_id == org_id))
    schedules: dict[UUID, Schedule | None] = {row.id: row.schedule for row in rows}
    deleted = await session.scalar(
        delete(Domain).where(Domain.id == domain_id, Domain.org_id == org_id).returning(Domain.id)
    )
    if deleted is None:
        raise NotFound("Domain not found.")
    await delete_turns_of_pages(session, list(schedules))
    await withdraw_domain(session, domain_id)
    await put(session, ScheduleMessage.of(domain_id))
    for page_id, schedule in schedules.items():
        if schedule is not None:
            await put(session, PageScheduleMessage.of(page_id, domain_id))
