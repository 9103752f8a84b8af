"""Queries and writes for pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID, uuid4

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.errors import NotFound, SubjectGone
from core.web.crawl_settings import CrawlSettings
from store.db.paging import Paged, PageRequest, paged
from store.db.upsert import ROWS_PER_STATEMENT, upsert
from store.tables.domains import Domain
from store.tables.pages import Page


@dataclass(frozen=True)
class NewPage:
    """A page to add; `url` is normalised (`core.web.urls`), and `id` is random if unset."""

    url: str
    page_type: str
    title: str | None = None
    monitoring_enabled: bool = True
    crawl_settings: CrawlSettings | None = None
    id: UUID | None = None


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
    rows = select(Page, Domain).join(Domain, Page.domain_id == Domain.id).where(Page.id == page_id)
    found = (await session.execute(rows)).first()
    if found is None:
        raise SubjectGone("The page does not exist here any more.")
    return found[0], found[1]


async def page_of_url(session: AsyncSession, domain_id: UUID, url: str) -> Page:
    """The domain's page at the normalised `url`. Raises NotFound if there is none."""
    found = await session.scalar(select(Page).where(Page.domain_id == domain_id, Page.url == url))
    if found is None:
        raise NotFound("Page not found.")
    return found


async def list_pages(session: AsyncSession, domain_id: UUID, request: PageRequest) -> Paged[Page]:
    """The domain's pages, newest first."""
    rows = select(Page).where(Page.domain_id == domain_id)
    return await paged(session, rows, Page.created_at, Page.id, request)


async def delete_page(session: AsyncSession, org_id: UUID, page_id: UUID) -> None:
    """Delete the page and all its data. Raises NotFound if there is none with this id."""
    owned = select(Domain.id).where(Domain.org_id == org_id)
    deleted = await session.scalar(
        delete(Page).where(Page.id == page_id, Page.domain_id.in_(owned)).returning(Page.id)
    )
    if deleted is None:
        raise NotFound("Page not found.")
