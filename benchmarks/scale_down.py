"""Whether workers may go and come in the middle of load, as an orchestrator scales them.

Run by hand: `.venv/bin/python -m benchmarks.scale_down [--hosts 6] [--pages 60] [--rps 1]`. A
system as `make up` runs it, with its store in PostgreSQL and three further workers. The pages of
several hosts are checked, half of them changed, some slower than a worker waits for; beside them a
further host is discovered. In the middle of it the three workers are told to end, one after the
other, each as it reads a slow page, and later two are started again. Then the audit of `make chaos`
follows, and that

* every job completed in its first attempt, every change is stored once and told once;
* each page was asked for once, and once more for each attempt that a stopping worker gave up. A
  quick look that finds a change asks once more too: an attempt then reads the page;
* the slots of each host lie its interval apart (a trigger in PostgreSQL keeps them), and it got no
  request before its slot;
* every worker that was told to end did so with code 0 within its grace period.

Prints the figures; exit code 1 when anything is wrong.
"""

import argparse
import asyncio
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise, zip_longest
from pathlib import Path
from typing import Any, Final

import psycopg

from benchmarks.chaos.audit import audit, failures
from benchmarks.chaos.client import Client
from benchmarks.chaos.evidence import Evidence
from benchmarks.chaos.load import Load
from benchmarks.chaos.run import evidence
from benchmarks.chaos.tempo import Tempo
from benchmarks.chaos.watchers import Watchers
from benchmarks.pace import Traffic, logged_slots, slots_of
from benchmarks.site import WatchedSite
from benchmarks.system import Diffy, until
from cli.up import WORKER_GRACE_PERIOD
from tests.eventually import eventually
from tests.postgres import running_postgres
from tests.receiver import Receiver
from worker import DRAIN

WORKERS: Final = 4
ENDED: Final = 3
STARTED_AGAIN: Final = 2

SLOW_FOR: Final = DRAIN.total_seconds() + 3
"""Seconds until a slow page answers: a worker that stops gives it up."""

SLOW_EVERY: Final = 6
"""One page of so many is slow; of the others half change, and half stay as they are."""

JUST_BEGUN: Final = 2.0
"""Seconds after its begin until which an attempt for a slow page is still under way once a worker
has stopped waiting for it.
"""

LOOK_EVERY: Final = 0.1
"""Seconds between two looks for a worker that reads a slow page."""

WATCHING: Final = Tempo(ask=0, look=0.5, follow=0, between_slow=0, delays=0)

WITHIN: Final = 900.0
"""Seconds in which everything must be over: a limit that only a loss reaches."""


@dataclass(frozen=True)
class Host:
    """A site at an address of its own, and what is asked for of it."""

    site: WatchedSite
    load: Load

    @property
    def quick(self) -> list[str]:
        """The paths that answer at once."""
        return [path for path in self.load.pages if not path.startswith("/slow/")]

    @property
    def slow(self) -> list[str]:
        """The paths that do not."""
        return [path for path in self.load.pages if path.startswith("/slow/")]


@dataclass(frozen=True)
class Stop:
    """How a worker ended that was told to; `code` is None if it had to be killed."""

    pid: int
    code: int | None
    seconds: float


