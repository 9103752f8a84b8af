"""Signals to workflows of other teams in the same namespace."""

import json

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities.notifications.outgoing import Outgoing
from core.alerts.attempts import Attempt, Result
from core.alerts.messages import body_of
from core.alerts.signal_targets import NOT_ALLOWED, SignalTargets
from core.jobs.states import TASK_QUEUE
from store.tables.alerts import Channel


class Signals:
    """Sends signals through `client`, to the workflows of `targets`."""

    def __init__(self, client: Client, targets: SignalTargets) -> None:
        self._client = client
        self._targets = targets

    async def send(self, channel: Channel, outgoing: Outgoing) -> Attempt:
        """Signal the message to the workflow of the channel; how it ended.

        The argument is what a webhook's body is, and the id of the message. A workflow of our own
        is not signalled: an organisation would reach the jobs of others.
        """
        [workflow_id], [signal_name] = channel.target["workflowId"], channel.target["signalName"]
        try:
            found = await self._client.get_workflow_handle(workflow_id).describe()
            if found.task_queue == TASK_QUEUE:
                return Attempt(Result.FAILED, "This is a workflow of Diffy itself.")
            if not self._targets.allow(workflow_id, found.task_queue):
                return Attempt(Result.FAILED, NOT_ALLOWED)
            message = outgoing.message
            content = {"id": message.message_id, **json.loads(body_of(message))}
            running = self._client.get_workflow_handle(workflow_id, run_id=found.run_id)
            await running.signal(signal_name, content)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return Attempt(Result.FAILED, "No workflow of this id is running.")
            return Attempt(Result.FAILED, f"Temporal refused the signal ({error.status.name}).")
        return Attempt(Result.DELIVERED, "signalled")
