"""Walks that are stopped in the middle, slow or without end, through the whole system."""

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from activities.discovery.seeds import USUAL_PLACES
from activities.http.politeness import Politeness
from core.errors import HostBusy
from core.jobs.checkpoint import Checkpoint
from core.jobs.states import JobState
from core.settings import Settings
from store import frontier
from store.discovery_lock import LockHolder, acquire_discovery_lock
from store.frontier import FoundUrl
from store.tables.discoveries import FrontierUrl
from tests.activities.discoveries import again, result
from tests.activities.http.test_slow_hosts import crawl, pages_of, slow
from tests.activities.test_discover import (
    PLAIN,
    XML,
    empty_domain,
    index,
    links,
    paths,
    sitemap,
)
from tests.eventually import eventually
from tests.site import FakeSite
from tests.system import System

DELAY = 3.0
"""Seconds that a slow site asks for between requests."""


@pytest.fixture
def stopped_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers that stop hand back what they are at."""
    monkeypatch.setattr("worker.DRAIN", timedelta(seconds=0.1))


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A discovery of ten pages remembers twenty URLs to visit, and twenty others."""
    monkeypatch.setattr("store.frontier.ROWS_PER_PAGE", 2)
    monkeypatch.setattr("store.frontier.EXTRA_ROWS", 0)


async def rows(system: System) -> int:
    """How many URLs all frontiers have."""
    async with system.database.reading() as session:
        return await session.scalar(select(func.count()).select_from(FrontierUrl)) or 0


