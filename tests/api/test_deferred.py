"""Jobs that wait for their second look at a page: what is told of them, and what can be done."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx2
import pytest
from temporalio import activity
from temporalio.api.enums.v1 import EventType
from temporalio.worker import Worker

from core.jobs.contract import (
    CANCELLED,
    PROMOTE_SIGNAL,
    ActivityName,
    AttemptReport,
    CrawlPageInput,
    CrawlPageResult,
    Outcome,
)
from core.jobs.queues import Queue
from core.jobs.states import JobState
from temporal.jobs.view import JobDetail
from tests.api.served import served
from tests.api.test_watching import events
from tests.eventually import HANG, eventually
from tests.site import FakeSite
from tests.system import System
from tests.workflows.crawls import workflows

Activity = Callable[[CrawlPageInput, AttemptReport | None], Awaitable[Outcome[CrawlPageResult]]]

DEARER = "<p>Pro costs $129 a month.</p>"


@dataclass(frozen=True)
class Shop:
    """A page that was crawled once, and has changed since; its news is confirmed."""

    system: System
    site: FakeSite
    page_id: UUID

    async def deferred(self, **asked: object) -> JobDetail:
        """A job that has seen the change once, and whose timer runs; it takes a worker."""
        job_id = await self.system.ask(f"/api/pages/{self.page_id}/crawl", **asked)
        workflow = self.system.client.get_workflow_handle(job_id)

        async def events() -> set[int]:
            return {event.event_type for event in (await workflow.fetch_history()).events}

        # A worker that stops in the middle of a workflow task takes it along for ten seconds.
        started = EventType.EVENT_TYPE_TIMER_STARTED
        await eventually(events, lambda found: started in found)
        job = await self.system.job(job_id)
        assert job.state is JobState.DELAYED
        return job

    async def promote(self, job: JobDetail) -> JobDetail:
        """The job, now that it need not wait any more."""
        answer = await self.system.api.post(f"/api/jobs/{job.id}/promote")
        assert answer.status_code == 200, answer.text
        return JobDetail.model_validate(answer.json()["data"])

    async def outcomes(self, job: JobDetail) -> list[str]:
        """How the attempts of a job went."""
        answer = await self.system.api.get(f"/api/jobs/{job.id}/attempts")
        return [attempt["outcome"] for attempt in answer.json()["data"]]

    async def changes(self) -> int:
        """How many changes were told."""
        answer = await self.system.api.get(f"/api/changes?pageId={self.page_id}")
        total: int = answer.json()["meta"]["total"]
        return total

    async def assert_published(self, job: JobDetail, state: JobState) -> None:
        """List and statistics say of the only unfinished job what it says itself."""

        async def listed() -> list[str]:
            return [row.id for row in (await self.system.jobs(status=state)).data]

        await eventually(listed, lambda ids: ids == [job.id])
        stats = (await self.system.stats()).model_dump()
        assert (stats["total"], stats[state]) == (1, 1)

    async def activities(self, job_id: str) -> int:
        """How many activities of the job's workflow wait or run."""
        workflow = self.system.client.get_workflow_handle(job_id)
        return len((await workflow.describe()).raw_description.pending_activities)


def putting_off(later: timedelta) -> Activity:
    """An activity that is over at once, to go on so much later."""

    @activity.defn(name=ActivityName.CRAWL)
    async def deferred(_: CrawlPageInput, __: AttemptReport | None) -> Outcome[CrawlPageResult]:
        begun = datetime.now(UTC)
        due = begun + later
        report = AttemptReport(attempt=1, first_started_at=begun, next_at=due, deferred_to=due)
        return Outcome(attempt=report, result=None)

    return deferred


@pytest.fixture
async def shop(system: System, site: FakeSite) -> Shop:
    """No worker runs."""
    page_id = await system.lone_page(site)
    async with system.worker():
        await system.finished(await system.ask(f"/api/pages/{page_id}/crawl"))
    await system.choose(f"/api/pages/{page_id}", confirmAfterSeconds=3600)
    site.page("/", DEARER)
    return Shop(system, site, page_id)


async def test_a_job_that_waits_for_its_second_look_is_delayed_within_its_attempt(
    shop: Shop,
) -> None:
    asked_at = datetime.now(UTC)
    async with shop.system.worker():
        job = await shop.deferred()
        await shop.assert_published(job, JobState.DELAYED)
    for _ in ("with a worker", "without one"):
        job = await shop.system.job(job.id)
        assert (job.state, job.attempts_made, job.progress) == (JobState.DELAYED, 1, 80)
        assert (job.failed_reason, job.finished_at, job.return_value) == (None, None, None)
        assert job.processed_at is not None
        assert job.next_attempt_at is not None
        assert abs(job.next_attempt_at - asked_at - timedelta(hours=1)) < timedelta(minutes=1)
        assert await shop.outcomes(job) == ["put_off"]
    await shop.assert_published(job, JobState.DELAYED)


