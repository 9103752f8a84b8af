"""Acting on a job: end it, run a failed one again, start a delayed one now."""

import asyncio
from collections.abc import Sequence
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

from core.errors import Conflict, NotFound
from core.jobs.contract import (
    CANCELLED,
    PROMOTE_SIGNAL,
    CrawlPageInput,
    DiscoverPagesInput,
    FinalReport,
)
from core.jobs.states import TASK_QUEUE, JobName, JobState
from store.db.engine import Database
from store.hosts import give_up_turns
from store.job_ends import claim_ends
from store.tables.job_ends import JobEnd
from temporal.deadlines import CALL_TIMEOUT
from temporal.faults import as_unavailable
from temporal.jobs.reader import JobReader
from temporal.jobs.untrusted import read_payloads
from temporal.jobs.view import JobDetail

CANCELLED_WITHIN: Final = timedelta(seconds=3)
"""How long the worker that is at a job may take to end it; after that it is ended without one."""

FINISHED: Final = "The job has finished already."

AT_ONCE: Final = Duration(nanos=1_000_000)

Handle = WorkflowHandle[object, JsonValue]


class JobActions:
    """Acts through `client`. Its methods raise Unavailable when Temporal or the database cannot be
    reached, and NotFound for a job that there is not or that another organisation owns.
    """

    def __init__(self, client: Client, reader: JobReader, database: Database) -> None:
        self._client = client
        self._reader = reader
        self._database = database

    async def cancel(self, org_id: UUID, job_id: str) -> JobDetail:
        """End the job, also with no worker; the job as it is after. Raises Conflict when it is
        over already, or has stored what it found and is about to be.
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

    async def cancel_all(self, org_id: UUID, job_ids: Sequence[str]) -> int:
        """End those of the jobs that there are and that can be ended; how many that were."""
        found = await asyncio.gather(*(self._unfinished(org_id, each) for each in job_ids))
        jobs = [job for job in found if job is not None]
        await self._end_all(jobs)
        ended = await asyncio.gather(*(self._reader.get(org_id, job.id) for job in jobs))
        return sum(job.failed_reason == CANCELLED for job in ended)

    async def promote(self, org_id: UUID, job_id: str) -> JobDetail:
        """Let a delayed job run now; the job as it is after. Raises Conflict when it is not
        delayed.
        """
        job = await self._reader.get(org_id, job_id)
        if job.state is not JobState.DELAYED:
            raise Conflict(f"The job is not delayed, it is {job.state}.")
        try:
            if job.attempts_made == 0:
                await self._start_now(job)
            else:
                await self._go_on_now(job)
        except WorkflowAlreadyStartedError as error:
            raise Conflict("The job has finished already.") from error
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                raise Conflict("The job is not delayed any more.") from error
            raise as_unavailable(error) from error
        return await self._reader.get(org_id, job_id)

    async def failed_input(self, org_id: UUID, job_id: str) -> CrawlPageInput | DiscoverPagesInput:
        """What a failed job was asked to do. Raises Conflict when the job has not failed."""
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

    async def _unfinished(self, org_id: UUID, job_id: str) -> JobDetail | None:
        try:
            job = await self._reader.get(org_id, job_id)
        except NotFound:
            return None
        return None if job.state.finished else job

    async def _end_all(self, jobs: Sequence[JobDetail]) -> None:
        """End the jobs that have stored nothing; those that have come to their end by themselves,
        which is waited for a moment.
        """
        try:
            found = await asyncio.gather(*(self._running(job) for job in jobs))
            running = [each for each in found if each is not None]
            stored = await self._claimed_before(running)
            await asyncio.gather(*(self._end_run(*each, each[1] in stored) for each in running))
        except RPCError as error:
            raise as_unavailable(error) from error

    async def _claimed_before(self, running: Sequence[tuple[JobDetail, str]]) -> frozenset[str]:
        """Which of those runs have stored what they found; the others store nothing any more, and
        their turns at hosts are free.
        """
        if not running:
            return frozenset()
        crawls = [run for job, run in running if job.name is JobName.CRAWL_PAGE]
        async with self._database.transaction() as session:
            ends = await claim_ends(session, crawls, JobEnd.CANCELLED)
            await give_up_turns(session, [job.id for job, _ in running])
        return frozenset(run for run, end in ends.items() if end is JobEnd.STORED)

    async def _running(self, job: JobDetail) -> tuple[JobDetail, str] | None:
        """The job with the id of its run; None when it has just finished by itself."""
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
                await self._over(workflow)
            else:
                await self._end(workflow, job)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:  # it has just finished by itself
                raise

    async def _end(self, workflow: Handle, job: JobDetail) -> None:
        if job.state is JobState.ACTIVE and await self._stopped(workflow):
            return
        # No worker is at it, so none is needed.
        ending = FinalReport(
            attempts_made=job.attempts_made,
            processed_at=job.processed_at,
            percent=job.progress,
            failed_reason=CANCELLED,
        )
        await workflow.terminate(ending, reason=CANCELLED)

    async def _stopped(self, workflow: Handle) -> bool:
        """Whether the worker that is at it has ended the job in time."""
        await workflow.cancel()
        return await self._over(workflow)

    async def _over(self, workflow: Handle) -> bool:
        """Whether the job is over within a moment."""
        try:
            async with asyncio.timeout(CANCELLED_WITHIN.total_seconds()):
                await workflow.result()
        except TimeoutError:
            return False
        except RPCError:
            raise
        except Exception:
            # It has failed, or it has ended with what only its own people can read.
            return True
        return True

    async def _start_now(self, job: JobDetail) -> None:
        """Only a signal that could also start the workflow interrupts the delay of its start."""
        await self._client.start_workflow(
            job.name,
            id=job.id,
            task_queue=TASK_QUEUE,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            start_signal=PROMOTE_SIGNAL,
        )

    async def _go_on_now(self, job: JobDetail) -> None:
        """The next attempt, or the same one where it has put itself off."""
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
                        retry_policy=RetryPolicy(initial_interval=AT_ONCE)
                    ),
                    update_mask=FieldMask(paths=["retry_policy.initial_interval"]),
                ),
                timeout=CALL_TIMEOUT,
            )
        await workflow.signal(PROMOTE_SIGNAL, job.next_attempt_at)
