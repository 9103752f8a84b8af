"""Delivers the messages of the outbox to Temporal, for requests and for the reconciler."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar
from uuid import UUID

from temporalio.client import Client

from core.errors import RateLimited, Unavailable
from core.outbox import (
    BacktestMessage,
    BatchMessage,
    CancellationMessage,
    ChangeMessage,
    ChannelMessage,
    Entry,
    JobMessage,
    Message,
    Outbox,
    PageScheduleMessage,
    ScheduleMessage,
)
from temporal.jobs.backtests import start_backtest
from temporal.jobs.cancellation import cancel_job
from temporal.jobs.launch import JobStart, start_batch, start_job
from temporal.jobs.notifications import wake_channel
from temporal.jobs.schedules import (
    crawl_schedule_id,
    delete_schedule,
    discovery_schedule_id,
    set_crawl_schedule,
    set_discovery_schedule,
    set_page_schedule,
)

RECONCILE_INTERVAL: Final = 15.0
"""Seconds between two deliveries of due messages."""

DELIVERY_BATCH_SIZE: Final = 20
"""Messages that are delivered in parallel."""

PROMPT_ANSWER: Final = 1.0
"""Seconds. After a slower delivery, a message about a schedule stays in the outbox."""

SCHEDULES: Final = (ScheduleMessage, PageScheduleMessage)
"""Messages that say nothing but whose schedule is to be looked at."""

T = TypeVar("T")

log = logging.getLogger(__name__)


class Delivery:
    """Delivers messages. Delivery is idempotent: several processes may deliver a message, and
    repeat it at any time.
    """

    def __init__(self, client: Client, outbox: Outbox, max_attempts: int) -> None:
        self._client = client
        self._outbox = outbox
        self._max_attempts = max_attempts

    @property
    def client(self) -> Client:
        """The connection to Temporal."""
        return self._client

    async def send(self, message: Message) -> None:
        """Deliver one message.

        Raises Unavailable if Temporal or the store cannot be reached, and RateLimited if Temporal
        throttles.
        """
        match message:
            case ScheduleMessage():
                await self._sync_crawls(message.domain_id)
                await self._sync_discoveries(message.domain_id)
            case PageScheduleMessage():
                await self._sync_page(message.subject_id)
            case JobMessage():
                await start_job(self._client, _job_start(message))
            case BatchMessage():
                await start_batch(self._client, message)
            case BacktestMessage():
                await start_backtest(self._client, message.input, message.host)
            case CancellationMessage():
                await self._end_jobs(message.subject_id)
            case ChangeMessage():
                await self._wake(await self._outbox.match_change(message.subject_id))
            case ChannelMessage():
                await self._wake([message.channel_id])

    async def deliver(self, subject_id: UUID) -> None:
        """Deliver the messages about one domain, batch or job. Raises as `send` does.

        A message about a schedule stays in the outbox: a parallel request may overwrite the
        schedule with an older value. The reconciler then writes the current one.
        """
        for entry in await self._outbox.of_subject(subject_id):
            await self.send(entry.message)
            if not isinstance(entry.message, SCHEDULES):
                # If this fails, the message is delivered again, which changes nothing.
                with suppress(Unavailable):
                    await self._outbox.remove(entry)

    async def deliver_due(self) -> None:
        """Deliver the due messages.

        Finishes a batch of them, then raises its first Unavailable or RateLimited: later batches
        wait. Any other error is logged. A message that failed is due again later.
        """
        while entries := await self._outbox.take_due(DELIVERY_BATCH_SIZE):
            ended = await asyncio.gather(*map(self._deliver_entry, entries), return_exceptions=True)
            for entry, error in zip(entries, ended, strict=True):
                if isinstance(error, Exception) and not isinstance(
                    error, Unavailable | RateLimited
                ):
                    log.error(
                        "%s message of %s cannot be delivered", *_named(entry), exc_info=error
                    )
                elif error is not None:
                    raise error

    async def _deliver_entry(self, entry: Entry) -> None:
        began = time.monotonic()
        await self.send(entry.message)
        if not isinstance(entry.message, SCHEDULES):
            log.warning("delivered a %s message that a request left: %s", *_named(entry))
        elif time.monotonic() - began > PROMPT_ANSWER:
            # The server was slow: an older call that timed out may still run after this one.
            return
        await self._outbox.remove(entry)

    async def wake_neglected(self) -> None:
        """Deliver what a channel should have been told long ago. Raises as `send` does.

        The workflow of the channel was terminated, or Temporal has lost it.
        """
        await self._wake(await self._outbox.neglected_channels())

    async def _wake(self, channel_ids: Sequence[UUID]) -> None:
        if not channel_ids:
            return
        names = await self._outbox.channel_names(channel_ids)
        await asyncio.gather(
            *(wake_channel(self._client, each, names.get(each)) for each in channel_ids)
        )

    async def _sync_crawls(self, domain_id: UUID) -> None:
        await self._sync(
            domain_id, self._outbox.recurring_crawl, set_crawl_schedule, crawl_schedule_id
        )

    async def _sync_discoveries(self, domain_id: UUID) -> None:
        await self._sync(
            domain_id,
            self._outbox.recurring_discovery,
            set_discovery_schedule,
            discovery_schedule_id,
        )

    async def _sync_page(self, page_id: UUID) -> None:
        await self._sync(
            page_id, self._outbox.recurring_page_crawl, set_page_schedule, crawl_schedule_id
        )

    async def _sync(
        self,
        subject_id: UUID,
        read: Callable[[UUID], Awaitable[T | None]],
        write: Callable[[Client, T, int], Awaitable[None]],
        schedule_id_of: Callable[[UUID], str],
    ) -> None:
        """Make the schedule what the store says, until both say the same."""
        recurring = await read(subject_id)
        while True:
            if recurring is None:
                await delete_schedule(self._client, schedule_id_of(subject_id))
            else:
                await write(self._client, recurring, self._max_attempts)
            written, recurring = recurring, await read(subject_id)
            if recurring == written:
                return

    async def _end_jobs(self, batch_id: UUID) -> None:
        last: UUID | None = None
        while jobs := await self._outbox.batch_jobs(batch_id, last):
            await asyncio.gather(
                *(
                    cancel_job(self._client, job_id, self._outbox.claim_cancelled)
                    for _, job_id in jobs
                )
            )
            last, _ = jobs[-1]


class Reconciler:
    """Delivers the messages that requests left: the process died, Temporal could not be reached, or
    the message is about a schedule.
    """

    def __init__(self, delivery: Delivery) -> None:
        self._delivery = delivery

    async def run(self) -> None:
        """Deliver due messages until cancelled. Any number of processes may run it.

        Every error is logged, and the delivery is tried again after `RECONCILE_INTERVAL`.
        """
        while True:
            try:
                await self._delivery.deliver_due()
                await self._delivery.wake_neglected()
            except (Unavailable, RateLimited) as error:
                log.warning("delivery of due messages has to wait: %s", error.message)
            except Exception:
                log.exception("delivering due messages failed")
            await asyncio.sleep(RECONCILE_INTERVAL)


def _named(entry: Entry) -> tuple[str, UUID]:
    return entry.message.kind, entry.message.subject_id


def _job_start(message: JobMessage) -> JobStart:
    delay = message.not_before - datetime.now(UTC) if message.not_before else timedelta(0)
    return JobStart(
        job_id=message.job_id,
        input=message.input,
        owner=message.owner,
        batch_id=message.batch_id,
        delay=delay,
        quick_look=message.quick_look,
    )
