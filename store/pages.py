"""Queries and writes for pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID, uuid4

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core.errors import NotFound, SubjectGone
from core.outbox import PageScheduleMessage
from core.schedules import Schedule
from core.tags import NO_TAGS, Tags
from core.web.crawl_settings import CrawlSettings
from store.db.paging import Paged, PageRequest, paged
from store.db.types import contains_text, has_tag
from store.db.upsert import ROWS_PER_STATEMENT, upsert
from store.hosts import delete_turns_of_pages
from store.outbox_rows import put
from store.tables.domains import Domain
from store.tables.pages import Page

WITH_DOMAIN: Final = (
    select(Page, Domain)
    .join(Domain, Page.domain_id == Domain.id)
    .where(Page.id == bindparam("page"))
)
"""The statement of `page_with_domain`."""


@dataclass(frozen=True)
class NewPage:
    """A page to add; `url` is normalised (`core.web.urls`), and `id` is random if unset.

    `found_at` is set if a discovery found the page, and `found_by` is that discovery if the page is
    to be told of as a new one.
    """

    url: str
    page_type: str
    title: str | None = None
    monitoring_enabled: bool = True
    crawl_settings: CrawlSettings | None = None
    tags: Tags = NO_TAGS
    id: UUID | None = None
    schedule: Schedule | None = None
    found_at: datetime | None = None
    found_by: str | None = None


@dataclass(frozen=True)
class Added:
    """The ids of the added pages, and the URLs of those that existed."""

    added: list[UUID]
    known: list[str]


async def add_pages(session: AsyncSession, domain_id: UUID, pages: Sequence[NewPage]) -> Added:
    """Add the pages that the domain does not have; idempotent."""
    now = datetime.now(UTC)
    added: dict[str, UUID] = {}
    # Sorted, so that two discoveries of a domain cannot deadlock.
    ordered = sorted(pages, key=lambda page: page.url)
    for start in range(0, len(ordered), ROWS_PER_STATEMENT):
        rows = [
            {
                "id": page.id or uuid4(),
                "domain_id": domain_id,
                "url": page.url,
                "page_type": page.page_type,
                "title": page.title,
                "monitoring_enabled": page.monitoring_enabled,
                "crawl_settings": page.crawl_settings,
                "tags": page.tags,
                "schedule": page.schedule,
                "found_at": page.found_at,
                "found_by": page.found_by,
                "created_at": now,
            }
            for page in ordered[start : start + ROWS_PER_STATEMENT]
        ]
        inserted = await session.execute(
            upsert(session, Page).values(rows).on_conflict_do_nothing().returning(Page.url, Page.id)
        )
        added.update((url, page_id) for url, page_id in inserted)
    return Added(list(added.values()), [page.url for page in pages if page.url not in added])


async def get_page(
    session: AsyncSession, org_id: UUID, page_id: UUID, *, lock: bool = False
) -> Page:
    """The organisation's page. Raises NotFound if there is none with this id.

    With `lock`, no other transaction can change or delete it until the end of this one.
    """
    rows = (
        select(Page)
        .join(Domain, Page.domain_id == Domain.id)
        .where(Page.id == page_id, Domain.org_id == org_id)
    )
    found = await session.scalar(rows.with_for_update(of=Page, key_share=True) if lock else rows)
    if found is None:
        raise NotFound("Page not found.")
    return found


async def page_by_id(session: AsyncSession, page_id: UUID) -> Page:
    """The page of any organisation. Raises SubjectGone if it does not exist."""
    found = await session.get(Page, page_id)
    if found is None:
        raise SubjectGone("The page does not exist here any more.")
    return found


async def existing_pages(
    session: AsyncSession, domain_id: UUID, page_ids: Sequence[UUID]
) -> list[UUID]:
    """Those of the pages that the domain has."""
    found: list[UUID] = []
    for start in range(0, len(page_ids), ROWS_PER_STATEMENT):
        some = page_ids[start : start + ROWS_PER_STATEMENT]
        rows = select(Page.id).where(Page.domain_id == domain_id, Page.id.in_(some))
        found += await session.scalars(rows)
    return found


async def page_with_domain(session: AsyncSession, page_id: UUID) -> tuple[Page, Domain]:
    """The page of any organisation and its domain. Raises SubjectGone if it does not exist."""
    found = (await session.execute(WITH_DOMAIN, {"page": page_id})).first()
    if found is None:
        raise SubjectGone("The page does not exist here any more.")
    return found[0], found[1]


async def page_of_url(session: AsyncSession, domain_id: UUID, url: str) -> Page:
    """The domain's page at the normalised `url`. Raises NotFound if there is none."""
    found = await session.scalar(select(Page).where(Page.domain_id == domain_id, Page.url == url))
    if found is None:
        raise NotFound("Page not found.")
    return found


