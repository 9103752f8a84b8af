"""How late lists and statistics learn that a job is active.

Run by hand: `.venv/bin/python -m benchmarks.lag [--jobs 200] [--lanes 2]`. The site holds each
job's request open; the clock runs from its arrival there to the first answer of
`GET /api/jobs?status=active` with the job in it, and of `GET /api/jobs/stats` that counts it.
Prints median and worst of each, in seconds, also those of `GET /api/jobs/:id`.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from benchmarks.chaos.client import Client
from benchmarks.chaos.faults import well
from benchmarks.site import WatchedSite
from benchmarks.system import Diffy
from tests.eventually import eventually

MESSAGE_LEASE: Final = 60.0
EVERY: Final = 0.02
"""Seconds between two looks."""


async def first(client: Client, path: str, says: Callable[[Any], bool], since: float) -> float:
    """Seconds until an answer says it."""
    while True:
        answer = await client.ask("GET", path)
        if answer.ok and says(answer.data):
            return answer.received - since
        await asyncio.sleep(EVERY)


async def lane(
    client: Client, site: WatchedSite, domain: str, paths: list[str]
) -> list[dict[str, float]]:
    """The lags of one job after the other."""
    lags = []
    for path in paths:
        added = await client.ask(
            "POST", f"/api/domains/{domain}/pages", {"url": site.origin + path}
        )
        asked = await client.ask("POST", f"/api/pages/{added.data['id']}/crawl", {})
        job_id, page = asked.data["jobId"], f"pageId={added.data['id']}"

        async def visits(path: str = path) -> int:
            return len(site.of(path))

        await eventually(visits, bool)
        arrived = site.of(path)[0].arrived
        one, listed, counted = await asyncio.gather(
            first(client, f"/api/jobs/{job_id}", lambda job: job["state"] == "active", arrived),
            first(client, f"/api/jobs?status=active&{page}", bool, arrived),
            first(client, f"/api/jobs/stats?{page}", lambda stats: stats["active"] == 1, arrived),
        )
        lags.append({"one job": one, "list": listed, "stats": counted})
        site.let_go(path)
    return lags


async def measured(jobs: int, lanes: int) -> dict[str, dict[str, float]]:
    """Median and worst of each way of asking."""
    with tempfile.TemporaryDirectory() as scratch:
        async with WatchedSite(slow_for=MESSAGE_LEASE) as site:
            diffy = Diffy(Path(scratch, "data"))
            client = Client(diffy.origin)
            try:
                await well(client)
                added = await client.insist("POST", "/api/domains", {"domain": site.origin})
                paths = [f"/slow/{number}" for number in range(jobs)]
                found = await asyncio.gather(
                    *(lane(client, site, added.data["id"], paths[n::lanes]) for n in range(lanes))
                )
            finally:
                await client.aclose()
                diffy.stop()
    lags = [each for lane_lags in found for each in lane_lags]
    return {
        way: {
            "median": round(statistics.median(each[way] for each in lags), 3),
            "worst": round(max(each[way] for each in lags), 3),
        }
        for way in lags[0]
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--lanes", type=int, default=2, help="jobs at a time")
    given = parser.parse_args()
    figures = asyncio.run(measured(given.jobs, given.lanes))
    print(json.dumps({"jobs": given.jobs, **figures}, indent=2))


if __name__ == "__main__":
    main()