async def test_it_is_gone_on_with_by_another_worker_as_the_same_attempt(shop: Shop) -> None:
    async with shop.system.worker():
        first = await shop.deferred(maxAttempts=1)
    promoted = await shop.promote(first)
    assert (promoted.state, promoted.attempts_made) == (JobState.WAITING, 1)
    async with shop.system.worker():
        job = await shop.system.finished(first.id)
    assert (job.state, job.attempts_made) == (JobState.COMPLETED, 1)
    assert job.processed_at == first.processed_at
    assert await shop.outcomes(job) == ["completed"]
    assert await shop.changes() == 1


@pytest.mark.parametrize("with_worker", [True, False])
async def test_it_can_be_cancelled(shop: Shop, with_worker: bool) -> None:
    async with shop.system.worker():
        job = await shop.deferred()
        if with_worker:
            answer = await shop.system.api.post(f"/api/jobs/{job.id}/cancel")
    if not with_worker:
        answer = await shop.system.api.post(f"/api/jobs/{job.id}/cancel")
    assert answer.status_code == 200, answer.text
    ended = await shop.system.job(job.id)
    assert (ended.state, ended.failed_reason) == (JobState.FAILED, CANCELLED)
    assert (ended.attempts_made, ended.processed_at) == (1, job.processed_at)
    assert await shop.outcomes(job) == ["cancelled"]
    assert await shop.changes() == 0
    for action in ("cancel", "promote"):
        assert (await shop.system.api.post(f"/api/jobs/{job.id}/{action}")).status_code == 409


async def test_whoever_cancels_its_workflow_ends_it_once(shop: Shop) -> None:
    """As a parent does that is cancelled itself."""
    async with shop.system.worker():
        job = await shop.deferred()
        await shop.system.client.get_workflow_handle(job.id).cancel()
        ended = await shop.system.finished(job.id)
    assert (ended.state, ended.failed_reason) == (JobState.FAILED, CANCELLED)
    assert (ended.attempts_made, ended.processed_at) == (1, job.processed_at)
    assert await shop.outcomes(job) == ["cancelled"]
    [row] = (await shop.system.jobs(status="failed", type="crawl")).data
    assert (row.id, row.attempts_made) == (job.id, 1)


async def test_a_second_look_that_fails_uses_its_attempt_up_and_is_tried_again(
    shop: Shop,
) -> None:
    async with shop.system.worker():
        job = await shop.deferred(maxAttempts=2)
        shop.site.failing("/", [503], then=DEARER)
        await shop.promote(job)
        failed = await shop.system.job_when(job.id, lambda job: job.failed_reason is not None)
        assert failed.attempts_made == 1
        assert await shop.outcomes(job) == ["failed"]
        done = await shop.system.finished(job.id)
    assert (done.state, done.attempts_made, done.max_attempts) == (JobState.COMPLETED, 2, 2)
    assert await shop.outcomes(job) == ["failed", "completed"]
    assert len(shop.site.requests_for("/")) == 4, "two looks are enough, whatever failed between"
    assert await shop.changes() == 1


