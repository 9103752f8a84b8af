"""`crawl.page`: check one page for changes."""

from temporalio import workflow

from core.contract import (
    PROMOTE_SIGNAL,
    REPORT_SIGNAL,
    ActivityName,
    AttemptReport,
    CrawlPageInput,
    CrawlPageResult,
    Owner,
)
from core.jobs import JobName
from workflows.attempts import run_attempts
from workflows.failures import typed_failures
from workflows.policies import CRAWL_TIMEOUT, LOOKUP_TIMEOUT
from workflows.publication import Publication


@workflow.defn(name=JobName.CRAWL_PAGE)
class CrawlPage:
    """A job: fetch one page, compare it with its last snapshot, store what is new."""

    def __init__(self) -> None:
        self._publication = Publication()

    @workflow.run
    async def run(self, job: CrawlPageInput) -> CrawlPageResult:
        """What the crawl found; the errors of `core.errors.JobError` by their codes."""
        if not self._publication.owned:
            with typed_failures():
                owner = await workflow.execute_local_activity(
                    ActivityName.IDENTIFY_PAGE,
                    job.page_id,
                    result_type=Owner,
                    start_to_close_timeout=LOOKUP_TIMEOUT,
                )
            self._publication.adopt(owner, job.max_attempts)
        return await run_attempts(
            ActivityName.CRAWL,
            job,
            CrawlPageResult,
            self._publication,
            max_attempts=job.max_attempts,
            longest=CRAWL_TIMEOUT,
            summary=f"Crawl {self._publication.about}",
        )

    @workflow.signal(name=REPORT_SIGNAL)
    def report(self, report: AttemptReport) -> None:
        """The running attempt says how it goes."""
        self._publication.report(report)

    @workflow.signal(name=PROMOTE_SIGNAL)
    def promote(self) -> None:
        """The job need not wait for its time any more."""
        self._publication.promote()
