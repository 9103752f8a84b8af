"""`crawl.page`: check one page for changes."""

from temporalio import workflow

from core.jobs.contract import ActivityName, CrawlPageInput, CrawlPageResult
from core.jobs.states import JobName
from workflows.attempts import run_attempts
from workflows.job import JobWorkflow
from workflows.policies import CRAWL_TIMEOUT


@workflow.defn(name=JobName.CRAWL_PAGE)
class CrawlPage(JobWorkflow):
    """The job that fetches one page, compares it with its last snapshot, and stores a change."""

    @workflow.run
    async def run(self, job: CrawlPageInput) -> CrawlPageResult:
        """The result of the check. Fails with the code of a `core.errors.JobError`."""
        await self._find_owner(ActivityName.IDENTIFY_PAGE, job.page_id, job.max_attempts)
        return await run_attempts(
            ActivityName.CRAWL,
            job,
            CrawlPageResult,
            self._publication,
            max_attempts=job.max_attempts,
            attempt_timeout=CRAWL_TIMEOUT,
            summary=f"Crawl {self._publication.subject}",
            quick_look=ActivityName.QUICK_LOOK,
        )
