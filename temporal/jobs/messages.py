"""Outbox messages for what requests ask for: discoveries, crawls, batches, backtests."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from core.errors import Conflict, NotFound
from core.jobs.contract import (
    DEFAULT_MAX_DEPTH,
    DEFAULT_MAX_PAGES,
    BacktestInput,
    CrawlDomainInput,
    CrawlPageInput,
    DiscoverPagesInput,
)
from core.outbox import BacktestMessage, BatchMessage, JobMessage
from core.quotas import UNLIMITED, Quotas
from core.web.urls import host_of
from store.domains import domain_by_id, get_domain
from store.owners import owner_of
from store.pages import get_page
from store.tables.batches import Batch
from store.tables.domains import Domain
from store.tables.pages import Page


@dataclass(frozen=True)
class JobOptions:
    """The delay of a job, and its number of attempts; None for the setting `max_attempts`."""

    delay: timedelta = timedelta(0)
    max_attempts: int | None = None

    @property
    def not_before(self) -> datetime | None:
        """The moment at which the job may begin; None if it may begin now."""
        return datetime.now(UTC) + self.delay if self.delay else None


NO_OPTIONS = JobOptions()


@dataclass(frozen=True)
class DiscoverOptions:
    """The limits of a discovery; `include` and `exclude` are globs on paths."""

    max_pages: int = DEFAULT_MAX_PAGES
    max_depth: int = DEFAULT_MAX_DEPTH
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


class Launcher:
    """Makes the messages that start jobs.

    The id of what a message starts depends on its `seed` only, so a message can be sent twice.
    `quotas` are those of organisations that have none of their own.
    """

    def __init__(self, max_attempts: int, quotas: Quotas = UNLIMITED) -> None:
        self._max_attempts = max_attempts
        self.quotas = quotas

    def discovery(
        self,
        domain: Domain,
        seed: UUID,
        options: DiscoverOptions | None = None,
        job: JobOptions = NO_OPTIONS,
    ) -> JobMessage:
        """A discovery of the pages of `domain`."""
        limits = options or DiscoverOptions()
        asked = DiscoverPagesInput(
            domain_id=domain.id,
            max_pages=limits.max_pages,
            max_depth=limits.max_depth,
            include=limits.include,
            exclude=limits.exclude,
            max_attempts=self._attempts(job),
        )
        return _job_message(domain, None, seed, asked, job)

    def page_crawl(self, domain: Domain, page: Page, seed: UUID, job: JobOptions) -> JobMessage:
        """A crawl of `page`."""
        asked = CrawlPageInput(page_id=page.id, max_attempts=self._attempts(job))
        return _job_message(domain, page, seed, asked, job)

    async def repeated(
        self,
        session: AsyncSession,
        org_id: UUID,
        seed: UUID,
        asked: CrawlPageInput | DiscoverPagesInput,
    ) -> JobMessage:
        """A job with the input of an earlier one of the organisation.

        Raises Conflict if its page or domain has been deleted.
        """
        page: Page | None = None
        try:
            if isinstance(asked, CrawlPageInput):
                page = await get_page(session, org_id, asked.page_id)
                domain = await domain_by_id(session, page.domain_id)
            else:
                domain = await get_domain(session, org_id, asked.domain_id)
        except NotFound as error:
            raise Conflict("What the job was about has been deleted.") from error
        return _job_message(domain, page, seed, asked, NO_OPTIONS)

    def batch(self, domain: Domain, batch: Batch, job: JobOptions) -> BatchMessage:
        """The workflow that starts the jobs of `batch`."""
        return BatchMessage(
            subject_id=batch.id,
            domain_id=domain.id,
            input=CrawlDomainInput(
                domain_id=domain.id,
                batch_id=batch.id,
                group_id=batch.group_id,
                not_before=job.not_before,
                max_attempts=self._attempts(job),
            ),
            owner=owner_of(domain),
            name=domain.domain,
            readable_id=True,
        )

    def backtest(self, domain: Domain, backtest_id: UUID) -> BacktestMessage:
        """A backtest of `domain`."""
        return BacktestMessage(
            subject_id=backtest_id,
            domain_id=domain.id,
            input=BacktestInput(backtest_id=backtest_id, max_attempts=self._max_attempts),
            host=host_of(domain.origin),
        )

    def _attempts(self, job: JobOptions) -> int:
        return job.max_attempts or self._max_attempts


def _job_message(
    domain: Domain,
    page: Page | None,
    seed: UUID,
    asked: CrawlPageInput | DiscoverPagesInput,
    job: JobOptions,
) -> JobMessage:
    return JobMessage(
        subject_id=seed,
        domain_id=domain.id,
        input=asked,
        owner=owner_of(domain, page),
        not_before=job.not_before,
        quick_look=page is not None and page.found_same,
        readable_id=True,
    )
