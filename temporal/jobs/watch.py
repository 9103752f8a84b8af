"""Waits for jobs: one poll of visibility serves all waiting requests and all feeds."""

import asyncio
import logging
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from contextvars import Context
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from temporalio.client import Client
from temporalio.service import RPCError

from core.errors import NotFound, Unavailable
from store.changes import changes_since
from store.db.engine import Database
from store.tables.changes import Change
from temporal.jobs.feed import LOOK_BACK, Feed, FeedEvent, Mark, Position
from temporal.jobs.reader import JobReader
from temporal.jobs.view import JobDetail, owner_org
from temporal.jobs.visibility import (
    active_jobs,
    any_delayed_jobs,
    closed_since,
    delayed_jobs,
    of_organisation,
    started_since,
)

POLL_INTERVAL: Final = 0.5
"""Seconds."""

MAX_ROWS_PER_POLL: Final = 1_000

MAX_DELAYED_FOLLOWED: Final = 200
"""Delayed jobs of an organisation, the newest ones, of which its feeds notice that they go on."""

MAX_PROGRESS_READS: Final = 20
"""Jobs of an organisation that stay active, of which one poll reads the progress."""

READS_AT_ONCE: Final = 20

log = logging.getLogger(__name__)


Owners = dict[str, str | None]
"""The organisations of jobs by their ids."""


@dataclass(frozen=True)
class _Polled:
    """What one poll has found for feeds. `delayed` and `changes` are of their organisations."""

    ended: Owners
    started: Owners
    active: Owners
    delayed: dict[UUID, frozenset[str]]
    changes: list[Change]


NOTHING_POLLED: Final = _Polled({}, {}, {}, {}, [])


