"""The quick look at a page whose last check found it as it was, through the whole system."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import update
from temporalio.api.enums.v1 import EventType, TaskQueueKind
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import PollWorkflowTaskQueueRequest

from activities.batches import QuickLookPace
from activities.places import Places
from core.errors import SiteOverloaded
from core.jobs.contract import CANCELLED, CrawlPageInput, MemoKey, Owner, Subject
from core.jobs.states import TASK_QUEUE, JobName, JobState
from core.web.urls import host_of
from store.hosts import take_slot
from store.tables.hosts import HostSlot
from store.tables.pages import Page
from temporal.jobs.view import JobDetail
from tests.eventually import eventually
from tests.site import FakeSite
from tests.system import System
from workflows.search_attributes import attributes_of

PRICES = "<title>Prices</title><p>Pro costs $99 a month.</p>"
TAGGED = {"ETag": '"1"'}


@dataclass(frozen=True)
class Steady:
    """A page whose last check found it as it was."""

    system: System
    site: FakeSite
    domain_id: UUID
    page_id: UUID

    @property
    def path(self) -> str:
        """Where to ask for a crawl."""
        return f"/api/pages/{self.page_id}/crawl"

    async def crawl(self, **body: object) -> JobDetail:
        """The job of one crawl, once it is over."""
        return await self.system.finished(await self.system.ask(self.path, **body))

    async def events(self, job_id: str) -> list[HistoryEvent]:
        """The history of a job."""
        history = await self.system.client.get_workflow_handle(job_id).fetch_history()
        return list(history.events)

    async def outcomes(self, job_id: str) -> list[str]:
        """How the attempts of a job went."""
        answer = await self.system.api.get(f"/api/jobs/{job_id}/attempts")
        return [attempt["outcome"] for attempt in answer.json()["data"]]


@pytest.fixture
async def steady(system: System, site: FakeSite) -> AsyncIterator[Steady]:
    """A page that was crawled, and found as it was, with a worker."""
    site.page("/", PRICES)
    async with system.worker():
        domain = await system.add_domain(site.origin)
        await system.finished(domain.discovery_job_id)
        [page_id] = (await system.pages(domain.id)).values()
        steady = Steady(system, site, domain.id, page_id)
        await steady.crawl()
        await steady.crawl()
        yield steady


def took_activity(events: list[HistoryEvent]) -> bool:
    """Whether the job went the ordinary way."""
    return any(each.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED for each in events)


@pytest.mark.parametrize(("headers", "status"), [({}, 200), (TAGGED, 304)])
async def test_a_page_that_is_as_it_was_is_asked_once_in_the_first_workflow_task(
    steady: Steady, headers: dict[str, str], status: int
) -> None:
    steady.site.page("/", PRICES, headers=headers)
    await steady.crawl()
    before = len(steady.site.requests_for("/"))
    async with steady.system.database.reading() as session:
        page = await session.get_one(Page, steady.page_id)
    job = await steady.crawl()
    assert (job.state, job.attempts_made, job.progress) == (JobState.COMPLETED, 1, 100)
    assert job.processed_at is not None
    assert job.return_value == {
        "changed": False,
        "statusCode": status,
        "baseline": False,
        "snapshotId": None,
        "changeId": None,
    }
    assert len(steady.site.requests_for("/")) == before + 1
    assert not took_activity(await steady.events(job.id))
    assert await steady.outcomes(job.id) == ["completed"]
    async with steady.system.database.reading() as session:
        checked = await session.get_one(Page, steady.page_id)
    assert checked.crawl_count == page.crawl_count + 1
    assert checked.last_check_at != page.last_check_at
    [row, *_] = (await steady.system.jobs(status="completed", type="crawl")).data
    assert (row.id, row.attempts_made, row.processed_at) == (job.id, 1, job.processed_at)


async def test_a_page_that_was_not_as_before_goes_the_ordinary_way(steady: Steady) -> None:
    steady.site.page("/", PRICES.replace("99", "119"))
    assert took_activity(await steady.events((await steady.crawl()).id))
    # Its last check found a change.
    assert took_activity(await steady.events((await steady.crawl()).id))
    assert not took_activity(await steady.events((await steady.crawl()).id))


async def test_same_text_in_other_bytes_is_not_as_before(steady: Steady) -> None:
    steady.site.page("/", f"{PRICES}<!-- another token -->")
    assert took_activity(await steady.events((await steady.crawl()).id))
    steady.site.page("/", f"{PRICES}<!-- and another -->")
    before = len(steady.site.requests_for("/"))
    await steady.crawl()
    assert len(steady.site.requests_for("/")) == before + 1, "it is not asked twice"


async def test_a_change_is_found_by_the_same_attempt(steady: Steady) -> None:
    steady.site.page("/", PRICES.replace("99", "119"))
    before = len(steady.site.requests_for("/"))
    job = await steady.crawl()
    assert (job.state, job.attempts_made) == (JobState.COMPLETED, 1)
    assert isinstance(job.return_value, dict)
    assert job.return_value["changed"] is True
    assert len(steady.site.requests_for("/")) == before + 2
    assert await steady.outcomes(job.id) == ["completed"]


async def test_an_error_is_met_again_by_the_same_attempt_and_told_by_it(steady: Steady) -> None:
    steady.site.page("/", "overloaded", status=503)
    job = await steady.crawl(maxAttempts=1)
    assert (job.state, job.attempts_made) == (JobState.FAILED, 1)
    assert await steady.outcomes(job.id) == ["failed"]
    events = await steady.events(job.id)
    failure = events[-1].workflow_execution_failed_event_attributes.failure
    assert failure.application_failure_info.type == SiteOverloaded.code
    steady.site.page("/", PRICES)
    steady.site.failing("/", [503], then=PRICES)
    again = await steady.crawl(maxAttempts=1)
    assert (again.state, again.attempts_made) == (JobState.COMPLETED, 1), "it is asked twice"


async def test_a_page_that_is_gone_or_has_moved_goes_the_ordinary_way(steady: Steady) -> None:
    steady.site.page("/there", PRICES)
    steady.site.page("/", "", status=302, headers={"Location": "/there"})
    moved = await steady.crawl()
    assert (moved.state, took_activity(await steady.events(moved.id))) == (
        JobState.COMPLETED,
        True,
    )
    steady.site.page("/", "gone", status=410)
    job = await steady.crawl()
    assert (job.state, job.attempts_made) == (JobState.FAILED, 1)


async def test_a_slow_page_is_active_and_its_attempt_goes_on_after_a_second(
    steady: Steady,
) -> None:
    steady.site.hold("/")
    arrived = len(steady.site.requests_for("/"))
    job_id = await steady.system.ask(steady.path)
    await steady.site.arrived("/", arrived + 1)
    looked = await steady.system.job(job_id)
    assert (looked.state, looked.attempts_made) == (JobState.ACTIVE, 1)
    assert looked.processed_at is not None
    await steady.site.arrived("/", arrived + 2)
    job = await steady.system.job_when(job_id, lambda job: job.state is JobState.ACTIVE)
    assert (job.attempts_made, job.processed_at) == (1, looked.processed_at)
    steady.site.release("/")
    job = await steady.system.finished(job_id)
    assert (job.state, job.attempts_made) == (JobState.COMPLETED, 1)
    assert job.processed_at == looked.processed_at
    assert await steady.outcomes(job_id) == ["completed"]


async def test_a_busy_host_is_not_asked_by_a_quick_look(steady: Steady) -> None:
    host = host_of(steady.site.url("/"))
    busy_until = datetime.now(UTC) + timedelta(seconds=1)
    async with steady.system.database.transaction() as session:
        await session.execute(update(HostSlot).values(next_at=busy_until.timestamp()))
    before = len(steady.site.requests_for("/"))
    job = await steady.crawl()
    assert (job.state, job.attempts_made) == (JobState.COMPLETED, 1)
    assert len(steady.site.requests_for("/")) == before + 1
    assert took_activity(await steady.events(job.id))
    assert job.finished_at is not None
    assert job.finished_at >= busy_until.replace(microsecond=0)
    async with steady.system.database.transaction() as session:
        slot = await take_slot(session, host, timedelta(0), datetime.now(UTC))
    assert slot is not None


async def test_a_quick_look_takes_a_slot_of_its_host(steady: Steady) -> None:
    async with steady.system.database.transaction() as session:
        await session.execute(update(HostSlot).values(next_at=0.0))
    await steady.crawl()
    async with steady.system.database.reading() as session:
        slot = await session.get_one(HostSlot, host_of(steady.site.url("/")))
    assert slot.next_at > 0


async def test_a_job_that_is_delayed_takes_no_quick_look(steady: Steady) -> None:
    job_id = await steady.system.ask(steady.path, delaySeconds=3600)
    await steady.system.api.post(f"/api/jobs/{job_id}/promote")
    await steady.system.finished(job_id)
    assert took_activity(await steady.events(job_id))


async def test_without_a_fresh_robots_txt_in_memory_a_quick_look_asks_nothing(
    steady: Steady, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("activities.http.politeness.ROBOTS_TTL", timedelta(0))
    before = len(steady.site.requests_for("/"))
    job = await steady.crawl()
    assert (job.state, job.attempts_made) == (JobState.COMPLETED, 1)
    assert took_activity(await steady.events(job.id))
    assert len(steady.site.requests_for("/")) == before + 1


@pytest.mark.sqlite
async def test_a_locked_database_ends_a_quick_look_and_not_its_attempt(
    steady: Steady, caplog: pytest.LogCaptureFixture
) -> None:
    before = len(steady.site.requests_for("/"))
    path = steady.system.settings.resolved_database_url.removeprefix("sqlite:///")
    steady.site.hold("/")
    with closing(sqlite3.connect(path)) as other:
        job_id = await steady.system.ask(steady.path)
        await steady.site.arrived("/", before + 1)
        other.execute("BEGIN IMMEDIATE")
        steady.site.release("/")

        async def events() -> list[HistoryEvent]:
            return await steady.events(job_id)

        await eventually(events, took_activity)
        other.rollback()
    job = await steady.system.finished(job_id)
    assert (job.state, job.attempts_made) == (JobState.COMPLETED, 1)
    assert await steady.outcomes(job_id) == ["completed"]
    assert len(steady.site.requests_for("/")) == before + 2
    assert [each.message for each in caplog.records if each.exc_info] == []


async def test_a_job_is_cancelled_in_its_quick_look(steady: Steady) -> None:
    steady.site.hold("/")
    arrived = len(steady.site.requests_for("/"))
    job_id = await steady.system.ask(steady.path)
    await steady.site.arrived("/", arrived + 1)
    answer = await steady.system.api.post(f"/api/jobs/{job_id}/cancel")
    assert answer.status_code == 200, answer.text
    job = await steady.system.finished(job_id)
    assert (job.state, job.failed_reason, job.attempts_made) == (JobState.FAILED, CANCELLED, 1)
    steady.site.release("/")


async def test_the_jobs_of_a_batch_start_in_the_worker_that_starts_them(steady: Steady) -> None:
    answer = await steady.system.api.post(f"/api/domains/{steady.domain_id}/crawl", json={})
    batch_id = UUID(answer.json()["data"]["batchId"])
    job_id = await steady.system.batch_job(batch_id, steady.page_id)

    async def over() -> int:
        return (await steady.system.stats(batchId=batch_id)).completed

    await eventually(over, lambda ended: ended == 1)
    events = await steady.events(job_id)
    assert events[0].workflow_execution_started_event_attributes.eager_execution_accepted
    assert not took_activity(events)


async def test_a_worker_that_dies_in_a_quick_look_leaves_the_attempt_to_another(
    system: System, site: FakeSite
) -> None:
    site.page("/", PRICES)
    async with system.worker():
        domain = await system.add_domain(site.origin)
        await system.finished(domain.discovery_job_id)
        [page_id] = (await system.pages(domain.id)).values()
        for _ in range(2):
            await system.finished(await system.ask(f"/api/pages/{page_id}/crawl"))
    found = (await system.api.get(f"/api/domains/{domain.id}")).json()["data"]
    owner = Owner(
        org_id=found["orgId"],
        domain_id=domain.id,
        page_id=page_id,
        url=site.url("/"),
        host=host_of(site.url("/")),
    )
    job_id = f"crawl-{uuid4().hex}"
    await system.client.start_workflow(
        JobName.CRAWL_PAGE,
        CrawlPageInput(page_id=page_id),
        id=job_id,
        task_queue=TASK_QUEUE,
        search_attributes=attributes_of(owner, JobState.WAITING),
        memo={MemoKey.SUBJECT: Subject.of(owner, 3, quick_look=True)},
        task_timeout=timedelta(seconds=3),
    )
    waiting = await system.job(job_id)
    assert (waiting.state, waiting.attempts_made) == (JobState.WAITING, 0)
    # A worker takes the task, and is never heard of again.
    await system.client.workflow_service.poll_workflow_task_queue(
        PollWorkflowTaskQueueRequest(
            namespace=system.client.namespace,
            task_queue=TaskQueue(name=TASK_QUEUE, kind=TaskQueueKind.TASK_QUEUE_KIND_NORMAL),
            identity="dies",
        )
    )
    begun = await system.job(job_id)
    assert (begun.state, begun.attempts_made) == (JobState.ACTIVE, 1)
    assert begun.processed_at is not None
    left = await system.job_when(job_id, lambda job: job.state is not JobState.ACTIVE)
    assert (left.state, left.attempts_made, left.processed_at) == (
        JobState.WAITING,
        1,
        begun.processed_at,
    )
    before = len(site.requests_for("/"))
    async with system.worker():
        job = await system.finished(job_id)
    assert (job.state, job.attempts_made) == (JobState.COMPLETED, 1)
    assert len(site.requests_for("/")) == before + 1
    answer = await system.api.get(f"/api/jobs/{job_id}/attempts")
    assert [attempt["outcome"] for attempt in answer.json()["data"]] == ["completed"]


async def test_places_are_given_once_and_come_back() -> None:
    places, now = Places(1), asyncio.get_running_loop().time()
    assert await places.take("a", now)
    assert not await places.take("b", now + 0.01)
    places.free("nobody")
    places.free("a")
    places.free("a")
    assert places.held == 0
    assert await places.take("b", now)
    assert not await places.take("c", now + 0.01), "a place that is freed twice is one place"


async def test_a_place_comes_back_whatever_happens_to_its_job(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("activities.places.HELD_AT_MOST", 0.01)
    places, now = Places(1), asyncio.get_running_loop().time()
    assert await places.take("a", now)
    assert await places.take("b", now + 60)


async def test_a_worker_without_places_starts_nothing_itself() -> None:
    assert not await Places(0).take("a", asyncio.get_running_loop().time())


def test_jobs_of_a_slow_host_take_no_quick_look_but_for_the_first() -> None:
    intervals = {"slow": timedelta(hours=1), "fast": timedelta.resolution}
    pace = QuickLookPace({**intervals, "silent": timedelta(0)})
    assert [pace.allows("http://slow/1"), pace.allows("http://slow/2")] == [True, False]
    assert [pace.allows("http://fast/1"), pace.allows("http://fast/2")] == [True, True]
    assert not pace.allows("http://silent/1"), "its robots.txt cannot be read soon"
