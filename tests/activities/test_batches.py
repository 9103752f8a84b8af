"""How the jobs of a batch are started, and of which pages."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import update
from temporalio.client import (
    Client,
    CountWorkflowsInput,
    Interceptor,
    ListWorkflowsInput,
    OutboundInterceptor,
    StartWorkflowInput,
    WorkflowExecutionAsyncIterator,
    WorkflowExecutionCount,
    WorkflowHandle,
)
from temporalio.common import SearchAttributePair, TypedSearchAttributes
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.batches import BatchActivities
from core.jobs.contract import CrawlDomainResult, StartBatch, StartBatchResult
from core.jobs.states import CRAWL_DOMAIN, JobName
from store.batches import create_batch
from store.db.engine import Database
from store.domains import domain_by_id
from store.tables.batches import Batch
from temporal.jobs.batches import pages_being_crawled
from temporal.jobs.reader import JobReader
from temporal.jobs.visibility import JobFilter
from tests.api.routes.test_batches import cancel_batch, crawl_in_batch, site_of_three
from tests.eventually import eventually
from tests.pauses import unpaced
from tests.site import FakeSite
from tests.system import System
from workflows.search_attributes import Attribute

ALL_STARTED = StartBatchResult(jobs_queued=3)


class Watched(Interceptor):
    """A connection to Temporal whose starts of workflows are kept, and whose lists may lag.

    `hides` is told how many jobs have been started whenever jobs are counted, and answers whether
    none is found. `counted` is called after that. `lag` leaves out of lists what was started so
    shortly before.
    """

    def __init__(self) -> None:
        super().__init__()
        self.started: list[str] = []
        self.hides: Callable[[int], bool] = lambda _: False
        self.counted: Callable[[], Awaitable[object]] | None = None
        self.lag = timedelta(0)

    def of(self, client: Client) -> Client:
        """`client`, watched."""
        return Client(
            client.service_client, data_converter=client.data_converter, interceptors=[self]
        )

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:
        watched = self

        class Calls(OutboundInterceptor):
            async def start_workflow(self, input: StartWorkflowInput) -> WorkflowHandle[Any, Any]:
                watched.started.append(input.id)
                return await super().start_workflow(input)

            async def count_workflows(self, input: CountWorkflowsInput) -> WorkflowExecutionCount:
                if watched.hides(len(watched.started)):
                    return WorkflowExecutionCount(count=0, groups=[])
                count = await super().count_workflows(input)
                if watched.counted is not None:
                    await watched.counted()
                return count

            def list_workflows(self, input: ListWorkflowsInput) -> WorkflowExecutionAsyncIterator:
                before = (datetime.now(UTC) - watched.lag).isoformat().replace("+00:00", "Z")
                input.query = f"{input.query} AND StartTime <= '{before}'"
                return super().list_workflows(input)

        return Calls(next)


def fan_out_of(batch_id: str | UUID, domain_id: UUID, *, create: bool = False) -> StartBatch:
    """A fan-out of jobs that begin in an hour."""
    return StartBatch(
        domain_id=domain_id,
        batch_id=UUID(str(batch_id)),
        create=create,
        not_before=datetime.now(UTC) + timedelta(hours=1),
        max_attempts=1,
    )


async def fan_out(
    system: System, batch: StartBatch, client: Client | None = None
) -> StartBatchResult:
    """The result of an attempt to start the batch."""
    activities = BatchActivities(system.database, client or system.client, unpaced)
    return await ActivityEnvironment().run(activities.start_batch, batch)


async def run_of_its_own(system: System, domain_id: UUID) -> tuple[int, int]:
    """How many jobs a run that makes its batch itself starts, and how many pages it passes over."""
    result = await fan_out(system, fan_out_of(uuid4(), domain_id, create=True))
    return result.jobs_queued, result.passed_over


async def org_of(system: System, domain_id: UUID) -> UUID:
    """Who owns the domain."""
    async with system.database.reading() as session:
        return (await domain_by_id(session, domain_id)).org_id


@pytest.fixture
def no_lag(monkeypatch: pytest.MonkeyPatch) -> None:
    """No wait for lists, where what they have to show has been in them for long."""
    monkeypatch.setattr("activities.batches.LAG", timedelta(0))


async def test_jobs_that_temporal_does_not_list_yet_are_counted_and_none_is_started_behind_them(
    system: System, site: FakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("activities.batches.JOBS_PER_CHUNK", 2)
    domain_id = await site_of_three(system, site)
    batch_id = await crawl_in_batch(system, domain_id)
    watched = Watched()
    watched.hides = lambda _: True
    client = watched.of(system.client)
    starting = asyncio.create_task(fan_out(system, fan_out_of(batch_id, domain_id), client))

    jobs = f"DiffyBatchId = '{batch_id}' AND WorkflowType = '{JobName.CRAWL_PAGE}'"

    async def started() -> int:
        return (await system.client.count_workflows(jobs)).count

    await eventually(started, lambda count: count == 2)
    wanted = JobFilter(await org_of(system, domain_id), batch_id=UUID(batch_id))
    behind = await JobReader(client, system.database).stats(wanted)
    assert (behind.waiting, behind.total, len(watched.started)) == (3, 3, 2)
    stats = await system.stats(batchId=batch_id)
    assert (stats.waiting, stats.delayed, stats.total) == (1, 2, 3), "none is counted twice"
    watched.hides = lambda _: False
    assert await starting == ALL_STARTED
    stats = await system.stats(batchId=batch_id)
    assert (stats.waiting, stats.delayed, stats.total) == (0, 3, 3)


async def test_jobs_that_are_started_and_listed_while_they_are_counted_are_counted(
    system: System, site: FakeSite
) -> None:
    domain_id = await site_of_three(system, site)
    batch_id = await crawl_in_batch(system, domain_id)
    watched = Watched()
    once = asyncio.Lock()

    async def meanwhile() -> None:
        async with once:
            assert await fan_out(system, fan_out_of(batch_id, domain_id)) == ALL_STARTED

    watched.counted = meanwhile
    reader = JobReader(watched.of(system.client), system.database)
    wanted = JobFilter(await org_of(system, domain_id), batch_id=UUID(batch_id))
    assert (await reader.stats(wanted)).total == 3


class WorkerGone(Exception):
    """The attempt ends here."""


async def test_an_attempt_goes_on_behind_the_last_chunk_that_was_started(
    system: System, site: FakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("activities.batches.JOBS_PER_CHUNK", 1)
    domain_id = await site_of_three(system, site)
    batch_id = await crawl_in_batch(system, domain_id)
    batch = fan_out_of(batch_id, domain_id)
    watched = Watched()

    def dies(started: int) -> bool:
        if started == 2:
            raise WorkerGone
        return False

    watched.hides = dies
    with pytest.raises(WorkerGone):
        await fan_out(system, batch, watched.of(system.client))
    stats = await eventually(
        lambda: system.stats(batchId=batch_id), lambda stats: stats.delayed == 2
    )
    assert (stats.waiting, stats.total) == (1, 3), "the second job is counted once, though no "
    "attempt has seen it listed"
    watched.hides = lambda _: False
    assert await fan_out(system, batch, watched.of(system.client)) == ALL_STARTED
    first, second, third = sorted((await system.pages(domain_id)).values())
    jobs = [await system.batch_job(batch_id, each) for each in (first, second, second, third)]
    assert watched.started == jobs
    assert await fan_out(system, batch, watched.of(system.client)) == ALL_STARTED
    assert watched.started == jobs, "all are started"
    stats = await system.stats(batchId=batch_id)
    assert (stats.waiting, stats.delayed, stats.total) == (0, 3, 3)


@pytest.mark.sqlite
async def test_an_attempt_is_alive_while_it_waits_for_the_database(
    system: System, site: FakeSite
) -> None:
    domain_id = await site_of_three(system, site)
    batch_id = await crawl_in_batch(system, domain_id)
    url = system.settings.resolved_database_url
    database = Database.open(url, busy_timeout=0.01, outage_timeout=60)
    environment = ActivityEnvironment()
    beats: list[object] = []
    environment.on_heartbeat = lambda *details: beats.append(details)
    before = asyncio.all_tasks()
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as other:
        other.execute("BEGIN IMMEDIATE")
        attempt = asyncio.create_task(
            environment.run(
                BatchActivities(database, system.client, unpaced).start_batch,
                fan_out_of(batch_id, domain_id),
            )
        )

        async def beaten() -> int:
            return len(beats)

        await eventually(beaten, lambda count: count >= 3)
        assert not attempt.done()
        other.rollback()
    assert await attempt == ALL_STARTED
    assert asyncio.all_tasks() == before, "nothing goes on beating"
    await database.close()


async def test_a_batch_of_a_domain_that_was_deleted_fails_for_good(
    system: System, site: FakeSite
) -> None:
    domain_id = await site_of_three(system, site)
    batch_id = await crawl_in_batch(system, domain_id)
    assert (await system.api.delete(f"/api/domains/{domain_id}")).status_code == 204
    with pytest.raises(ApplicationError) as failed:
        await fan_out(system, fan_out_of(batch_id, domain_id))
    assert (failed.value.type, failed.value.non_retryable) == ("SUBJECT_GONE", True)


async def scheduled(system: System, domain_id: UUID) -> CrawlDomainResult:
    """The result of a run of the domain's schedule."""
    prefix = f"batch-127.0.0.1-{domain_id.hex}-"
    query = f"WorkflowType = '{CRAWL_DOMAIN}' AND WorkflowId STARTS_WITH '{prefix}'"

    async def runs() -> set[str]:
        return {each.id async for each in system.client.list_workflows(query)}

    before = await runs()
    await system.client.get_schedule_handle(f"crawl-of-{domain_id.hex}").trigger()
    [run] = await eventually(runs, lambda ids: len(ids) > len(before)) - before
    handle = system.client.get_workflow_handle(run, result_type=CrawlDomainResult)
    result: CrawlDomainResult = await handle.result()
    return result


