"""Acting on jobs: cancel, retry, promote."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest
from temporalio import activity
from temporalio.api.enums.v1 import EventType
from temporalio.client import (
    Client,
    Interceptor,
    OutboundInterceptor,
    StartWorkflowInput,
    WorkflowHandle,
)
from temporalio.testing import ActivityEnvironment
from temporalio.worker import Worker

from activities.batches import BatchActivities
from core.contract import (
    CANCELLED,
    ActivityName,
    AttemptReport,
    CrawlPageInput,
    CrawlPageResult,
    Ending,
    Outcome,
    StartBatch,
)
from core.jobs import TASK_QUEUE, JobState
from tests.eventually import eventually
from tests.site import FakeSite
from tests.system import System
from worker import SANDBOX
from workflows.crawl_page import CrawlPage


async def act(system: System, job_id: str, what: str, status: int = 200) -> None:
    """Do `what` to the job, which answers with `status`."""
    answer = await system.api.post(f"/api/jobs/{job_id}/{what}")
    assert answer.status_code == status, answer.text


async def test_a_job_that_waits_is_cancelled_without_a_worker(
    system: System, site: FakeSite
) -> None:
    domain = await system.add_domain(site.origin)
    await act(system, domain.discovery_job_id, "cancel")
    job = await system.job(domain.discovery_job_id)
    assert (job.state, job.failed_reason) == (JobState.FAILED, "The job was cancelled.")
    assert (job.attempts_made, job.processed_at) == (0, None)
    assert job.finished_at is not None
    await eventually(system.stats, lambda stats: (stats.failed, stats.total) == (1, 0))
    [row] = (await system.jobs(status="failed")).data
    assert row.failed_reason == job.failed_reason


async def test_a_job_that_is_delayed_is_cancelled_without_a_worker(
    system: System, site: FakeSite
) -> None:
    page_id = await system.lone_page(site)
    job_id = await system.ask(f"/api/pages/{page_id}/crawl", delaySeconds=3600)
    await act(system, job_id, "cancel")
    assert (await system.job(job_id)).failed_reason == "The job was cancelled."


async def test_an_active_job_is_cancelled_and_its_fetches_stop(
    system: System, site: FakeSite
) -> None:
    page_id = await system.lone_page(site)
    site.hold("/")
    async with system.worker():
        job_id = await system.ask(f"/api/pages/{page_id}/crawl")
        await system.job_when(job_id, lambda job: job.state is JobState.ACTIVE)
        await site.arrived("/")
        await act(system, job_id, "cancel")
        job = await system.job(job_id)
    assert (job.state, job.failed_reason) == (JobState.FAILED, "The job was cancelled.")
    assert job.attempts_made == 1
    assert job.processed_at is not None


async def test_a_job_whose_worker_is_gone_is_cancelled_with_its_attempts(
    system: System, site: FakeSite
) -> None:
    page_id = await system.lone_page(site)
    site.failing("/", [500], then="<p>back</p>", headers={"Retry-After": "600"})
    async with system.worker():
        job_id = await system.ask(f"/api/pages/{page_id}/crawl")
        await system.job_when(job_id, lambda job: job.state is JobState.DELAYED)
    await act(system, job_id, "cancel")
    job = await system.job(job_id)
    assert (job.state, job.failed_reason) == (JobState.FAILED, "The job was cancelled.")
    assert job.attempts_made == 1
    assert job.processed_at is not None


async def test_an_attempt_that_begins_while_its_job_is_cancelled_is_told(
    system: System, site: FakeSite
) -> None:
    page_id = await system.lone_page(site)
    site.hold("/")
    async with system.worker():
        job_id = await system.ask(f"/api/pages/{page_id}/crawl")
        await site.arrived("/")
        # As the API ends a job that it has just seen waiting.
        seen = Ending(attempts_made=0, processed_at=None, failed_reason=CANCELLED)
        await system.client.get_workflow_handle(job_id).terminate(seen, reason=CANCELLED)
        job = await system.job(job_id)
        assert (job.state, job.failed_reason) == (JobState.FAILED, CANCELLED)
        assert job.attempts_made == 1
        assert job.processed_at is not None
        [row] = (await system.jobs(status="failed", type="crawl")).data
        assert (row.attempts_made, row.processed_at) == (1, job.processed_at)
        told = await system.api.get(f"/api/jobs/{job_id}/attempts")
        [attempt] = told.json()["data"]
        assert (attempt["number"], attempt["outcome"]) == (1, "cancelled")
        assert attempt["endedAt"] is not None
        site.release("/")


@activity.defn(name=ActivityName.CRAWL)
async def crawl(_: CrawlPageInput, __: AttemptReport | None) -> Outcome[CrawlPageResult]:
    """An attempt that is over at once."""
    now = datetime.now(UTC)
    return Outcome(
        attempt=AttemptReport(attempt=1, first_started_at=now),
        result=CrawlPageResult(changed=False, status_code=200),
    )


async def test_an_attempt_that_ends_while_its_job_is_cancelled_is_told(
    system: System, site: FakeSite
) -> None:
    """Its workflow has not heard of it: nobody who runs workflows is there."""
    page_id = await system.lone_page(site)
    job_id = await system.ask(f"/api/pages/{page_id}/crawl")
    workflow = system.client.get_workflow_handle(job_id)

    async def events() -> set[int]:
        return {each.event_type for each in (await workflow.fetch_history()).events}

    async with Worker(
        system.client, task_queue=TASK_QUEUE, workflows=[CrawlPage], workflow_runner=SANDBOX
    ):
        scheduled = EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
        await eventually(events, lambda found: scheduled in found)
    async with Worker(system.client, task_queue=TASK_QUEUE, activities=[crawl]):
        completed = EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED
        await eventually(events, lambda found: completed in found)
    job = await system.job(job_id)
    assert (job.state, job.attempts_made) == (JobState.ACTIVE, 1)
    # As the API ends a job that it has just seen waiting.
    await workflow.terminate(Ending(failed_reason=CANCELLED), reason=CANCELLED)
    job = await system.job(job_id)
    assert (job.state, job.failed_reason) == (JobState.FAILED, "The job was cancelled.")
    assert job.attempts_made == 1
    assert job.processed_at is not None


async def test_a_job_that_an_operator_ended_is_cancelled_whatever_he_said_of_it(
    system: System, site: FakeSite
) -> None:
    domain = await system.add_domain(site.origin)
    workflow = system.client.get_workflow_handle(domain.discovery_job_id)
    await workflow.terminate({"words": "of his own"}, reason="in the way")
    job = await system.job(domain.discovery_job_id)
    assert (job.state, job.failed_reason) == (JobState.FAILED, "The job was cancelled.")
    listed = await eventually(
        lambda: system.jobs(status="failed"), lambda answer: answer.meta.total == 1
    )
    assert listed.data[0].id == job.id


async def test_a_finished_job_cannot_be_cancelled_or_promoted(
    system: System, site: FakeSite
) -> None:
    page_id = await system.lone_page(site)
    async with system.worker():
        job_id = await system.ask(f"/api/pages/{page_id}/crawl")
        await system.finished(job_id)
    for what in ("cancel", "promote", "retry"):
        await act(system, job_id, what, status=409)


async def test_a_failed_job_is_run_again_as_a_new_one(system: System, site: FakeSite) -> None:
    page_id = await system.lone_page(site)
    site.page("/", "forbidden", status=403)
    async with system.worker():
        failed = await system.ask(f"/api/pages/{page_id}/crawl", maxAttempts=2)
        await system.finished(failed)
        site.page("/", "<p>Pro costs $99 a month.</p>")
        again = await system.ask(f"/api/jobs/{failed}/retry")
        job = await system.finished(again)
    assert again != failed
    assert (job.state, job.max_attempts, job.page_id) == (JobState.COMPLETED, 2, page_id)
    assert (await system.job(failed)).state is JobState.FAILED


async def test_a_cancelled_discovery_is_run_again(system: System, site: FakeSite) -> None:
    domain = await system.add_domain(site.origin)
    job_id = await system.ask(f"/api/domains/{domain.id}/discover", maxPages=7)
    await act(system, job_id, "retry", status=409)
    await act(system, job_id, "cancel")
    again = await system.job(await system.ask(f"/api/jobs/{job_id}/retry"))
    assert (again.state, again.domain_id) == (JobState.WAITING, domain.id)


async def test_a_job_about_what_was_deleted_is_not_run_again(
    system: System, site: FakeSite
) -> None:
    page_id = await system.lone_page(site)
    job_id = await system.ask(f"/api/pages/{page_id}/crawl")
    await act(system, job_id, "cancel")
    assert (await system.api.delete(f"/api/pages/{page_id}")).status_code == 204
    await act(system, job_id, "retry", status=409)


async def test_a_job_asked_for_later_is_promoted_also_without_a_worker(
    system: System, site: FakeSite
) -> None:
    page_id = await system.lone_page(site)
    job_id = await system.ask(f"/api/pages/{page_id}/crawl", delaySeconds=3600)
    await act(system, job_id, "promote")
    job = await system.job(job_id)
    assert (job.state, job.next_attempt_at) == (JobState.WAITING, None)
    await act(system, job_id, "promote", status=409)
    async with system.worker():
        assert (await system.finished(job_id)).state is JobState.COMPLETED


async def test_a_job_that_pauses_before_a_retry_is_promoted(system: System, site: FakeSite) -> None:
    page_id = await system.lone_page(site)
    site.failing("/", [503], then="<p>back</p>", headers={"Retry-After": "600"})
    async with system.worker():
        job_id = await system.ask(f"/api/pages/{page_id}/crawl")
        await system.job_when(job_id, lambda job: job.state is JobState.DELAYED)
        await act(system, job_id, "promote")
        job = await system.finished(job_id)
    assert (job.state, job.attempts_made) == (JobState.COMPLETED, 2)


@pytest.mark.parametrize("what", ["cancel", "retry", "promote"])
async def test_what_is_not_there_or_not_owned_cannot_be_acted_on(
    system: System, site: FakeSite, what: str
) -> None:
    domain = await system.add_domain(site.origin)
    async with await system.another_organisation() as stranger:
        foreign = await stranger.post(f"/api/jobs/{domain.discovery_job_id}/{what}")
        unknown = await stranger.post(f"/api/jobs/crawl-{uuid4().hex}/{what}")
    assert (foreign.status_code, foreign.json()) == (404, unknown.json())
    assert (await system.job(domain.discovery_job_id)).state is JobState.WAITING


async def crawl_in_batch(system: System, domain_id: object, **body: object) -> str:
    """The id of a batch of all pages of the domain."""
    answer = await system.api.post(f"/api/domains/{domain_id}/crawl", json=body)
    assert answer.status_code == 202, answer.text
    batch_id: str = answer.json()["data"]["batchId"]
    return batch_id


async def cancel_batch(system: System, batch_id: str) -> int:
    """How many jobs the cancellation of the batch ended."""
    answer = await system.api.post(f"/api/batches/{batch_id}/cancel")
    assert answer.status_code == 200, answer.text
    assert answer.json()["data"]["batchId"] == batch_id
    ended: int = answer.json()["data"]["jobsCancelled"]
    return ended


async def site_of_three(system: System, site: FakeSite) -> UUID:
    """The domain of a site of three pages, which are known."""
    site.page("/", "<a href='/a'>a</a> <a href='/b'>b</a>")
    site.page("/a", "<p>A</p>")
    site.page("/b", "<p>B</p>")
    async with system.worker():
        domain = await system.add_domain(site.origin)
        assert (await system.finished(domain.discovery_job_id)).state is JobState.COMPLETED
    return domain.id


async def test_a_batch_is_cancelled_without_a_worker(system: System, site: FakeSite) -> None:
    domain_id = await site_of_three(system, site)
    async with system.worker():
        batch_id = await crawl_in_batch(system, domain_id, delaySeconds=3600)
        await eventually(lambda: system.stats(batchId=batch_id), lambda stats: stats.delayed == 3)
    assert await cancel_batch(system, batch_id) == 3
    await eventually(
        lambda: system.stats(batchId=batch_id), lambda stats: (stats.failed, stats.total) == (3, 0)
    )
    rows = (await system.jobs(batchId=batch_id)).data
    assert {row.failed_reason for row in rows} == {"The job was cancelled."}
    assert await cancel_batch(system, batch_id) == 0


async def test_a_batch_that_is_cancelled_before_it_began_starts_nothing(
    system: System, site: FakeSite
) -> None:
    domain_id = await site_of_three(system, site)
    batch_id = await crawl_in_batch(system, domain_id)
    assert await cancel_batch(system, batch_id) == 0
    async with system.worker():
        result = await system.client.get_workflow_handle(f"batch-{UUID(batch_id).hex}").result()
    assert result["jobsQueued"] == 0
    assert (await system.jobs(batchId=batch_id)).meta.total == 0


async def test_what_a_cancelled_batch_has_finished_stays_and_what_runs_is_stopped(
    system: System, site: FakeSite
) -> None:
    domain_id = await site_of_three(system, site)
    site.hold("/a")
    async with system.worker():
        batch_id = await crawl_in_batch(system, domain_id)
        await eventually(
            lambda: system.stats(batchId=batch_id),
            lambda stats: (stats.completed, stats.active) == (2, 1),
        )
        assert await cancel_batch(system, batch_id) == 1
        await eventually(
            lambda: system.stats(batchId=batch_id),
            lambda stats: (stats.completed, stats.failed) == (2, 1),
        )


class Meanwhile(Interceptor):
    """Cancels the batch before the first job of it is started; `ended` is what that ended."""

    def __init__(self, cancel: Callable[[], Awaitable[int]]) -> None:
        super().__init__()
        self._cancel = cancel
        self._lock = asyncio.Lock()
        self.ended: list[int] = []

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:
        meanwhile = self

        class Starting(OutboundInterceptor):
            async def start_workflow(self, input: StartWorkflowInput) -> WorkflowHandle[Any, Any]:
                async with meanwhile._lock:
                    if not meanwhile.ended:
                        meanwhile.ended.append(await meanwhile._cancel())
                return await super().start_workflow(input)

        return Starting(next)


async def test_jobs_that_a_fan_out_started_while_its_batch_was_cancelled_are_ended(
    system: System, site: FakeSite
) -> None:
    """The fan-out had read that the batch is on before it was cancelled: what it starts then, the
    canceller cannot see.
    """
    domain_id = await site_of_three(system, site)
    batch_id = await crawl_in_batch(system, domain_id, delaySeconds=3600)
    meanwhile = Meanwhile(partial(cancel_batch, system, batch_id))
    client = Client(
        system.client.service_client,
        data_converter=system.client.data_converter,
        interceptors=[meanwhile],
    )
    batch = StartBatch(
        domain_id=domain_id,
        batch_id=UUID(batch_id),
        create=False,
        not_before=datetime.now(UTC) + timedelta(hours=1),
        max_attempts=1,
    )
    fan_out = BatchActivities(system.database, client)
    assert await ActivityEnvironment().run(fan_out.start_batch, batch) == 3
    assert meanwhile.ended == [0]
    await eventually(
        lambda: system.stats(batchId=batch_id), lambda stats: (stats.failed, stats.total) == (3, 0)
    )


async def test_another_organisations_batch_cannot_be_cancelled(
    system: System, site: FakeSite
) -> None:
    domain_id = await site_of_three(system, site)
    batch_id = await crawl_in_batch(system, domain_id)
    async with await system.another_organisation() as other:
        foreign = await other.post(f"/api/batches/{batch_id}/cancel")
    for unknown in (str(uuid4()), "no-id"):
        answer = await system.api.post(f"/api/batches/{unknown}/cancel")
        assert (answer.status_code, answer.json()) == (404, foreign.json())
    assert foreign.status_code == 404
    async with system.worker():
        await eventually(lambda: system.stats(batchId=batch_id), lambda stats: stats.completed == 3)
