"""Waiting for jobs: one look at visibility, twice a second, serves everyone who waits."""

import asyncio
import logging
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from temporalio.client import Client
from temporalio.service import RPCError

from temporal.jobs.reader import JobReader
from temporal.jobs.view import JobDetail
from temporal.jobs.visibility import active_jobs, closed_since, delayed_jobs

EVERY: Final = 0.5
"""Seconds between two looks."""

OVERLAP: Final = timedelta(seconds=5)
"""How late visibility may hear of an end."""

MOST_AT_A_LOOK: Final = 1_000

log = logging.getLogger(__name__)


class JobWatch:
    """Wakes whoever waits for a job when the job may have changed.

    It looks only while somebody waits, however many there are: which jobs have ended, which are
    active, and which of those whose every change matters have come to be delayed.
    """

    def __init__(self, client: Client, reader: JobReader) -> None:
        self._client = client
        self._reader = reader
        self._waiting: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self._look_out: asyncio.Task[None] | None = None
        self._followed: Counter[str] = Counter()
        self._active: frozenset[str] = frozenset()
        self._delayed: frozenset[str] = frozenset()
        self._running_reads: dict[tuple[UUID, str], asyncio.Task[JobDetail]] = {}
        self._next_reads: dict[tuple[UUID, str], asyncio.Task[JobDetail]] = {}
        self._closed = False

    async def finished(self, org_id: UUID, job_id: str, within: float) -> JobDetail:
        """The job once it has finished, or as it is after `within` seconds.

        Raises NotFound and Unavailable as the reader does.
        """
        deadline = asyncio.get_running_loop().time() + within
        async for job in self._versions(org_id, job_id, deadline):
            if job.state.finished:
                break
        return job

    async def changes(self, org_id: UUID, job_id: str) -> AsyncIterator[JobDetail]:
        """The job as it is, and again each time that it may have changed, until it has finished."""
        self._followed[job_id] += 1
        try:
            async for job in self._versions(org_id, job_id, None):
                yield job
                if job.state.finished:
                    return
        finally:
            self._followed -= Counter([job_id])

    @property
    def busy(self) -> bool:
        """Whether anyone waits."""
        return bool(self._waiting)

    def close(self) -> None:
        """Let everyone go who waits: the process is about to end."""
        self._closed = True
        self._wake(frozenset(self._waiting))

    async def _versions(
        self, org_id: UUID, job_id: str, deadline: float | None
    ) -> AsyncIterator[JobDetail]:
        loop = asyncio.get_running_loop()
        with self._woken(job_id) as woken:
            while True:
                woken.clear()
                job = await self._read(org_id, job_id)
                yield job
                if self._closed or (deadline is not None and loop.time() >= deadline):
                    return
                moments = [] if deadline is None else [deadline]
                if job.next_attempt_at is not None:
                    pause = (job.next_attempt_at - datetime.now(UTC)).total_seconds()
                    moments.append(loop.time() + max(pause, EVERY))
                try:
                    async with asyncio.timeout_at(min(moments, default=None)):
                        await woken.wait()
                except TimeoutError:
                    continue

    async def _read(self, org_id: UUID, job_id: str) -> JobDetail:
        """The job, by a read that begins after the call.

        All who ask while a read runs share the next one: a thousand waiters that are woken at once
        would otherwise ask Temporal a thousand times, and wait for it longer than its deadline.
        """
        key = (org_id, job_id)
        if key not in self._next_reads:
            read = asyncio.create_task(self._read_after(self._running_reads.get(key), key))
            self._next_reads[key] = read
        # A waiter that goes away leaves the read to the others.
        return await asyncio.shield(self._next_reads[key])

    async def _read_after(
        self, running: asyncio.Task[JobDetail] | None, key: tuple[UUID, str]
    ) -> JobDetail:
        if running is not None:
            await asyncio.wait({running})
        self._running_reads[key] = self._next_reads.pop(key)
        try:
            return await self._reader.get(*key)
        finally:
            del self._running_reads[key]

    @contextmanager
    def _woken(self, job_id: str) -> Iterator[asyncio.Event]:
        woken = asyncio.Event()
        self._waiting[job_id].add(woken)
        if self._look_out is None:
            self._look_out = asyncio.create_task(self._look())
        try:
            yield woken
        finally:
            self._waiting[job_id].discard(woken)
            if not self._waiting[job_id]:
                del self._waiting[job_id]
            if not self._waiting:
                self._look_out.cancel()
                self._look_out = None

    async def _look(self) -> None:
        since = datetime.now(UTC)
        while True:
            await asyncio.sleep(EVERY)
            began = datetime.now(UTC)
            try:
                ended = await self._ids(closed_since(since - OVERLAP))
                active = await self._ids(active_jobs())
                delayed = await self._ids(delayed_jobs(self._followed))
            except RPCError as error:
                log.warning("Temporal cannot tell which jobs changed: %s", error.status.name)
                continue
            except Exception:
                # Everyone waits for this one look: a fault of it must not be its last.
                log.exception("The look for jobs that changed failed")
                continue
            self._wake(ended | active | self._active | (delayed ^ self._delayed))
            self._active, self._delayed = active, delayed
            since = began

    async def _ids(self, query: str) -> frozenset[str]:
        found = self._client.list_workflows(query, limit=MOST_AT_A_LOOK)
        return frozenset([each.id async for each in found])

    def _wake(self, job_ids: frozenset[str]) -> None:
        for job_id in job_ids & self._waiting.keys():
            for woken in self._waiting[job_id]:
                woken.set()
