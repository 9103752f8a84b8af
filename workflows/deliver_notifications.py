"""`notification.deliver`: tell one channel what is due, again and again until nothing is left."""

import asyncio
from contextlib import suppress
from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

from core.jobs.contract import WAKE_SIGNAL, ActivityName, DeliverInput, DeliverResult
from core.jobs.states import NOTIFICATION_DELIVER
from workflows.policies import HEARTBEAT_TIMEOUT

DELIVERY_TIMEOUT = timedelta(minutes=10)
"""Limit of one run of the activity, which ends by itself after a minute."""

OUTAGE_RETRY = RetryPolicy(
    initial_interval=timedelta(seconds=2), maximum_interval=timedelta(minutes=1)
)
"""An activity that fails has met no fault of a channel: the store is away, or a worker died."""


@workflow.defn(name=NOTIFICATION_DELIVER)
class DeliverNotifications:
    """Delivers to one channel. The store says what, and when next. It is not a job.

    A channel has one such workflow at a time, so that its deliveries can keep their order. It ends
    when nothing is pending; the next change starts it again.
    """

    def __init__(self) -> None:
        self._wakes = 0

    @workflow.run
    async def run(self, job: DeliverInput) -> DeliverResult:
        """The number of deliveries since it was started or continued as new."""
        delivered = failed = 0
        while not workflow.info().is_continue_as_new_suggested():
            seen = self._wakes
            done: DeliverResult = await workflow.execute_activity(
                ActivityName.DELIVER,
                job,
                result_type=DeliverResult,
                start_to_close_timeout=DELIVERY_TIMEOUT,
                heartbeat_timeout=HEARTBEAT_TIMEOUT,
                retry_policy=OUTAGE_RETRY,
                summary=f"Deliver to channel {job.channel_id}",
            )
            delivered, failed = delivered + done.delivered, failed + done.failed
            if self._wakes != seen:
                continue
            if done.next_at is None:
                return DeliverResult(delivered=delivered, failed=failed)
            with suppress(asyncio.TimeoutError):
                await workflow.wait_condition(
                    lambda before=seen: self._wakes != before,  # type: ignore[misc]
                    timeout=max(done.next_at - workflow.now(), timedelta(0)),
                    timeout_summary="Until the next delivery is due",
                )
        workflow.continue_as_new(job)

    @workflow.signal(name=WAKE_SIGNAL)
    def wake(self) -> None:
        """Signal that there is something to deliver now."""
        self._wakes += 1
