"""Reads jobs from Temporal: one job from its description, lists and counts from visibility."""

import asyncio
import base64
import binascii
import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TypeVar
from uuid import UUID

from temporalio.client import (
    Client,
    WorkflowExecution,
    WorkflowExecutionAsyncIterator,
    WorkflowExecutionDescription,
    WorkflowExecutionStatus,
)
from temporalio.service import RPCError, RPCStatusCode

from core.errors import InvalidRequest, NotFound
from core.jobs.states import JobState
from core.model import Model
from core.shared_reads import SharedReads
from store.db.engine import Database
from temporal.deadlines import CALL_TIMEOUT
from temporal.faults import as_unavailable, away
from temporal.jobs.confirmations import ActiveConfirmations
from temporal.jobs.history import JobAttempt, JobHistory
from temporal.jobs.sharing import SharedAnswers
from temporal.jobs.unstarted import count_unstarted
from temporal.jobs.view import JobDetail, job_of, owner_org
from temporal.jobs.visibility import (
    FAILED,
    STATUS_NAMES,
    JobFilter,
    StaleActiveJobs,
    runs_of,
)
from workflows.search_attributes import Attribute

MAX_ID_LENGTH: Final = 200
MAX_PARALLEL_DESCRIBES: Final = 20
VISIBILITY_PAGE_SIZE: Final = 1_000
"""Rows of one page of Temporal's lists, at most."""

MAX_ACTIVE_CHECKED: Final = 100
"""Number of jobs published as active that one list or count verifies by description."""

QUESTION_TIMEOUT: Final = 2 * CALL_TIMEOUT
"""For all calls of one question together, with their wait for `MAX_PARALLEL_DESCRIBES`."""

MAX_FINISHED_KEPT: Final = 2_000
"""Number of finished jobs that a reader keeps: nothing about them changes."""

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
    """A page of a list. `total` counts all jobs that match, with those that are not started yet."""

    rows: list[JobDetail]
    total: int
    next_cursor: str | None


@dataclass(frozen=True)
class ListedJobs:
    """What Temporal lists of a page of a list, and how many jobs match; `checked` are descriptions
    of jobs that were made for it.
    """

    executions: Sequence[WorkflowExecution]
    total: int
    next_cursor: str | None
    checked: Mapping[str, JobDetail]


@dataclass(frozen=True)
class JobSubject:
    """What a job is about: a page, or for `page_id` None the discovery of a domain."""

    domain_id: UUID
    page_id: UUID | None


@dataclass(frozen=True)
class JobAttempts:
    """The attempts of a job, and the id of its workflow run."""

    run_id: str
    attempts: list[JobAttempt]


