"""The owners of jobs."""

from core.jobs.contract import Owner
from core.web.urls import host_of
from store.tables.domains import Domain
from store.tables.pages import Page


def owner_of(domain: Domain, page: Page | None = None) -> Owner:
    """The owner of a job of the domain, or of one page of it."""
    return Owner(
        org_id=domain.org_id,
        domain_id=domain.id,
        page_id=page.id if page else None,
        url=page.url if page else None,
        host=host_of(page.url if page else domain.origin),
    )
