"""`discover.pages`: find the pages of a domain."""

from temporalio import workflow

from core.jobs.contract import ActivityName, DiscoverPagesInput, DiscoverPagesResult
from core.jobs.states import JobName
from workflows.attempts import run_attempts
from workflows.job import JobWorkflow
from workflows.policies import DISCOVER_TIMEOUT


@workflow.defn(name=JobName.DISCOVER_PAGES)
class DiscoverPages(JobWorkflow):
    """A job: walk a domain's robots.txt, sitemaps and links, and add the pages not yet known."""

    @workflow.run
    async def run(self, job: DiscoverPagesInput) -> DiscoverPagesResult:
        """What the walk found; the errors of `core.errors.JobError` by their codes."""
        await self._find_owner(ActivityName.IDENTIFY_DOMAIN, job.domain_id, job.max_attempts)
        return await run_attempts(
            ActivityName.DISCOVER,
            job,
            DiscoverPagesResult,
            self._publication,
            max_attempts=job.max_attempts,
            longest=DISCOVER_TIMEOUT,
            summary=f"Discover the pages of {self._publication.about}",
        )
