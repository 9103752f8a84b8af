"""One run: a system under load, faults, the audit of what is left."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any, Final

from benchmarks.chaos.audit import audit, doubled, failures
from benchmarks.chaos.client import Client
from benchmarks.chaos.evidence import Evidence, Paced, of_each, runs_of, snapshots_of
from benchmarks.chaos.faults import Fault, well
from benchmarks.chaos.load import Load
from benchmarks.chaos.tempo import BRISK, Tempo
from benchmarks.chaos.watchers import Truth, Watchers
from benchmarks.site import Visit, WatchedSite
from benchmarks.system import Diffy, since
from core.settings import Settings
from temporal.connection import connect

KINDS: Final = {"steady": 8, "tagged": 8, "news": 16, "flaky": 6, "busy": 4, "gone": 2}
"""The pages of the site, by what they do."""

SLOW: Final = "/slow/1"
"""The page that one job at a time is at, whose state is compared with the truth."""

CRAWL_DELAY: Final = 2.0
DELAYED_PAGES: Final = 4
"""The seconds between requests that another site asks for, and its pages."""

SETTLED_WITHIN: Final = 300.0
"""Seconds after the last fault within which every job must have ended."""


@dataclass(frozen=True)
class Report:
    """What was done, and what came of it."""

    faults: dict[str, int]
    jobs_accepted: int
    jobs_lost: int
    effects_doubled: int
    asked: dict[str, int]
    answers: dict[int, int]
    slowest_answer: float
    completed: int
    failed: dict[str, int]
    looks: int
    longest_wrong_state: dict[str, float]
    seconds: float
    wrong: list[str]


def site_of(share: float = 1) -> WatchedSite:
    """The site, with `share` of its pages."""
    paths = [f"/{kind}/{n}" for kind, of in KINDS.items() for n in range(max(1, int(of * share)))]
    return WatchedSite(linked=tuple(paths))


def site_with_crawl_delay(share: float = 1) -> WatchedSite:
    """A site at an address of its own that asks for a pause between requests."""
    paths = [f"/steady/delayed-{n}" for n in range(max(2, int(DELAYED_PAGES * share)))]
    return WatchedSite(linked=tuple(paths), crawl_delay=CRAWL_DELAY, address="127.0.0.2")


async def paced_load(load: Load, site: WatchedSite, chance: random.Random) -> Load:
    """The load of the site with the crawl delay.

    The discovery of the site is cancelled, because it would take minutes.
    """
    client = load.client
    asked = await client.insist("POST", "/api/domains", {"domain": site.origin}, key="paced")
    domain = asked.data["id"]
    paced = Load(client, domain, {}, chance, "paced", load.jobs, load.batches, load.cancelled)
    discovery = asked.data["discoveryJobId"]
    paced.jobs[discovery] = "discover"
    cancelled = await client.insist("POST", f"/api/jobs/{discovery}/cancel")
    if cancelled.ok:
        paced.cancelled.add(discovery)
    for path in site.linked:
        body = {"url": site.origin + path}
        added = await client.insist("POST", f"/api/domains/{domain}/pages", body)
        paced.pages[path] = added.data["id"]
    return paced


@asynccontextmanager
async def prepared(
    diffy: Diffy, site: WatchedSite, chance: random.Random
) -> AsyncIterator[tuple[Client, Load]]:
    """A running system that has discovered the site and stored a baseline of each page."""
    client = Client(diffy.origin)
    try:
        await well(client)
        asked = await client.insist("POST", "/api/domains", {"domain": site.origin}, key="domain")
        domain = asked.data
        load = Load(client, domain["id"], {}, chance)
        load.jobs[domain["discoveryJobId"]] = "discover"
        await _ended(client, load.accepted)
        rows = await client.every(f"/api/domains/{domain['id']}/pages")
        load.pages |= {row["url"].removeprefix(site.origin): row["id"] for row in rows}
        load.pages.pop("/", None)
        assert set(load.pages) == set(site.linked), set(site.linked) - set(load.pages)
        await load.batch(list(load.pages))
        await _ended(client, load.accepted)
        yield client, load
    finally:
        await client.aclose()


async def run(
    diffy: Diffy,
    site: WatchedSite,
    *,
    seed: int,
    jobs: int,
    faults: Sequence[Fault],
    pause: tuple[float, float],
    share: float = 1,
    tempo: Tempo = BRISK,
) -> Report:
    """At least `jobs` jobs while `faults` strike, with a `pause` of chance before each.

    A site with a crawl delay is crawled beside `site`, with `share` of its pages.
    """
    began = time.monotonic()
    chance = random.Random(seed)
    async with (
        site_with_crawl_delay(share) as delaying_site,
        prepared(diffy, site, chance) as (client, load),
    ):
        paced = await paced_load(load, delaying_site, random.Random(seed))
        pages = f"/api/domains/{load.domain}/pages"
        added = await client.insist("POST", pages, {"url": site.origin + SLOW})
        alone = {SLOW: added.data["id"]}
        slow = Load(client, load.domain, alone, random.Random(seed), "slow", load.jobs)
        watchers = Watchers(client, load, random.Random(seed), tempo)
        truth = Truth(client, site, SLOW, tempo)
        struck = asyncio.Event()
        async with asyncio.TaskGroup() as under_way:
            watching = [
                under_way.create_task(each)
                for each in (watchers.jobs(), watchers.waits(), watchers.lists(), watchers.rows())
            ]
            working = [
                under_way.create_task(each)
                for each in (
                    load.run(jobs, struck, tempo),
                    _keep_busy(paced, struck, tempo),
                    _follow(slow, truth, struck, tempo),
                )
            ]
            for fault in faults:
                await asyncio.sleep(chance.uniform(*pause))
                await fault.strike(diffy, client)
            await well(client)
            struck.set()
            await asyncio.wait(working)
            await _ended(client, load.accepted)
            for task in watching:
                task.cancel()
        # Each page that changes is crawled once more, alone: what it shows now must be stored.
        await load.batch([path for path in load.pages if path.startswith("/news/")])
        await paced.batch(list(paced.pages))
        await _ended(client, load.accepted)
        asked = Paced(CRAWL_DELAY, _pages_asked(delaying_site), len(faults))
        found = await evidence(diffy, client, [load, paced], [site, delaying_site], watchers, asked)
        wrong = [
            *client.wrong,
            *(problem for each in (load, slow, paced) for problem in each.wrong),
            *watchers.memory.wrong,
            *audit(found),
        ]
        strikes = Counter(fault.name for fault in faults)
        return _report(found, load, watchers, truth, strikes, wrong, since(began))


def _report(
    found: Evidence,
    load: Load,
    watchers: Watchers,
    truth: Truth,
    strikes: Counter[str],
    wrong: list[str],
    seconds: float,
) -> Report:
    client = load.client
    return Report(
        faults=dict(strikes),
        jobs_accepted=load.accepted,
        jobs_lost=sum(problem.endswith("is lost") for problem in wrong),
        effects_doubled=len(doubled(found)),
        asked=dict(load.asked),
        answers=dict(client.answers),
        slowest_answer=round(client.slowest, 2),
        completed=sum(job["state"] == "completed" for job in found.jobs.values()),
        failed=failures(found.jobs.values()),
        looks=watchers.memory.looks + truth.looks,
        longest_wrong_state=truth.longest,
        seconds=seconds,
        wrong=wrong,
    )


def _pages_asked(site: WatchedSite) -> list[Visit]:
    return [visit for visit in site.visits if visit.path != "/robots.txt"]


async def evidence(
    diffy: Diffy,
    client: Client,
    loads: Sequence[Load],
    sites: Sequence[WatchedSite],
    watchers: Watchers,
    paced: Paced | None = None,
) -> Evidence:
    """All that is left of the run. The loads share what they say of jobs."""
    load = loads[0]
    asked_for = {path: page_id for each in loads for path, page_id in each.pages.items()}
    temporal = await connect(Settings(temporal_address=diffy.temporal))
    listed = await client.every("/api/jobs")
    ids = {row["id"] for row in listed}
    changes: dict[str, list[Any]] = {}
    reported = await client.every("/api/changes")
    for change in reversed(reported):
        # The others are no changes of a page's text.
        if change["event"] == "change":
            changes.setdefault(change["pageId"], []).append(change)

    async def batch(batch_id: str) -> list[str]:
        return [row["id"] for row in await client.every(f"/api/jobs?batchId={batch_id}")]

    pages = [
        row["id"]
        for each in loads
        for row in await client.every(f"/api/domains/{each.domain}/pages")
    ]

    async def snapshots(page_id: str) -> list[str]:
        return [row["id"] for row in await client.every(f"/api/pages/{page_id}/snapshots")]

    stored = {
        "domain": {row["id"] for row in await client.every("/api/domains")},
        "page": set(pages),
        "snapshot": set(chain.from_iterable((await of_each(pages, snapshots)).values())),
        "change": {row["id"] for row in reported},
    }
    return Evidence(
        accepted=frozenset(load.jobs),
        batches=load.batches,
        cancelled=frozenset(load.cancelled),
        listed=listed,
        jobs=await of_each(ids, lambda job_id: client.get(f"/api/jobs/{job_id}")),
        attempts=await of_each(ids, lambda job_id: client.get(f"/api/jobs/{job_id}/attempts")),
        of_batch=await of_each(load.batches, batch),
        stats=await client.get("/api/jobs/stats"),
        runs=await runs_of(temporal),
        pages=asked_for,
        snapshots=await of_each(asked_for.values(), partial(snapshots_of, client)),
        changes=changes,
        shown=watchers.memory.rows,
        stored=stored,
        visits=[visit for site in sites for visit in site.visits],
        seen=watchers.memory.last,
        paced=paced,
    )


async def _follow(slow: Load, truth: Truth, struck: asyncio.Event, tempo: Tempo) -> None:
    """One slow job after the other, each compared with the truth until its end."""
    while not struck.is_set():
        await truth.follow(await slow.crawl(SLOW, maxAttempts=20))
        await asyncio.sleep(tempo.between_slow)


async def _keep_busy(paced: Load, struck: asyncio.Event, tempo: Tempo) -> None:
    """Crawl all pages of the site with the crawl delay, as often as its delay and tempo allow."""
    while not struck.is_set():
        await paced.batch(list(paced.pages))
        with suppress(TimeoutError):
            await asyncio.wait_for(struck.wait(), len(paced.pages) * CRAWL_DELAY * tempo.delays)


async def _ended(client: Client, accepted: int) -> None:
    """Return once that many jobs have ended and none is unfinished; or when the time is up: the
    audit tells which have not.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(SETTLED_WITHIN):
            while True:
                stats = await client.get("/api/jobs/stats")
                if not stats["total"] and stats["completed"] + stats["failed"] >= accepted:
                    return
                await asyncio.sleep(0.2)
