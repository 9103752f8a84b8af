"""`crawl.domain`: start one `crawl.page` for each page of a batch."""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

from core.errors import SubjectGone
from core.jobs.contract import (
    ActivityName,
    CrawlDomainInput,
    CrawlDomainResult,
    StartBatch,
    StartBatchResult,
)
from core.jobs.states import CRAWL_DOMAIN
from workflows.failures import typed_failures
from workflows.policies import HEARTBEAT_TIMEOUT


@workflow.defn(name=CRAWL_DOMAIN)
class CrawlDomain:
    """Starts all jobs of a batch, retrying until each of them has started."""

    @workflow.run
    async def run(self, batch: CrawlDomainInput) -> CrawlDomainResult:
        """The number of started jobs; a job's id is derived from the batch and the page.

        A client's batch is started in full. A run that creates its own batch, as a schedule's run
        does, skips the pages whose last crawl has not ended: otherwise jobs would pile up for a
        domain whose crawl takes longer than its interval.
        """
        batch_id = batch.batch_id or workflow.uuid4()
        followed = batch.group_id or batch_id
        # A query of the web UI reads it; it is no event, so it may differ at a replay.
        workflow.set_current_details(f"Starts the jobs with `DiffyBatchId = '{followed}'`.")
        with typed_failures():
            started: StartBatchResult = await workflow.execute_activity(
                ActivityName.START_BATCH,
                StartBatch(
                    domain_id=batch.domain_id,
                    batch_id=batch_id,
                    group_id=batch.group_id,
                    create=batch.batch_id is None,
                    not_before=batch.not_before,
                    max_attempts=batch.max_attempts,
                ),
                result_type=StartBatchResult,
                start_to_close_timeout=timedelta(hours=1),
                heartbeat_timeout=HEARTBEAT_TIMEOUT,
                retry_policy=RetryPolicy(non_retryable_error_types=[SubjectGone.code]),
                summary=f"Start the crawls of batch {batch_id}",
            )
        return CrawlDomainResult(
            batch_id=batch_id,
            jobs_queued=started.jobs_queued,
            passed_over=started.passed_over,
            over_quota=started.over_quota,
        )
