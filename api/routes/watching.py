"""Whether watching works."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from api.deps import DatabaseDep, PrincipalDep
from api.errors import documented_errors
from api.queries import DomainQuery
from core.model import Model, UtcTime
from store.domains import get_domain
from store.tables.domains import Domain
from store.watch_health import PageGroup, WatchedPage, watch_health

router = APIRouter(prefix="/api/health", tags=["health"])


class PageHealth(Model):
    """A page whose watching is not in order.

    `problem` is the error of its last check, if that failed, and `brokenSince` the time of the
    event `watch_broken` about the page, if there was one.
    """

    page_id: UUID
    domain_id: UUID
    domain: str
    url: str
    last_check_at: UtcTime | None
    failed_checks: int
    failed_at: UtcTime | None
    problem: str | None
    broken_since: UtcTime | None


class PageGroupView(Model):
    """The number of pages in a group, and the first `limit` of them."""

    total: int
    pages: list[PageHealth]


class DomainHealth(Model):
    """A domain whose discovery does not work, or the checks of most of its pages."""

    domain_id: UUID
    domain: str
    checks_broken_since: UtcTime | None
    checks_problem: str | None
    discovery_broken_since: UtcTime | None
    discovery_problem: str | None


class WatchHealthView(Model):
    """The watched pages of domains that are not paused; each is in one group at most.

    The last check of `failing` pages failed. `stale` pages have missed two checks. `neverChecked`
    pages have not had one.
    """

    watched: int
    failing: PageGroupView
    stale: PageGroupView
    never_checked: PageGroupView
    domains: list[DomainHealth]


class WatchHealthAnswer(Model):
    """Whether watching works."""

    data: WatchHealthView


@router.get("/watching", responses=documented_errors(400, 404))
async def get(
    principal: PrincipalDep,
    database: DatabaseDep,
    domain_id: DomainQuery = None,
    limit: Annotated[
        int, Query(ge=1, le=100, description="Number of pages of each group at most.")
    ] = 20,
) -> WatchHealthAnswer:
    """The pages that are stale, failing or never checked, and the domains that do not work."""
    async with database.reading() as session:
        if domain_id is not None:
            await get_domain(session, principal.org_id, domain_id)
        now = datetime.now(UTC)
        health = await watch_health(session, principal.org_id, now, limit, domain_id)
    return WatchHealthAnswer(
        data=WatchHealthView(
            watched=health.watched,
            failing=_group_view(health.failing),
            stale=_group_view(health.stale),
            never_checked=_group_view(health.never_checked),
            domains=[_domain_view(each) for each in health.domains],
        )
    )


def _group_view(group: PageGroup) -> PageGroupView:
    return PageGroupView(total=group.total, pages=[_page_view(each) for each in group.pages])


def _page_view(watched: WatchedPage) -> PageHealth:
    page = watched.page
    return PageHealth(
        page_id=page.id,
        domain_id=page.domain_id,
        domain=watched.domain,
        url=page.url,
        last_check_at=page.last_check_at,
        failed_checks=page.failed_checks,
        failed_at=page.failed_at,
        problem=page.problem,
        broken_since=page.broken_since,
    )


def _domain_view(domain: Domain) -> DomainHealth:
    return DomainHealth(
        domain_id=domain.id,
        domain=domain.domain,
        checks_broken_since=domain.checks_broken_since,
        checks_problem=domain.checks_problem,
        discovery_broken_since=domain.discovery_broken_since,
        discovery_problem=domain.discovery_problem,
    )
