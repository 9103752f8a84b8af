"""The worker: how it stops."""

import asyncio
import os
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.bridge import temporal_sdk_bridge

from core.jobs.states import JobState
from core.settings import Settings
from tests.eventually import eventually
from tests.site import FakeSite
from tests.system import System, running_system
from worker import POLL_DRAIN_VARIABLE, serve, user_agent


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that stops at once."""
    monkeypatch.setattr("worker.DRAIN", timedelta(0))


async def test_an_attempt_that_a_stopping_worker_hands_back_counts_once(
    system: System, site: FakeSite
) -> None:
    site.page("/", "<p>Pro costs $99 a month.</p>")
    site.hold("/")
    domain = await system.add_domain(site.origin)
    added = await system.api.post(f"/api/domains/{domain.id}/pages", json={"url": site.url("/")})
    page_id = added.json()["data"]["id"]
    job_id = await system.ask(f"/api/pages/{page_id}/crawl", maxAttempts=1)
    async with system.worker():
        begun = await system.job_when(job_id, lambda job: job.state is JobState.ACTIVE)
        await site.arrived("/")
        await eventually(system.stats, lambda stats: stats.active == 2)
    back = await system.job(job_id)
    assert (back.state, back.attempts_made) == (JobState.WAITING, 1)
    assert (back.processed_at, back.failed_reason) == (begun.processed_at, None)
    stats = await system.stats()
    assert (stats.waiting, stats.active, stats.total) == (2, 0, 2)
    assert [job.id for job in (await system.jobs(status="waiting", type="crawl")).data] == [job_id]
    assert (await system.jobs(status="active")).data == []

    async with system.worker():
        again = await system.job_when(job_id, lambda job: job.state is JobState.ACTIVE)
        assert (again.attempts_made, again.processed_at) == (1, begun.processed_at)
        site.release("/")
        done = await system.finished(job_id)
    assert (done.state, done.attempts_made) == (JobState.COMPLETED, 1)
    assert done.processed_at == begun.processed_at


async def test_a_worker_that_stays_goes_on_with_all_that_a_stopping_one_hands_back(
    system: System, site: FakeSite
) -> None:
    plans = ("alpha", "bravo", "charlie", "delta")
    site.page("/", "".join(f'<a href="/{plan}">{plan}</a> ' for plan in plans))
    for plan in plans:
        site.page(f"/{plan}", f"<p>The plan {plan} costs $99 a month.</p>")
    domain = await system.add_domain(site.origin)
    stops, stays = system.worker(), system.worker()
    async with AsyncExitStack() as staying:
        async with stops:
            await system.finished(domain.discovery_job_id)
            ids = await system.pages(domain.id)
            for plan in plans:
                site.page(f"/{plan}", f"<p>The plan {plan} costs $129 a month.</p>")
                site.hold(f"/{plan}")
            body = {"pageIds": [str(ids[site.url(f"/{plan}")]) for plan in plans], "maxAttempts": 1}
            asked = await system.api.post(f"/api/domains/{domain.id}/crawl", json=body)
            batch_id = asked.json()["data"]["batchId"]
            for plan in plans:
                await site.arrived(f"/{plan}", 2)
            await staying.enter_async_context(stays)
        for plan in plans:
            await site.arrived(f"/{plan}", 3)
            site.release(f"/{plan}")
        jobs = (await system.jobs(batchId=batch_id)).data
        done = [await system.finished(job.id) for job in jobs]
    assert [(job.state, job.attempts_made) for job in done] == [(JobState.COMPLETED, 1)] * 4
    assert [len(site.requests_for(f"/{plan}")) for plan in plans] == [3] * 4
    changes = (await system.api.get("/api/changes?event=change")).json()["data"]
    assert sorted(change["url"] for change in changes) == [site.url(f"/{plan}") for plan in plans]


async def test_a_poll_under_way_is_not_broken_off_as_a_worker_stops(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen: list[str | None] = []

    async def run(*_: object) -> None:
        chosen.append(os.environ.get(POLL_DRAIN_VARIABLE))

    monkeypatch.setenv(POLL_DRAIN_VARIABLE, "")  # to be restored
    monkeypatch.delenv(POLL_DRAIN_VARIABLE)
    monkeypatch.setattr("worker.run_worker", run)
    monkeypatch.setattr("worker.stop_resource_tracker", lambda: None)  # this process needs it
    await serve(settings, lambda: None)
    assert chosen == ["3000"]
    # The SDK documents it nowhere, and a newer one may not know it.
    library = Path(str(temporal_sdk_bridge.__file__))
    assert POLL_DRAIN_VARIABLE.encode() in await asyncio.to_thread(library.read_bytes)


async def test_a_discovery_goes_on_where_a_stopped_worker_left_it(
    system: System, site: FakeSite
) -> None:
    site.page("/", '<a href="/first">first</a> <a href="/second">second</a>')
    site.page("/first", "<p>first</p>")
    site.page("/second", "<p>second</p>")
    site.hold("/second")
    domain = await system.add_domain(site.origin)
    async with system.worker():
        await site.arrived("/second")
        # What a discovery has read and not stored yet it reads again.
        await eventually(lambda: system.pages(domain.id), lambda found: site.url("/first") in found)
        await system.job_when(domain.discovery_job_id, lambda job: job.progress > 0)
    assert (await system.job(domain.discovery_job_id)).state is JobState.WAITING
    site.release("/second")
    async with system.worker():
        done = await system.finished(domain.discovery_job_id)
    assert (done.state, done.attempts_made) == (JobState.COMPLETED, 1)
    assert len(site.requests_for("/")) == len(site.requests_for("/first")) == 1
    assert len(site.requests_for("/second")) == 2
    assert set(await system.pages(domain.id)) == {site.url(p) for p in ("/", "/first", "/second")}


async def test_a_site_is_told_whom_to_turn_to(settings: Settings, site: FakeSite) -> None:
    site.page("/", "<p>Pro costs $99 a month.</p>")
    contact = "https://watchers.example/bot"
    async with running_system(settings.model_copy(update={"contact": contact})) as system:
        domain = await system.add_domain(site.origin)
        async with system.worker():
            await system.finished(domain.discovery_job_id)
    agents = {request.headers["user-agent"] for request in site.requests}
    assert agents == {f"Mozilla/5.0 (compatible; DiffyBot/1.0; +{contact})"}


def test_the_user_agent_names_us_also_without_a_contact() -> None:
    assert user_agent(None) == "Mozilla/5.0 (compatible; DiffyBot/1.0)"
