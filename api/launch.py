"""What requests ask Temporal for: discoveries, crawls, batches, backtests."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from core.jobs.contract import BacktestInput, CrawlDomainInput, CrawlPageInput, DiscoverPagesInput
from core.model import Model
from core.outbox import BacktestMessage, BatchMessage, JobMessage
from core.settings import Settings
from core.web.urls import host_of
from store.owners import owner_of
from store.tables.batches import Batch
from store.tables.domains import Domain
from store.tables.pages import Page


class StartedJob(Model):
    """The job that was asked for."""

    job_id: str


class StartedJobAnswer(Model):
    """The id by which a job can be followed."""

    data: StartedJob


@dataclass(frozen=True)
class JobOptions:
    """When a job may begin, and how often it is tried (None: the setting)."""

    delay: timedelta = timedelta(0)
    max_attempts: int | None = None

    @property
    def not_before(self) -> datetime | None:
        """The moment before which it must not begin; None when it may at once."""
        return datetime.now(UTC) + self.delay if self.delay else None


@dataclass(frozen=True)
class DiscoverOptions:
    """How far a discovery walks."""

    max_pages: int
    max_depth: int
    include: tuple[str, ...]
    exclude: tuple[str, ...]


class Launcher:
    """Says what is to be started for a request; ids are made of its `seed`."""

    def __init__(self, settings: Settings) -> None:
        self._max_attempts = settings.max_attempts

    def discovery(
        self, domain: Domain, seed: UUID, options: DiscoverOptions, job: JobOptions
    ) -> JobMessage:
        """A discovery of the pages of `domain`."""
        asked = DiscoverPagesInput(
            domain_id=domain.id,
            max_pages=options.max_pages,
            max_depth=options.max_depth,
            include=options.include,
            exclude=options.exclude,
            max_attempts=self._attempts(job),
        )
        return _job(domain, None, seed, asked, job)

    def page_crawl(self, domain: Domain, page: Page, seed: UUID, job: JobOptions) -> JobMessage:
        """A crawl of `page`."""
        asked = CrawlPageInput(page_id=page.id, max_attempts=self._attempts(job))
        return _job(domain, page, seed, asked, job)

    def again(
        self,
        domain: Domain,
        page: Page | None,
        seed: UUID,
        asked: CrawlPageInput | DiscoverPagesInput,
    ) -> JobMessage:
        """A job that does what another one was asked to."""
        return _job(domain, page, seed, asked, JobOptions())

    def batch(self, domain: Domain, batch: Batch, job: JobOptions) -> BatchMessage:
        """The fan-out of `batch`."""
        return BatchMessage(
            subject_id=batch.id,
            domain_id=domain.id,
            input=CrawlDomainInput(
                domain_id=domain.id,
                batch_id=batch.id,
                not_before=job.not_before,
                max_attempts=self._attempts(job),
            ),
            owner=owner_of(domain),
            name=domain.domain,
        )

    def backtest(self, domain: Domain, backtest_id: UUID) -> BacktestMessage:
        """The backtest of that id, of `domain`."""
        return BacktestMessage(
            subject_id=backtest_id,
            domain_id=domain.id,
            input=BacktestInput(backtest_id=backtest_id, max_attempts=self._max_attempts),
            host=host_of(domain.origin),
        )

    def _attempts(self, job: JobOptions) -> int:
        return job.max_attempts or self._max_attempts


def _job(
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
    )