class JobReader:
    """Reads the jobs of organisations.

    Its methods raise Unavailable if Temporal or the database cannot be reached.
    """

    def __init__(self, client: Client, database: Database) -> None:
        self._client = client
        self._database = database
        self._describes = asyncio.Semaphore(MAX_PARALLEL_DESCRIBES)
        self._confirmations = ActiveConfirmations()
        self._shared = SharedAnswers()
        self._finds = SharedReads(self._find_now)
        self._finished: OrderedDict[str, JobDetail] = OrderedDict()

    def forget(self, org_id: UUID | None) -> None:
        """Show the organisation, or all if that is None, what it has just written: its next lists
        and counts begin anew.
        """
        self._shared.forget(org_id)

    @property
    def namespace(self) -> str:
        """The Temporal namespace of the jobs."""
        return self._client.namespace

    async def get(self, org_id: UUID, job_id: str) -> JobDetail:
        """The job, exact now; one that has ended also while Temporal cannot write.

        Raises NotFound if it does not exist or another organisation owns it.
        """
        job = await _with_deadline(self._find(org_id, job_id))
        if job is None:
            raise NotFound("Job not found.")
        return job

    async def attempts(self, org_id: UUID, job_id: str) -> JobAttempts:
        """The attempts of the job that have begun. Raises NotFound as `get` does."""
        found = await _with_deadline(self._attempts(org_id, job_id))
        if found is None:
            raise NotFound("Job not found.")
        return found

    async def list(
        self, wanted: JobFilter, *, limit: int, page: int, cursor: str | None
    ) -> JobPage:
        """A page of the jobs that match: unfinished first, newest first; then latest finished.

        `limit` is 1 to 100. `page` counts from 1; a `cursor` takes precedence over it. Raises
        InvalidRequest for the cursor of another list. What Temporal lists is shared for
        `sharing.SHARED_FOR` seconds; the rows of unfinished jobs are exact.
        """
        return await _with_deadline(self._list(wanted, limit, page, cursor))

    async def ids(self, wanted: JobFilter, limit: int) -> Sequence[str]:
        """The ids of at most `limit` jobs that match."""
        return [each.id for each in await _with_deadline(self._matching(wanted, limit))]

    async def subjects(self, wanted: JobFilter, limit: int) -> Sequence[JobSubject]:
        """What at most `limit` jobs that match are about, each subject once."""
        found = (_subject_of(each) for each in await _with_deadline(self._matching(wanted, limit)))
        return list(dict.fromkeys(each for each in found if each is not None))

    async def _matching(self, wanted: JobFilter, limit: int) -> Sequence[WorkflowExecution]:
        query = wanted.query(datetime.now(UTC), _stale(await self._check_active(wanted)))
        listed = self._client.list_workflows(query, page_size=VISIBILITY_PAGE_SIZE, limit=limit)
        return [each async for each in listed if owner_org(each) == str(wanted.org_id)]

    async def stats(self, wanted: JobFilter) -> JobStats:
        """The number of jobs in each state, shared for `sharing.SHARED_FOR` seconds."""
        stats, _ = await _with_deadline(
            self._shared.get(wanted.org_id, wanted, lambda: _with_deadline(self._stats(wanted)))
        )
        return stats

    async def _describe(
        self, org_id: UUID, job_id: str, run_id: str | None = None
    ) -> WorkflowExecutionDescription | None:
        """The description of the organisation's job; None if it has no such job."""
        if len(job_id) > MAX_ID_LENGTH or not job_id.isprintable():
            return None
        workflow = self._client.get_workflow_handle(job_id, run_id=run_id)
        async with self._describes:
            described = await _none_if_missing(workflow.describe())
        return described if described and owner_org(described) == str(org_id) else None

    async def _find(self, org_id: UUID, job_id: str) -> JobDetail | None:
        """The organisation's job, exact now; None if it has no such job."""
        return await self._finds.get((org_id, job_id))

    async def _find_now(self, place: tuple[UUID, str]) -> JobDetail | None:
        return await _with_deadline(self._found(*place))

    async def _found(self, org_id: UUID, job_id: str) -> JobDetail | None:
        asked_at = asyncio.get_running_loop().time()
        try:
            described = await self._describe(org_id, job_id)
        except RPCError as error:
            if error.status is not RPCStatusCode.UNAVAILABLE:
                raise
            ended = await self._listed_as_ended(org_id, job_id)
            if ended is None:
                raise
            return ended
        if described is None:
            return None
        job = await self._job(described)
        self._confirmations.record(job, asked_at)
        return job

    async def _listed_as_ended(self, org_id: UUID, job_id: str) -> JobDetail | None:
        """The organisation's job if Temporal lists it, and as ended: nothing changes it any more.

        Temporal describes no workflow while it cannot write: it has to prove first that it still
        owns the workflow's history. Its lists need no such proof.
        """
        listed = await self._visible(runs_of(job_id), 1, None)
        for execution in listed.current_page or ():  # unfinished runs come first
            if execution.status is not WorkflowExecutionStatus.RUNNING and (
                owner_org(execution) == str(org_id)
            ):
                return await self._ended(JobFilter(org_id), execution)
        return None

    async def _job(self, execution: WorkflowExecution) -> JobDetail:
        history = await JobHistory.read(execution)
        if history.partial:
            workflow = self._client.get_workflow_handle(execution.id, run_id=execution.run_id)
            # Temporal deletes a history a moment before it stops to list its workflow.
            fetched = await _none_if_missing(workflow.fetch_history())
            if fetched is not None:
                history = await JobHistory.read(execution, fetched.events)
        return await job_of(execution, history, datetime.now(UTC))

    async def _attempts(self, org_id: UUID, job_id: str) -> JobAttempts | None:
        described = await self._describe(org_id, job_id)
        if described is None:
            return None
        workflow = self._client.get_workflow_handle(job_id, run_id=described.run_id)
        fetched = await _none_if_missing(workflow.fetch_history())
        if fetched is None:
            return None
        history = await JobHistory.read(described, fetched.events)
        return JobAttempts(described.run_id, history.attempts)

    async def _list(self, wanted: JobFilter, limit: int, page: int, cursor: str | None) -> JobPage:
        listed, is_new = await self._shared.get(
            wanted.org_id,
            (wanted, limit, page, cursor),
            lambda: _with_deadline(self._listed(wanted, limit, page, cursor)),
        )
        checked = listed.checked if is_new else {}
        rows = await asyncio.gather(
            *(self._row(wanted, each, checked) for each in listed.executions)
        )
        kept = [row for row in rows if row is not None]
        return JobPage(kept, listed.total - (len(rows) - len(kept)), listed.next_cursor)

    async def _listed(
        self, wanted: JobFilter, limit: int, page: int, cursor: str | None
    ) -> ListedJobs:
        unstarted, checked = await asyncio.gather(
            count_unstarted(self._client, self._database, wanted), self._check_active(wanted)
        )
        query = wanted.query(datetime.now(UTC), _stale(checked))
        total = (await self._client.count_workflows(query)).count
        skipped = (page - 1) * limit
        if cursor is None and skipped >= total:
            return ListedJobs((), total + unstarted, None, checked)
        token = _opened(cursor, wanted) if cursor else await self._skip(query, skipped)
        found = await self._visible(query, limit, token)
        executions = tuple(found.current_page or ())
        following = found.next_page_token
        more = False
        if following is not None and len(executions) == limit:
            # How far a cursor has come is not known.
            more = (
                bool((await self._visible(query, 1, following)).current_page)
                if cursor
                else skipped + limit < total
            )
        return ListedJobs(
            executions,
            total + unstarted,
            _sealed(following, wanted) if more and following is not None else None,
            checked,
        )

    async def _row(
        self, wanted: JobFilter, execution: WorkflowExecution, checked: Mapping[str, JobDetail]
    ) -> JobDetail | None:
        """The row, exact; None if the job does not match the filter, or no longer does."""
        if owner_org(execution) != str(wanted.org_id):
            return None
        if execution.status is WorkflowExecutionStatus.RUNNING:
            job = checked.get(execution.id) or await self._find(wanted.org_id, execution.id)
        else:
            job = await self._ended(wanted, execution)
        return job if job is not None and wanted.state in (None, job.state) else None

    async def _ended(self, wanted: JobFilter, execution: WorkflowExecution) -> JobDetail:
        """The job of an execution that has ended, which is read once."""
        job = self._finished.get(execution.run_id)
        if job is not None:
            self._finished.move_to_end(execution.run_id)
            return job
        described = None
        if execution.status is WorkflowExecutionStatus.TERMINATED:
            # Only a description shows an attempt that a worker had when its job was terminated.
            described = await self._describe(wanted.org_id, execution.id, execution.run_id)
        job = await self._job(described or execution)
        self._finished[execution.run_id] = job
        if len(self._finished) > MAX_FINISHED_KEPT:
            self._finished.popitem(last=False)
        return job

    async def _check_active(self, wanted: JobFilter) -> dict[str, JobDetail]:
        """Descriptions, by id, of the newest `MAX_ACTIVE_CHECKED` jobs published as active.

        A job stays published as active after its worker is gone. Jobs that were active within the
        last second are left out. Empty if the wanted state does not depend on what is published.
        """
        if wanted.state not in (JobState.WAITING, JobState.ACTIVE, JobState.DELAYED):
            return {}
        active = wanted.in_state(JobState.ACTIVE).query(datetime.now(UTC))
        published = await self._visible(active, MAX_ACTIVE_CHECKED, None)
        now = asyncio.get_running_loop().time()
        unconfirmed = self._confirmations.missing(
            [each.id for each in published.current_page or ()], now
        )
        jobs = await asyncio.gather(*(self._find(wanted.org_id, each) for each in unconfirmed))
        return {job.id: job for job in jobs if job is not None}

    async def _visible(
        self, query: str, size: int, token: bytes | None
    ) -> WorkflowExecutionAsyncIterator:
        found = self._client.list_workflows(query, page_size=size, next_page_token=token)
        await found.fetch_next_page()
        return found

    async def _skip(self, query: str, rows: int) -> bytes | None:
        token: bytes | None = None
        while rows > 0:
            size = min(rows, VISIBILITY_PAGE_SIZE)
            token = (await self._visible(query, size, token)).next_page_token
            rows -= size
            if token is None:
                break
        return token

    async def _stats(self, wanted: JobFilter) -> JobStats:
        unstarted, checked = await asyncio.gather(
            count_unstarted(self._client, self._database, wanted),
            self._check_active(wanted.in_state(JobState.ACTIVE)),
        )
        stale = _stale(checked)
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
        # The counts are of different moments: a job may begin between them.
        waiting = max(running - active.count - delayed.count, 0) + unstarted
        return JobStats(
            waiting=waiting,
            active=active.count,
            completed=by_status.get(STATUS_NAMES[WorkflowExecutionStatus.COMPLETED], 0),
            failed=sum(by_status.get(STATUS_NAMES[each], 0) for each in FAILED),
            delayed=delayed.count,
            total=waiting + active.count + delayed.count,
        )


