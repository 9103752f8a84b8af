"""Carries out what the outbox says, for requests and for what requests have left undone."""

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

EVERY: Final = 15.0
"""Seconds between two looks for messages that are due."""

AT_ONCE: Final = 20
"""Messages that are carried out together."""

PROMPT: Final = 1.0
"""Seconds within which Temporal has answered when nothing is the matter with it."""

log = logging.getLogger(__name__)


class Delivery:
    """Tells Temporal through `client`. A message may be carried out by several at once, and again
    at any time.
    """

    def __init__(self, client: Client, outbox: Outbox, max_attempts: int) -> None:
        self._client = client
        self._outbox = outbox
        self._max_attempts = max_attempts

    async def tell(self, message: Message) -> None:
        """Carry out one message. Raises Unavailable when Temporal or the store cannot be reached,
        RateLimited when Temporal takes no more requests for now.
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
        """Carry out the messages of a subject. Raises as `tell`.

        The one about a schedule stays: another request may have read the domain before this one
        and write the schedule after it. It is carried out once more when all of them are over.
        """
        for entry in await self._outbox.of_subject(subject_id):
            await self.tell(entry.message)
            if not isinstance(entry.message, ScheduleMessage):
                # What is done is done: it is only said once more where this fails.
                with suppress(Unavailable):
                    await self._outbox.remove(entry)

    async def deliver_due(self) -> None:
        """Carry out every message that is due. Raises as `tell`, once the others that were taken
        with one that failed are carried out.
        """
        while entries := await self._outbox.take_due(AT_ONCE):
            ended = await asyncio.gather(*map(self._settle, entries), return_exceptions=True)
            for entry, error in zip(entries, ended, strict=True):
                if isinstance(error, Exception) and not isinstance(
                    error, Unavailable | RateLimited
                ):
                    log.error("the %s of %s cannot be carried out", *_named(entry), exc_info=error)
                elif error is not None:
                    raise error

    async def _settle(self, entry: Entry) -> None:
        began = time.monotonic()
        await self.tell(entry.message)
        if not isinstance(entry.message, ScheduleMessage):
            log.warning("a %s that a request left undone was carried out: %s", *_named(entry))
        elif time.monotonic() - began > PROMPT:
            # A server that hung may still do what callers gave up on, and do it after this.
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
    """Finishes what requests have left undone: their process died, or Temporal was away."""

    def __init__(self, delivery: Delivery) -> None:
        self._delivery = delivery

    async def run(self) -> None:
        """Look for messages that are due until it is cancelled. Any number may run at once."""
        while True:
            try:
                await self._delivery.deliver_due()
            except (Unavailable, RateLimited) as error:
                log.warning("what requests have left undone has to wait: %s", error.message)
            except Exception:
                log.exception("looking for what requests have left undone")
            await asyncio.sleep(EVERY)


def _named(entry: Entry) -> tuple[str, UUID]:
    return entry.message.kind, entry.message.subject_id


def _job_start(message: JobMessage) -> JobStart:
    delay = message.not_before - datetime.now(UTC) if message.not_before else timedelta(0)
    return JobStart(job_id=message.job_id, input=message.input, owner=message.owner, delay=delay)
