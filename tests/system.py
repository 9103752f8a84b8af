"""A whole system in the test's own process: store, API, worker, on a real Temporal server."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

import httpx2
import pytest
from fastapi import FastAPI
from sqlalchemy import delete, update
from temporalio.client import Client, WorkflowFailureError
from temporalio.service import RPCError, RPCStatusCode

from activities.extraction.main_texts import MainTexts
from api.app import create_app
from api.deps import services_of
from api.routes.jobs import JobListAnswer
from core.jobs.ids import batch_workflow_id
from core.jobs.states import TASK_QUEUE
from core.model import Model
from core.settings import Settings
from core.web.urls import host_of
from store.batches import batch_pages
from store.db.engine import Database
from store.db.migrations import migrate
from store.keys import create_key
from store.secretkey import SecretKey
from store.tables.batches import Batch
from store.tables.domains import Domain
from store.tables.pages import Page, PageStatus
from store.tables.prices import Price
from store.tables.snapshots import Snapshot
from temporal.connection import BRIEF_RETRIES, connect
from temporal.jobs.reader import JobStats
from temporal.jobs.view import JobDetail
from temporal.namespace import prepare_namespace
from tests.eventually import HANG, begun, eventually
from tests.postgres import PostgresServer
from tests.site import FakeSite
from worker import run_worker


class AddedDomain(Model):
    """What the API answers to a new domain, as far as tests read it."""

    id: UUID
    discovery_job_id: str


@dataclass(frozen=True)
class System:
    """The parts of a running system, and what a REST client does with it."""

    settings: Settings
    client: Client
    database: Database
    app: FastAPI
    api: httpx2.AsyncClient

    @asynccontextmanager
    async def worker(self, queues: str | None = None) -> AsyncIterator[None]:
        """A worker as `diffy worker` runs it, for the length of the block. It serves all queues or
        those of DIFFY_QUEUES.
        """
        chosen = {"queues": queues} if queues else {}
        settings = self.settings.model_copy(update=chosen)
        stop, ready = asyncio.Event(), asyncio.Event()
        task = asyncio.create_task(run_worker(settings, stop, ready.set))
        try:
            await begun(task, ready)
            yield
        finally:
            stop.set()
            await task

    async def add_domain(self, domain: str) -> AddedDomain:
        """Register a domain, which starts its discovery."""
        answer = await self.api.post("/api/domains", json={"domain": domain})
        assert answer.status_code == 201, answer.text
        return AddedDomain.model_validate(answer.json()["data"])

    async def pages(self, domain_id: UUID) -> dict[str, UUID]:
        """The pages of a domain: their ids by URL."""
        answer = await self.api.get(f"/api/domains/{domain_id}/pages?limit=100")
        assert answer.status_code == 200, answer.text
        return {page["url"]: UUID(page["id"]) for page in answer.json()["data"]}

    async def known_pages(self, origin: str, *paths: str) -> tuple[UUID, dict[str, UUID]]:
        """A new domain, whose discovery is over before it began, and its pages by their paths; no
        worker may run yet.
        """
        domain = await self.add_domain(origin)
        await self.api.post(f"/api/jobs/{domain.discovery_job_id}/cancel")
        pages: dict[str, UUID] = {}
        for path in paths:
            page = {"url": f"{origin}{path}"}
            added = await self.api.post(f"/api/domains/{domain.id}/pages", json=page)
            pages[path] = UUID(added.json()["data"]["id"])
        return domain.id, pages

    async def lone_page(self, site: FakeSite, host: str = "127.0.0.1") -> UUID:
        """The id of the only page of a site, whose discovery is over before it began."""
        site.page("/", "<p>Pro costs $99 a month.</p>")
        _, pages = await self.known_pages(site.origin.replace("127.0.0.1", host), "/")
        return pages["/"]

    async def batch_job(self, batch_id: UUID | str, page_id: UUID) -> str:
        """The id of the job of that page in a batch."""
        async with self.database.reading() as session:
            members = await batch_pages(session, UUID(str(batch_id)), None, 1_000)
        return next(each.job_id for each in members if each.page_id == page_id)

    async def fan_out_id(self, batch_id: UUID | str) -> str:
        """The id of the workflow that starts the jobs of a client's batch."""
        async with self.database.reading() as session:
            batch = await session.get_one(Batch, UUID(str(batch_id)))
            domain = await session.get_one(Domain, batch.domain_id)
        return batch_workflow_id(batch.id, host_of(domain.origin))

    async def ask(self, path: str, **body: object) -> str:
        """Ask for a job by a POST that answers with its id."""
        answer = await self.api.post(path, json=body)
        assert answer.status_code == 202, answer.text
        job_id: str = answer.json()["data"]["jobId"]
        return job_id

    async def choose(self, path: str, **chosen: object) -> None:
        """Set crawl settings of the page or domain at that path."""
        answer = await self.api.patch(path, json={"crawlSettings": chosen})
        assert answer.status_code == 200, answer.text

    async def job(self, job_id: str) -> JobDetail:
        """One job."""
        answer = await self.api.get(f"/api/jobs/{job_id}")
        assert answer.status_code == 200, answer.text
        return JobDetail.model_validate(answer.json()["data"])

    async def job_when(self, job_id: str, holds: Callable[[JobDetail], bool]) -> JobDetail:
        """The job once it `holds`."""
        return await eventually(lambda: self.job(job_id), holds)

    async def finished(self, job_id: str) -> JobDetail:
        """The job once it is over.

        Temporal says when: to ask the API for it again and again costs more than most jobs do.
        """
        async with asyncio.timeout(HANG):
            with suppress(WorkflowFailureError):
                await self.client.get_workflow_handle(job_id).result()
        return await self.job_when(job_id, lambda job: job.state.finished)

    async def jobs(self, **query: object) -> JobListAnswer:
        """A list of jobs as they are now; what others have asked for a moment ago is not shared."""
        services_of(self.app).reader.forget(None)
        answer = await self.api.get("/api/jobs", params={k: str(v) for k, v in query.items()})
        assert answer.status_code == 200, answer.text
        return JobListAnswer.model_validate(answer.json())

    async def stats(self, **query: object) -> JobStats:
        """The statistics as they are now, as `jobs`."""
        services_of(self.app).reader.forget(None)
        answer = await self.api.get("/api/jobs/stats", params={k: str(v) for k, v in query.items()})
        assert answer.status_code == 200, answer.text
        return JobStats.model_validate(answer.json()["data"])

    def another_app(self, client: Client, database: Database) -> FastAPI:
        """The API on another client or database, without the main texts of snapshots."""
        return create_app(self.settings, client, database, services_of(self.app).main_texts)

    async def forget_baselines(self) -> None:
        """Leave all pages as if nobody had read them yet: for tests of their first crawl."""
        async with self.database.transaction() as session:
            await session.execute(delete(Snapshot))
            await session.execute(delete(Price))
            await session.execute(
                update(Page).values(
                    status=PageStatus.PENDING,
                    snapshot_id=None,
                    snapshot_at=None,
                    etag=None,
                    last_modified=None,
                    body_hash=None,
                    text_hash=None,
                    settings_fingerprint=None,
                    last_check_at=None,
                    crawl_count=0,
                    prices_read=False,
                )
            )

    async def another_organisation(self) -> httpx2.AsyncClient:
        """The same API with the key of another organisation."""
        return _api_client(self.app, await _new_key(self.database))