@pytest.mark.usefixtures("narrow")
async def test_a_frontier_has_a_bound_and_what_is_beyond_it_is_counted(
    system: System, site: FakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages that name new URLs without end; each is loaded from the store once."""
    loaded: list[str] = []

    async def pending(session: AsyncSession, job_id: str, limit: int) -> list[FoundUrl]:
        found = await frontier_pending(session, job_id, limit)
        loaded.extend(url.url for url in found)
        assert len(found) <= limit == 4
        return found

    frontier_pending = frontier.pending
    monkeypatch.setattr(frontier, "pending", pending)
    monkeypatch.setattr("activities.discovery.walk.FRONTIER_BATCH_SIZE", 4)
    async with system.worker():
        domain_id = await empty_domain(system, site)
        site.page("/", links(*(f"/0-{n}" for n in range(100))))
        for page in range(9):
            named = [f"/{page + 1}-{n}" for n in range(100)]
            elsewhere = ("https://elsewhere.example/", f"https://elsewhere.example/{page}")
            site.page(f"/0-{page}", links(*named, *elsewhere))
        loaded.clear()
        site.hold("/0-8")
        job_id = await system.ask(f"/api/domains/{domain_id}/discover", maxPages=10)
        await site.arrived("/0-8")
        await system.job_when(job_id, lambda job: job.progress == 90)
        assert await rows(system) == 2 * 20
        site.release("/0-8")
        found = result(await system.finished(job_id))
    expected = ["/", *(f"/0-{n}" for n in range(9))]
    assert await paths(system, site, domain_id) == set(expected)
    # One is named by each of nine pages, in whatever transactions these were stored.
    assert found.left_out == {"over_limit": 100 - 9 + 9 * 100, "other_host": 9 + 9}
    assert loaded[: len(expected)] == [site.url(path) for path in expected]
    assert len(loaded) == len(set(loaded)) <= 10 + 4


@pytest.mark.usefixtures("narrow")
async def test_of_a_sitemap_beyond_the_bound_the_first_pages_are_found(
    system: System, site: FakeSite
) -> None:
    named = [f"/{number}" for number in range(60)]
    async with system.worker():
        domain_id = await empty_domain(system, site)
        site.page("/", links("/linked", *named))
        site.page("/sitemap.xml", sitemap(site, *named), headers=XML)
        for path in (*named, "/linked"):
            site.page(path, "<p>words</p>")
        found = await again(system, domain_id, maxPages=10)
    assert await paths(system, site, domain_id) == {"/", *named[:9]}
    # Those of the sitemap that have no row are named by the front page once more.
    assert found.left_out == {"over_limit": 51 + 1 + (60 - 19 - 20)}


@pytest.mark.usefixtures("stopped_at_once")
async def test_an_attempt_that_goes_on_comes_to_the_counts_of_one_that_was_never_stopped(
    system: System, site: FakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is stopped between what uses a budget of traps up and what needs it, and so is the room
    for URLs.
    """
    monkeypatch.setattr("store.frontier.EXTRA_ROWS", 0)
    monkeypatch.setattr("activities.discovery.walk.MAX_PARALLEL_VISITS", 1)
    monkeypatch.setattr("core.web.traps.MAX_CALENDAR_URLS", 3)
    everywhere = [f"https://elsewhere.example/{n}" for n in range(40)]
    async with system.worker():
        domain_id = await empty_domain(system, site)
        feeds = "".join(
            f"<link rel=alternate type='application/rss+xml' href='/{n}.xml'>" for n in range(4)
        )
        site.page("/", feeds + links(*(f"/page-{n}" for n in range(8)), "/calendar/2024/1"))
        for n in range(8):
            months = (f"/calendar/2024/{n + 1}", f"/calendar/2024/{n + 2}")
            named = (f"/deep-{n}-{k}" for k in range(4))
            site.page(f"/page-{n}", links(*months, *everywhere, *named, "/page-1"))
        whole = await again(system, domain_id, maxPages=9)
        site.hold("/page-4")
        job_id = await system.ask(f"/api/domains/{domain_id}/discover", maxPages=9)
        await site.arrived("/page-4", 2)
    site.release("/page-4")
    async with system.worker():
        parts = result(await system.finished(job_id))
    assert len(site.requests_for("/page-3")) == 2
    assert len(site.requests_for("/page-4")) == 3
    assert {"calendar", "over_limit", "other_host"} < set(whole.left_out)
    assert parts.left_out == whole.left_out
    assert parts.pages_known == whole.pages_discovered


@pytest.mark.usefixtures("stopped_at_once")
async def test_an_attempt_that_goes_on_reads_listed_pages_for_links(
    system: System, site: FakeSite
) -> None:
    """The first attempt stops after the sitemap, and after one page that it reads for links."""
    async with system.worker():
        domain_id = await empty_domain(system, site)
        site.page("/sitemap.xml", sitemap(site, "/", "/list", "/more"), headers=XML)
        site.page("/", links("/list"))
        site.page("/list", links("/more"))
        site.page("/more", links("/blog/one", "/list"))
        site.page("/blog/one", "<p>words</p>")
        site.hold("/list")
        job_id = await system.ask(f"/api/domains/{domain_id}/discover", include=["/blog/*"])
        await site.arrived("/list")
    site.release("/list")
    async with system.worker():
        found = result(await system.finished(job_id))
    assert (found.pages_discovered, found.left_out) == (1, {"excluded": 3})
    assert [len(site.requests_for(path)) for path in ("/list", "/more")] == [2, 1]


@pytest.mark.usefixtures("stopped_at_once")
async def test_an_attempt_that_goes_on_reads_no_sitemap_again(
    system: System, site: FakeSite
) -> None:
    site.page("/robots.txt", "Sitemap: /all.xml", headers=PLAIN)
    site.page("/all.xml", index(site, "/one.xml", "/two.xml"), headers=XML)
    site.page("/one.xml", sitemap(site, "/1"), headers=XML)
    site.page("/two.xml", sitemap(site, "/2"), headers=XML)
    for path in ("/", "/1", "/2"):
        site.page(path, "<p>words</p>")
    site.hold("/two.xml")
    async with system.worker():
        domain = await system.add_domain(site.origin)
        await site.arrived("/two.xml")
        assert await rows(system) == 2
    site.release("/two.xml")
    async with system.worker():
        found = result(await system.finished(domain.discovery_job_id))
    assert found.pages_added == 3
    sitemaps = ("/robots.txt", "/all.xml", "/sitemap.xml", "/one.xml", "/two.xml")
    assert [len(site.requests_for(path)) for path in sitemaps] == [1, 1, 1, 1, 2]


async def test_an_attempt_that_was_taken_for_lost_writes_nothing_more(
    system: System, site: FakeSite
) -> None:
    """Its worker lives, and does not know: a later attempt of the job has taken its turn."""
    site.page("/", links("/1"))
    site.page("/1", "<p>words</p>")
    site.hold("/")
    async with system.worker():
        domain = await system.add_domain(site.origin)
        await site.arrived("/")
        async with system.database.transaction() as session:
            following = LockHolder(domain.discovery_job_id, datetime.now(UTC))
            assert await acquire_discovery_lock(session, domain.id, following) is None
        site.release("/")
        job = await system.job_when(
            domain.discovery_job_id, lambda job: job.state is JobState.DELAYED
        )
        assert job.failed_reason == (
            "This attempt was taken for lost, and another one discovers the pages of this domain."
        )
        assert await system.pages(domain.id) == {}
        await system.api.post(f"/api/jobs/{job.id}/promote")
        job = await system.finished(job.id)
    assert (result(job).pages_added, job.attempts_made) == (2, 2)
    assert [len(site.requests_for(path)) for path in ("/", "/1")] == [2, 1]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """A worker with one place."""
    return settings.model_copy(update={"worker_concurrency": 1})


async def test_a_discovery_of_a_slow_site_finds_all_pages_and_holds_no_place_while_it_waits(
    system: System, site: FakeSite
) -> None:
    slow(site, DELAY)
    pages = ("/", "/1", "/2")
    site.page("/", links("/1", "/2"))
    site.page("/1", links("/"))
    site.page("/2", "<p>words</p>")
    progress = [0]

    async def delayed() -> bool:
        job = await system.job(domain.discovery_job_id)
        progress.append(job.progress)
        return job.state is JobState.DELAYED

    async with FakeSite() as other:
        other.page("/", "<p>At once.</p>")
        [elsewhere] = await pages_of(system, other.origin.replace("127.0.0.1", "localhost"), "/")
        domain = await system.add_domain(site.origin)
        async with system.worker():
            await site.arrived("/sitemap.xml")
            await eventually(delayed, bool)
            assert (
                await system.finished(await crawl(system, elsewhere))
            ).state is JobState.COMPLETED
            assert not (await system.job(domain.discovery_job_id)).state.finished
            for path in pages[:-1]:
                await site.arrived(path)
                await eventually(delayed, bool)
            job = await system.finished(domain.discovery_job_id)
    assert (result(job).pages_added, job.attempts_made) == (3, 1)
    assert progress == sorted(progress)
    usual = ("/sitemap_index.xml", "/sitemap-index.xml", "/wp-sitemap.xml")
    asked = [each.target for each in site.requests]
    assert asked == ["/robots.txt", "/sitemap.xml", *pages, *usual]
    asked_at = [each.at for each in site.requests[1:]]
    assert all(after - before > DELAY - 0.05 for before, after in pairwise(asked_at))


async def test_where_its_host_is_busy_a_walk_stores_what_is_under_way_and_begins_nothing(
    system: System, site: FakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = [f"/{number}" for number in range(9)]
    refused = asyncio.Event()
    at_the_gate = 0
    admit = Politeness.admit

    async def at_times(politeness: Politeness, url: str, patience: timedelta) -> None:
        nonlocal at_the_gate
        assert at_the_gate == 0, "one waits for the host at a time"
        at_the_gate += 1
        try:
            if url == site.url("/3") and not refused.is_set():
                refused.set()
                raise HostBusy("127.0.0.1", datetime.now(UTC))
            await admit(politeness, url, patience)
        finally:
            at_the_gate -= 1

    monkeypatch.setattr(Politeness, "admit", at_times)
    site.page("/", links(*pages))
    for path in pages:
        site.page(path, "<p>words</p>")
    site.hold("/2")
    async with system.worker():
        domain = await system.add_domain(site.origin)
        await site.arrived("/2")
        await refused.wait()
        site.release("/2")
        job = await system.finished(domain.discovery_job_id)
    assert (result(job).pages_added, job.attempts_made) == (10, 1)
    assert [each.target for each in site.requests[2:12]] == ["/", *pages]


async def test_sitemaps_that_list_nothing_are_stored_together_and_none_is_asked_for_again(
    system: System, site: FakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused: list[str] = []
    read: set[int] = set()
    admit, put_checkpoint = Politeness.admit, frontier.put_checkpoint

    async def busy_once(politeness: Politeness, url: str, patience: timedelta) -> None:
        if url == site.url(USUAL_PLACES[5]) and not refused:
            refused.append(url)
            raise HostBusy("127.0.0.1", datetime.now(UTC))
        await admit(politeness, url, patience)

    async def stored(session: AsyncSession, job_id: str, checkpoint: Checkpoint) -> None:
        await put_checkpoint(session, job_id, checkpoint)
        if checkpoint.seeding is not None:
            read.add(checkpoint.seeding.read)

    monkeypatch.setattr(Politeness, "admit", busy_once)
    monkeypatch.setattr(frontier, "put_checkpoint", stored)
    monkeypatch.setattr("activities.discovery.walk.STORE_INTERVAL", 3600)
    site.page("/", "<p>words</p>")
    async with system.worker():
        domain = await system.add_domain(site.origin)
        found = result(await system.finished(domain.discovery_job_id))
    assert (found.pages_added, len(refused)) == (1, 1)
    asked = [each.target for each in site.requests]
    assert asked == ["/robots.txt", "/sitemap.xml", "/", *USUAL_PLACES]
    assert read == {0, 1, 1 + 5, 1 + len(USUAL_PLACES)}


async def test_a_slow_site_without_any_page_fails_with_the_first_reason(
    system: System, site: FakeSite
) -> None:
    """Of an attempt that has been deferred since."""
    slow(site, 1.5)
    site.page("/sitemap.xml", sitemap(site, "/gone"), headers=XML)
    site.page("/", "no", status=503, headers={"Retry-After": "3600"})
    async with system.worker():
        domain = await system.add_domain(site.origin)
        job = await system.job_when(
            domain.discovery_job_id, lambda job: job.failed_reason is not None
        )
    assert job.failed_reason is not None
    assert job.failed_reason.startswith("The site answered 503")
    assert job.next_attempt_at is not None
    assert job.next_attempt_at > datetime.now(UTC) + timedelta(minutes=5)
    assert [each.target for each in site.requests] == ["/robots.txt", "/sitemap.xml", "/", "/gone"]
    assert await rows(system) == 0