@dataclass
class Bench:
    """A running system with its load.

    `slow` are the slow pages whose check was not asked for yet, one host after the other in turn.
    `phases` are the names and first moments of what was done, in seconds of the epoch.
    """

    diffy: Diffy
    client: Client
    receiver: Receiver
    database: str
    interval: float
    hosts: list[Host] = field(default_factory=list)
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    stops: list[Stop] = field(default_factory=list)
    phases: list[tuple[str, float]] = field(default_factory=list)
    slow: list[tuple[Load, str]] = field(default_factory=list)

    @property
    def first(self) -> Load:
        """The load of the first host, which knows the jobs of all."""
        return self.hosts[0].load

    async def healthy(self) -> None:
        """Return once everything answers."""

        async def answers() -> bool:
            return (await self.client.ask("GET", "/health")).ok

        await eventually(answers, bool, within=WITHIN)

    async def add(self, site: WatchedSite) -> None:
        """Register a site, which starts its discovery."""
        body = {"domain": site.origin, "discoverFrequencyHours": 0}
        added = await self.client.insist("POST", "/api/domains", body)
        chance = random.Random(site.address)
        load = Load(self.client, added.data["id"], {}, chance, site.address)
        if self.hosts:
            load.jobs, load.batches = self.first.jobs, self.first.batches
            load.cancelled = self.first.cancelled
        load.jobs[added.data["discoveryJobId"]] = "discover"
        self.hosts.append(Host(site, load))

    async def prepare(self) -> None:
        """Discover the sites that were added and check their pages: those that stay twice, so that
        their next check begins with a quick look.
        """
        await self.ended(self.first.accepted)
        for host in self.hosts:
            rows = await self.client.every(f"/api/domains/{host.load.domain}/pages")
            found = {row["url"].removeprefix(host.site.origin): row["id"] for row in rows}
            host.load.pages |= {path: found[path] for path in host.site.linked}
            await host.load.batch(host.quick)
        await self.ended(self.first.accepted)
        for host in self.hosts:
            await host.load.batch([each for each in host.quick if not each.startswith("/news/")])
        await self.ended(self.first.accepted)
        turns = zip_longest(*([(host.load, path) for path in host.slow] for host in self.hosts))
        self.slow = [each for turn in turns for each in turn if each is not None]

    async def ended(self, count: int) -> None:
        """Return once so many jobs have ended."""

        async def seen() -> int:
            stats = await self.client.get("/api/jobs/stats")
            return int(stats["completed"] + stats["failed"])

        try:
            await eventually(seen, lambda ended: ended >= count, within=WITHIN)
        except AssertionError:
            for state in ("waiting", "active", "delayed"):
                for job in await self.client.every(f"/api/jobs?status={state}"):
                    attempts = await self.client.get(f"/api/jobs/{job['id']}/attempts")
                    print(f"not ended: {job}, {attempts}", file=sys.stderr)
            raise

    async def ask(self) -> None:
        """Ask for a check of every page that answers at once."""
        for host in self.hosts:
            if host.quick:
                await host.load.batch(host.quick)

    async def ask_slow(self, count: int) -> list[str]:
        """Ask for a check of so many of the slow pages that are left; the jobs."""
        chosen, self.slow = self.slow[:count], self.slow[count:]
        return [await load.crawl(path, maxAttempts=1) for load, path in chosen]

    async def busy_worker(self) -> subprocess.Popen[bytes]:
        """One of the workers that were started, as it has just begun to read a slow page.

        Asks for slow pages until one has; the first worker where none are left.
        """
        waiting: list[str] = []
        while waiting or self.slow:
            waiting = waiting or await self.ask_slow(len(self.hosts))
            for job in list(waiting):
                attempts = await self.client.get(f"/api/jobs/{job}/attempts")
                if not attempts:
                    continue
                waiting.remove(job)
                if reader := self._reader(attempts[-1]):
                    return reader
            await asyncio.sleep(LOOK_EVERY)
        return self.workers[0]

    def _reader(self, attempt: Any) -> subprocess.Popen[bytes] | None:
        """The worker that has just begun the attempt, if it is one of those that were started."""
        began = datetime.fromisoformat(attempt["startedAt"]).timestamp()
        if attempt["outcome"] != "running" or time.time() - began > JUST_BEGUN:
            return None
        pid = str(attempt["worker"]).partition("@")[0]
        return next((worker for worker in self.workers if str(worker.pid) == pid), None)

    async def told(self) -> None:
        """Return once every change was told."""

        async def left() -> bool:
            changes = await self.client.every("/api/changes?event=change")
            told = await self.client.insist("GET", "/api/deliveries?state=delivered&limit=1")
            pending = await self.client.insist("GET", "/api/deliveries?state=pending&limit=1")
            return bool(told.meta["total"] < len(changes) or pending.meta["total"])

        await eventually(left, lambda some: not some, within=WITHIN)

    async def start_workers(self, count: int) -> None:
        """Start so many workers more."""
        self.workers += [await asyncio.to_thread(self.diffy.start_worker) for _ in range(count)]

    async def end_worker(self) -> None:
        """Tell a worker that is busy to end, and return once it has."""
        worker = await self.busy_worker()
        self.workers.remove(worker)
        began = time.monotonic()
        worker.terminate()
        try:
            code = await asyncio.to_thread(worker.wait, WORKER_GRACE_PERIOD)
        except subprocess.TimeoutExpired:
            code = None
            worker.kill()
        self.stops.append(Stop(worker.pid, code, round(time.monotonic() - began, 1)))

    def begin(self, phase: str) -> None:
        """Another phase begins."""
        self.phases.append((phase, time.time()))
        print(phase, file=sys.stderr)