def _subject_of(job: WorkflowExecution) -> JobSubject | None:
    """None if the workflow of another team has other values than ids."""
    page_id = job.typed_search_attributes.get(Attribute.PAGE)
    try:
        domain_id = UUID(job.typed_search_attributes.get(Attribute.DOMAIN))
        return JobSubject(domain_id, UUID(page_id) if page_id else None)
    except (TypeError, ValueError):
        return None


def _stale(checked: Mapping[str, JobDetail]) -> StaleActiveJobs:
    def ids(state: JobState) -> frozenset[str]:
        return frozenset(job.id for job in checked.values() if job.state is state)

    return StaleActiveJobs(waiting=ids(JobState.WAITING), delayed=ids(JobState.DELAYED))


async def _none_if_missing(answer: Awaitable[T]) -> T | None:
    """The answer of Temporal; None if the workflow does not exist, or no longer does."""
    try:
        return await answer
    except RPCError as error:
        if error.status in (RPCStatusCode.NOT_FOUND, RPCStatusCode.INVALID_ARGUMENT):
            return None
        raise


async def _with_deadline(answer: Awaitable[T]) -> T:
    try:
        async with asyncio.timeout(QUESTION_TIMEOUT.total_seconds()):
            return await answer
    except TimeoutError as error:
        raise away() from error
    except RPCError as error:
        raise as_unavailable(error) from error


def _fingerprint(wanted: JobFilter, token: bytes) -> bytes:
    """Binds a token to its list: Temporal has no clear error for a token that was altered."""
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
