"""`diffy up` as a person runs it: started, stopped, started again, and its parts killed."""

import re
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.cli.running import Client, Installation, Up, up
from tests.eventually import eventually
from tests.site import FakeSite

PAGES = [f"/page-{number}" for number in range(8)]
HELD = PAGES[2:6]


def text_of(path: str, price: int) -> str:
    """A page of the site."""
    return f"<title>{path}</title><p>The thing of {path} costs ${price} a month.</p>"


@dataclass(frozen=True)
class Before:
    """What was asked of a system that was stopped, and started again."""

    up: Up
    client: Client
    page_id: str
    discovery: Any
    running: str
    delayed: str
    due: datetime


@pytest.fixture(scope="module")
async def lone() -> AsyncIterator[FakeSite]:
    """A site of one page."""
    async with FakeSite() as site:
        site.page("/", text_of("/", 99))
        yield site


@pytest.fixture(scope="module")
async def before(lone: FakeSite, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Before]:
    """A system that says where it is, works, is stopped in the middle, and runs again."""
    here = Installation.at(tmp_path_factory.mktemp("up") / "data")
    async with up(here) as first:
        assert here.api in first.printed
        assert f"http://127.0.0.1:{here.ui_port}" in first.printed
        found = re.search(r"^API key: +(\S+)$", first.printed, re.MULTILINE)
        assert found, first.printed
        key = found[1]
        async with Client(here.api, key) as client:
            assert (await client.get("/health")).status_code == 200
            ui = await client.get(f"http://127.0.0.1:{here.ui_port}")
            assert ui.is_success, ui.text
            domain = await client.ask("/api/domains", domain=lone.origin)
            discovery = await client.finished(domain["discoveryJobId"])
            assert (discovery["state"], discovery["returnValue"]["pagesAdded"]) == ("completed", 1)
            [page] = await client.data(f"/api/domains/{domain['id']}/pages")
            crawl = f"/api/pages/{page['id']}/crawl"
            done = await client.finished((await client.ask(crawl))["jobId"])
            assert (done["state"], done["returnValue"]["changed"]) == ("completed", False)
            due = datetime.now(UTC) + timedelta(seconds=8)
            delayed = (await client.ask(crawl, delaySeconds=8))["jobId"]
            lone.hold("/")
            running = (await client.ask(crawl))["jobId"]
            await lone.arrived("/", 3)
        assert await first.stop(signal.SIGINT) == (0, {})

    lone.release("/")
    async with up(here) as second:
        assert "API key" not in second.printed
        async with Client(here.api, key) as client:
            yield Before(second, client, page["id"], discovery, running, delayed, due)
        assert await second.stop(signal.SIGTERM) == (0, {})


@pytest.fixture(scope="module")
def running(before: Before) -> Installation:
    """The installation of that system."""
    return before.up.installation


@pytest.fixture(scope="module")
def client(before: Before) -> Client:
    """A client of that system."""
    return before.client


async def test_up_goes_on_after_a_stop(before: Before, client: Client) -> None:
    assert (await client.finished(before.discovery["id"])) == before.discovery
    resumed = await client.finished(before.running)
    assert (resumed["state"], resumed["attemptsMade"]) == ("completed", 1)
    late = await client.finished(before.delayed)
    assert (late["state"], late["attemptsMade"]) == ("completed", 1)
    assert datetime.fromisoformat(late["processedAt"]) >= before.due.replace(microsecond=0)
    assert len(await client.data(f"/api/pages/{before.page_id}/snapshots")) == 1
    assert before.up.errors.read_text() == ""


@pytest.fixture(scope="module")
async def shop() -> AsyncIterator[FakeSite]:
    """A site of those pages and a front page that links to them."""
    async with FakeSite() as site:
        for path in PAGES:
            site.page(path, text_of(path, 99))
        site.page("/", "".join(f"<a href='{path}'>{path}</a> " for path in PAGES))
        yield site


@pytest.fixture(scope="module")
async def domain(shop: FakeSite, client: Client) -> str:
    """The id of the shop, of each page of which the baseline is stored."""
    added = await client.ask("/api/domains", domain=shop.origin)
    assert (await client.finished(added["discoveryJobId"]))["state"] == "completed"
    domain_id: str = added["id"]
    return domain_id


@pytest.mark.parametrize(("killed", "price"), [(" worker ", 129), ("start-dev", 159)])
async def test_a_part_that_is_killed_in_a_batch_is_started_again_and_nothing_is_lost_or_doubled(
    running: Installation, client: Client, shop: FakeSite, domain: str, killed: str, price: int
) -> None:
    before = {change["id"] for change in await client.data("/api/changes?limit=100")}
    for path in PAGES:
        shop.page(path, text_of(path, price))
    for path in HELD:
        shop.hold(path)
    asked = {path: len(shop.requests_for(path)) for path in HELD}
    batch = await client.ask(f"/api/domains/{domain}/crawl")
    for path in HELD:
        await shop.arrived(path, asked[path] + 1)
    old = running.kill(killed)
    for path in HELD:
        shop.release(path)
    jobs = await batch_ended(client, batch)
    assert {job["state"] for job in jobs} == {"completed"}
    details = [await client.data(f"/api/jobs/{job['id']}") for job in jobs]
    assert all(1 <= job["attemptsMade"] <= job["maxAttempts"] for job in details)
    changes = await client.data("/api/changes?limit=100")
    new = [change["url"] for change in changes if change["id"] not in before]
    assert sorted(new) == sorted(shop.url(path) for path in PAGES)
    for job in jobs:
        snapshots = await client.data(f"/api/pages/{job['pageId']}/snapshots")
        texts = [(await client.data(f"/api/snapshots/{s['id']}"))["text"] for s in snapshots]
        assert len(set(texts)) == len(texts)
    [again] = [pid for pid, command in running.processes().items() if killed in command]
    assert again != old


async def batch_ended(client: Client, batch: Any) -> list[Any]:
    """The jobs of a batch once all are over."""
    batch_id, asked = batch["batchId"], batch["jobsQueued"]
    assert asked >= len(PAGES)
    await eventually(
        lambda: client.data(f"/api/jobs/stats?batchId={batch_id}"),
        lambda stats: stats["completed"] + stats["failed"] == asked,
    )
    jobs: list[Any] = await client.data(f"/api/jobs?batchId={batch_id}&limit=100")
    assert len(jobs) == asked
    return jobs