async def scaled(bench: Bench, discovered: WatchedSite) -> list[str]:
    """The jobs that were asked for while workers went and came."""
    known = {row["id"] for row in await bench.client.every("/api/jobs")}
    before = bench.first.accepted
    bench.begin(f"{WORKERS} workers")
    await bench.add(discovered)
    await bench.ask()
    count = bench.first.accepted - before + len(bench.slow)
    await bench.ended(before + count // 5)
    bench.begin(f"{ENDED} of them end")
    for _ in range(ENDED):
        await bench.end_worker()
    bench.begin(f"{WORKERS - ENDED} worker")
    await bench.ask_slow(len(bench.slow))
    await bench.ended(before + count * 3 // 5)
    bench.begin(f"{STARTED_AGAIN} are started again")
    await bench.start_workers(STARTED_AGAIN)
    await bench.ended(before + count)
    bench.begin("all ended")
    return [row["id"] for row in await bench.client.every("/api/jobs") if row["id"] not in known]


def badly_ended(found: Evidence, jobs: Sequence[str]) -> Iterator[str]:
    """Of jobs whose sites had no fault, what did not complete in its first attempt."""
    for job in (found.jobs[each] for each in jobs):
        if job["state"] != "completed" or job["attemptsMade"] != 1:
            made = f"{job['state']} after {job['attemptsMade']} attempts"
            yield f"{job['id']} is {made}: {found.attempts[job['id']]}"


def badly_told(found: Evidence, receiver: Receiver) -> Iterator[str]:
    """Of every page that changed one change is stored, and told under one id; no other is."""
    wanted = {page_id for path, page_id in found.pages.items() if path.startswith("/news/")}
    if wanted != set(found.changes):
        yield f"{len(wanted)} pages changed, and changes of {len(found.changes)} are stored"
    stored = Counter(each["id"] for rows in found.changes.values() for each in rows)
    told = {(each.content["data"]["id"], each.id) for each in receiver.received}
    if Counter(change for change, _ in told) != stored:
        yield f"{len(stored)} changes are stored, and {len(told)} were told"


def explained(found: Evidence, jobs: Sequence[str]) -> tuple[Counter[str | None], Counter[str]]:
    """How often each page may be asked for again: because a worker gave its attempt up, by the id
    of the page, which discoveries have not; and because a quick look found a change, by its path.

    A discovery may have several requests under way as it is given up, each for another page.
    """
    released, looked = Counter[str | None](), Counter[str]()
    changing = {page: path for path, page in found.pages.items() if path.startswith("/news/")}
    for run in found.runs:
        if run.job_id in jobs:
            page = found.jobs[run.job_id]["pageId"]
            released[page] += run.released
            if page in changing:
                looked[changing[page]] += run.undecided
    return released, looked


def asked_too_often(
    found: Evidence, repeated: Mapping[str, int], jobs: Sequence[str]
) -> Iterator[str]:
    """Pages that were asked for again, though neither of these explains it."""
    released, looked = explained(found, jobs)
    for path, count in repeated.items():
        allowed = released[found.pages.get(path)] + looked[path]
        if count > allowed:
            yield f"{path} was asked for {count} times more than needed, {allowed} are explained"


def given_up(found: Evidence) -> Counter[str]:
    """The attempts that stopping workers gave up, by the type of the job."""
    return Counter(
        found.jobs[run.job_id]["type"] for run in found.runs for _ in range(run.released)
    )


def badly_stopped(found: Evidence, stops: Sequence[Stop]) -> Iterator[str]:
    """Workers that did not end in order, and a run in which none had an attempt to give up."""
    if not given_up(found):
        yield "no attempt was under way as a worker ended: this proves nothing"
    for stop in stops:
        if stop.code != 0:
            yield f"worker {stop.pid} ended with {stop.code} after {stop.seconds} s"


def rates(bench: Bench, ends: Sequence[float]) -> dict[str, float]:
    """The jobs that ended in a second, in each phase."""
    return {
        phase: round(sum(began <= end < over for end in ends) / (over - began), 1)
        for (phase, began), (_, over) in pairwise(bench.phases)
    }


async def watched(bench: Bench, discovered: WatchedSite) -> tuple[list[str], Watchers]:
    """The jobs that were asked for while workers went and came, and what clients saw meanwhile."""
    watchers = Watchers(bench.client, bench.first, random.Random(1), WATCHING)
    async with asyncio.TaskGroup() as under_way:
        watching = [
            under_way.create_task(each)
            for each in (watchers.jobs(), watchers.lists(), watchers.rows())
        ]
        jobs = await scaled(bench, discovered)
        for task in watching:
            task.cancel()
    await bench.told()
    return jobs, watchers


async def measured(bench: Bench, discovered: WatchedSite, store: psycopg.Connection) -> Any:
    """The figures, and what is wrong."""
    before = {host.site.address: len(host.site.visits) for host in bench.hosts}
    jobs, watchers = await watched(bench, discovered)
    sites = [host.site for host in bench.hosts]
    loads = [host.load for host in bench.hosts]
    found = await evidence(bench.diffy, bench.client, loads, sites, watchers)
    traffic = Traffic(bench.interval, slots_of(store, bench.interval))
    for site in sites:
        traffic.add(site, site.visits[before.get(site.address, 0) :])
    wrong = [
        *bench.client.wrong,
        *(problem for load in loads for problem in load.wrong),
        *watchers.memory.wrong,
        *audit(found),
        *badly_ended(found, jobs),
        *badly_told(found, bench.receiver),
        *traffic.wrong,
        *asked_too_often(found, traffic.repeated, jobs),
        *badly_stopped(found, bench.stops),
    ]
    return {**figures_of(bench, found, jobs, traffic), **traffic.figures(), "wrong": wrong}


def figures_of(bench: Bench, found: Evidence, jobs: Sequence[str], traffic: Traffic) -> Any:
    """What came of the jobs, and how quickly."""
    ended = (found.jobs[each]["finishedAt"] for each in jobs)
    ends = sorted(datetime.fromisoformat(each).timestamp() for each in ended)
    quiet = [later - earlier for earlier, later in pairwise([bench.phases[0][1], *ends])]
    messages = Counter(each.id for each in bench.receiver.received)
    released, _ = explained(found, jobs)
    return {
        "jobs": len(jobs),
        "of them completed": sum(found.jobs[each]["state"] == "completed" for each in jobs),
        "failed": failures(found.jobs.values()),
        "attempts of jobs": Counter(found.jobs[each]["attemptsMade"] for each in jobs),
        "changes": sum(map(len, found.changes.values())),
        "messages about them": len(messages),
        "most requests for one message": max(messages.values(), default=0),
        "attempts that workers gave up": given_up(found),
        "requests": traffic.requests,
        "of them repeated": sum(traffic.repeated.values()),
        "of these where no attempt was given up: a quick look found the change": sum(
            max(count - released[found.pages.get(path)], 0)
            for path, count in traffic.repeated.items()
        ),
        "seconds in which workers ended": [stop.seconds for stop in bench.stops],
        "their exit codes": [stop.code for stop in bench.stops],
        "jobs a second": rates(bench, ends),
        "longest time without the end of a job": round(max(quiet), 2),
        "slowest answer in seconds": round(bench.client.slowest, 1),
    }


def site_of(host: int, count: int) -> WatchedSite:
    """The site at an address of its own, with so many pages."""
    paths = []
    for number in range(count):
        kind = ("news", "steady", "news", "tagged")[number % 4]
        if number % SLOW_EVERY == SLOW_EVERY - 1:
            kind = "slow"
        paths.append(f"/{kind}/{host}-{number}")
    return WatchedSite(linked=tuple(paths), address=f"127.0.0.{host}", slow_for=SLOW_FOR)


def steady_site(host: int, count: int) -> WatchedSite:
    """A site to be discovered."""
    paths = tuple(f"/steady/{host}-{number}" for number in range(count))
    return WatchedSite(linked=paths, address=f"127.0.0.{host}")


async def run(given: argparse.Namespace, scratch: Path, database: str) -> Any:
    """The figures, in a system of its own."""
    sites = [site_of(host + 1, given.pages) for host in range(given.hosts)]
    discovered = steady_site(given.hosts + 1, given.pages)
    async with AsyncExitStack() as stack:
        for each in (*sites, discovered):
            await stack.enter_async_context(each)
        receiver = await stack.enter_async_context(Receiver())
        diffy = Diffy(scratch / "data", DIFFY_DATABASE_URL=database, DIFFY_SECRET_KEY="k" * 40)
        client = Client(diffy.origin)
        bench = Bench(diffy, client, receiver, database, 1 / given.rps)
        try:
            await bench.healthy()
            for each in sites:
                await bench.add(each)
            await bench.prepare()
            await client.alert({"kind": "webhook", "name": "hook", "url": receiver.url()})
            # What was prepared at once goes on at the pace of hosts.
            await asyncio.to_thread(diffy.stop)
            diffy.environ["DIFFY_HOST_RPS"] = str(given.rps)
            diffy.start()
            await bench.healthy()
            await bench.start_workers(WORKERS - 1)
            polling = f"{WORKERS} polling."
            await asyncio.to_thread(until, diffy.workers, lambda said: said == polling)
            with logged_slots(database) as store:
                return await measured(bench, discovered, store)
        finally:
            for worker in bench.workers:
                worker.terminate()
            for worker in bench.workers:
                await asyncio.to_thread(worker.wait, WORKER_GRACE_PERIOD)
            await client.aclose()
            await asyncio.to_thread(diffy.stop)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", type=int, default=6)
    parser.add_argument("--pages", type=int, default=60, help="of each host")
    parser.add_argument("--rps", type=float, default=1.0, help="requests a second to a host")
    given = parser.parse_args()
    with ExitStack() as stack:
        database = stack.enter_context(stack.enter_context(running_postgres()).database())
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        figures = asyncio.run(run(given, scratch, database))
    print(json.dumps(figures, indent=2))
    sys.exit(1 if figures["wrong"] else 0)


if __name__ == "__main__":
    main()