async def test_a_second_look_that_its_worker_hands_back_is_the_second_look_still(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.DRAIN", timedelta(0))
    async with shop.system.worker():
        job = await shop.deferred(maxAttempts=1)
        shop.site.hold("/")
        await shop.promote(job)
        running = await shop.system.job_when(job.id, lambda job: job.state is JobState.ACTIVE)
        assert (running.attempts_made, running.progress) == (1, 80)
        await shop.site.arrived("/", 3)
    assert (await shop.system.job(job.id)).state is JobState.WAITING
    shop.site.release("/")
    async with shop.system.worker():
        done = await shop.system.finished(job.id)
    assert (done.state, done.attempts_made) == (JobState.COMPLETED, 1)
    assert await shop.changes() == 1


async def test_promoting_it_twice_is_as_promoting_it_once(shop: Shop) -> None:
    async with shop.system.worker():
        job = await shop.deferred()
    path = f"/api/jobs/{job.id}/promote"
    answers = await asyncio.gather(*(shop.system.api.post(path) for _ in range(3)))
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert (await shop.system.api.post(path)).status_code == 409
    async with shop.system.worker():
        done = await shop.system.finished(job.id)
    assert (done.attempts_made, await shop.changes()) == (1, 1)


async def deferred_unheard(shop: Shop, later: timedelta) -> JobDetail:
    """A job whose attempt has put itself off, of which its workflow has not heard, for no worker
    runs; the next one tells its news at once.
    """
    await shop.system.choose(f"/api/pages/{shop.page_id}", confirmAfterSeconds=0)
    job_id = await shop.system.ask(f"/api/pages/{shop.page_id}/crawl")
    async with workflows(shop.system):
        await eventually(lambda: shop.activities(job_id), bool)
    reading = Queue.READING.task_queue
    async with Worker(shop.system.client, task_queue=reading, activities=[putting_off(later)]):
        await eventually(lambda: shop.activities(job_id), lambda count: count == 0)
    return await shop.system.job(job_id)


async def test_it_is_promoted_also_before_its_workflow_knows_that_it_waits(shop: Shop) -> None:
    job = await deferred_unheard(shop, timedelta(hours=1))
    assert (job.state, job.attempts_made) == (JobState.DELAYED, 1)
    promoted = await shop.promote(job)
    assert (promoted.state, promoted.attempts_made) == (JobState.WAITING, 1)
    async with workflows(shop.system):
        await eventually(lambda: shop.activities(job.id), bool)
    await shop.assert_published(job, JobState.WAITING)
    async with shop.system.worker():
        done = await shop.system.finished(job.id)
    assert (done.state, done.attempts_made) == (JobState.COMPLETED, 1)


async def test_an_answer_that_is_heard_after_its_time_is_gone_on_with_at_once(shop: Shop) -> None:
    job = await deferred_unheard(shop, timedelta(hours=-1))
    assert (job.state, job.attempts_made) == (JobState.WAITING, 1)
    assert await shop.outcomes(job) == ["put_off"]
    async with shop.system.worker():
        done = await shop.system.finished(job.id)
    assert (done.state, done.attempts_made) == (JobState.COMPLETED, 1)


async def test_when_its_time_has_come_it_waits_for_a_worker(shop: Shop) -> None:
    job = await deferred_unheard(shop, timedelta(seconds=2))
    async with workflows(shop.system):
        job = await shop.system.job_when(job.id, lambda job: job.state is JobState.WAITING)
        assert (job.attempts_made, job.next_attempt_at) == (1, None)
        await shop.assert_published(job, JobState.WAITING)
    async with shop.system.worker():
        done = await shop.system.finished(job.id)
    assert (done.state, done.attempts_made) == (JobState.COMPLETED, 1)


@pytest.mark.parametrize("said", ["x", None, 7, "2020-01-01T00:00:00", "2020-01-01T00:00:00Z"])
async def test_a_promotion_that_is_not_of_its_wait_moves_nothing(shop: Shop, said: object) -> None:
    async with shop.system.worker():
        job = await shop.deferred()
        workflow = shop.system.client.get_workflow_handle(job.id)
        before = (await workflow.describe()).history_length
        await workflow.signal(PROMOTE_SIGNAL, said)

        async def heard() -> int:
            return (await workflow.describe()).history_length

        # The signal, and a workflow task: scheduled, begun, completed.
        await eventually(heard, lambda length: length >= before + 4)
        after = await shop.system.job(job.id)
        assert (after.state, after.next_attempt_at) == (JobState.DELAYED, job.next_attempt_at)
        await shop.promote(job)
        assert (await shop.system.finished(job.id)).state is JobState.COMPLETED


async def test_whoever_follows_it_hears_of_the_wait(shop: Shop) -> None:
    job_id = await shop.system.ask(f"/api/pages/{shop.page_id}/crawl")
    told = []
    async with (
        served(shop.system.app) as http,
        httpx2.AsyncClient(base_url=http.origin, headers=shop.system.api.headers) as client,
        client.stream("GET", f"/api/jobs/{job_id}/events", timeout=HANG) as answer,
        shop.system.worker(),
    ):
        async for event in events(answer):
            told.append(event.data)
            if event.data["state"] == "delayed":
                await shop.promote(await shop.system.job(job_id))
    [waited] = [job for job in told if job["state"] == "delayed"]
    assert (waited["attemptsMade"], waited["progress"], waited["failedReason"]) == (1, 80, None)
    assert (told[-1]["state"], told[-1]["attemptsMade"]) == ("completed", 1)
