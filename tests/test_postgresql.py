"""The whole system with its store in PostgreSQL."""

import json
from collections.abc import AsyncIterator, Iterator
from random import Random

import pytest
from sqlalchemy import func, select

from core.jobs.states import JobState
from core.settings import Settings
from store.db.base import Base
from tests.eventually import eventually
from tests.postgres import PostgresServer
from tests.site import FakeSite
from tests.system import System, running_system

KEPT = {
    "organisations",
    "api_keys",
    "audit_lines",
    "host_slots",
    "robots",
    "contents",
    "job_ends",
    "outbox",
}
"""The tables that do not belong to a domain. What a deleted one has left of contents is swept away
later (tests/store/test_retention.py).
"""


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> Iterator[str]:
    """The URL of a database without a table."""
    with postgres.database() as url:
        yield url


@pytest.fixture
async def system(settings: Settings, postgres_url: str) -> AsyncIterator[System]:
    """A system whose store is in PostgreSQL."""
    chosen = settings.model_copy(update={"database_url": postgres_url})
    async with running_system(chosen) as system:
        yield system


async def test_a_change_is_found_once_and_a_deleted_domain_leaves_nothing(
    system: System, site: FakeSite
) -> None:
    site.page("/", '<p>Welcome.</p> <a href="/pricing">Prices</a>')
    site.page("/pricing", "<title>Prices</title><p>Pro costs $99 a month.</p>")
    async with system.worker():
        domain = await system.add_domain(site.origin)
        found = await system.finished(domain.discovery_job_id)
        assert isinstance(found.return_value, dict)
        assert found.return_value["pagesAdded"] == 2
        page_id = (await system.pages(domain.id))[site.url("/pricing")]

        async def crawl() -> object:
            job = await system.finished(await system.ask(f"/api/pages/{page_id}/crawl"))
            assert (job.state, job.failed_reason) == (JobState.COMPLETED, None)
            assert isinstance(job.return_value, dict)
            return job.return_value["changed"]

        assert await crawl() is False
        site.page("/pricing", "<title>Prices</title><p>Pro costs $129 a month.</p>")
        assert await crawl() is True
        assert await crawl() is False
    answer = await system.api.get("/api/changes")
    [change] = answer.json()["data"]
    assert (change["pageId"], answer.json()["meta"]["total"]) == (str(page_id), 1)
    text = (await system.api.get(f"/api/snapshots/{change['afterSnapshotId']}")).json()["data"]
    assert "$129" in text["text"]
    assert (await system.api.delete(f"/api/domains/{domain.id}")).status_code == 204
    assert await rows_of_domains(system) == {}


async def rows_of_domains(system: System) -> dict[str, int]:
    """How many rows there are that belong to a domain, by table; a table without is left out."""
    async with system.database.reading() as session:
        counts = {
            name: await session.scalar(select(func.count()).select_from(table)) or 0
            for name, table in Base.metadata.tables.items()
        }
    return {name: count for name, count in counts.items() if count and name not in KEPT}


async def test_a_batch_is_crawled(system: System, site: FakeSite) -> None:
    site.page("/", '<a href="/a">a</a> <a href="/b">b</a>')
    site.page("/a", "<p>page a</p>")
    site.page("/b", "<p>page b</p>")
    async with system.worker():
        domain = await system.add_domain(site.origin)
        await system.finished(domain.discovery_job_id)
        answer = await system.api.post(f"/api/domains/{domain.id}/crawl", json={})
        batch = answer.json()["data"]
        stats = await system.stats(batchId=batch["batchId"])
        assert stats.total + stats.completed >= 3, "from the answer on"
        await eventually(
            lambda: system.stats(batchId=batch["batchId"]), lambda stats: stats.completed == 3
        )
    assert batch["jobsQueued"] == 3


async def test_text_that_postgresql_cannot_hold_does_not_fail_a_job(
    system: System, site: FakeSite
) -> None:
    # NUL, a lone surrogate, and an address that is too long for an index.
    letters = "".join(map(chr, Random(1).choices(range(0x4E00, 0x9E00), k=3000)))
    broken = "<title>a\0b&#0;c&#xD800;</title><p>x\0y&#0;z&#xDFFF; {}</p>"
    links = f'<a href="/\0&#0;">zero</a> <a href="/{letters}">long</a> <a href="http://[\0">no</a>'
    site.page("/", broken.format("one") + links)
    site.page("/sitemap.xml", f"<urlset><url><loc>/{letters}</loc></url></urlset>")
    async with system.worker():
        domain = await system.add_domain(site.origin)
        found = await system.finished(domain.discovery_job_id)
        assert (found.state, found.failed_reason) == (JobState.COMPLETED, None)
        page_id = (await system.pages(domain.id))[site.url("/")]
        for text in ("one", "two"):
            site.page("/", broken.format(text) + links)
            job = await system.finished(await system.ask(f"/api/pages/{page_id}/crawl"))
            assert (job.state, job.failed_reason) == (JobState.COMPLETED, None)


@pytest.mark.parametrize(
    "name", ["a\0b", "half \ud800", "x" * 100_000], ids=["NUL", "surrogate", "long"]
)
async def test_a_name_that_postgresql_cannot_hold_is_refused(
    system: System, site: FakeSite, name: str
) -> None:
    domain = await system.add_domain(site.origin)
    answer = await system.api.patch(
        f"/api/domains/{domain.id}",
        content=json.dumps({"displayName": name}),
        headers={"Content-Type": "application/json"},
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "VALIDATION_ERROR")
    assert "displayName" in answer.json()["details"]


async def test_postgresql_that_stops_is_unavailable_and_comes_back(
    system: System, site: FakeSite, postgres: PostgresServer
) -> None:
    domain = await system.add_domain(site.origin)
    postgres.stop()
    try:
        answer = await system.api.get(f"/api/domains/{domain.id}")
        assert (answer.status_code, answer.json()["code"]) == (503, "UNAVAILABLE")
        assert "Retry-After" in answer.headers
    finally:
        postgres.start()
    assert (await system.api.get(f"/api/domains/{domain.id}")).status_code == 200
