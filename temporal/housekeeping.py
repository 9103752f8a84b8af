"""The schedule of the daily pruning."""

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
"""The id of the schedule, and of the workflow that it starts."""

PRUNING_INTERVAL: Final = timedelta(days=1)
PRUNING_CATCHUP_WINDOW: Final = timedelta(hours=12)
"""A run that was missed by more than this is skipped."""


async def schedule_pruning(client: Client) -> None:
    """Create the schedule that runs `prune.snapshots` daily at 03:00 UTC, unless it exists.

    Raises Unavailable if Temporal cannot be reached.
    """
    daily = Schedule(
        action=ScheduleActionStartWorkflow(
            PRUNE_SNAPSHOTS,
            PruneInput(),
            id=PRUNING,
            task_queue=TASK_QUEUE,
            static_summary="Remove snapshots past their retention",
        ),
        spec=ScheduleSpec(
            intervals=[ScheduleIntervalSpec(PRUNING_INTERVAL, offset=timedelta(hours=3))]
        ),
        policy=SchedulePolicy(
            overlap=ScheduleOverlapPolicy.SKIP, catchup_window=PRUNING_CATCHUP_WINDOW
        ),
    )
    try:
        await client.create_schedule(PRUNING, daily)
    except ScheduleAlreadyRunningError:
        return
    except RPCError as error:
        raise as_unavailable(error) from error