@asynccontextmanager
async def running_system(settings: Settings) -> AsyncIterator[System]:
    """A system without a worker; what it leaves unfinished in Temporal is ended with it."""
    client = await connect(settings, retries=BRIEF_RETRIES)
    await prepare_namespace(client, timedelta(days=settings.job_retention_days))
    migrate(settings.resolved_database_url)
    database = Database.open(settings.resolved_database_url)
    main_texts = MainTexts(database, SecretKey(settings))
    app = create_app(settings, client, database, main_texts)
    queue = f"TaskQueue = '{TASK_QUEUE}' AND ExecutionStatus = 'Running'"
    try:
        async with _api_client(app, await _new_key(database)) as api:
            yield System(settings, client, database, app, api)
    finally:
        main_texts.close()
        async for left in client.list_workflows(queue):
            try:
                await client.get_workflow_handle(left.id, run_id=left.run_id).terminate()
            except RPCError as error:
                if error.status is not RPCStatusCode.NOT_FOUND:  # the list lags behind an end
                    raise
        await database.close()


async def _new_key(database: Database) -> str:
    async with database.transaction() as session:
        return (await create_key(session, f"org-{uuid4().hex}")).key


def _api_client(app: FastAPI, key: str) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=app),
        base_url="http://diffy.test",
        headers={"Authorization": f"Bearer {key}"},
    )


@asynccontextmanager
async def system_on(request: pytest.FixtureRequest, settings: Settings) -> AsyncIterator[System]:
    """A system without a worker, on the database that the parameter of the fixture names: `sqlite`
    or `postgresql`.
    """
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_template"), settings.data_dir / "diffy.db")
        async with running_system(settings) as system:
            yield system
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    with server.migrated() as url:
        async with running_system(settings.model_copy(update={"database_url": url})) as system:
            yield system
