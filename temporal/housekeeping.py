"""The schedule of what Diffy does without being asked."""

from datetime import timedelta
from typing import Final

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
)
from temporalio.service import RPCError

from core.jobs.contract import PruneInput
from core.jobs.states import PRUNE_SNAPSHOTS, TASK_QUEUE
from temporal.faults import as_unavailable

PRUNING: Final = "prune-snapshots"
"""The id of the schedule."""

EVERY: Final = timedelta(days=1)
CATCH_UP: Final = timedelta(hours=12)
"""A turn that was missed by more than this is left out."""


async def schedule_pruning(client: Client) -> None:
    """Have `prune.snapshots` run daily, at three o'clock UTC; one schedule for all workers.

    Raises Unavailable when Temporal cannot be reached.
    """
    daily = Schedule(
        action=ScheduleActionStartWorkflow(
            PRUNE_SNAPSHOTS,
            PruneInput(),
            id=PRUNING,
            task_queue=TASK_QUEUE,
            static_summary="Remove snapshots past their retention",
        ),
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(EVERY, offset=timedelta(hours=3))]),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=CATCH_UP),
    )
    try:
        await client.create_schedule(PRUNING, daily)
    except ScheduleAlreadyRunningError:
        return
    except RPCError as error:
        raise as_unavailable(error) from error
