"""Delivers the messages of the outbox to Temporal, for requests and for the reconciler."""

import asyncio
import logging
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from temporalio.client import Client

from core.errors import RateLimited, Unavailable
from core.jobs.states import batch_job_id
from core.outbox import (
    BacktestMessage,
    BatchMessage,
    CancellationMessage,
    Entry,
    JobMessage,
    Message,
    Outbox,
    ScheduleMessage,
)
from temporal.jobs.backtests import start_backtest
from temporal.jobs.cancellation import cancel_job
from temporal.jobs.launch import JobStart, start_batch, start_job
from temporal.jobs.schedules import delete_schedule, set_schedule

RECONCILE_INTERVAL: Final = 15.0
"""Seconds between two deliveries of due messages."""

DELIVERY_BATCH_SIZE: Final = 20
"""Messages that are delivered in parallel."""

PROMPT_ANSWER: Final = 1.0
"""Seconds. A healthy Temporal answers faster."""

log = logging.getLogger(__name__)


class Delivery:
    """Delivers messages. Delivery is idempotent: several processes may deliver a message, and
    repeat it at any time.
    """

    def __init__(self, client: Client, outbox: Outbox, max_attempts: int) -> None:
        self._client = client
        self._outbox = outbox
        self._max_attempts = max_attempts

    async def send(self, message: Message) -> None:
        """Deliver one message.

        Raises Unavailable if Temporal or the store cannot be reached, and RateLimited if Temporal
        throttles.
        """
        match message:
            case ScheduleMessage():
                await self._sync_schedule(message.domain_id)
            case JobMessage():
                await start_job(self._client, _job_start(message))
            case BatchMessage():
                await start_batch(self._client, message)
            case BacktestMessage():
                await start_backtest(self._client, message.input, message.host)
            case CancellationMessage():
                await self._end_jobs(message.subject_id)

    async def deliver(self, subject_id: UUID) -> None:
        """Deliver the messages of a subject. Raises as `send` does.

        A message about a schedule stays in the outbox: a parallel request may have read the domain
        before this one, and may write the schedule after it. The reconciler delivers it once more.
        """
        for entry in await self._outbox.of_subject(subject_id):
            await self.send(entry.message)
            if not isinstance(entry.message, ScheduleMessage):
                # If this fails, the message is delivered again, which changes nothing.
                with suppress(Unavailable):
                    await self._outbox.remove(entry)

    async def deliver_due(self) -> None:
        """Deliver every due message.

        Raises as `send` does, after the delivery of the other messages of the same batch.
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
        if not isinstance(entry.message, ScheduleMessage):
            log.warning("delivered a %s message that a request left: %s", *_named(entry))
        elif time.monotonic() - began > PROMPT_ANSWER:
            # A server that hung may still execute calls that timed out, after this one.
            return
        await self._outbox.remove(entry)

    async def _sync_schedule(self, domain_id: UUID) -> None:
        crawl = await self._outbox.recurring_crawl(domain_id)
        while True:
            if crawl is None:
                await delete_schedule(self._client, domain_id)
            else:
                await set_schedule(self._client, crawl, self._max_attempts)
            written, crawl = crawl, await self._outbox.recurring_crawl(domain_id)
            if crawl == written:
                return

    async def _end_jobs(self, batch_id: UUID) -> None:
        last: UUID | None = None
        while pages := await self._outbox.batch_pages(batch_id, last):
            jobs = [batch_job_id(batch_id, page_id) for page_id in pages]
            await asyncio.gather(
                *(cancel_job(self._client, each, self._outbox.claim_cancelled) for each in jobs)
            )
            last = pages[-1]


class Reconciler:
    """Delivers messages of requests whose process died, or that could not reach Temporal."""

    def __init__(self, delivery: Delivery) -> None:
        self._delivery = delivery

    async def run(self) -> None:
        """Deliver due messages until cancelled. Any number of processes may run it."""
        while True:
            try:
                await self._delivery.deliver_due()
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
        delay=delay,
        quick_look=message.quick_look,
    )
