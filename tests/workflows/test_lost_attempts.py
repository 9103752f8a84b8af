"""Lost attempts, and attempts that end while their job is cancelled."""

import asyncio
from datetime import UTC, datetime, timedelta
from enum import StrEnum, auto
from functools import partial
from typing import Any

import pytest
from temporalio import activity
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHandle
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker

from activities.reporting import Attempt
from core.jobs.contract import (
    CANCELLED,
    REPORT_SIGNAL,
    ActivityName,
    AttemptReport,
    CrawlPageInput,
    CrawlPageResult,
    FinalReport,
    Outcome,
)
from core.jobs.losses import MAX_REPEATS
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


class Course(StrEnum):
    """What becomes of an execution of the activity."""

    SILENT = auto()
    """Its worker hangs before the first heartbeat."""

    HEARD = auto()
    """Its worker hangs after a heartbeat."""

    REPORTED = auto()
    """Its worker hangs after the attempt was published as active."""

    FAILS = auto()
    """The site fails it, and the next attempt is due at once."""

    ENDS = auto()
    """It completes."""


class Crawl:
    """The activity of jobs whose executions take `courses`, the last one again and again."""

    def __init__(self, client: Client, *courses: Course) -> None:
        self.executions = 0
        self._client = client
        self._courses = courses

    @activity.defn(name=ActivityName.CRAWL)
    async def run(
        self, _: CrawlPageInput, continued: AttemptReport | None
    ) -> Outcome[CrawlPageResult]:
        """Take the next course."""
        course = self._courses[min(self.executions, len(self._courses) - 1)]
        self.executions += 1
        attempt = Attempt(activity.info(), "worker", continued)
        match course:
            case Course.HEARD:
                attempt.beat()
            case Course.REPORTED:
                await self._report(attempt.report)
            case Course.FAILS:
                attempt.beat()
                again = {"next_at": datetime.now(UTC), "reason": "Busy."}
                await self._report(attempt.report.model_copy(update=again))
                raise ApplicationError("Busy.", type="BUSY", next_retry_delay=timedelta())
            case Course.ENDS:
                result = CrawlPageResult(changed=False, status_code=200)
                return Outcome(attempt=attempt.report, result=result)
        # What a hanging worker says once it is cancelled comes too late.
        await asyncio.Event().wait()
        raise AssertionError

    async def _report(self, report: AttemptReport) -> None:
        job_id = activity.info().workflow_id
        assert job_id is not None
        await self._client.get_workflow_handle(job_id).signal(REPORT_SIGNAL, report)


