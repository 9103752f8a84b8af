"""`discover.pages`: find the pages of a domain."""

from temporalio import workflow

from core.contract import (
    PROMOTE_SIGNAL,
    REPORT_SIGNAL,
    ActivityName,
    AttemptReport,
    DiscoverPagesInput,
    DiscoverPagesResult,
    Owner,
)
from core.jobs import JobName
from workflows.attempts import run_attempts
from workflows.failures import typed_failures
from workflows.policies import DISCOVER_TIMEOUT, LOOKUP_TIMEOUT
from workflows.publication import Publication


@workflow.defn(name=JobName.DISCOVER_PAGES)
class DiscoverPages:
    """A job: walk a domain's robots.txt, sitemaps and links, and add the pages not yet known."""

    def __init__(self) -> None:
        self._publication = Publication()

    @workflow.run
    async def run(self, job: DiscoverPagesInput) -> DiscoverPagesResult:
        """What the walk found; the errors of `core.errors.JobError` by their codes."""
        if not self._publication.owned:
            with typed_failures():
                owner = await workflow.execute_local_activity(
                    ActivityName.IDENTIFY_DOMAIN,
                    job.domain_id,
                    result_type=Owner,
                    start_to_close_timeout=LOOKUP_TIMEOUT,
                )
            self._publication.adopt(owner, job.max_attempts)
        return await run_attempts(
            ActivityName.DISCOVER,
            job,
            DiscoverPagesResult,
            self._publication,
            max_attempts=job.max_attempts,
            longest=DISCOVER_TIMEOUT,
            summary=f"Discover the pages of {self._publication.about}",
        )

    @workflow.signal(name=REPORT_SIGNAL)
    def report(self, report: AttemptReport) -> None:
        """The running attempt says how it goes."""
        self._publication.report(report)

    @workflow.signal(name=PROMOTE_SIGNAL)
    def promote(self) -> None:
        """The job need not wait for its time any more."""
        self._publication.promote()
