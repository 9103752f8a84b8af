"""A crawl that stores something and somebody who cancels its job: one comes first, for good."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from activities.batches import BatchActivities
from activities.crawling.check_recorder import CheckRecorder
from core.jobs.states import JobState
from store.job_ends import claim_ends
from store.tables.job_ends import JobEnd
from temporal.jobs.cancellation import cancel_job
from temporal.jobs.reader import JobReader
from temporal.jobs.view import JobDetail
from tests.pauses import unpaced
from tests.site import FakeSite
from tests.system import System

DEARER = "<p>Pro costs $129 a month.</p>"
CANCELLED = "The job was cancelled."


@pytest.fixture(autouse=True)
def deaf(monkeypatch: pytest.MonkeyPatch) -> None:
    """No attempt sends a heartbeat, so that none hears that its job was cancelled."""
    monkeypatch.setattr("activities.reporting.PUBLISH_ACTIVE_AFTER", 600)


@dataclass
class Storing:
    """Holds each attempt, once it has stored what it found, until it is `released`."""

    stored: asyncio.Event = field(default_factory=asyncio.Event)
    released: asyncio.Event = field(default_factory=asyncio.Event)
    outcomes: list[BaseException | None] = field(default_factory=list)

    def around(self, find: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        """`find`, held."""

        async def held(*args: object) -> Any:
            try:
                found = await find(*args)
            except BaseException as error:
                self.outcomes.append(error)
                raise
            finally:
                self.stored.set()
            self.outcomes.append(None)
            await self.released.wait()
            return found

        return held


def watch_storing(monkeypatch: pytest.MonkeyPatch) -> Storing:
    """What crawls do from now on about a page with another text, or about one that is gone."""
    storing = Storing()
    for name in ("record_content", "record_removed"):
        monkeypatch.setattr(CheckRecorder, name, storing.around(getattr(CheckRecorder, name)))
    return storing


async def crawled(system: System, site: FakeSite) -> UUID:
    """The id of a page that was crawled once."""
    page_id = await system.lone_page(site)
    async with system.worker():
        job = await system.finished(await system.ask(f"/api/pages/{page_id}/crawl"))
        assert job.state is JobState.COMPLETED
    return page_id


async def told(system: System, page_id: UUID) -> list[str]:
    """The kinds of the changes that were told of the page."""
    answer = await system.api.get(f"/api/changes?pageId={page_id}")
    return [change["changeType"] for change in answer.json()["data"]]


async def snapshots(system: System, page_id: UUID) -> int:
    """How many snapshots of the page there are."""
    total: int = (await system.api.get(f"/api/pages/{page_id}/snapshots")).json()["meta"]["total"]
    return total


@pytest.mark.parametrize("status", [200, 404], ids=["another text", "gone"])
async def test_an_attempt_that_begins_while_its_job_is_cancelled_stores_nothing(
    system: System, site: FakeSite, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    page_id = await crawled(system, site)
    site.page("/", DEARER, status=status)
    asked = len(site.requests_for("/"))
    site.hold("/")
    job_id = await system.ask(f"/api/pages/{page_id}/crawl", maxAttempts=1)
    storing = watch_storing(monkeypatch)
    storing.released.set()
    look = JobReader.get
    async with AsyncExitStack() as workers:

        async def a_moment_ago(reader: JobReader, org_id: UUID, asked_for: str) -> JobDetail:
            seen = await look(reader, org_id, asked_for)
            if seen.state is JobState.WAITING:
                await workers.enter_async_context(system.worker())
                await site.arrived("/", asked + 1)
            return seen

        monkeypatch.setattr(JobReader, "get", a_moment_ago)
        answer = await system.api.post(f"/api/jobs/{job_id}/cancel")
        assert answer.status_code == 200, answer.text
        assert answer.json()["data"]["failedReason"] == CANCELLED
        site.release("/")
        await storing.stored.wait()
        assert [str(error) for error in storing.outcomes] == [CANCELLED]
    assert await told(system, page_id) == []
    assert await snapshots(system, page_id) == 1
    page = (await system.api.get(f"/api/pages/{page_id}")).json()["data"]
    assert page["status"] == "active"
    job = await system.job(job_id)
    assert (job.state, job.failed_reason) == (JobState.FAILED, CANCELLED)


@pytest.mark.parametrize(
    ("status", "state", "change"),
    [(200, JobState.COMPLETED, "price_change"), (404, JobState.FAILED, "page_removed")],
    ids=["another text", "gone"],
)
async def test_a_job_that_has_stored_what_it_found_is_not_called_cancelled(
    system: System,
    site: FakeSite,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    state: JobState,
    change: str,
) -> None:
    monkeypatch.setattr("temporal.jobs.actions.CANCELLED_WITHIN", timedelta(seconds=0.1))
    page_id = await crawled(system, site)
    site.page("/", DEARER, status=status)
    storing = watch_storing(monkeypatch)
    async with system.worker():
        job_id = await system.ask(f"/api/pages/{page_id}/crawl", maxAttempts=1)
        await storing.stored.wait()
        answer = await system.api.post(f"/api/jobs/{job_id}/cancel")
        assert (answer.status_code, answer.json()["error"]) == (
            409,
            "The job has stored what it found already, and ends by itself.",
        )
        storing.released.set()
        job = await system.finished(job_id)
        again = await system.api.post(f"/api/jobs/{job_id}/cancel")
    assert (again.status_code, again.json()["error"]) == (409, "The job has finished already.")
    assert (job.state, job.failed_reason == CANCELLED) == (state, False)
    assert await told(system, page_id) == [change]


async def test_a_batch_that_is_cancelled_leaves_the_jobs_that_have_stored_something(
    system: System, site: FakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("temporal.jobs.actions.CANCELLED_WITHIN", timedelta(seconds=1))
    page_id = await crawled(system, site)
    page = (await system.api.get(f"/api/pages/{page_id}")).json()["data"]
    site.page("/", DEARER)
    site.hold("/held")
    added = await system.api.post(
        f"/api/domains/{page['domainId']}/pages", json={"url": site.url("/held")}
    )
    other_id = UUID(added.json()["data"]["id"])
    storing = watch_storing(monkeypatch)
    async with system.worker():
        answer = await system.api.post(f"/api/domains/{page['domainId']}/crawl", json={})
        batch_id = UUID(answer.json()["data"]["batchId"])
        await asyncio.gather(storing.stored.wait(), site.arrived("/held"))
        ended = await system.api.post(f"/api/batches/{batch_id}/cancel")
        assert ended.json()["data"]["jobsCancelled"] == 1
        storing.released.set()
        job = await system.finished(await system.batch_job(batch_id, page_id))
        other = await system.finished(await system.batch_job(batch_id, other_id))
        site.release("/held")
    assert job.state is JobState.COMPLETED
    assert (other.state, other.failed_reason) == (JobState.FAILED, CANCELLED)
    assert len(await told(system, page_id)) == 1


@pytest.mark.parametrize("first", JobEnd)
async def test_a_fan_out_ends_the_jobs_that_have_stored_nothing(
    system: System, site: FakeSite, first: JobEnd
) -> None:
    page_id = await system.lone_page(site)
    job_id = await system.ask(f"/api/pages/{page_id}/crawl")
    described = await system.client.get_workflow_handle(job_id).describe()
    async with system.database.transaction() as session:
        await claim_ends(session, [described.run_id], first)
    batches = BatchActivities(system.database, system.client, unpaced)
    await cancel_job(system.client, job_id, batches._claim)
    ended = first is JobEnd.CANCELLED
    assert (await system.job(job_id)).state is (JobState.FAILED if ended else JobState.WAITING)


async def test_a_job_that_finds_that_it_was_cancelled_ends_as_cancelled(
    system: System, site: FakeSite
) -> None:
    """Temporal went away between the claim and the end of the workflow."""
    page_id = await system.lone_page(site)
    job_id = await system.ask(f"/api/pages/{page_id}/crawl")
    described = await system.client.get_workflow_handle(job_id).describe()
    async with system.database.transaction() as session:
        await claim_ends(session, [described.run_id], JobEnd.CANCELLED)
    async with system.worker():
        job = await system.finished(job_id)
    assert (job.state, job.failed_reason, job.attempts_made) == (JobState.FAILED, CANCELLED, 1)
    assert await snapshots(system, page_id) == 0
    [attempt] = (await system.api.get(f"/api/jobs/{job_id}/attempts")).json()["data"]
    assert (attempt["outcome"], attempt["reason"]) == ("cancelled", CANCELLED)
