"""Lost attempts, and attempts that end while their job is cancelled."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowHandle

from core.jobs.contract import (
    CANCELLED,
    FinalReport,
)
from core.jobs.losses import MAX_REPEATS
from core.jobs.states import JobState
from temporal.jobs.view import JobDetail
from tests.eventually import eventually
from tests.site import FakeSite
from tests.system import System
from tests.workflows.crawls import ENDS, FAILS, HEARD, REPORTED, SILENT, Course, crawls, workflows

Job = WorkflowHandle[Any, Any]

LOST = "The worker stopped answering in the middle of the attempt."


@pytest.fixture(autouse=True)
def short_heartbeat_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attempts that send no heartbeats soon count as lost."""
    for module in ("attempts", "losses"):
        monkeypatch.setattr(f"workflows.{module}.HEARTBEAT_TIMEOUT", timedelta(seconds=1))


async def outcomes(system: System, job_id: str) -> list[str]:
    """How the attempts of a job went."""
    answer = await system.api.get(f"/api/jobs/{job_id}/attempts")
    return [attempt["outcome"] for attempt in answer.json()["data"]]


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


async def test_a_job_that_is_cancelled_while_its_lost_attempt_waits_has_it_cancelled(
    system: System, site: FakeSite
) -> None:
    page_id = await system.lone_page(site)
    job_id = await system.ask(f"/api/pages/{page_id}/crawl", maxAttempts=1)
    async with workflows(system):
        await eventually(
            partial(events_of, system, job_id),
            lambda found: EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED in found,
        )
    async with crawls(system, SILENT):
        await system.job_when(job_id, lambda job: job.state is JobState.ACTIVE)
        await system.job_when(job_id, lambda job: job.state is JobState.WAITING)
    answer = await system.api.post(f"/api/jobs/{job_id}/cancel")
    assert answer.status_code == 200, answer.text
    job = await system.job(job_id)
    assert (job.state, job.attempts_made) == (JobState.FAILED, 1)
    assert await outcomes(system, job_id) == ["cancelled"]


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
