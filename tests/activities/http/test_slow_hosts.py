"""A site that asks for long pauses keeps nobody else waiting, through the whole system."""

import asyncio
from datetime import timedelta
from itertools import pairwise
from uuid import UUID

import pytest

from activities.http.fetch import Fetcher
from activities.http.politeness import Politeness
from core.errors import HostBusy
from core.jobs.states import JobState
from core.settings import Settings
from store.db.engine import Database
from store.tables.hosts import HostSlot
from temporal.jobs.view import JobDetail
from tests.eventually import eventually
from tests.site import FakeSite
from tests.system import System

PLACES = 2
"""Attempts that the worker of these tests runs at once."""

PAGES = 5


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """A worker with few places."""
    return settings.model_copy(update={"worker_concurrency": PLACES})


def slow(site: FakeSite, delay: float) -> None:
    """Have the site ask for `delay` seconds between requests."""
    rules = f"User-agent: *\nCrawl-delay: {delay}"
    site.page("/robots.txt", rules, headers={"Content-Type": "text/plain"})


async def pages_of(system: System, origin: str, *paths: str) -> list[UUID]:
    """The pages of a site, which no discovery asks for."""
    domain = await system.add_domain(origin)
    await system.api.post(f"/api/jobs/{domain.discovery_job_id}/cancel")
    found = []
    for path in paths:
        added = await system.api.post(
            f"/api/domains/{domain.id}/pages", json={"url": origin + path}
        )
        found.append(UUID(added.json()["data"]["id"]))
    return found


async def crawl(system: System, page_id: UUID) -> str:
    return await system.ask(f"/api/pages/{page_id}/crawl", maxAttempts=1)


async def test_jobs_that_wait_for_a_slow_host_hold_no_place(system: System, site: FakeSite) -> None:
    slow(site, 60)
    async with FakeSite() as other:
        other.page("/", "<p>At once.</p>")
        elsewhere = other.origin.replace("127.0.0.1", "localhost")
        for number in range(PAGES):
            site.page(f"/{number}", f"<p>Page {number}</p>")
        slow_pages = await pages_of(system, site.origin, *(f"/{n}" for n in range(PAGES)))
        [quick_page] = await pages_of(system, elsewhere, "/")
        queued = [await crawl(system, page_id) for page_id in slow_pages]

        async def seen() -> list[JobDetail]:
            return [await system.job(job_id) for job_id in queued]

        async with system.worker():
            jobs = await eventually(
                seen,
                lambda jobs: (
                    sorted(job.state for job in jobs)
                    == [JobState.COMPLETED] + [JobState.DELAYED] * (PAGES - 1)
                ),
            )
            quick = await system.finished(await crawl(system, quick_page))
        assert quick.state is JobState.COMPLETED
        waiting = [job for job in jobs if job.state is JobState.DELAYED]
        assert {job.attempts_made for job in waiting} == {1}
        turns = sorted(job.next_attempt_at for job in waiting if job.next_attempt_at is not None)
        assert len(turns) == PAGES - 1
        gaps = [after - before for before, after in pairwise(turns)]
        assert all(gap >= timedelta(seconds=59) for gap in gaps)
        assert len(site.requests) == 2, "robots.txt, and the page whose turn it was"
        first = min(waiting, key=lambda job: str(job.next_attempt_at))
        await system.api.post(f"/api/jobs/{first.id}/cancel")
        async with system.worker():
            again = await system.job_when(
                await crawl(system, slow_pages[0]), lambda job: job.state is JobState.DELAYED
            )
        assert again.next_attempt_at == first.next_attempt_at, "it has the turn that was freed"


async def test_the_jobs_of_a_batch_start_in_the_turns_of_their_slow_host(
    system: System, site: FakeSite
) -> None:
    slow(site, 60)
    for number in range(PAGES):
        site.page(f"/{number}", f"<p>Page {number}</p>")
    await pages_of(system, site.origin, *(f"/{n}" for n in range(PAGES)))
    [domain] = (await system.api.get("/api/domains")).json()["data"]
    asked = await system.api.post(f"/api/domains/{domain['id']}/crawl")
    batch_id = asked.json()["data"]["batchId"]

    async def seen() -> list[JobDetail]:
        rows = (await system.api.get(f"/api/jobs?batchId={batch_id}")).json()["data"]
        return [await system.job(row["id"]) for row in rows]

    async with system.worker():
        jobs = await eventually(
            seen,
            lambda jobs: (
                sorted(job.state for job in jobs)
                == [JobState.COMPLETED] + [JobState.DELAYED] * (PAGES - 1)
            ),
        )
        delayed = [job for job in jobs if job.state is JobState.DELAYED]
        assert {job.attempts_made for job in delayed} == {0}, "no worker had them in vain"
        turns = sorted(job.next_attempt_at for job in delayed if job.next_attempt_at is not None)
        gaps = [after - before for before, after in pairwise(turns)]
        assert all(timedelta(seconds=59) <= gap <= timedelta(seconds=61) for gap in gaps)
        [early, *_] = delayed
        await system.api.post(f"/api/jobs/{early.id}/promote")
        promoted = await system.job_when(
            early.id, lambda job: job.state is JobState.DELAYED and job.attempts_made == 1
        )
        assert promoted.next_attempt_at is not None
        # Its turn is told once by Temporal and once by the store, each rounded to a second.
        off = min(abs(promoted.next_attempt_at - turn) for turn in turns)
        assert off <= timedelta(seconds=1), "a promoted job keeps to the pace of its host"
    assert len(site.requests) == 2, "robots.txt, and the page whose turn it was"


async def test_a_redirect_of_a_slow_host_waits_for_its_turn_and_is_asked_for_once(
    system: System, site: FakeSite
) -> None:
    slow(site, 1.5)
    site.page("/old", "", status=301, headers={"Location": "/older"})
    site.page("/older", "", status=302, headers={"Location": "/new"})
    site.page("/new", "<p>Here.</p>")
    [page_id] = await pages_of(system, site.origin, "/old")
    async with system.worker():
        job = await system.finished(await crawl(system, page_id))
    assert (job.state, job.attempts_made) == (JobState.COMPLETED, 1)
    assert [each.target for each in site.requests] == ["/robots.txt", "/old", "/older", "/new"]
    asked_at = [each.at for each in site.requests[1:]]
    assert all(after - before >= 1.49 for before, after in pairwise(asked_at))


async def test_those_who_wait_for_rules_that_do_not_come_hold_no_place(
    database: Database, politeness: Politeness, site: FakeSite
) -> None:
    site.hold("/robots.txt")
    asking = asyncio.create_task(politeness.admit(site.url("/first")))
    await site.arrived("/robots.txt")
    with pytest.raises(HostBusy):
        await politeness.admit(site.url("/second"))
    site.release("/robots.txt")
    await asking
    await politeness.admit(site.url("/second"))


async def test_a_slot_that_was_waited_for_in_vain_is_free_again(
    database: Database, fetcher: Fetcher, site: FakeSite
) -> None:
    politeness = Politeness(database, fetcher, host_rps=1 / 0.9)
    await politeness.admit(site.url("/first"))
    host = "127.0.0.1"

    async def next_at() -> float:
        async with database.reading() as session:
            slot = await session.get(HostSlot, host)
        assert slot is not None
        return slot.next_at

    before = await next_at()
    waiting = asyncio.create_task(politeness.admit(site.url("/second")))
    await eventually(next_at, lambda seen: seen > before)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await next_at() == pytest.approx(before)
