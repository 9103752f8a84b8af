"""The activities that find the owner of a job that was started without one."""

from uuid import UUID

from temporalio import activity
from temporalio.exceptions import ApplicationError

from core.errors import SubjectGone
from core.jobs.contract import ActivityName, Owner
from core.web.urls import host_of
from store.db.engine import Database
from store.domains import domain_by_id
from store.pages import page_by_id


class OwnershipActivities:
    """Finds owners in the store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @activity.defn(name=ActivityName.IDENTIFY_PAGE)
    async def identify_page(self, page_id: UUID) -> Owner:
        """The owner of a page's job. Raises SUBJECT_GONE if the page does not exist."""
        try:
            async with self._database.reading() as session:
                page = await page_by_id(session, page_id)
                domain = await domain_by_id(session, page.domain_id)
        except SubjectGone as error:
            raise _permanent(error) from error
        return Owner(
            org_id=domain.org_id,
            domain_id=domain.id,
            page_id=page.id,
            url=page.url,
            host=host_of(page.url),
        )

    @activity.defn(name=ActivityName.IDENTIFY_DOMAIN)
    async def identify_domain(self, domain_id: UUID) -> Owner:
        """The owner of a domain's job. Raises SUBJECT_GONE if the domain does not exist."""
        try:
            async with self._database.reading() as session:
                domain = await domain_by_id(session, domain_id)
        except SubjectGone as error:
            raise _permanent(error) from error
        return Owner(
            org_id=domain.org_id,
            domain_id=domain.id,
            page_id=None,
            url=None,
            host=host_of(domain.origin),
        )


def _permanent(error: SubjectGone) -> ApplicationError:
    return ApplicationError(error.message, type=error.code, non_retryable=True)