async def test_a_schedule_passes_over_pages_whose_crawl_has_not_ended(
    system: System, site: FakeSite
) -> None:
    domain_id = await site_of_three(system, site)
    site.hold("/a")
    async with system.worker():
        first = await scheduled(system, domain_id)
        assert (first.jobs_queued, first.passed_over) == (3, 0)
        await eventually(system.stats, lambda stats: (stats.active, stats.total) == (1, 1))
        second = await scheduled(system, domain_id)
        assert (second.jobs_queued, second.passed_over) == (2, 1)
        await eventually(
            lambda: system.stats(batchId=second.batch_id), lambda stats: stats.completed == 2
        )
        assert (await system.stats()).total == 1
        batch_id = await crawl_in_batch(system, domain_id)
        await eventually(
            lambda: system.stats(batchId=batch_id),
            lambda stats: (stats.completed, stats.active) == (2, 1),
        )
        site.release("/a")
        await eventually(system.stats, lambda stats: stats.total == 0)
        third = await scheduled(system, domain_id)
        assert (third.jobs_queued, third.passed_over) == (3, 0)


@pytest.mark.usefixtures("no_lag")
async def test_a_run_passes_over_pages_that_another_batch_is_still_to_crawl(
    system: System, site: FakeSite
) -> None:
    domain_id = await site_of_three(system, site)
    batch_id = await crawl_in_batch(system, domain_id)
    assert await run_of_its_own(system, domain_id) == (0, 3)
    await cancel_batch(system, batch_id)
    batch = fan_out_of(uuid4(), domain_id, create=True)
    assert await fan_out(system, batch) == ALL_STARTED
    assert await fan_out(system, batch) == ALL_STARTED, "again, though all its pages are taken now"
    assert await run_of_its_own(system, domain_id) == (0, 3)


