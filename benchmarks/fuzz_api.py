"""Fuzzes the API from its own documentation: requests sent, failures, by route; and compares how
long an id that nobody has takes with one that another organisation has.

Run by hand: `.venv/bin/python -m benchmarks.fuzz_api [--examples N] [--timings N]`.
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2

from cli.embedded import EmbeddedTemporal
from core.settings import Settings
from temporal.shutdown import release
from tests.api.operations import Operation, operations
from tests.api.served import served
from tests.api.test_openapi_fuzz import fuzzer_of
from tests.api.test_tenancy import owned
from tests.ports import free_port
from tests.site import FakeSite
from tests.system import System, running_system


@asynccontextmanager
async def two_organisations() -> AsyncIterator[
    tuple[System, FakeSite, dict[str, str], dict[str, str]]
]:
    """A system, a site, and the ids of what two organisations own of it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server = EmbeddedTemporal(
            database=folder / "temporal.db", port=free_port(), ui_port=None, log=folder / "log"
        )
        await server.start()
        settings = Settings(
            data_dir=folder,
            temporal_address=server.address,
            allow_private_networks=True,
            host_rps=1000,
        )
        async with running_system(settings) as system, FakeSite() as site:
            mine = await owned(system, site)
            async with await system.another_organisation() as other:
                there = System(settings, system.client, system.database, system.app, other)
                theirs = await owned(there, site)
            yield system, site, mine, theirs
        await server.stop()


async def milliseconds(api: httpx2.AsyncClient, route: Operation, target: str) -> float:
    """How long one answer takes, which says that there is no such thing."""
    began = time.perf_counter()
    answer = await api.request(route.method, target, json={} if route.takes_body else None)
    assert answer.status_code in (400, 404), answer.text
    return (time.perf_counter() - began) * 1000


async def compared(
    system: System, api: httpx2.AsyncClient, theirs: dict[str, str], times: int
) -> list[dict[str, Any]]:
    """For each route with an id, the medians for an unknown and a foreign one, asked in turn."""
    rows = []
    for route in operations(system):
        if "{" not in route.path or not times:
            continue
        unknown, foreign = [], []
        for _ in range(times):
            job_id = f"crawl-{uuid4().hex}"  # as real ones are
            unknown.append(await milliseconds(api, route, route.target(job_id=job_id)))
            foreign.append(await milliseconds(api, route, route.target(**theirs)))
        rows.append(
            {
                "route": str(route),
                "unknown_ms": round(statistics.median(unknown), 2),
                "foreign_ms": round(statistics.median(foreign), 2),
            }
        )
    return rows


async def measure(examples: int, times: int) -> dict[str, Any]:
    """The figures."""
    async with (
        two_organisations() as (system, site, mine, theirs),
        served(system.app) as http,
    ):
        headers = {"Authorization": system.api.headers["Authorization"]}
        async with httpx2.AsyncClient(base_url=http.origin, headers=headers) as api:
            timings = await compared(system, api, theirs, times)
        fuzzer = await fuzzer_of(system, http, site, mine, theirs)
        began = time.monotonic()
        found = await asyncio.to_thread(lambda: list(fuzzer.run(examples)))
        seconds = time.monotonic() - began
    return {
        "requests": sum(each.sent for each in found),
        "failures": sum(len(each.failures) for each in found),
        "seconds": round(seconds),
        "routes": [
            {
                "route": each.route,
                "requests": each.sent,
                "statuses": dict(sorted(each.statuses.items())),
                "failures": each.failures,
            }
            for each in found
        ],
        "timings": timings,
    }


def main() -> None:
    """Print the figures as JSON; exit 1 when there was a failure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=200, help="requests to each route")
    parser.add_argument("--timings", type=int, default=100, help="pairs timed of each route")
    options = parser.parse_args()
    figures = asyncio.run(measure(options.examples, options.timings))
    release()
    print(json.dumps(figures, indent=2, ensure_ascii=False))
    sys.exit(1 if figures["failures"] else 0)


if __name__ == "__main__":
    main()
