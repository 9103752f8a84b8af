"""`prune.snapshots`: remove data past its retention."""

from datetime import timedelta

from temporalio import workflow

from core.jobs.contract import ActivityName, PruneInput, PruneResult
from core.jobs.states import PRUNE_SNAPSHOTS
from workflows.policies import retry_policy

PRUNE_TIMEOUT = timedelta(hours=12)
"""The schedule starts the next run a day later."""

PRUNE_ATTEMPTS = 5


@workflow.defn(name=PRUNE_SNAPSHOTS)
class PruneSnapshots:
    """Removes old data; a schedule of the namespace starts it daily. It is not a job."""

    @workflow.run
    async def run(self, _: PruneInput) -> PruneResult:
        """The number of removed rows."""
        removed: PruneResult = await workflow.execute_activity(
            ActivityName.PRUNE,
            result_type=PruneResult,
            start_to_close_timeout=PRUNE_TIMEOUT,
            heartbeat_timeout=timedelta(minutes=5),
            retry_policy=retry_policy(PRUNE_ATTEMPTS),
            summary="Remove snapshots past their retention",
        )
        return removed
