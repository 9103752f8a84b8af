"""Acting on jobs: cancel, retry, promote."""

from uuid import uuid4

import pytest

from core.jobs.contract import (
    CANCELLED,
    FinalReport,
)
from core.jobs.states import JobState
from tests.eventually import eventually
from tests.site import FakeSite
from tests.system import System


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
        seen = FinalReport(attempts_made=0, processed_at=None, failed_reason=CANCELLED)
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
