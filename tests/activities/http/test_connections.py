"""A host that does not answer takes its own time, and nobody else's."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from ipaddress import ip_address
from itertools import pairwise

import pytest

from activities.http.connections import MAX_CONNECTIONS_PER_HOST, HostConnections, connections_for
from activities.http.fetch import Fetched, Fetcher, FetchLimits
from activities.http.politeness import ROBOTS_LIMITS
from core.errors import HostBusy
from core.jobs.states import JobState
from core.settings import Settings
from core.web.addresses import Address
from tests.activities.behaviours import OK, repeating
from tests.activities.conftest import USER_AGENT
from tests.eventually import eventually
from tests.site import FakeSite
from tests.system import System

SOON = FetchLimits(deadline=timedelta(seconds=0.3))
HOSTS = 30


async def to_loopback(host: str, port: int) -> list[Address]:
    """Every name is this machine's."""
    return [ip_address("127.0.0.1")]


@pytest.fixture
async def fetcher() -> AsyncIterator[Fetcher]:
    """A fetcher to which every host is on this machine."""
    fetcher = Fetcher(user_agent=USER_AGENT, allow_private_networks=True, resolve=to_loopback)
    yield fetcher
    await fetcher.aclose()


def at(host: str, site: FakeSite, path: str) -> str:
    """The address of a page of `site` under the name `host`."""
    return site.url(path).replace("127.0.0.1", host)


