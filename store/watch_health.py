"""Which pages of an organisation are not watched as they should be."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, and_, false, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from core.schedules import last_firings
from store.tables.domains import Domain, DomainStatus
from store.tables.pages import Page

MISSED_CHECKS: Final = 2
"""A page is stale if its last check that worked is older than so many of its firings."""

GRACE: Final = timedelta(minutes=15)
"""For a check that is due to end."""


@dataclass(frozen=True)
class WatchedPage:
    """A page, and the name of its domain."""

    page: Page
    domain: str


@dataclass(frozen=True)
class PageGroup:
    """How many pages are in a group, and the first of them."""

    total: int
    pages: list[WatchedPage]


@dataclass(frozen=True)
class WatchHealth:
    """The watched pages of domains that are not paused, each in one group at most.

    The checks of `failing` pages failed since the last one that worked. `stale` pages were not
    checked when they should have been. `domains` have a discovery or most checks that fail.
    """

    watched: int
    failing: PageGroup
    stale: PageGroup
    never_checked: PageGroup
    domains: list[Domain]


async def watch_health(
    session: AsyncSession, org_id: UUID, now: datetime, limit: int, domain_id: UUID | None = None
) -> WatchHealth:
    """The state of all watched pages of the organisation, or of one domain; `limit` pages of each
    group.
    """
    domains = [Domain.org_id == org_id, Domain.status == DomainStatus.ACTIVE]
    if domain_id is not None:
        domains.append(Domain.id == domain_id)
    watched = and_(*domains, Page.monitoring_enabled)
    failing = and_(watched, Page.failed_checks > 0)
    works = and_(watched, Page.failed_checks == 0)
    missed = await _missed(session, and_(*domains), watched, now)
    broken = or_(
        Domain.discovery_broken_since.is_not(None), Domain.checks_broken_since.is_not(None)
    )
    of_domain = select(Domain).where(*domains, broken).order_by(Domain.domain).limit(limit)
    return WatchHealth(
        watched=await _count(session, watched),
        failing=await _group(session, failing, Page.failed_at.desc(), limit),
        stale=await _group(session, and_(works, missed), Page.last_check_at, limit),
        never_checked=await _group(
            session, and_(works, Page.last_check_at.is_(None)), Page.created_at, limit
        ),
        domains=list((await session.scalars(of_domain)).all()),
    )


async def problems_of(session: AsyncSession, domain_ids: Sequence[UUID]) -> dict[UUID, str]:
    """Why most checks or the last discovery of domains failed, by the id of the domain; those that
    work, or are paused, have none.
    """
    rows = await session.scalars(
        select(Domain).where(
            Domain.id.in_(domain_ids),
            Domain.status == DomainStatus.ACTIVE,
            or_(
                Domain.checks_broken_since.is_not(None),
                Domain.discovery_broken_since.is_not(None),
                Domain.failed_discoveries > 0,
            ),
        )
    )
    return {each.id: each.checks_problem or each.discovery_problem or "" for each in rows}


async def _missed(
    session: AsyncSession,
    domains: ColumnElement[bool],
    watched: ColumnElement[bool],
    now: datetime,
) -> ColumnElement[bool]:
    """That the last check of a page is older than its last `MISSED_CHECKS` firings."""
    at = now - GRACE
    hours = select(Domain.check_frequency_hours).where(domains, Domain.schedule.is_(None))
    of_hours = [
        and_(
            Page.schedule.is_(None),
            Domain.schedule.is_(None),
            Domain.check_frequency_hours == each,
            Page.last_check_at < at - timedelta(hours=MISSED_CHECKS * each),
        )
        for each in await session.scalars(hours.distinct())
    ]
    scheduled = select(Domain.id, Domain.schedule, Domain.created_at).where(
        domains, Domain.schedule.is_not(None)
    )
    of_domains = [
        and_(Page.schedule.is_(None), Domain.id == domain_id, Page.last_check_at < fired[0])
        for domain_id, schedule, since in await session.execute(scheduled)
        if schedule and len(fired := last_firings(schedule, since, at, MISSED_CHECKS)) > 1
    ]
    own = (
        select(Page.id, Page.schedule, Page.created_at, Page.last_check_at)
        .join(Domain, Page.domain_id == Domain.id)
        .where(watched, Page.schedule.is_not(None), Page.last_check_at.is_not(None))
    )
    of_pages = [
        page_id
        for page_id, schedule, since, checked in await session.execute(own)
        if schedule
        and checked
        and len(fired := last_firings(schedule, since, at, MISSED_CHECKS)) > 1
        and checked < fired[0]
    ]
    return or_(false(), *of_hours, *of_domains, Page.id.in_(of_pages))


async def _count(session: AsyncSession, condition: ColumnElement[bool]) -> int:
    rows = select(func.count()).select_from(Page).join(Domain, Page.domain_id == Domain.id)
    return await session.scalar(rows.where(condition)) or 0


async def _group(
    session: AsyncSession,
    condition: ColumnElement[bool],
    order: ColumnElement[Any] | InstrumentedAttribute[Any],
    limit: int,
) -> PageGroup:
    rows = (
        select(Page, Domain.domain)
        .join(Domain, Page.domain_id == Domain.id)
        .where(condition)
        .order_by(order, Page.id)
        .limit(limit)
    )
    pages = [WatchedPage(page, domain) for page, domain in await session.execute(rows)]
    return PageGroup(await _count(session, condition), pages)