async def known_urls(session: AsyncSession, domain_id: UUID, urls: Sequence[str]) -> set[str]:
    """Those of the URLs that are pages of the domain."""
    known: set[str] = set()
    for start in range(0, len(urls), ROWS_PER_STATEMENT):
        some = urls[start : start + ROWS_PER_STATEMENT]
        rows = select(Page.url).where(Page.domain_id == domain_id, Page.url.in_(some))
        known.update(await session.scalars(rows))
    return known


async def has_hash_routes(session: AsyncSession, domain_id: UUID) -> bool:
    """Whether the domain has pages with a hash route (`core.web.hash_routes`)."""
    rows = select(Page.id).where(Page.domain_id == domain_id, Page.url.contains("#")).limit(1)
    return await session.scalar(rows) is not None


async def pages_at(session: AsyncSession, domain_id: UUID, urls: Sequence[str]) -> list[Page]:
    """The domain's pages at those URLs."""
    rows = select(Page).where(Page.domain_id == domain_id, Page.url.in_(urls)).order_by(Page.url)
    return list((await session.scalars(rows)).all())


async def list_pages(
    session: AsyncSession,
    domain_id: UUID,
    request: PageRequest,
    tag: str | None = None,
    text: str | None = None,
) -> Paged[Page]:
    """The domain's pages, or those with a tag of their own, or a text in URL or title, newest
    first.
    """
    rows = select(Page).where(Page.domain_id == domain_id)
    if tag is not None:
        rows = rows.where(has_tag(Page.tags, tag))
    if text is not None:
        rows = rows.where(contains_text(text, Page.url, Page.title))
    return await paged(session, rows, Page.created_at, Page.id, request)


async def delete_page(session: AsyncSession, org_id: UUID, page_id: UUID) -> None:
    """Delete the page and all its data, and write the message that deletes its schedule.

    Raises NotFound if there is none with this id.
    """
    owned = select(Domain.id).where(Domain.org_id == org_id)
    rows = await session.execute(
        delete(Page)
        .where(Page.id == page_id, Page.domain_id.in_(owned))
        .returning(Page.domain_id, Page.schedule)
    )
    deleted = rows.one_or_none()
    if deleted is None:
        raise NotFound("Page not found.")
    await delete_turns_of_pages(session, [page_id])
    if deleted.schedule is not None:
        await put(session, PageScheduleMessage.of(page_id, deleted.domain_id))


async def put_page_schedules(session: AsyncSession, domain_id: UUID) -> list[UUID]:
    """Have the schedules looked at of all pages of the domain that have their own; those pages."""
    rows = select(Page.id).where(Page.domain_id == domain_id, Page.schedule.is_not(None))
    page_ids = list(await session.scalars(rows))
    for page_id in page_ids:
        await put(session, PageScheduleMessage.of(page_id, domain_id))
    return page_ids


async def mark_found(
    session: AsyncSession, domain_id: UUID, urls: Sequence[str], at: datetime
) -> None:
    """Record that a discovery found those pages of the domain."""
    for start in range(0, len(urls), ROWS_PER_STATEMENT):
        await session.execute(
            update(Page)
            .where(
                Page.domain_id == domain_id, Page.url.in_(urls[start : start + ROWS_PER_STATEMENT])
            )
            .values(found_at=at, unlinked_at=None)
            .execution_options(synchronize_session=False)
        )


async def mark_unlinked(
    session: AsyncSession, domain_id: UUID, url: str, at: datetime
) -> Page | None:
    """Record that no link leads to the page any more; None if that was known."""
    return await session.scalar(
        update(Page)
        .where(Page.domain_id == domain_id, Page.url == url, Page.unlinked_at.is_(None))
        .values(unlinked_at=at)
        .returning(Page)
    )
