"""What the API answers while Temporal or the database is away, and after."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from typing import Any, Final
from unittest.mock import patch
from uuid import UUID, uuid4

import httpx2
import pytest
from sqlalchemy import func, select
from temporalio.service import RPCError, RPCStatusCode

from cli.embedded import EmbeddedTemporal
from core.jobs.states import JobState
from core.settings import Settings
from store.db.engine import Database
from store.tables.requests import OutboxMessage
from temporal.connection import connect
from tests.api.operations import operations
from tests.eventually import HANG, eventually
from tests.ports import free_port
from tests.processes import held_still
from tests.site import FakeSite
from tests.system import System, running_system

DELETION: Final = "DELETE /api/domains/{domain_id}"
"""Done once the store has done it; that its schedule is to go too is kept for later."""

STORE_ALONE: Final = {
    DELETION,
    "GET /healthz",
    "GET /api/domains/{domain_id}/pages",
    "POST /api/domains/{domain_id}/pages",
    "POST /api/pages/import",
    "GET /api/pages/{page_id}",
    "PATCH /api/pages/{page_id}",
    "DELETE /api/pages/{page_id}",
    "GET /api/pages/{page_id}/snapshots",
    "GET /api/pages/{page_id}/muted",
    "GET /api/backtests/{backtest_id}/changes",
    "DELETE /api/backtests/{backtest_id}",
    "DELETE /api/pages/{page_id}/muted",
    "GET /api/snapshots/{snapshot_id}",
    "GET /api/snapshots/{snapshot_id}/diff",
    "GET /api/changes",
    "GET /api/changes/{change_id}",
    "POST /api/changes/{change_id}/acknowledge",
    "GET /api/changes/{change_id}/mute",
    "POST /api/changes/{change_id}/mute",
    "GET /api/channels",
    "POST /api/channels",
    "GET /api/channels/{channel_id}",
    "PATCH /api/channels/{channel_id}",
    "DELETE /api/channels/{channel_id}",
    "POST /api/channels/{channel_id}/rotate",
    "POST /api/channels/{channel_id}/test",
    "GET /api/alerts",
    "POST /api/alerts",
    "POST /api/alerts/preview",
    "GET /api/alerts/{alert_id}",
    "PATCH /api/alerts/{alert_id}",
    "DELETE /api/alerts/{alert_id}",
    "GET /api/deliveries",
    "GET /api/deliveries/{delivery_id}",
    "POST /api/deliveries/{delivery_id}/redeliver",
    "GET /api/pages/{page_id}/prices",
    "GET /api/domains/{domain_id}/prices",
    "GET /api/health/watching",
    "GET /api/quota",
    "GET /api/audit",
    "GET /api/feeds",
    "POST /api/feeds",
    "GET /api/feeds/{feed_id}",
    "DELETE /api/feeds/{feed_id}",
    "GET /api/keys",
    "POST /api/keys",
    "POST /api/keys/{key_id}/revoke",
}
"""Routes that need no Temporal: what they ask of it is kept in the outbox."""

WRITING: Final = {
    "POST /api/domains",
    "PATCH /api/domains/{domain_id}",
    "DELETE /api/domains/{domain_id}",
    "POST /api/domains/{domain_id}/pages",
    "POST /api/pages/import",
    "POST /api/domains/{domain_id}/crawl",
    "POST /api/batches/{batch_id}/cancel",
    "PATCH /api/pages/{page_id}",
    "DELETE /api/pages/{page_id}",
    "DELETE /api/pages/{page_id}/muted",
    "POST /api/domains/{domain_id}/backtest",
    "DELETE /api/backtests/{backtest_id}",
    "POST /api/changes/{change_id}/acknowledge",
    "POST /api/changes/{change_id}/mute",
}
"""Routes that write into the store."""


class Outage:
    """A Temporal server of the tests' own, and a system on it."""

    def __init__(self, server: EmbeddedTemporal, system: System) -> None:
        self.system = system
        self._server = server

    @asynccontextmanager
    async def gone(self) -> AsyncIterator[None]:
        """Temporal is dead in the block; after it, it is there again, as it was."""
        self._server.kill()
        await self._server.exited()
        try:
            yield
        finally:
            await self._server.start()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Temporal takes calls in the block, and answers none."""
        with held_still(self._server.pid):
            yield


@pytest.fixture(scope="module")
async def outage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Outage]:
    """A system whose Temporal server may be killed."""
    folder = tmp_path_factory.mktemp("outage")
    server = EmbeddedTemporal(
        database=folder / "temporal.db",
        port=free_port(),
        ui_port=None,
        log=folder / "temporal.log",
    )
    await server.start()
    settings = Settings(
        data_dir=folder,
        temporal_address=server.address,
        allow_private_networks=True,
        host_rps=1000,
    )
    async with running_system(settings) as system:
        yield Outage(server, system)
    await server.stop()


async def owned(system: System) -> dict[str, str]:
    """The ids of a domain, of a page, a batch and a backtest of it, and of its discovery."""
    host = f"{uuid4().hex}.example"
    domain = await system.add_domain(host)
    page = {"url": f"https://{host}/pricing"}
    added = await system.api.post(f"/api/domains/{domain.id}/pages", json=page)
    batch = await system.api.post(f"/api/domains/{domain.id}/crawl", json={})
    backtest = await system.api.post(f"/api/domains/{domain.id}/backtest")
    return {
        "backtest_id": backtest.json()["data"]["backtestId"],
        "batch_id": batch.json()["data"]["batchId"],
        "domain_id": str(domain.id),
        "page_id": added.json()["data"]["id"],
        "job_id": domain.discovery_job_id,
    }


def body_of(route: str) -> dict[str, object] | None:
    """A body that `route` takes; every other one takes an empty one, or none."""
    match route:
        case "POST /api/domains":
            return {"domain": "refused.example"}
        case "POST /api/domains/{domain_id}/pages":
            return {"url": "https://other.example/"}
        case "POST /api/pages/import":
            return {"pages": [{"url": "https://other.example/"}], "addDomains": True}
        case _:
            return {} if route.startswith(("POST", "PATCH")) else None


def assert_unavailable(answer: httpx2.Response) -> None:
    assert answer.status_code == 503, (answer.request.method, answer.request.url, answer.text)
    assert answer.json()["code"] == "UNAVAILABLE"
    extra = {"checks"} if answer.request.url.path == "/readyz" else set()
    assert set(answer.json()) == {"error", "code"} | extra
    assert int(answer.headers["Retry-After"]) > 0


async def assert_all_unavailable(system: System, ids: dict[str, str]) -> None:
    """Every route that needs Temporal says that it is away."""
    routes = [each for each in operations(system) if str(each) not in STORE_ALONE]
    assert {"/health", "/api/jobs/{job_id}", "/api/domains"} < {each.path for each in routes}
    async with asyncio.timeout(HANG):
        answers = await asyncio.gather(
            *(
                system.api.request(each.method, each.target(**ids), json=body_of(str(each)))
                for each in routes
            )
        )
    for answer in answers:
        assert_unavailable(answer)


async def test_without_temporal_every_route_that_needs_it_is_unavailable_soon(
    outage: Outage,
) -> None:
    ids = await owned(outage.system)
    patient = await connect(outage.system.settings)
    async with outage.gone():
        # Who tries again for as long as the SDK does by itself is still at it after the last route.
        waiting = asyncio.create_task(patient.count_workflows(""))
        await assert_all_unavailable(outage.system, ids)
        assert not waiting.done()
    await asyncio.wait({waiting})


async def test_a_temporal_that_answers_nothing_is_told_as_one_that_is_away(outage: Outage) -> None:
    ids = await owned(outage.system)
    with outage.frozen():
        await assert_all_unavailable(outage.system, ids)
    job = await outage.system.job(ids["job_id"])
    assert job.state is JobState.WAITING


async def test_without_temporal_the_store_is_still_read_and_written(outage: Outage) -> None:
    ids = await owned(outage.system)
    routes = [each for each in operations(outage.system) if str(each) in STORE_ALONE]
    assert len(routes) == len(STORE_ALONE)
    async with outage.gone():
        for route in sorted(routes, key=lambda each: str(each) == DELETION):
            answer = await outage.system.api.request(
                route.method, route.target(**ids), json=body_of(str(route))
            )
            assert answer.status_code < 500, (str(route), answer.text)


async def test_a_domain_that_could_not_be_registered_leaves_nothing_behind(
    outage: Outage,
) -> None:
    api = outage.system.api
    before = (await api.get("/api/domains?limit=100")).json()
    async with outage.gone():
        assert_unavailable(await api.post("/api/domains", json={"domain": "late.example"}))
    assert (await api.get("/api/domains?limit=100")).json() == before
    await outage.system.add_domain("late.example")


async def test_a_request_that_comes_again_while_temporal_hangs_undoes_nothing(
    outage: Outage,
) -> None:
    api = outage.system.api
    host = f"{uuid4().hex}.example"

    async def register() -> httpx2.Response:
        return await api.post(
            "/api/domains", json={"domain": host}, headers={"Idempotency-Key": host}
        )

    first = await register()
    path = f"/api/domains/{first.json()['data']['id']}"
    page = {"url": f"https://{host}/pricing"}
    assert (await api.post(f"{path}/pages", json=page)).status_code == 201
    with outage.frozen():
        assert_unavailable(await register())
    assert (await api.get(path)).json()["data"]["pages"] == 1
    again = await register()
    assert (again.status_code, again.json()) == (201, first.json())


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """What requests leave undone is finished at once."""
    monkeypatch.setattr("store.outbox.MESSAGE_LEASE", timedelta(seconds=0.5))
    monkeypatch.setattr("temporal.delivery.RECONCILE_INTERVAL", 0.1)


@pytest.mark.usefixtures("hasty")
async def test_what_was_asked_for_while_temporal_hung_is_finished_after_it(outage: Outage) -> None:
    system = outage.system
    doomed = await system.add_domain(f"{uuid4().hex}.example")
    changed = await system.add_domain(f"{uuid4().hex}.example")
    names = [f"{uuid4().hex}.example" for _ in range(2)]

    def register(name: str, *, keyed: bool) -> Coroutine[None, None, httpx2.Response]:
        headers = {"Idempotency-Key": name} if keyed else {}
        return system.api.post("/api/domains", json={"domain": name}, headers=headers)

    async with system.worker():
        with outage.frozen():
            keyed, keyless, deleted, patched = await asyncio.gather(
                register(names[0], keyed=True),
                register(names[1], keyed=False),
                system.api.delete(f"/api/domains/{doomed.id}"),
                system.api.patch(f"/api/domains/{changed.id}", json={"checkFrequencyHours": 7}),
            )
        assert deleted.status_code == 204
        for answer in (keyed, keyless, patched):
            assert_unavailable(answer)
        await eventually(lambda: messages(system), lambda count: count == 0)
    again = (await register(names[0], keyed=True)).json()["data"]
    assert (await system.job(again["discoveryJobId"])).name == "discover.pages"
    assert (await register(names[1], keyed=False)).status_code == 201
    domains = (await system.api.get("/api/domains?limit=100")).json()["data"]
    wanted = {UUID(each["id"]): each["checkFrequencyHours"] for each in domains}
    await eventually(lambda: scheduled(system), lambda found: found == wanted)


async def scheduled(system: System) -> dict[UUID, float]:
    """The hours between two crawls of every domain that has a schedule."""
    found = {}
    async for each in await system.client.list_schedules():
        name, _, domain_id = each.id.rpartition("-")
        if name == "crawl-of":
            assert each.schedule is not None
            every = each.schedule.spec.intervals[0].every
            found[UUID(domain_id)] = every / timedelta(hours=1)
    return found


async def messages(system: System) -> int:
    """How many things Temporal has still to be told."""
    async with system.database.reading() as session:
        return await session.scalar(select(func.count()).select_from(OutboxMessage)) or 0


async def test_after_an_outage_the_same_api_carries_on_and_no_job_is_lost(
    outage: Outage, site: FakeSite
) -> None:
    system = outage.system
    site.page("/", "<p>Pro costs $99 a month.</p>")
    domain = await system.add_domain(site.origin)
    async with outage.gone():
        assert_unavailable(await system.api.get("/health"))
        assert_unavailable(await system.api.get(f"/api/jobs/{domain.discovery_job_id}"))
    assert (await system.api.get("/health")).json() == {"status": "ok"}
    assert (await system.job(domain.discovery_job_id)).state is JobState.WAITING
    async with system.worker():
        assert (await system.finished(domain.discovery_job_id)).state is JobState.COMPLETED
    assert set(await system.pages(domain.id)) == {site.url("/")}


async def test_a_temporal_that_cannot_tell_of_schedules_yet_is_unavailable(system: System) -> None:
    """As it says for a moment after its start."""
    domain = await system.add_domain("competitor.com")
    service = system.client.service_client
    call = service._rpc_call

    async def called(**asked: Any) -> Any:
        if asked["rpc"] == "describe_schedule":
            reason = "no poller seen for task queue recently, worker may be down"
            raise RPCError(reason, RPCStatusCode.FAILED_PRECONDITION, b"")
        return await call(**asked)

    with patch.object(service, "_rpc_call", called):
        for method, path, body in (
            ("GET", "/api/domains", None),
            ("GET", f"/api/domains/{domain.id}", None),
            ("PATCH", f"/api/domains/{domain.id}", {}),
            ("POST", "/api/domains", {"domain": "other.com"}),
        ):
            assert_unavailable(await system.api.request(method, path, json=body))
    assert (await system.api.get("/api/domains")).json()["meta"]["total"] == 1


@pytest.fixture
async def impatient(system: System) -> AsyncIterator[httpx2.AsyncClient]:
    """The API on the system's database, for whose lock it does not wait long."""
    database = Database.open(system.settings.resolved_database_url, busy_timeout=0.05)
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=system.another_app(system.client, database)),
        base_url="http://diffy.test",
        headers=system.api.headers,
    ) as api:
        yield api
    await database.close()


@pytest.mark.sqlite
async def test_while_the_database_is_locked_writes_are_unavailable_and_reads_go_on(
    system: System, impatient: httpx2.AsyncClient
) -> None:
    ids = await owned(system)
    other = sqlite3.connect(system.settings.data_dir / "diffy.db", isolation_level=None)
    routes = [each for each in operations(system) if str(each) in WRITING]
    assert len(routes) == len(WRITING)
    try:
        other.execute("BEGIN IMMEDIATE")
        for route in routes:
            assert_unavailable(
                await impatient.request(route.method, route.target(**ids), json=body_of(str(route)))
            )
        for path in ("/health", "/api/jobs", "/api/domains", f"/api/pages/{ids['page_id']}"):
            assert (await impatient.get(path)).status_code == 200
    finally:
        other.close()
    assert (await impatient.post("/api/domains", json={"domain": "a.com"})).status_code == 201
