"""What it costs to publish that a job is active: jobs a second with and without (decision 0004).

Run by hand: `.venv/bin/python -m benchmarks.publication [--jobs 200] [--repeats 7]`. One system,
and batches of short crawls; for each batch a worker of its own, which publishes never, after half
a second as it does by default, or at once. The three take turns, in an order that is turned round
each time, and each is compared with the `never` of the same round: the machine's moods cancel out.
Prints the median throughput of each and the median cost in percent.
"""

import argparse
import asyncio
import json
import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from uuid import UUID

import activities.reporting
import worker
from benchmarks.site import WatchedSite
from benchmarks.system import free_ports
from cli.embedded import EmbeddedTemporal
from core.settings import Settings
from tests.eventually import eventually
from tests.system import System, running_system

NEVER: Final = "never"
SIDES: Final = {NEVER: 3600.0, "default": activities.reporting.PUBLISH_ACTIVE_AFTER, "at once": 0.0}
"""Seconds that an attempt runs before it is published as active."""

WITHIN: Final = 300.0


@asynccontextmanager
async def running_worker(settings: Settings, delay: float) -> AsyncIterator[None]:
    """A worker process that publishes after `delay`."""
    environ = {
        **os.environ,
        "DIFFY_DATA_DIR": str(settings.data_dir),
        "DIFFY_ALLOW_PRIVATE_NETWORKS": "true",
        "DIFFY_HOST_RPS": f"{settings.host_rps}",
        "TEMPORAL_ADDRESS": settings.temporal_address or "",
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.publication", "--worker", str(delay)), env=environ
    )
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        await process.wait()


async def throughput(system: System, domain: UUID, jobs: int) -> float:
    """Jobs a second of one batch."""

    async def ended() -> int:
        stats = await system.stats(batchId=batch["batchId"])
        return stats.completed + stats.failed

    began = time.monotonic()
    answer = await system.api.post(f"/api/domains/{domain}/crawl", json={})
    batch = answer.json()["data"]
    await eventually(ended, lambda seen: seen == batch["jobsQueued"], within=WITHIN)
    assert batch["jobsQueued"] >= jobs
    return float(batch["jobsQueued"]) / (time.monotonic() - began)


async def warm(system: System, page: UUID) -> None:
    """Return once the worker has done one job: its start is not measured."""
    job_id = await system.ask(f"/api/pages/{page}/crawl")
    await eventually(lambda: system.job(job_id), lambda job: job.state.finished, within=WITHIN)


async def measured(jobs: int, repeats: int) -> dict[str, object]:
    """The figures."""
    rates: dict[str, list[float]] = {side: [] for side in SIDES}
    with tempfile.TemporaryDirectory() as scratch:
        folder, [port] = Path(scratch), free_ports(1)
        server = EmbeddedTemporal(
            database=folder / "temporal.db", port=port, ui_port=None, log=folder / "temporal.log"
        )
        await server.start()
        settings = Settings(
            data_dir=folder,
            temporal_address=server.address,
            allow_private_networks=True,
            host_rps=10_000,
        )
        linked = tuple(f"/steady/{number}" for number in range(jobs))
        async with WatchedSite(linked=linked) as site, running_system(settings) as system:
            domain = await system.add_domain(site.origin)
            async with running_worker(settings, 0.0):
                await eventually(
                    lambda: system.job(domain.discovery_job_id),
                    lambda job: job.state.finished,
                    within=WITHIN,
                )
                await throughput(system, domain.id, jobs)  # the baselines
            page = next(iter((await system.pages(domain.id)).values()))
            for number in range(repeats):
                for side in list(SIDES)[:: 1 if number % 2 else -1]:
                    async with running_worker(settings, SIDES[side]):
                        await warm(system, page)
                        rates[side].append(await throughput(system, domain.id, jobs))
        await server.stop()
    return {
        side: {
            "jobs_a_second": round(statistics.median(found), 1),
            "cost_percent": round(
                statistics.median(
                    100 * (1 - rate / without)
                    for rate, without in zip(found, rates[NEVER], strict=True)
                ),
                1,
            ),
        }
        for side, found in rates.items()
    }


def main() -> None:
    """Measure and print; or be one of the workers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--worker", type=float, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker is not None:
        activities.reporting.PUBLISH_ACTIVE_AFTER = given.worker  # type: ignore[misc]
        worker.main()
        return
    print(json.dumps(asyncio.run(measured(given.jobs, given.repeats)), indent=2))


if __name__ == "__main__":
    main()
