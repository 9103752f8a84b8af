"""Reads jobs from Temporal: one by describe, many by visibility, counts by counting."""

import asyncio
import base64
import binascii
import hashlib
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TypeVar
from uuid import UUID

from temporalio.client import (
    Client,
    WorkflowExecution,
    WorkflowExecutionAsyncIterator,
    WorkflowExecutionStatus,
)
from temporalio.service import RPCError, RPCStatusCode

from core.errors import InvalidRequest, NotFound
from core.jobs.states import JobState
from core.model import Model
from store.db.engine import Database
from temporal.deadlines import CALL_TIMEOUT
from temporal.faults import as_unavailable, away
from temporal.jobs.attempts import JobAttempt, attempts_of
from temporal.jobs.live_attempt import (
    between_tasks,
    ended_attempt,
    live_attempt,
    terminated_report,
    with_last_attempt,
)
from temporal.jobs.unstarted import count_unstarted
from temporal.jobs.view import (
    JobDetail,
    of_finished,
    of_unfinished,
    owner_org,
    written_final_report,
)
from temporal.jobs.visibility import FAILED, NO_STALE_JOBS, STATUS_NAMES, JobFilter, StaleActiveJobs

LONGEST_ID: Final = 200
DESCRIBES_AT_ONCE: Final = 20
LARGEST_VISIBILITY_PAGE: Final = 1000

MAX_ACTIVE_CHECKED: Final = 100
"""Jobs published as active that are looked at one by one before they are counted as such."""

ANSWERED_WITHIN: Final = 2 * CALL_TIMEOUT
"""How long all the calls of one question may take together, with their wait for a turn."""

T = TypeVar("T")


class JobStats(Model):
    """How many jobs are in each state; `total` counts the unfinished ones.

    Jobs of a batch that have not been started yet count as waiting.
    """

    waiting: int
    active: int
    completed: int
    failed: int
    delayed: int
    total: int


@dataclass(frozen=True)
class JobPage:
    """One page of a list; `total` counts all jobs that match, also those not started yet."""

    rows: list[JobDetail]
    total: int
    next_cursor: str | None


@dataclass(frozen=True)
class JobAttempts:
    """The attempts of a job, and the run of its workflow that they are in."""

    run_id: str
    attempts: list[JobAttempt]