@pytest.fixture(autouse=True)
def short_heartbeat_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attempts that send no heartbeats soon count as lost."""
    for module in ("attempts", "losses"):
        monkeypatch.setattr(f"workflows.{module}.HEARTBEAT_TIMEOUT", timedelta(seconds=1))


def crawls(system: System, *courses: Course) -> Worker:
    """A worker of the activity alone, whose executions take these courses."""
    crawl = Crawl(system.client, *courses)
    return Worker(
        system.client,
        task_queue=Queue.READING.task_queue,
        activities=[crawl.run],
        graceful_shutdown_timeout=timedelta(),
    )


async def outcomes(system: System, job_id: str) -> list[str]:
    """How the attempts of a job went."""
    answer = await system.api.get(f"/api/jobs/{job_id}/attempts")
    return [attempt["outcome"] for attempt in answer.json()["data"]]


SILENT, HEARD, REPORTED, FAILS, ENDS = Course


@pytest.mark.parametrize(
    ("max_attempts", "courses", "told"),
    [
        # Nobody has heard of the attempt: it begins again.
        (1, [SILENT, SILENT, ENDS], ["completed"]),
        (2, [FAILS, SILENT, ENDS], ["failed", "completed"]),
        (2, [HEARD, SILENT, ENDS], ["lost", "completed"]),
        # Somebody has: it is used up.
        (2, [HEARD, ENDS], ["lost", "completed"]),
        (2, [REPORTED, FAILS], ["lost", "failed"]),
        (1, [HEARD], ["lost"]),
        (3, [FAILS, REPORTED, HEARD], ["failed", "lost", "lost"]),
        # It begins again so often, and is used up then.
        (1, [SILENT] * (1 + MAX_REPEATS), ["lost"]),
        (2, [*[SILENT] * (1 + MAX_REPEATS), ENDS], ["lost", "completed"]),
    ],
)
async def test_a_lost_attempt_is_used_up_if_anything_was_heard_of_it(
    system: System, site: FakeSite, max_attempts: int, courses: list[Course], told: list[str]
) -> None:
    page_id = await system.lone_page(site)
    async with workflows(system), crawls(system, *courses, ENDS):
        job_id = await system.ask(f"/api/pages/{page_id}/crawl", maxAttempts=max_attempts)
        job = await system.finished(job_id)
    assert await outcomes(system, job_id) == told
    assert job.attempts_made == len(told)
    assert job.state is (JobState.COMPLETED if told[-1] == "completed" else JobState.FAILED)
    assert job.processed_at is not None
    assert job.processed_at >= job.created_at
    if told[-1] == "lost":
        assert job.failed_reason == LOST
        [row] = (await system.jobs(status="failed", type="crawl")).data
        assert (row.attempts_made, row.processed_at) == (job.attempts_made, job.processed_at)


@pytest.mark.parametrize(("course", "reason"), [(SILENT, None), (HEARD, LOST)])
async def test_a_job_whose_attempt_was_lost_waits_for_a_worker(
    system: System, site: FakeSite, course: Course, reason: str | None
) -> None:
    """Also before a worker has noticed the loss, and its number of attempts never falls."""
    page_id = await system.lone_page(site)
    job_id = await system.ask(f"/api/pages/{page_id}/crawl", maxAttempts=2)
    scheduled = EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
    async with workflows(system):
        await eventually(partial(events_of, system, job_id), lambda found: scheduled in found)
    async with crawls(system, course):
        begun = await system.job_when(job_id, lambda job: job.state is JobState.ACTIVE)
        unnoticed = await system.job_when(job_id, lambda job: job.state is not JobState.ACTIVE)
    async with workflows(system):
        await eventually(
            partial(events_of, system, job_id), lambda found: found.count(scheduled) == 2
        )
        noticed = await system.job(job_id)
        for job in (unnoticed, noticed):
            assert (job.state, job.attempts_made) == (JobState.WAITING, 1)
            assert job.failed_reason == reason
            assert job.next_attempt_at is None
        assert unnoticed.processed_at == begun.processed_at
        assert [job.id for job in (await system.jobs(status="waiting")).data] == [job_id]
        again = await outcomes(system, job_id)
        async with crawls(system, ENDS):
            ended = await system.finished(job_id)
    assert again == ["lost" if reason else "handed_back"]
    assert ended.attempts_made == (2 if reason else 1)
    assert ended.failed_reason is None


async def test_a_job_that_is_cancelled_while_its_worker_is_dead_is_told_as_cancelled(
    system: System, site: FakeSite
) -> None:
    """As by an API that died before it could end the job without the worker."""
    page_id = await system.lone_page(site)
    async with workflows(system), crawls(system, SILENT):
        job_id = await system.ask(f"/api/pages/{page_id}/crawl", maxAttempts=5)
        await system.job_when(job_id, lambda job: job.state is JobState.ACTIVE)
        await system.client.get_workflow_handle(job_id).cancel()
        job = await system.finished(job_id)
    assert (job.state, job.failed_reason) == (JobState.FAILED, CANCELLED)
    assert job.attempts_made == 1
    assert job.processed_at is not None


async def events_of(system: System, job_id: str) -> list[int]:
    """The types of the events of the job so far."""
    history = await system.client.get_workflow_handle(job_id).fetch_history()
    return [each.event_type for each in history.events]


def workflows(system: System) -> Worker:
    """A worker that runs workflows and none of their activities."""
    return Worker(
        system.client, task_queue=TASK_QUEUE, workflows=[CrawlPage], workflow_runner=RUNNER
    )


async def ended_unheard(system: System, site: FakeSite) -> Job:
    """A job whose attempt has ended, before its workflow handles the result."""
    page_id = await system.lone_page(site)
    workflow = system.client.get_workflow_handle(await system.ask(f"/api/pages/{page_id}/crawl"))
    events = partial(events_of, system, workflow.id)
    async with workflows(system):
        scheduled = EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
        await eventually(events, lambda found: scheduled in found)
    async with crawls(system, ENDS):
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
