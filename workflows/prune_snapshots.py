"""`prune.snapshots`: take away what is past its retention."""

from datetime import timedelta

from temporalio import workflow

from core.jobs.contract import ActivityName, PruneInput, PruneResult
from core.jobs.states import PRUNE_SNAPSHOTS
from workflows.policies import capped

LONGEST = timedelta(hours=12)
"""The next one is due a day after."""

ATTEMPTS = 5


@workflow.defn(name=PRUNE_SNAPSHOTS)
class PruneSnapshots:
    """No job, since nobody asked for it; a schedule of the namespace starts it daily."""

    @workflow.run
    async def run(self, _: PruneInput) -> PruneResult:
        """How much was taken away."""
        removed: PruneResult = await workflow.execute_activity(
            ActivityName.PRUNE,
            result_type=PruneResult,
            start_to_close_timeout=LONGEST,
            heartbeat_timeout=timedelta(minutes=5),
            retry_policy=capped(ATTEMPTS),
            summary="Remove snapshots past their retention",
        )
        return removed