class JobWatch:
    """Notifies waiting requests when their job may have changed, and feeds of all jobs and changes
    of their organisation.

    While at least one request waits, it polls for the jobs that have ended, those that are active,
    and those that are delayed among the jobs followed by `changes`. For feeds it also polls for the
    jobs that were asked for, and for changes.
    """

    def __init__(self, client: Client, reader: JobReader, database: Database) -> None:
        self._client = client
        self._reader = reader
        self._database = database
        self._feeds: list[Feed] = []
        self._polled = NOTHING_POLLED
        self._turn = 0
        self._waiting: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self._polling: asyncio.Task[None] | None = None
        self._followed: Counter[str] = Counter()
        self._active: frozenset[str] = frozenset()
        self._delayed: frozenset[str] = frozenset()
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

    async def events(self, org_id: UUID, after: Position | None) -> AsyncIterator[FeedEvent]:
        """The jobs of the organisation whenever they change, and its new changes, from now on.

        With `after` also what happened since that position. Without, the active jobs come first.
        """
        now = datetime.now(UTC)
        if after is None or after.too_old:
            yield FeedEvent(Mark.RESYNC if after else Mark.BEGIN, Position(now))
            after = None
        feed = Feed.begin(org_id, after, now)
        if after is not None:
            await self._catch_up(feed, after.moment, now)
        self._feeds.append(feed)
        self._start_polling()
        try:
            while not self._closed:
                await feed.woken.wait()
                feed.woken.clear()
                reached = feed.reached
                job_ids, changes = feed.take()
                for change in changes:
                    if (event := feed.event(change)) is not None:
                        yield event
                for start in range(0, len(job_ids), READS_AT_ONCE):
                    for job in await self._read_all(org_id, job_ids[start : start + READS_AT_ONCE]):
                        if (event := feed.event(job)) is not None:
                            yield event
                feed.told = reached
        finally:
            self._feeds.remove(feed)
            self._stop_polling()

    @property
    def busy(self) -> bool:
        """Whether a request waits."""
        return bool(self._waiting or self._feeds)

    def close(self) -> None:
        """Answer all waiting requests now: the process is about to end."""
        self._closed = True
        self._wake(frozenset(self._waiting))
        for feed in self._feeds:
            feed.woken.set()

    async def _catch_up(self, feed: Feed, moment: datetime, now: datetime) -> None:
        """Put into the feed what happened since `moment`, which is at most an hour ago."""
        since = moment - LOOK_BACK
        found: Owners = {}
        for query in (closed_since(since), started_since(since)):
            found |= await self._owners(of_organisation(feed.org_id, query), None)
        async with self._database.reading() as session:
            changes = await changes_since(session, [feed.org_id], since, None)
        feed.add(_of(found, feed.org_id), changes, now)

    async def _read_all(self, org_id: UUID, job_ids: Sequence[str]) -> list[JobDetail]:
        """The jobs that still exist."""
        found = await asyncio.gather(
            *(self._reader.get(org_id, each) for each in job_ids), return_exceptions=True
        )
        for each in found:
            if isinstance(each, BaseException) and not isinstance(each, NotFound):
                raise each
        return [each for each in found if isinstance(each, JobDetail)]

    async def _versions(
        self, org_id: UUID, job_id: str, deadline: float | None
    ) -> AsyncIterator[JobDetail]:
        loop = asyncio.get_running_loop()
        with self._woken(job_id) as woken:
            while True:
                woken.clear()
                job = await self._reader.get(org_id, job_id)
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

    @contextmanager
    def _woken(self, job_id: str) -> Iterator[asyncio.Event]:
        woken = asyncio.Event()
        self._waiting[job_id].add(woken)
        self._start_polling()
        try:
            yield woken
        finally:
            self._waiting[job_id].discard(woken)
            if not self._waiting[job_id]:
                del self._waiting[job_id]
            self._stop_polling()

    def _start_polling(self) -> None:
        if self._polling is None:
            # It is of no request: not in the log, and not in a trace.
            self._polling = asyncio.create_task(self._poll(), context=Context())

    def _stop_polling(self) -> None:
        if self._polling is not None and not self.busy:
            self._polling.cancel()
            self._polling = None
            self._polled = NOTHING_POLLED

    async def _poll(self) -> None:
        since = datetime.now(UTC)
        while True:
            await asyncio.sleep(POLL_INTERVAL)
            began = datetime.now(UTC)
            try:
                ended = await self._owners(closed_since(since - LOOK_BACK))
                active = await self._owners(active_jobs())
                delayed = frozenset(await self._owners(delayed_jobs(self._followed)))
                feeds = list(self._feeds)
                polled = await self._poll_feeds(feeds, since, ended, active)
            except (RPCError, Unavailable) as error:
                log.warning("polling for changed jobs failed: %s", _cause(error))
                continue
            except Exception:
                # All waiting requests depend on this task: it must survive any fault.
                log.exception("polling for changed jobs failed")
                continue
            self._wake(frozenset(ended) | active.keys() | self._active | (delayed ^ self._delayed))
            for feed in feeds:
                feed.add(self._happened(feed.org_id, polled), polled.changes, began)
            self._active, self._delayed = frozenset(active), delayed
            self._polled = polled
            self._turn += MAX_PROGRESS_READS
            since = began

    async def _poll_feeds(
        self, feeds: Sequence[Feed], since: datetime, ended: Owners, active: Owners
    ) -> _Polled:
        """What feeds need beside that; nothing without feeds."""
        if not feeds:
            return NOTHING_POLLED
        # A feed that has just begun may begin before the last poll.
        since = min(since, *(feed.reached for feed in feeds)) - LOOK_BACK
        org_ids = {feed.org_id for feed in feeds}
        started = await self._owners(started_since(since))
        delayed = {}
        for org_id in org_ids:
            query = of_organisation(org_id, any_delayed_jobs())
            delayed[org_id] = frozenset(await self._owners(query, MAX_DELAYED_FOLLOWED))
        async with self._database.reading() as session:
            changes = await changes_since(session, org_ids, since, MAX_ROWS_PER_POLL)
        return _Polled(ended, started, active, delayed, changes)

    def _happened(self, org_id: UUID, polled: _Polled) -> Iterator[str]:
        """The jobs of the organisation that may have changed since the last poll."""
        last = self._polled
        for new, old in ((polled.ended, last.ended), (polled.started, last.started)):
            yield from (each for each in _of(new, org_id) if each not in old)
        now_active, was_active = (set(_of(each.active, org_id)) for each in (polled, last))
        yield from now_active ^ was_active
        staying = sorted(now_active & was_active)
        if staying:
            start = self._turn % len(staying)
            yield from (staying[start:] + staying[:start])[:MAX_PROGRESS_READS]
        before = last.delayed.get(org_id)
        if before is not None:
            yield from polled.delayed[org_id] ^ before

    async def _owners(self, query: str, limit: int | None = MAX_ROWS_PER_POLL) -> Owners:
        found = self._client.list_workflows(query, limit=limit)
        return {each.id: owner_org(each) async for each in found}

    def _wake(self, job_ids: frozenset[str]) -> None:
        for job_id in job_ids & self._waiting.keys():
            for woken in self._waiting[job_id]:
                woken.set()


def _of(owners: Owners, org_id: UUID) -> Iterator[str]:
    """The jobs of one organisation."""
    wanted = str(org_id)
    return (job_id for job_id, owner in owners.items() if owner == wanted)


def _cause(error: RPCError | Unavailable) -> str:
    return error.status.name if isinstance(error, RPCError) else error.message
