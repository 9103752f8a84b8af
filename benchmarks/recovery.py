"""How long it takes until work goes on after each kind of death, and how long a state is wrong.

Run by hand: `.venv/bin/python -m benchmarks.recovery [--times 5] [--only TEXT]`. A system as `make
up` runs it, with default settings; the site holds a request open, so that the truth is known: an
attempt is under way from the moment the site is asked until its client is gone. Prints, for each
death, the seconds from the signal to what is measured, and how long the API said at most that the
job was in a state which the site knew to be wrong.
"""

import argparse
import asyncio
import json
import signal
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Final

from benchmarks.chaos.client import Client
from benchmarks.chaos.faults import Kill, well
from benchmarks.chaos.watchers import Truth
from benchmarks.site import WatchedSite
from benchmarks.system import Diffy, Part
from tests.eventually import eventually

DEFAULT_RPS: Final = "2"
WITHIN: Final = 120.0


@dataclass
class Bench:
    """A running system, a site, and pages that the site holds open, one for each measure."""

    diffy: Diffy
    client: Client
    site: WatchedSite
    domain: str
    wrong: dict[str, float] = field(default_factory=dict)
    _numbers: "count[int]" = field(default_factory=count)

    async def page(self) -> tuple[str, str]:
        """A new slow page: its path and its id."""
        path = f"/slow/{next(self._numbers)}"
        added = await self.client.insist(
            "POST", f"/api/domains/{self.domain}/pages", {"url": self.site.origin + path}
        )
        return path, added.data["id"]

    async def crawl(self, page_id: str, **body: object) -> str:
        """The id of a new job."""
        asked = await self.client.insist("POST", f"/api/pages/{page_id}/crawl", body)
        job_id: str = asked.data["jobId"]
        return job_id

    async def visited(self, path: str, times: int) -> None:
        """Return once the site has been asked for the page so often."""

        async def visits() -> int:
            return len(self.site.of(path))

        await eventually(visits, lambda seen: seen >= times, within=WITHIN)

    @asynccontextmanager
    async def attempt(self) -> AsyncIterator[str]:
        """An attempt that is under way, its job compared with the truth to its end; its path."""
        path, page_id = await self.page()
        truth = Truth(self.client, self.site, path)
        job_id = await self.crawl(page_id, maxAttempts=20)
        following = asyncio.create_task(truth.follow(job_id))
        await self.visited(path, 1)
        try:
            yield path
        finally:
            self.site.let_go(path)
            await following
            for said, seconds in truth.longest.items():
                self.wrong[said] = max(self.wrong.get(said, 0), seconds)


async def next_attempt(bench: Bench, death: Kill) -> float:
    """Seconds from the signal, in the middle of an attempt, to the start of the next one."""
    async with bench.attempt() as path:
        began = time.monotonic()
        await death.strike(bench.diffy, bench.client)
        await bench.visited(path, 2)
        return bench.site.of(path)[1].arrived - began


async def first_answer(bench: Bench, death: Kill) -> float:
    """Seconds from the signal to the first answer of the API about jobs."""
    began = time.monotonic()
    await death.strike(bench.diffy, bench.client)
    while True:
        if (answer := await bench.client.ask("GET", "/api/jobs/stats")).ok:
            return answer.received - began
        await asyncio.sleep(0.01)


async def first_progress(bench: Bench, death: Kill) -> float:
    """Seconds from the signal to the first request for a job that was accepted before it."""
    path, page_id = await bench.page()
    bench.site.let_go(path)
    await bench.crawl(page_id, delaySeconds=1)
    began = time.monotonic()
    await death.strike(bench.diffy, bench.client)
    await bench.visited(path, 1)
    return bench.site.of(path)[0].arrived - began


Measure = Callable[[Bench, Kill], Awaitable[float]]

DEATHS: Final[dict[str, tuple[Kill, Measure]]] = {
    "worker SIGKILL to next attempt": (Kill((Part.WORKER,), signal.SIGKILL), next_attempt),
    "worker SIGTERM to next attempt": (Kill((Part.WORKER,), signal.SIGTERM), next_attempt),
    "API SIGKILL to first answer": (Kill((Part.API,), signal.SIGKILL), first_answer),
    "server SIGKILL to first progress": (Kill((Part.SERVER,), signal.SIGKILL), first_progress),
    "worker and server SIGKILL to next attempt": (
        Kill((Part.WORKER, Part.SERVER), signal.SIGKILL),
        next_attempt,
    ),
    "up SIGKILL, restart, to first answer": (Kill((Part.UP,), signal.SIGKILL), first_answer),
    "up SIGKILL, restart, to next attempt": (Kill((Part.UP,), signal.SIGKILL), next_attempt),
    "up SIGTERM, restart, to next attempt": (Kill((Part.UP,), signal.SIGTERM), next_attempt),
}


async def measured(times: int, deaths: list[str]) -> dict[str, object]:
    """The figures of each death."""
    figures: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as scratch:
        async with WatchedSite(slow_for=WITHIN) as site:
            diffy = Diffy(Path(scratch, "data"), DIFFY_HOST_RPS=DEFAULT_RPS)
            client = Client(diffy.origin)
            try:
                await well(client)
                added = await client.insist("POST", "/api/domains", {"domain": site.origin})
                bench = Bench(diffy, client, site, added.data["id"])
                for name in deaths:
                    death, measure = DEATHS[name]
                    bench.wrong = {}
                    seconds = []
                    for _ in range(times):
                        await well(client)
                        seconds.append(round(await measure(bench, death), 2))
                    figures[name] = {
                        "median": statistics.median(seconds),
                        "worst": max(seconds),
                        "state_wrong_for": bench.wrong,
                    }
            finally:
                await client.aclose()
                diffy.stop()
    return figures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="deaths with this in their names")
    parser.add_argument("--times", type=int, default=5)
    given = parser.parse_args()
    deaths = [name for name in DEATHS if given.only in name]
    print(json.dumps(asyncio.run(measured(given.times, deaths)), indent=2))


if __name__ == "__main__":
    main()