async def test_a_run_passes_over_a_page_whose_crawl_was_asked_for_just_before(
    system: System, site: FakeSite
) -> None:
    domain_id = await site_of_three(system, site)
    page_id = (await system.pages(domain_id))[site.url("/a")]
    watched = Watched()
    watched.lag = timedelta(seconds=0.5)
    await system.ask(f"/api/pages/{page_id}/crawl")
    batch = fan_out_of(uuid4(), domain_id, create=True)
    result = await fan_out(system, batch, watched.of(system.client))
    assert (result.jobs_queued, result.passed_over) == (2, 1)


@pytest.mark.usefixtures("no_lag")
async def test_a_run_reads_every_page_of_the_list_of_crawls(
    system: System, site: FakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("temporal.jobs.batches.VISIBILITY_PAGE_SIZE", 1)
    domain_id = await site_of_three(system, site)
    for page_id in (await system.pages(domain_id)).values():
        await system.ask(f"/api/pages/{page_id}/crawl", delaySeconds=3600)
    await eventually(system.stats, lambda stats: stats.delayed == 3)
    assert await run_of_its_own(system, domain_id) == (0, 3)


async def test_what_other_workflows_say_of_pages_is_no_crawl_of_one(
    system: System, site: FakeSite
) -> None:
    domain_id = await site_of_three(system, site)
    org_id = await org_of(system, domain_id)
    owner = [
        SearchAttributePair(Attribute.ORG, str(org_id)),
        SearchAttributePair(Attribute.DOMAIN, str(domain_id)),
    ]
    for said in ([], [SearchAttributePair(Attribute.PAGE, "the front page")]):
        await system.client.start_workflow(
            "crawl.page",
            id=f"foreign-{uuid4().hex}",
            task_queue="nobody",
            search_attributes=TypedSearchAttributes([*owner, *said]),
            run_timeout=timedelta(minutes=5),
        )
    query = f"DiffyDomainId = '{domain_id}' AND TaskQueue = 'nobody'"

    async def listed() -> int:
        return (await system.client.count_workflows(query)).count

    await eventually(listed, lambda count: count == 2)
    assert await pages_being_crawled(system.client, org_id, domain_id) == set()


@pytest.mark.usefixtures("no_lag")
async def test_a_batch_that_no_workflow_starts_any_more_holds_up_no_page(
    system: System, site: FakeSite
) -> None:
    domain_id = await site_of_three(system, site)
    batch_id = await crawl_in_batch(system, domain_id)
    async with system.database.transaction() as session:
        org_id = (await domain_by_id(session, domain_id)).org_id
        await create_batch(session, org_id, domain_id, None, workflow_id="ended long ago")
        hours_ago = datetime.now(UTC) - timedelta(hours=2)
        await session.execute(update(Batch).values(created_at=hours_ago))
    assert (await system.stats()).waiting == 6
    assert await run_of_its_own(system, domain_id) == (0, 3)
    assert (await system.stats()).waiting == 3, "those of the batch whose workflow runs"
    fan_out = system.client.get_workflow_handle(await system.fan_out_id(batch_id))
    await fan_out.terminate()
    assert await run_of_its_own(system, domain_id) == (3, 0)
    assert (await system.stats(batchId=batch_id)).total == 0
