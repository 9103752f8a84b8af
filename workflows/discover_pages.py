"""`discover.pages`: find the pages of a domain."""

from temporalio import workflow

from core.jobs.contract import ActivityName, DiscoverPagesInput, DiscoverPagesResult
from core.jobs.states import JobName
from workflows.attempts import run_attempts
from workflows.job import JobWorkflow
from workflows.policies import DISCOVER_TIMEOUT


@workflow.defn(name=JobName.DISCOVER_PAGES)
class DiscoverPages(JobWorkflow):
    """The job that follows a domain's robots.txt, sitemaps and links, and adds new pages."""

    @workflow.run
    async def run(self, job: DiscoverPagesInput) -> DiscoverPagesResult:
        """The result of the discovery. Fails with the code of a `core.errors.JobError`."""
        await self._find_owner(ActivityName.IDENTIFY_DOMAIN, job.domain_id, job.max_attempts)
        return await run_attempts(
            ActivityName.DISCOVER,
            job,
            DiscoverPagesResult,
            self._publication,
            max_attempts=job.max_attempts,
            attempt_timeout=DISCOVER_TIMEOUT,
            summary=f"Discover the pages of {self._publication.subject}",
        )
