"""Work that spans the store and Temporal, stopped or cut off at each of its steps.

Once the outbox has been looked at, whatever was left undone is finished or gone, what was there
before is there still, and a request that comes again under its key finds what the first one made.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch
from uuid import UUID, uuid4

import httpx2
import pytest
from sqlalchemy import func, select, update
from temporalio.client import Schedule, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from api.deps import services_of
from cli.embedded import EmbeddedTemporal
from core.jobs.contract import CrawlPageInput
from core.settings import Settings
from store.owners import owner_of
from store.tables.backtests import Backtest
from store.tables.batches import Batch
from store.tables.domains import Domain, DomainStatus
from store.tables.pages import Page
from store.tables.requests import OutboxMessage
from temporal.jobs.backtests import workflow_id_of
from temporal.jobs.launch import JobStart, start_job
from temporal.jobs.schedules import crawl_schedule_id, discovery_schedule_id
from tests.eventually import eventually
from tests.faults import Fault, Stopped, faulty
from tests.system import System, system_on

pytestmark = pytest.mark.dear

Rows = dict[str, set[UUID]]
"""The ids of what requests make, by table."""

TABLES = (Domain, Page, Batch, Backtest)
NOTHING: Rows = {table.__tablename__: set() for table in TABLES}

FAULTS = {"sqlite": tuple(Fault), "postgresql": (Fault.STOP,)}
"""What is tried on which database: what goes wrong beside it does not depend on it."""


@dataclass(frozen=True)
class Asked:
    """A request."""

    method: str
    path: str
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)

    async def sent(self, system: System) -> httpx2.Response:
        """The answer."""
        return await system.api.request(
            self.method, self.path, json=self.body, headers=self.headers
        )


@dataclass(frozen=True)
class Trial:
    """A request that met with a fault, and what came of it: no `answer` where it was stopped."""

    asked: Asked
    fault: Fault
    at: int
    answer: httpx2.Response | None
    before: Rows
    after: Rows

    @property
    def made(self) -> Rows:
        """What there is that was not there before."""
        return minus(self.after, self.before)

    @property
    def lost(self) -> Rows:
        """What was there before and is not any more."""
        return minus(self.before, self.after)

    @property
    def refused(self) -> bool:
        """Whether the client was told that it failed."""
        return self.answer is not None and not self.answer.is_success

    def __str__(self) -> str:
        told = self.answer and (self.answer.status_code, self.answer.text)
        return f"{self.fault} at step {self.at} of {self.asked}: {told}"


@pytest.fixture(scope="module", params=list(FAULTS))
async def system(
    request: pytest.FixtureRequest,
    temporal: EmbeddedTemporal,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[System]:
    """A system on either database."""
    folder = tmp_path_factory.mktemp("interrupted")
    settings = Settings(data_dir=folder, temporal_address=temporal.address)
    async with system_on(request, settings) as system:
        yield system


@pytest.fixture
def faults(request: pytest.FixtureRequest) -> tuple[Fault, ...]:
    """What the system meets with."""
    return FAULTS[request.node.callspec.params["system"]]


@pytest.fixture
async def ids(system: System) -> dict[str, str]:
    """A domain, a page of it, and its discovery, which was cancelled."""
    return await known_domain(system)


async def known_domain(system: System) -> dict[str, str]:
    """The ids of a new one."""
    name = f"{uuid4().hex}.example"
    domain = await system.add_domain(name)
    page = {"url": f"https://{name}/pricing"}
    added = await system.api.post(f"/api/domains/{domain.id}/pages", json=page)
    await system.api.post(f"/api/jobs/{domain.discovery_job_id}/cancel")
    return {
        "domain": str(domain.id),
        "page": added.json()["data"]["id"],
        "job": domain.discovery_job_id,
    }


async def interrupted(
    system: System, faults: tuple[Fault, ...], ask: Callable[[], Awaitable[Asked]]
) -> AsyncIterator[Trial]:
    """The requests that `ask` makes, one for each fault at each step, after the outbox has been
    looked at; the last one of each kind meets with none.
    """
    for fault in faults:
        for at in itertools.count(1):
            asked = await ask()
            before = await rows(system)
            answer = None
            async with faulty(system, at, fault) as steps:
                with suppress(Stopped):
                    answer = await asked.sent(system)
            await settled(system)
            trial = Trial(asked, fault, at, answer, before, await rows(system))
            assert steps.met or (answer is not None and answer.is_success), trial
            assert not trial.refused or (answer is not None and answer.status_code == 503), trial
            for schedule_id in steps.schedules:
                domain_id = UUID(schedule_id.rpartition("-of-")[2])
                await assert_scheduled_as_stored(system, domain_id)
            await assert_whole(system, trial.made)
            yield trial
            if not steps.met:
                assert at > 1, trial
                break


async def rows(system: System) -> Rows:
    """All of them."""
    async with system.database.reading() as session:
        return {
            table.__tablename__: set((await session.scalars(select(table.id))).all())
            for table in TABLES
        }


def minus(these: Rows, those: Rows) -> Rows:
    """What is in the first and not in the second."""
    return {name: ids - those[name] for name, ids in these.items()}


async def overdue(system: System) -> None:
    """Let so much time pass that every message is due."""
    async with system.database.transaction() as session:
        long_ago = datetime.now(UTC) - timedelta(minutes=1)
        await session.execute(update(OutboxMessage).values(due_at=long_ago))


async def deliver_due(system: System) -> None:
    """What a worker does again and again."""
    await services_of(system.app).delivery.deliver_due()


async def settled(system: System) -> None:
    """Let a worker deliver until nothing is left: a schedule that Temporal was slow to write is
    written again (`PROMPT_ANSWER`).
    """

    async def left() -> int:
        await overdue(system)
        await deliver_due(system)
        async with system.database.reading() as session:
            return await session.scalar(select(func.count()).select_from(OutboxMessage)) or 0

    await eventually(left, lambda count: count == 0)


async def status(system: System, workflow_id: str) -> WorkflowExecutionStatus | None:
    """That of a workflow; None when there is none."""
    try:
        return (await system.client.get_workflow_handle(workflow_id).describe()).status
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return None


async def assert_scheduled_as_stored(system: System, domain_id: UUID) -> None:
    """The domain has a discovery and the schedules that its row says; one that is gone has none."""
    async with system.database.reading() as session:
        domain = await session.get(Domain, domain_id)
    crawls = await scheduled(system, crawl_schedule_id(domain_id))
    discoveries = await scheduled(system, discovery_schedule_id(domain_id))
    if domain is None:
        assert (crawls, discoveries) == (None, None), "a schedule without domain"
        return
    for found, hours in (
        (crawls, domain.check_frequency_hours),
        (discoveries, domain.discover_frequency_hours),
    ):
        assert found is not None, "a domain without schedule"
        assert found.spec.intervals[0].every == timedelta(hours=hours)
        assert found.state.paused is (domain.status is DomainStatus.PAUSED)
    assert await status(system, str(domain.discovery_job_id)), "a domain without discovery"


async def scheduled(system: System, schedule_id: str) -> Schedule | None:
    """The schedule with that id, None if there is none."""
    try:
        return (await system.client.get_schedule_handle(schedule_id).describe()).schedule
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return None


async def assert_whole(system: System, made: Rows) -> None:
    """Nothing of what was made is half done, and nothing is left to be told."""
    async with system.database.reading() as session:
        assert await session.scalar(select(func.count()).select_from(OutboxMessage)) == 0
    for domain_id in made["domains"]:
        await assert_scheduled_as_stored(system, domain_id)
    for batch_id in made["batches"]:
        assert await status(system, await system.fan_out_id(batch_id)), "a batch without fan-out"
    for backtest_id in made["backtests"]:
        assert await status(system, workflow_id_of(backtest_id)), "a backtest without workflow"


POSTS = {
    "register": ("/api/domains", None, "domains"),
    "discover": ("/api/domains/{domain}/discover", {}, None),
    "crawl": ("/api/pages/{page}/crawl", {"delaySeconds": 60}, None),
    "batch": ("/api/domains/{domain}/crawl", {}, "batches"),
    "backtest": ("/api/domains/{domain}/backtest", None, "backtests"),
    "retry": ("/api/jobs/{job}/retry", None, None),
}
"""Where to, with which body, and the table that it makes a row in; a new domain has a new name."""


@pytest.mark.parametrize("name", list(POSTS))
async def test_a_post_with_a_key_that_is_interrupted(
    system: System, faults: tuple[Fault, ...], ids: dict[str, str], name: str
) -> None:
    await posted(system, faults, ids, name, keyed=True)


# What a post without a key commits, one with a key commits too, and that on both databases.
@pytest.mark.parametrize("name", list(POSTS))
@pytest.mark.parametrize("system", ["sqlite"], indirect=True)
async def test_a_post_without_a_key_that_is_interrupted(
    system: System, faults: tuple[Fault, ...], ids: dict[str, str], name: str
) -> None:
    await posted(system, faults, ids, name, keyed=False)


async def posted(
    system: System, faults: tuple[Fault, ...], ids: dict[str, str], name: str, *, keyed: bool
) -> None:
    """Post it with each fault at each step, and again."""
    path, body, table = POSTS[name]
    once = {name: int(name == table) for name in NOTHING}

    async def ask() -> Asked:
        new = uuid4().hex
        chosen = {"domain": f"{new}.example"} if name == "register" else body
        headers = {"Idempotency-Key": new} if keyed else {}
        return Asked("POST", path.format(**ids), chosen, headers)

    async for trial in interrupted(system, faults, ask):
        assert trial.lost == NOTHING, trial
        if keyed:
            answers = [await trial.asked.sent(system) for _ in range(2)]
            answers += [trial.answer] if trial.answer and not trial.refused else []
            assert all(each.is_success for each in answers), trial
            assert len({each.text for each in answers}) == 1, trial
            job_id = answers[0].json()["data"].get("jobId")
            assert job_id is None or await status(system, job_id), trial
        elif trial.refused:
            assert trial.made == NOTHING, trial
            assert (await trial.asked.sent(system)).is_success, trial
        else:
            continue  # whoever heard nothing, and gave no key, cannot know
        made = minus(await rows(system), trial.before)
        assert {name: len(found) for name, found in made.items()} == once, trial


async def test_a_change_of_a_domain_that_is_interrupted(
    system: System, faults: tuple[Fault, ...], ids: dict[str, str]
) -> None:
    hours = itertools.count(1)

    async def ask() -> Asked:
        every = next(hours)
        chosen = {"checkFrequencyHours": every, "status": ["active", "paused"][every % 2]}
        return Asked("PATCH", f"/api/domains/{ids['domain']}", chosen)

    async for trial in interrupted(system, faults, ask):
        assert (trial.made, trial.lost) == (NOTHING, NOTHING), trial
        await assert_scheduled_as_stored(system, UUID(ids["domain"]))
        again = await trial.asked.sent(system)
        assert again.is_success, (trial, again.text)
        shown = {name: again.json()["data"][name] for name in trial.asked.body}
        assert shown == trial.asked.body, trial
        await assert_scheduled_as_stored(system, UUID(ids["domain"]))


@pytest.mark.parametrize("stops", [False, True], ids=["goes on", "stops"])
@pytest.mark.parametrize("overtaken_by", ["PATCH", "DELETE"])
@pytest.mark.parametrize("system", ["sqlite"], indirect=True)
async def test_a_schedule_that_was_written_late_is_mended(
    system: System, ids: dict[str, str], overtaken_by: str, stops: bool
) -> None:
    path = f"/api/domains/{ids['domain']}"
    async with held(system, "update_schedule", stops=stops) as reached:
        first = asyncio.create_task(system.api.patch(path, json={"checkFrequencyHours": 7}))
        await asyncio.wait_for(reached.wait(), 20)
        body = {"checkFrequencyHours": 9} if overtaken_by == "PATCH" else None
        assert (await system.api.request(overtaken_by, path, json=body)).is_success
    with suppress(Stopped):
        await first
    if stops:
        await settled(system)
    await assert_scheduled_as_stored(system, UUID(ids["domain"]))


@asynccontextmanager
async def held(system: System, rpc: str, *, stops: bool) -> AsyncIterator[asyncio.Event]:
    """Hold the first such call of Temporal back until the end of the block, and let whoever made
    it stop after it; set once it is held.
    """
    service = system.client.service_client
    call, reached, released = service._rpc_call, asyncio.Event(), asyncio.Event()

    async def held_back(**asked: Any) -> Any:
        if asked["rpc"] != rpc or reached.is_set():
            return await call(**asked)
        reached.set()
        await released.wait()
        answer = await call(**asked)
        if stops:
            raise Stopped
        return answer

    with patch.object(service, "_rpc_call", held_back):
        yield reached
        released.set()


async def test_a_deletion_of_a_domain_that_is_interrupted(
    system: System, faults: tuple[Fault, ...], ids: dict[str, str]
) -> None:
    domain_ids: list[UUID] = []

    async def ask() -> Asked:
        new = await known_domain(system)
        await system.api.post(f"/api/domains/{new['domain']}/crawl", json={})
        domain_ids.append(UUID(new["domain"]))
        return Asked("DELETE", f"/api/domains/{new['domain']}")

    async for trial in interrupted(system, faults, ask):
        assert trial.made == NOTHING, trial
        gone = domain_ids[-1] not in trial.after["domains"]
        assert gone or not (trial.answer and trial.answer.is_success), trial
        assert [len(found) for found in trial.lost.values()] == ([1, 1, 1, 0] if gone else [0] * 4)
        await assert_scheduled_as_stored(system, domain_ids[-1])
        again = await trial.asked.sent(system)
        assert again.status_code == (404 if gone else 204), trial
        await assert_scheduled_as_stored(system, domain_ids[-1])


async def test_a_cancellation_of_a_batch_that_is_interrupted(
    system: System, faults: tuple[Fault, ...], ids: dict[str, str]
) -> None:
    batch_ids: list[UUID] = []

    async def ask() -> Asked:
        batch_ids.append(await started_batch(system, ids))
        return Asked("POST", f"/api/batches/{batch_ids[-1]}/cancel")

    async for trial in interrupted(system, faults, ask):
        assert (trial.made, trial.lost) == (NOTHING, NOTHING), trial
        job_id = await system.batch_job(batch_ids[-1], UUID(ids["page"]))
        async with system.database.reading() as session:
            batch = await session.get_one(Batch, batch_ids[-1])
        cancelled = batch.cancelled_at is not None
        assert cancelled or not (trial.answer and trial.answer.is_success), trial
        left = await status(system, job_id)
        assert (left is WorkflowExecutionStatus.RUNNING) is not cancelled, trial
        assert (await trial.asked.sent(system)).is_success, trial
        assert await status(system, job_id) is WorkflowExecutionStatus.TERMINATED, trial


async def started_batch(system: System, ids: dict[str, str]) -> UUID:
    """A batch whose one job is delayed, as its fan-out would have started it."""
    path = f"/api/domains/{ids['domain']}/crawl"
    asked = await system.api.post(path, json={"pageIds": [ids["page"]]})
    batch_id = UUID(asked.json()["data"]["batchId"])
    async with system.database.reading() as session:
        page = await session.get_one(Page, UUID(ids["page"]))
        domain = await session.get_one(Domain, page.domain_id)
    job = JobStart(
        job_id=await system.batch_job(batch_id, page.id),
        input=CrawlPageInput(page_id=page.id),
        owner=owner_of(domain, page),
        batch_id=batch_id,
        delay=timedelta(hours=1),
    )
    await start_job(system.client, job)
    return batch_id


@pytest.mark.parametrize("system", ["sqlite"], indirect=True)
async def test_a_worker_that_is_interrupted_while_it_finishes_what_was_left(
    system: System, ids: dict[str, str]
) -> None:
    doomed = UUID((await known_domain(system))["domain"])
    for at in itertools.count(1):
        batch_id = await started_batch(system, ids)
        new = uuid4().hex
        left = [
            Asked("POST", "/api/domains", {"domain": f"{new}.example"}),
            Asked("POST", f"/api/domains/{ids['domain']}/crawl", {}),
            Asked("POST", f"/api/batches/{batch_id}/cancel"),
            Asked("DELETE", f"/api/domains/{doomed}"),
        ]
        before = await rows(system)
        for asked in left:
            # The store has it, and Temporal has been told nothing.
            async with faulty(system, 2, Fault.STOP):
                with pytest.raises(Stopped):
                    await asked.sent(system)
        await overdue(system)
        async with faulty(system, at, Fault.STOP) as steps:
            with suppress(Stopped):
                await deliver_due(system)
        await settled(system)
        made = minus(await rows(system), before)
        assert [len(found) for found in made.values()] == [1, 0, 1, 0], at
        await assert_whole(system, made)
        await assert_scheduled_as_stored(system, doomed)
        job_id = await system.batch_job(batch_id, UUID(ids["page"]))
        assert await status(system, job_id) is WorkflowExecutionStatus.TERMINATED, at
        if not steps.met:
            break
        [doomed] = made["domains"]
