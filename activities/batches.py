"""The activity of `crawl.domain`: the jobs of a batch started, each exactly once."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

from temporalio import activity
from temporalio.client import Client
from temporalio.exceptions import ApplicationError

from core.contract import ActivityName, CrawlPageInput, Owner, StartBatch
from core.errors import SubjectGone
from core.jobs import batch_job_id
from core.urls import host_of
from store.batches import BatchMember, batch_pages, create_batch, is_cancelled
from store.domains import domain_by_id
from store.engine import Database
from store.job_end_tables import JobEnd
from store.job_ends import claim_ends
from store.tables import Domain
from temporal.cancellation import cancel_job
from temporal.launch import JobStart, start_job

CHUNK = 50
"""Jobs started at once, between two heartbeats."""


class BatchActivities:
    """Starts the jobs of batches through `client`."""

    def __init__(self, database: Database, client: Client) -> None:
        self._database = database
        self._client = client

    @activity.defn(name=ActivityName.START_BATCH)
    async def start_batch(self, batch: StartBatch) -> int:
        """Start every job of the batch; how many were started. A job that exists is left alone; of
        a batch that was cancelled all are ended.

        Raises SUBJECT_GONE when the domain was deleted.
        """
        try:
            async with self._database.transaction() as session:
                domain = await domain_by_id(session, batch.domain_id)
                if batch.create:
                    await create_batch(session, domain.org_id, domain.id, None, batch.batch_id)
        except SubjectGone as error:
            raise ApplicationError(error.message, type=error.code, non_retryable=True) from error
        started = 0
        last: UUID | None = None
        while not await self._cancelled(batch.batch_id):
            members = await self._members(batch.batch_id, last)
            if not members:
                return started
            await asyncio.gather(*(self._start(batch, domain, member) for member in members))
            started += len(members)
            last = members[-1].page_id
            activity.heartbeat(started)
        await self._cancel_all(batch.batch_id)
        return started

    async def _cancelled(self, batch_id: UUID) -> bool:
        async with self._database.reading() as session:
            return await is_cancelled(session, batch_id)

    async def _cancel_all(self, batch_id: UUID) -> None:
        """Whoever cancelled the batch has not seen the jobs that were started meanwhile."""
        last: UUID | None = None
        while members := await self._members(batch_id, last):
            jobs = [batch_job_id(batch_id, each.page_id) for each in members]
            await asyncio.gather(*(cancel_job(self._client, each, self._claim) for each in jobs))
            last = members[-1].page_id
            activity.heartbeat()

    async def _claim(self, run_id: str) -> bool:
        async with self._database.transaction() as session:
            ends = await claim_ends(session, [run_id], JobEnd.CANCELLED)
        return ends[run_id] is JobEnd.CANCELLED

    async def _members(self, batch_id: UUID, after: UUID | None) -> list[BatchMember]:
        async with self._database.reading() as session:
            return await batch_pages(session, batch_id, after, CHUNK)

    async def _start(self, batch: StartBatch, domain: Domain, member: BatchMember) -> None:
        delay = batch.not_before - datetime.now(UTC) if batch.not_before else timedelta(0)
        await start_job(
            self._client,
            JobStart(
                job_id=batch_job_id(batch.batch_id, member.page_id),
                input=CrawlPageInput(page_id=member.page_id, max_attempts=batch.max_attempts),
                owner=Owner(
                    org_id=domain.org_id,
                    domain_id=domain.id,
                    page_id=member.page_id,
                    url=member.url,
                    host=host_of(member.url),
                ),
                batch_id=batch.batch_id,
                delay=delay,
            ),
        )