class JobReader:
    """Reads jobs. Its methods raise Unavailable when Temporal or the database cannot be reached."""

    def __init__(self, client: Client, database: Database) -> None:
        self._client = client
        self._database = database
        self._describes = asyncio.Semaphore(DESCRIBES_AT_ONCE)

    @property
    def namespace(self) -> str:
        """The Temporal namespace that the jobs are in."""
        return self._client.namespace

    async def get(self, org_id: UUID, job_id: str) -> JobDetail:
        """The job, exact now. Raises NotFound when there is none or another organisation's."""
        if len(job_id) > LONGEST_ID or not job_id.isprintable():
            raise NotFound("Job not found.")
        job = await _with_deadline(self._find(org_id, job_id))
        if job is None:
            raise NotFound("Job not found.")
        return job

    async def attempts(self, org_id: UUID, job_id: str) -> JobAttempts:
        """Every attempt of the job that was begun. Raises NotFound as `get` does."""
        await self.get(org_id, job_id)
        found = await _with_deadline(self._attempts(job_id))
        if found is None:
            raise NotFound("Job not found.")
        return found

    async def list(
        self, wanted: JobFilter, *, limit: int, page: int, cursor: str | None
    ) -> JobPage:
        """A page of the jobs that match: unfinished first, newest first; then latest finished.

        `limit` is 1 to 100 and `page` counts from 1; a `cursor` counts instead of the page.
        Raises InvalidRequest for a cursor that belongs to another list.
        """
        return await _with_deadline(self._list(wanted, limit, page, cursor))

    async def stats(self, wanted: JobFilter) -> JobStats:
        """The counts of every state, all asked for at once."""
        return await _with_deadline(self._stats(wanted))

    async def _attempts(self, job_id: str) -> JobAttempts | None:
        workflow = self._client.get_workflow_handle(job_id)
        described = await _none_if_missing(workflow.describe())
        history = await _none_if_missing(workflow.fetch_history())
        if described is None or history is None:
            return None
        return JobAttempts(described.run_id, await attempts_of(described, history.events))

    async def _find(self, org_id: UUID, job_id: str) -> JobDetail | None:
        workflow = self._client.get_workflow_handle(job_id)
        async with self._describes:
            described = await _none_if_missing(workflow.describe())
        if described is None:
            return None
        if owner_org(described) != str(org_id):
            return None
        if described.status is not WorkflowExecutionStatus.RUNNING:
            return await self._finished(described)
        attempt = await live_attempt(described)
        if between_tasks(described):
            history = await _none_if_missing(workflow.fetch_history())
            attempt = await ended_attempt(described, history.events if history else ())
        return await of_unfinished(described, attempt, datetime.now(UTC))

    async def _list(self, wanted: JobFilter, limit: int, page: int, cursor: str | None) -> JobPage:
        unstarted, stale = await asyncio.gather(
            count_unstarted(self._client, self._database, wanted), self._stale_active_jobs(wanted)
        )
        query = wanted.query(datetime.now(UTC), stale)
        total = (await self._client.count_workflows(query)).count
        skipped = (page - 1) * limit
        if cursor is None and skipped >= total:
            return JobPage([], total + unstarted, None)
        token = _opened(cursor, wanted) if cursor else await self._skip(query, skipped)
        found = await self._visible(query, limit, token)
        executions = list(found.current_page or ())
        rows = await asyncio.gather(*(self._row(wanted, each) for each in executions))
        kept = [row for row in rows if row is not None]
        following = found.next_page_token
        more = (
            following is not None
            and len(executions) == limit
            and bool((await self._visible(query, 1, following)).current_page)
        )
        return JobPage(
            kept,
            total + unstarted - (len(rows) - len(kept)),
            _sealed(following, wanted) if more and following is not None else None,
        )

    async def _finished(self, execution: WorkflowExecution) -> JobDetail:
        ending = await written_final_report(execution)
        terminated = execution.status is WorkflowExecutionStatus.TERMINATED
        if not terminated and not (ending and ending.attempts_uncertain):
            return await of_finished(execution)
        workflow = self._client.get_workflow_handle(execution.id, run_id=execution.run_id)
        # Temporal forgets a history a moment before it stops to list its workflow.
        history = await _none_if_missing(workflow.fetch_history())
        if history is None:
            return await of_finished(execution)
        if ending and not terminated:
            last = await ended_attempt(execution, history.events)
            return await of_finished(execution, with_last_attempt(ending, last))
        described = await _none_if_missing(workflow.describe())
        if described is None:
            return await of_finished(execution)
        return await of_finished(described, await terminated_report(described, history.events))

    async def _row(self, wanted: JobFilter, execution: WorkflowExecution) -> JobDetail | None:
        """The row, exact; None when it is no longer, or not, what the filter asks for."""
        if owner_org(execution) != str(wanted.org_id):
            return None
        if execution.status is WorkflowExecutionStatus.RUNNING:
            job = await self._find(wanted.org_id, execution.id)
        else:
            job = await self._finished(execution)
        if job is None or wanted.state not in (None, job.state):
            return None
        return job

    async def _stale_active_jobs(self, wanted: JobFilter) -> StaleActiveJobs:
        """The jobs that are published as active and are not, among the newest `MAX_ACTIVE_CHECKED`.

        Empty if the wanted state does not depend on what is published.
        """
        if wanted.state not in (JobState.WAITING, JobState.ACTIVE, JobState.DELAYED):
            return NO_STALE_JOBS
        active = wanted.in_state(JobState.ACTIVE).query(datetime.now(UTC))
        published = await self._visible(active, MAX_ACTIVE_CHECKED, None)
        jobs = await asyncio.gather(
            *(self._find(wanted.org_id, each.id) for each in published.current_page or ())
        )
        return StaleActiveJobs(
            *(
                frozenset(job.id for job in jobs if job is not None and job.state is state)
                for state in (JobState.WAITING, JobState.DELAYED)
            )
        )

    async def _visible(
        self, query: str, size: int, token: bytes | None
    ) -> WorkflowExecutionAsyncIterator:
        found = self._client.list_workflows(query, page_size=size, next_page_token=token)
        await found.fetch_next_page()
        return found

    async def _skip(self, query: str, rows: int) -> bytes | None:
        token: bytes | None = None
        while rows > 0:
            size = min(rows, LARGEST_VISIBILITY_PAGE)
            token = (await self._visible(query, size, token)).next_page_token
            rows -= size
            if token is None:
                break
        return token

    async def _stats(self, wanted: JobFilter) -> JobStats:
        unstarted, stale = await asyncio.gather(
            count_unstarted(self._client, self._database, wanted),
            self._stale_active_jobs(wanted.in_state(JobState.ACTIVE)),
        )
        now = datetime.now(UTC)
        grouped, active, delayed = await asyncio.gather(
            self._client.count_workflows(
                f"{wanted.in_state(None).query(now)} GROUP BY ExecutionStatus"
            ),
            self._client.count_workflows(wanted.in_state(JobState.ACTIVE).query(now, stale)),
            self._client.count_workflows(wanted.in_state(JobState.DELAYED).query(now, stale)),
        )
        by_status = {str(group.group_values[0]): group.count for group in grouped.groups}
        running = by_status.get(STATUS_NAMES[WorkflowExecutionStatus.RUNNING], 0)
        return JobStats(
            waiting=max(running - active.count - delayed.count, 0) + unstarted,
            active=active.count,
            completed=by_status.get(STATUS_NAMES[WorkflowExecutionStatus.COMPLETED], 0),
            failed=sum(by_status.get(STATUS_NAMES[each], 0) for each in FAILED),
            delayed=delayed.count,
            total=running + unstarted,
        )


async def _none_if_missing(answer: Awaitable[T]) -> T | None:
    """What Temporal answers of a workflow; None when it knows none of that id, or no more."""
    try:
        return await answer
    except RPCError as error:
        if error.status in (RPCStatusCode.NOT_FOUND, RPCStatusCode.INVALID_ARGUMENT):
            return None
        raise


async def _with_deadline(answer: Awaitable[T]) -> T:
    try:
        async with asyncio.timeout(ANSWERED_WITHIN.total_seconds()):
            return await answer
    except TimeoutError as error:
        raise away() from error
    except RPCError as error:
        raise as_unavailable(error) from error


def _fingerprint(wanted: JobFilter, token: bytes) -> bytes:
    """Binds a token to its list; Temporal has no clear answer to one that was altered."""
    return hashlib.sha256(repr(wanted).encode() + token).digest()[:8]


def _sealed(token: bytes, wanted: JobFilter) -> str:
    return base64.urlsafe_b64encode(_fingerprint(wanted, token) + token).decode().rstrip("=")


def _opened(cursor: str, wanted: JobFilter) -> bytes:
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) <= 8 or raw[:8] != _fingerprint(wanted, raw[8:]):
        raise InvalidRequest(
            "The cursor does not belong to this list.", {"cursor": "Use the nextCursor of it."}
        )
    return raw[8:]
