"""The activity of `notification.deliver`: tell one channel what is due."""

import asyncio
import logging
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from temporalio import activity

from activities.clock import TemporalClock
from activities.heartbeats import heartbeats
from activities.notifications.outgoing import Outgoing, Send
from core.alerts.attempts import Attempt, ChannelState, Result
from core.alerts.messages import of_change, of_digest, of_test
from core.errors import DiffyError, Unavailable
from core.jobs.contract import ActivityName, DeliverInput, DeliverResult
from core.logs.context import logging_about
from core.metrics import DELIVERIES
from store.db.engine import Database
from store.deliveries import (
    Recorded,
    alerts_by_id,
    due_deliveries,
    expire,
    hold,
    next_due,
    pull_back,
    record_attempt,
)
from store.tables.alerts import Channel, ChannelKind, Delivery
from store.told_changes import told_changes

PARALLEL_DELIVERIES: Final = 10
"""Messages to one channel at the same time; each is about another page."""

MAX_RUN_TIME: Final = 60.0
"""Seconds after which the activity takes nothing more: the workflow calls it again."""

log = logging.getLogger(__name__)


class DeliverActivities:
    """Delivers by the means that each kind of channel has; `api_url` is where links lead."""

    def __init__(self, database: Database, means: Mapping[ChannelKind, Send], api_url: str) -> None:
        self._database = database
        self._means = means
        self._api_url = api_url
        for kind in means:
            # Of a counter that appears with its first failure, Prometheus sees no increase.
            DELIVERIES.labels(kind, "failed")

    @activity.defn(name=ActivityName.DELIVER)
    async def deliver(self, job: DeliverInput) -> DeliverResult:
        """Attempt what is due, and say when something is due next.

        An attempt is recorded after it was made: one whose worker dies in between is made again,
        under the same id.
        """
        began, clock = time.monotonic(), TemporalClock(activity.info())
        delivered = failed = 0
        async with heartbeats():
            while time.monotonic() - began < MAX_RUN_TIME:
                channel, batch, next_at, expired = await self._next(job.channel_id)
                failed += expired
                if channel is None or not batch:
                    later = clock.at(next_at) if next_at else None
                    return DeliverResult(delivered=delivered, failed=failed, next_at=later)
                logging_about(org_id=channel.org_id)
                for recorded in await asyncio.gather(
                    *(self._attempt(channel, each) for each in batch)
                ):
                    delivered += recorded.delivered
                    failed += recorded.failed
        at_once = clock.at(datetime.now(UTC))
        return DeliverResult(delivered=delivered, failed=failed, next_at=at_once)

    async def _attempt(self, channel: Channel, outgoing: Outgoing) -> Recorded:
        try:
            attempt = await self._means[channel.kind](channel, outgoing)
        except Unavailable:
            raise  # the store is away: the activity is tried again
        except DiffyError as error:
            attempt = Attempt(Result.FAILED, error.message)
        except Exception as error:
            log.exception("a message to channel %s cannot be sent", channel.id)
            attempt = Attempt(Result.FAILED, f"Diffy itself failed ({type(error).__name__}).")
        async with self._database.transaction() as session:
            recorded = await record_attempt(
                session, channel.id, outgoing.delivery_ids, attempt, datetime.now(UTC)
            )
        outcome = "delivered" if recorded.delivered else "failed" if recorded.failed else "retried"
        DELIVERIES.labels(channel.kind, outcome).inc()
        return recorded

    async def _next(
        self, channel_id: UUID
    ) -> tuple[Channel | None, list[Outgoing], datetime | None, int]:
        """The channel, the messages to send now, when the next is due if there are none, and how
        many deliveries it is too late for. A channel that fails gets one message at a time.
        """
        async with self._database.transaction() as session:
            channel = await session.get(Channel, channel_id)
            if channel is None or channel.state is ChannelState.OFF:
                return None, [], None, 0
            await pull_back(session, channel, datetime.now(UTC))
            expired = await expire(session, channel, datetime.now(UTC))
            while True:
                now = datetime.now(UTC)
                limit = PARALLEL_DELIVERIES if channel.failures == 0 else 1
                due = await due_deliveries(session, channel, now, limit)
                alerts = await alerts_by_id(session, due)
                quiet: dict[datetime, list[Delivery]] = {}
                for each in due:
                    alert = alerts.get(each.alert_id) if each.alert_id else None
                    hours = alert.quiet_hours if alert else None
                    if hours is not None and (end := hours.end_of(now)):
                        quiet.setdefault(end, []).append(each)
                if not quiet:
                    break
                for end, held in quiet.items():
                    await hold(session, held, end)
            if not due:
                return channel, [], await next_due(session, channel, now), expired
            told = await told_changes(session, due, alerts, self._api_url)
            if due[0].digest_id is not None:
                ids = [each.id for each in due]
                changes = [each.change_id for each in due if each.change_id is not None]
                message = of_digest(due[0].digest_id, [told[each] for each in ids if each in told])
                outgoing = Outgoing(message, ids, changes, due[0].told or ())
                return channel, [outgoing], None, expired
            batch = []
            for each in due:
                if each.change_id is None:
                    message = of_test(each.id, channel.id, each.changed_at)
                    batch.append(Outgoing(message, [each.id]))
                else:
                    message = of_change(each.id, told[each.id])
                    batch.append(Outgoing(message, [each.id], [each.change_id], each.told or ()))
            return channel, batch, None, expired