async def ended(tasks: list[asyncio.Task[Fetched]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_hosts_that_never_answer_or_trickle_keep_no_other_one_waiting(
    fetcher: Fetcher, site: FakeSite
) -> None:
    site.page("/here", "<p>here</p>")
    site.hold("/silent")
    site.behave("/trickling", repeating(OK + b"\r\n", b"a", every=0.5))
    hanging = [
        asyncio.create_task(fetcher.fetch(at(f"h{number}.example", site, path)))
        for number in range(HOSTS)
        for path in ("/silent", "/trickling")
        for _ in range(MAX_CONNECTIONS_PER_HOST)
    ]
    await eventually(lambda: counted(site), lambda seen: seen >= HOSTS * MAX_CONNECTIONS_PER_HOST)
    answered = await fetcher.fetch(at("other.example", site, "/here"), limits=SOON)
    assert answered.status == 200
    assert await counted(site) == HOSTS * MAX_CONNECTIONS_PER_HOST + 1
    await ended(hanging)


async def counted(site: FakeSite) -> int:
    """How many requests have arrived."""
    return len(site.requests)


async def test_the_wait_for_a_connection_is_not_the_sites_and_is_over_with_another_exchange(
    fetcher: Fetcher, site: FakeSite
) -> None:
    site.page("/", "<p>here</p>")
    site.hold("/slow")
    held = [
        asyncio.create_task(fetcher.fetch(site.url("/slow")))
        for _ in range(MAX_CONNECTIONS_PER_HOST)
    ]
    await site.arrived("/slow", MAX_CONNECTIONS_PER_HOST)
    turns: list[str] = []

    async def turn(url: str) -> None:
        turns.append(url)

    waiting = asyncio.create_task(fetcher.fetch(site.url("/"), limits=SOON, before_request=turn))
    assert await asyncio.wait({waiting}, timeout=0.5) == (set(), {waiting})
    assert turns == [], "a turn is taken by who can use it"
    held[0].cancel()
    assert (await waiting).status == 200
    await ended(held)


async def test_who_has_no_patience_hears_that_the_host_is_busy_and_leaves_nothing_behind(
    fetcher: Fetcher, site: FakeSite
) -> None:
    site.page("/", "<p>here</p>")
    site.hold("/slow")
    held = [
        asyncio.create_task(fetcher.fetch(site.url("/slow")))
        for _ in range(MAX_CONNECTIONS_PER_HOST)
    ]
    await site.arrived("/slow", MAX_CONNECTIONS_PER_HOST)
    soon = timedelta(seconds=0.05)
    with pytest.raises(HostBusy, match=r"^127\.0\.0\.1 may not be asked before"):
        await fetcher.fetch(site.url("/"), max_wait=soon)
    assert site.requests_for("/") == []
    site.release("/slow")
    await asyncio.gather(*held)
    together = await asyncio.gather(
        *(fetcher.fetch(site.url("/"), limits=SOON) for _ in range(2 * MAX_CONNECTIONS_PER_HOST))
    )
    assert {each.status for each in together} == {200}


async def test_robots_txt_is_not_waited_for_by_those_who_hold_up_its_exchange(
    fetcher: Fetcher, site: FakeSite
) -> None:
    site.page("/", "<p>here</p>")
    site.page("/robots.txt", "")
    asked = asyncio.Lock()
    together = asyncio.Barrier(MAX_CONNECTIONS_PER_HOST)

    async def robots_first(_: str) -> None:
        await together.wait()
        async with asked:
            await fetcher.fetch(site.url("/robots.txt"), limits=ROBOTS_LIMITS)

    pages = (
        fetcher.fetch(site.url("/"), before_request=robots_first)
        for _ in range(MAX_CONNECTIONS_PER_HOST)
    )
    async with asyncio.timeout(10):
        assert {each.status for each in await asyncio.gather(*pages)} == {200}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """A worker of a few places, more than a host has connections."""
    return settings.model_copy(update={"worker_concurrency": MAX_CONNECTIONS_PER_HOST + 2})


async def test_a_site_that_hangs_holds_up_no_worker_and_no_other_site(
    system: System, site: FakeSite
) -> None:
    """More pages than the worker has places, all of a site that does not answer."""
    many = system.settings.worker_concurrency + 4
    hanging = await system.add_domain(site.origin)
    for number in range(many):
        site.hold(f"/{number}")
        site.page(f"/{number}", f"<p>Page {number}</p>")
        added = await system.api.post(
            f"/api/domains/{hanging.id}/pages", json={"url": site.url(f"/{number}")}
        )
        assert added.status_code == 201, added.text
    await system.api.post(f"/api/jobs/{hanging.discovery_job_id}/cancel")
    async with FakeSite() as other:
        page_id = await system.lone_page(other, "localhost")
        answer = await system.api.post(f"/api/domains/{hanging.id}/crawl", json={"maxAttempts": 1})
        batch_id = answer.json()["data"]["batchId"]
        async with system.worker():
            await eventually(
                lambda: system.stats(batchId=batch_id), lambda stats: stats.delayed > 0
            )
            job = await system.finished(await system.ask(f"/api/pages/{page_id}/crawl"))
            assert job.state is JobState.COMPLETED
            pages = [request for request in site.requests if request.target != "/robots.txt"]
            assert len(pages) == MAX_CONNECTIONS_PER_HOST
            for number in range(many):
                site.release(f"/{number}")
            stats = await eventually(
                lambda: system.stats(batchId=batch_id), lambda stats: stats.completed == many
            )
            assert stats.failed == 0
        rows = (await system.jobs(batchId=batch_id, limit=100)).data
    assert {row.attempts_made for row in rows} == {1}


def test_a_host_that_is_asked_seldom_has_few_connections() -> None:
    assert [connections_for(rps) for rps in (0.1, 2, 2.5, 1000)] == [
        2,
        2,
        3,
        MAX_CONNECTIONS_PER_HOST,
    ]


async def test_those_who_are_sent_away_come_back_one_after_the_other() -> None:
    connections = HostConnections(per_host=1)

    async def sent_away() -> datetime:
        with pytest.raises(HostBusy) as caught:
            async with connections.hold("shop.example", timedelta(0)):
                pass
        return caught.value.until

    async with connections.hold("shop.example", None):
        moments = [await sent_away() for _ in range(3)]
    gaps = [after - before for before, after in pairwise(moments)]
    assert all(gap > timedelta(seconds=0.99) for gap in gaps)
