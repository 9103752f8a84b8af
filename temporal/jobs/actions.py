"""Actions on jobs: cancel, promote, and read the input of a failed job to run it again."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from pydantic import JsonValue
from temporalio.api.activity.v1 import ActivityOptions
from temporalio.api.common.v1 import RetryPolicy, WorkflowExecution
from temporalio.api.workflowservice.v1 import UpdateActivityOptionsRequest
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from core.errors import Conflict, NotFound, Unavailable
from core.jobs.contract import (
    CANCELLED,
    PROMOTE_SIGNAL,
    CrawlPageInput,
    DiscoverPagesInput,
    FinalReport,
)
from core.jobs.states import TASK_QUEUE, JobName, JobState, JobType
from core.outbox import CancellationMessage, MessageKind
from store.batches import batch_pages, batches_followed_as, batches_to_start, cancel_batch
from store.db.engine import Database
from store.hosts import delete_turns
from store.job_ends import claim_ends
from store.outbox import put, withdraw
from store.tables.batches import Batch
from store.tables.job_ends import JobEnd
from temporal.deadlines import CALL_TIMEOUT
from temporal.faults import as_unavailable
from temporal.jobs.reader import JobReader, JobSubject
from temporal.jobs.untrusted import read_payloads
from temporal.jobs.view import JobDetail
from temporal.jobs.visibility import JobFilter

CANCELLED_WITHIN: Final = timedelta(seconds=3)
"""Time for the worker of an active job to end it. After that the workflow is terminated."""

PARALLEL_JOBS: Final = 50
"""Jobs that are read, cancelled or promoted in parallel."""

MAX_MATCHING: Final = 10_000
"""Jobs of each state that one request cancels or promotes."""

UNFINISHED: Final = (JobState.WAITING, JobState.DELAYED, JobState.ACTIVE)

FINISHED: Final = "The job has finished already."

MINIMAL_RETRY_INTERVAL: Final = Duration(nanos=1_000_000)

Handle = WorkflowHandle[object, JsonValue]


@dataclass(frozen=True)
class FollowedJobs:
    """What clients follow under one id: a batch, or the batches and `discoveries` of a group."""

    batches: Sequence[Batch]
    discoveries: JobFilter | None = None


@dataclass(frozen=True)
class CancelledMatches:
    """The `jobs` that were cancelled, and the `batches` that start no more jobs."""

    jobs: tuple[str, ...]
    batches: tuple[UUID, ...]


class JobActions:
    """Acts on the jobs of organisations.

    Its methods raise Unavailable if Temporal or the database cannot be reached, and NotFound if
    the job or batch does not exist or another organisation owns it.
    """

    def __init__(self, client: Client, reader: JobReader, database: Database) -> None:
        self._client = client
        self._reader = reader
        self._database = database

    async def cancel(self, org_id: UUID, job_id: str) -> JobDetail:
        """The job after its cancellation, which needs no worker.

        Raises Conflict if the job has finished, or has stored its result and is about to finish.
        """
        job = await self._reader.get(org_id, job_id)
        if job.state.finished:
            raise Conflict(FINISHED)
        await self._end_all([job])
        ended = await self._reader.get(org_id, job_id)
        if not ended.state.finished:
            raise Conflict("The job has stored what it found already, and ends by itself.")
        if ended.failed_reason != CANCELLED:
            raise Conflict(FINISHED)
        return ended

    async def cancel_batch(self, org_id: UUID, batch_id: UUID) -> int:
        """The number of jobs that the cancellation of a batch, or of a group, has cancelled.

        Jobs of the batch that are not started yet never start. A call that was interrupted is
        finished by the reconciler, or by the next call.
        """
        followed = await self._followed_as(org_id, batch_id)
        cancelled: list[str] = []
        for each in followed.batches:
            cancelled += await self._cancel_one(org_id, each.id)
        for state in UNFINISHED:
            if followed.discoveries is not None:
                wanted = followed.discoveries.in_state(state)
                ids = await self._reader.ids(wanted, MAX_MATCHING)
                cancelled += await self._cancel_all(org_id, ids)
        return len(cancelled)

    async def _followed_as(self, org_id: UUID, batch_id: UUID) -> FollowedJobs:
        async with self._database.reading() as session:
            batches = await batches_followed_as(session, org_id, batch_id)
        if any(each.id == batch_id for each in batches):
            return FollowedJobs(batches)
        discoveries = JobFilter(org_id, type=JobType.DISCOVER, batch_id=batch_id)
        if not batches and not await self._reader.ids(discoveries, 1):
            raise NotFound("Batch not found.")
        return FollowedJobs(batches, discoveries)

    async def _cancel_one(self, org_id: UUID, batch_id: UUID) -> list[str]:
        # The batch first: a fan-out that runs reads it, and cancels what it has started meanwhile.
        async with self._database.transaction() as session:
            batch = await cancel_batch(session, org_id, batch_id)
            await put(session, CancellationMessage(subject_id=batch.id, domain_id=batch.domain_id))
        cancelled: list[str] = []
        last: UUID | None = None
        while True:
            async with self._database.reading() as session:
                pages = await batch_pages(session, batch_id, last, PARALLEL_JOBS)
            if not pages:
                break
            jobs = [each.job_id for each in pages]
            cancelled += await self._cancel_all(org_id, jobs)
            last = pages[-1].page_id
        with suppress(Unavailable):  # the reconciler repeats the cancellation then
            async with self._database.transaction() as session:
                await withdraw(session, batch_id, MessageKind.CANCELLATION)
        return cancelled

    async def failed_subjects(self, org_id: UUID, batch_id: UUID) -> Sequence[JobSubject]:
        """What the failed jobs of the batch or group are about; of crawls exact at this moment."""
        followed = await self._followed_as(org_id, batch_id)
        failed: list[JobSubject] = []
        for batch in followed.batches:
            pages = await self._failed_pages(org_id, batch.id)
            failed += [JobSubject(batch.domain_id, page_id) for page_id in pages]
        if followed.discoveries:
            wanted = followed.discoveries.in_state(JobState.FAILED)
            failed += await self._reader.subjects(wanted, MAX_MATCHING)
        return failed

    async def _failed_pages(self, org_id: UUID, batch_id: UUID) -> list[UUID]:
        failed: list[UUID] = []
        last: UUID | None = None
        while True:
            async with self._database.reading() as session:
                pages = await batch_pages(session, batch_id, last, PARALLEL_JOBS)
            if not pages:
                return failed
            jobs = await asyncio.gather(*(self._found(org_id, each.job_id) for each in pages))
            failed += [
                page.page_id
                for page, job in zip(pages, jobs, strict=True)
                if job is not None and job.state is JobState.FAILED
            ]
            last = pages[-1].page_id

    async def cancel_matching(self, wanted: JobFilter) -> CancelledMatches:
        """The jobs that match and that this call has cancelled.

        Batches with jobs that match and are not started yet are cancelled as a whole.
        """
        cancelled: list[str] = []
        batches: Sequence[UUID] = ()
        waiting = wanted.state in (None, JobState.WAITING)
        if waiting and wanted.page_id is None and wanted.type is not JobType.DISCOVER:
            async with self._database.reading() as session:
                batches = await batches_to_start(
                    session, wanted.org_id, wanted.domain_id, wanted.batch_id
                )
            for batch_id in batches:
                cancelled += await self._cancel_one(wanted.org_id, batch_id)
        states = UNFINISHED if wanted.state is None else (wanted.state,)
        for state in states:
            ids = await self._reader.ids(wanted.in_state(state), MAX_MATCHING)
            for start in range(0, len(ids), PARALLEL_JOBS):
                chunk = ids[start : start + PARALLEL_JOBS]
                cancelled += await self._cancel_all(wanted.org_id, chunk)
        return CancelledMatches(tuple(cancelled), tuple(batches))

    async def _cancel_all(self, org_id: UUID, job_ids: Sequence[str]) -> list[str]:
        """Cancel the jobs that exist and have not finished; the ids of the cancelled ones."""
        found = await asyncio.gather(*(self._unfinished(org_id, each) for each in job_ids))
        jobs = [job for job in found if job is not None]
        await self._end_all(jobs)
        ended = await asyncio.gather(*(self._reader.get(org_id, job.id) for job in jobs))
        return [job.id for job in ended if job.failed_reason == CANCELLED]

    async def promote(self, org_id: UUID, job_id: str) -> JobDetail:
        """The job after its promotion: a delayed job may run now.

        Raises Conflict if it is not delayed.
        """
        job = await self._reader.get(org_id, job_id)
        if job.state is not JobState.DELAYED:
            raise Conflict(f"The job is not delayed, it is {job.state}.")
        try:
            if job.attempts_made == 0:
                await self._start_now(job)
            else:
                await self._resume_now(job)
        except WorkflowAlreadyStartedError as error:
            raise Conflict(FINISHED) from error
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                raise Conflict("The job is not delayed any more.") from error
            raise as_unavailable(error) from error
        return await self._reader.get(org_id, job_id)

    async def promote_matching(self, wanted: JobFilter) -> int:
        """The number of delayed jobs that match and that this call has promoted.

        Those that began or ended meanwhile are left as they are, and do not count.
        """
        ids = await self._reader.ids(wanted.in_state(JobState.DELAYED), MAX_MATCHING)
        promoted = 0
        for start in range(0, len(ids), PARALLEL_JOBS):
            chunk = ids[start : start + PARALLEL_JOBS]
            done = await asyncio.gather(
                *(self._promote_delayed(wanted.org_id, each) for each in chunk)
            )
            promoted += sum(done)
        return promoted

    async def _promote_delayed(self, org_id: UUID, job_id: str) -> bool:
        """Whether the job was still delayed, and may run now."""
        try:
            await self.promote(org_id, job_id)
        except (Conflict, NotFound):
            return False
        return True

    async def failed_input(self, org_id: UUID, job_id: str) -> CrawlPageInput | DiscoverPagesInput:
        """The input of a failed job. Raises Conflict if the job has not failed."""
        job = await self._reader.get(org_id, job_id)
        if job.state is not JobState.FAILED:
            raise Conflict(f"Only a failed job can be run again; this one is {job.state}.")
        try:
            history = await self._client.get_workflow_handle(job_id).fetch_history()
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                raise NotFound("Job not found.") from error
            raise as_unavailable(error) from error
        payloads = history.events[0].workflow_execution_started_event_attributes.input.payloads
        kind: type[CrawlPageInput | DiscoverPagesInput] = (
            CrawlPageInput if job.name is JobName.CRAWL_PAGE else DiscoverPagesInput
        )
        asked = await read_payloads(self._client.data_converter, payloads, kind)
        if asked is None:
            raise Conflict("The job was started with input that cannot be read.")
        return asked

    async def _found(self, org_id: UUID, job_id: str) -> JobDetail | None:
        try:
            return await self._reader.get(org_id, job_id)
        except NotFound:
            return None

    async def _unfinished(self, org_id: UUID, job_id: str) -> JobDetail | None:
        job = await self._found(org_id, job_id)
        return None if job is None or job.state.finished else job

    async def _end_all(self, jobs: Sequence[JobDetail]) -> None:
        """Cancel the jobs that have stored nothing. The others finish: wait for them a moment."""
        try:
            found = await asyncio.gather(*(self._running(job) for job in jobs))
            running = [each for each in found if each is not None]
            stored = await self._stored_runs(running)
            await asyncio.gather(*(self._end_run(*each, each[1] in stored) for each in running))
        except RPCError as error:
            raise as_unavailable(error) from error

    async def _stored_runs(self, running: Sequence[tuple[JobDetail, str]]) -> frozenset[str]:
        """The runs that have stored their result.

        The others can store nothing from now on, and their slots at hosts are released.
        """
        if not running:
            return frozenset()
        crawls = [run for job, run in running if job.name is JobName.CRAWL_PAGE]
        async with self._database.transaction() as session:
            ends = await claim_ends(session, crawls, JobEnd.CANCELLED)
            await delete_turns(session, [job.id for job, _ in running])
        return frozenset(run for run, end in ends.items() if end is JobEnd.STORED)

    async def _running(self, job: JobDetail) -> tuple[JobDetail, str] | None:
        """The job and its run id; None if it has just finished."""
        try:
            described = await self._client.get_workflow_handle(job.id).describe()
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return None
            raise
        running = described.status is WorkflowExecutionStatus.RUNNING
        return (job, described.run_id) if running else None

    async def _end_run(self, job: JobDetail, run_id: str, has_stored: bool) -> None:
        workflow = self._client.get_workflow_handle(job.id, run_id=run_id)
        try:
            if has_stored:
                await self._finishes(workflow)
            else:
                await self._end(workflow, job)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:  # it has just finished
                raise

    async def _end(self, workflow: Handle, job: JobDetail) -> None:
        if job.state is JobState.ACTIVE and await self._worker_ends(workflow):
            return
        # No worker executes it, or its worker does not answer.
        ending = FinalReport(
            attempts_made=job.attempts_made,
            processed_at=job.processed_at,
            percent=job.progress,
            failed_reason=CANCELLED,
        )
        await workflow.terminate(ending, reason=CANCELLED)

    async def _worker_ends(self, workflow: Handle) -> bool:
        """Whether the worker of the job ends it within `CANCELLED_WITHIN`."""
        await workflow.cancel()
        return await self._finishes(workflow)

    async def _finishes(self, workflow: Handle) -> bool:
        """Whether the workflow closes within `CANCELLED_WITHIN`."""
        try:
            async with asyncio.timeout(CANCELLED_WITHIN.total_seconds()):
                await workflow.result()
        except TimeoutError:
            return False
        except RPCError:
            raise
        except Exception:
            # It has failed, or its result is not readable: the workflow is somebody else's.
            return True
        return True

    async def _start_now(self, job: JobDetail) -> None:
        """Only a signal-with-start interrupts the start delay of a workflow."""
        await self._client.start_workflow(
            job.name,
            id=job.id,
            task_queue=TASK_QUEUE,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            start_signal=PROMOTE_SIGNAL,
        )

    async def _resume_now(self, job: JobDetail) -> None:
        """End the pause before the next attempt, or before a deferred one."""
        workflow = self._client.get_workflow_handle(job.id)
        described = await workflow.describe()
        for activity in described.raw_description.pending_activities:
            await self._client.workflow_service.update_activity_options(
                UpdateActivityOptionsRequest(
                    namespace=self._client.namespace,
                    identity=self._client.identity,
                    execution=WorkflowExecution(workflow_id=job.id, run_id=described.run_id),
                    id=activity.activity_id,
                    activity_options=ActivityOptions(
                        retry_policy=RetryPolicy(initial_interval=MINIMAL_RETRY_INTERVAL)
                    ),
                    update_mask=FieldMask(paths=["retry_policy.initial_interval"]),
                ),
                timeout=CALL_TIMEOUT,
            )
        await workflow.signal(PROMOTE_SIGNAL, job.next_attempt_at)
