"""Waits for jobs: one poll of visibility serves all waiting requests."""

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

POLL_INTERVAL: Final = 0.5
"""Seconds."""

VISIBILITY_LAG: Final = timedelta(seconds=5)
"""Maximum delay until visibility shows that a workflow has closed."""

MAX_ROWS_PER_POLL: Final = 1_000

log = logging.getLogger(__name__)


class JobWatch:
    """Notifies waiting requests when their job may have changed.

    While at least one request waits, it polls for the jobs that have ended, those that are active,
    and those that are delayed among the jobs followed by `changes`.
    """

    def __init__(self, client: Client, reader: JobReader) -> None:
        self._client = client
        self._reader = reader
        self._waiting: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self._polling: asyncio.Task[None] | None = None
        self._followed: Counter[str] = Counter()
        self._active: frozenset[str] = frozenset()
        self._delayed: frozenset[str] = frozenset()
        self._running_reads: dict[tuple[UUID, str], asyncio.Task[JobDetail]] = {}
        self._next_reads: dict[tuple[UUID, str], asyncio.Task[JobDetail]] = {}
        self._closed = False

    async def finished(self, org_id: UUID, job_id: str, within: float) -> JobDetail:
        """The job once it has finished, or unfinished after `within` seconds.

        Raises NotFound and Unavailable as `JobReader.get` does.
        """
        deadline = asyncio.get_running_loop().time() + within
        async for job in self._versions(org_id, job_id, deadline):
            if job.state.finished:
                break
        return job

    async def changes(self, org_id: UUID, job_id: str) -> AsyncIterator[JobDetail]:
        """The job now, and each time that it may have changed, until it has finished."""
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
        """Whether a request waits."""
        return bool(self._waiting)

    def close(self) -> None:
        """Answer all waiting requests now: the process is about to end."""
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
                    moments.append(loop.time() + max(pause, POLL_INTERVAL))
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
        if self._polling is None:
            self._polling = asyncio.create_task(self._poll())
        try:
            yield woken
        finally:
            self._waiting[job_id].discard(woken)
            if not self._waiting[job_id]:
                del self._waiting[job_id]
            if not self._waiting:
                self._polling.cancel()
                self._polling = None

    async def _poll(self) -> None:
        since = datetime.now(UTC)
        while True:
            await asyncio.sleep(POLL_INTERVAL)
            began = datetime.now(UTC)
            try:
                ended = await self._ids(closed_since(since - VISIBILITY_LAG))
                active = await self._ids(active_jobs())
                delayed = await self._ids(delayed_jobs(self._followed))
            except RPCError as error:
                log.warning("polling for changed jobs failed: %s", error.status.name)
                continue
            except Exception:
                # All waiting requests depend on this task: it must survive any fault.
                log.exception("polling for changed jobs failed")
                continue
            self._wake(ended | active | self._active | (delayed ^ self._delayed))
            self._active, self._delayed = active, delayed
            since = began

    async def _ids(self, query: str) -> frozenset[str]:
        found = self._client.list_workflows(query, limit=MAX_ROWS_PER_POLL)
        return frozenset([each.id async for each in found])

    def _wake(self, job_ids: frozenset[str]) -> None:
        for job_id in job_ids & self._waiting.keys():
            for woken in self._waiting[job_id]:
                woken.set()
