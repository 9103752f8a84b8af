"""Starts and wakes the workflows that deliver to channels."""

from typing import Final
from uuid import UUID

from temporalio.client import Client
from temporalio.common import Priority
from temporalio.service import RPCError

from core.jobs.contract import WAKE_SIGNAL, DeliverInput
from core.jobs.ids import delivery_workflow_id
from core.jobs.states import NOTIFICATION_DELIVER, TASK_QUEUE
from temporal.faults import as_unavailable

HIGHEST: Final = 1
"""The priority of deliveries; jobs have the usual one, 3."""

MAX_NAME: Final = 90
"""Characters of a channel's name in a summary: 400 bytes are its limit in Temporal."""


async def wake_channel(client: Client, channel_id: UUID, name: str | None) -> None:
    """Have what is due for the channel delivered: wake its workflow, or start it.

    The Temporal web UI calls it by `name`; None for one that was deleted. Raises Unavailable if
    Temporal cannot be reached.
    """
    try:
        await client.start_workflow(
            NOTIFICATION_DELIVER,
            DeliverInput(channel_id=channel_id),
            id=delivery_workflow_id(channel_id),
            task_queue=TASK_QUEUE,
            start_signal=WAKE_SIGNAL,
            # People are told before a thousand pages are checked, and a channel that is slow keeps
            # no other one waiting.
            priority=Priority(priority_key=HIGHEST, fairness_key=channel_id.hex),
            static_summary=f"Deliver to {(name or str(channel_id))[:MAX_NAME]}",
            static_details=f"Channel: `{channel_id}`",
        )
    except RPCError as error:
        raise as_unavailable(error) from error
