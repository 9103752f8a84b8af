"""Lost attempts, and attempts that end while their job is cancelled."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio import activity
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowHandle
from temporalio.worker import Worker

from core.jobs.contract import (
    CANCELLED,
    ActivityName,
    AttemptReport,
    CrawlPageInput,
    CrawlPageResult,
    FinalReport,
    Outcome,
)
from core.jobs.queues import Queue
from core.jobs.states import TASK_QUEUE, JobState
from temporal.jobs.view import JobDetail
from tests.eventually import eventually
from tests.site import FakeSite
from tests.system import System
from worker import RUNNER
from workflows.crawl_page import CrawlPage

Job = WorkflowHandle[Any, Any]

LOST = "The worker stopped answering in the middle of the attempt."


@activity.defn(name=ActivityName.CRAWL)
async def silent(_: CrawlPageInput, __: AttemptReport | None) -> None:
    """An attempt whose worker hangs."""
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        # What is said now comes too late.
        return


@activity.defn(name=ActivityName.CRAWL)
async def quick(_: CrawlPageInput, __: AttemptReport | None) -> Outcome[CrawlPageResult]:
    """An attempt that is over at once."""
    return Outcome(
        attempt=AttemptReport(attempt=1, first_started_at=datetime.now(UTC)),
        result=CrawlPageResult(changed=False, status_code=200),
    )


@pytest.fixture
async def dead_worker(system: System, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Worker]:
    """A worker whose attempts send no heartbeats and soon time out."""
    monkeypatch.setattr("workflows.attempts.HEARTBEAT_TIMEOUT", timedelta(seconds=1))
    async with (
        workflows(system),
        Worker(system.client, task_queue=Queue.READING.task_queue, activities=[silent]) as worker,
    ):
        yield worker


async def outcomes(system: System, job_id: str) -> list[str]:
    """How the attempts of a job went."""
    answer = await system.api.get(f"/api/jobs/{job_id}/attempts")
    return [attempt["outcome"] for attempt in answer.json()["data"]]


@pytest.mark.usefixtures("dead_worker")
async def test_a_job_whose_worker_died_before_it_could_speak_has_had_its_attempt(
    system: System, site: FakeSite
) -> None:
    page_id = await system.lone_page(site)
    job_id = await system.ask(f"/api/pages/{page_id}/crawl", maxAttempts=1)
    begun = await system.job_when(job_id, lambda job: job.state is JobState.ACTIVE)
    job = await system.finished(job_id)
    assert (job.state, job.failed_reason) == (JobState.FAILED, LOST)
    assert (job.attempts_made, job.processed_at) == (1, begun.processed_at)
    assert await outcomes(system, job_id) == ["lost"]
    [row] = (await system.jobs(status="failed", type="crawl")).data
    assert (row.attempts_made, row.processed_at) == (1, begun.processed_at)


@pytest.mark.usefixtures("dead_worker")
async def test_a_job_that_is_cancelled_while_its_worker_is_dead_is_told_as_cancelled(
    system: System, site: FakeSite
) -> None:
    """As by an API that died before it could end the job without the worker."""
    page_id = await system.lone_page(site)
    job_id = await system.ask(f"/api/pages/{page_id}/crawl", maxAttempts=5)
    await system.job_when(job_id, lambda job: job.state is JobState.ACTIVE)
    await system.client.get_workflow_handle(job_id).cancel()
    job = await system.finished(job_id)
    assert (job.state, job.failed_reason) == (JobState.FAILED, CANCELLED)
    assert job.attempts_made == 1
    assert job.processed_at is not None


def workflows(system: System) -> Worker:
    """A worker that runs workflows and none of their activities."""
    return Worker(
        system.client, task_queue=TASK_QUEUE, workflows=[CrawlPage], workflow_runner=RUNNER
    )


async def ended_unheard(system: System, site: FakeSite) -> Job:
    """A job whose attempt has ended, before its workflow handles the result."""
    page_id = await system.lone_page(site)
    workflow = system.client.get_workflow_handle(await system.ask(f"/api/pages/{page_id}/crawl"))

    async def events() -> set[int]:
        return {each.event_type for each in (await workflow.fetch_history()).events}

    async with workflows(system):
        scheduled = EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
        await eventually(events, lambda found: scheduled in found)
    async with Worker(system.client, task_queue=Queue.READING.task_queue, activities=[quick]):
        completed = EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED
        await eventually(events, lambda found: completed in found)
    return workflow


async def assert_cancelled_with_its_attempt(system: System, job: JobDetail) -> None:
    """The job was cancelled, and its one attempt counts."""
    assert (job.state, job.failed_reason) == (JobState.FAILED, CANCELLED)
    assert job.attempts_made == 1
    assert job.processed_at is not None
    assert await outcomes(system, job.id) == ["completed"]


async def test_an_attempt_that_ends_in_the_moment_of_its_cancellation_counts(
    system: System, site: FakeSite
) -> None:
    workflow = await ended_unheard(system, site)
    # Its workflow hears of both at once.
    await workflow.cancel()
    async with workflows(system):
        await assert_cancelled_with_its_attempt(system, await system.finished(workflow.id))


async def test_an_attempt_that_ends_while_its_job_is_ended_without_a_worker_counts(
    system: System, site: FakeSite
) -> None:
    workflow = await ended_unheard(system, site)
    job = await system.job(workflow.id)
    assert (job.state, job.attempts_made) == (JobState.ACTIVE, 1)
    # As the API ends a job that it has just seen waiting.
    await workflow.terminate(FinalReport(failed_reason=CANCELLED), reason=CANCELLED)
    await assert_cancelled_with_its_attempt(system, await system.job(workflow.id))
