"""Jobs a second while unchanged pages are rechecked, beside an empty one-activity workflow.

Run by hand: `.venv/bin/python -m benchmarks.recheck [--jobs 300] [--repeats 5]`. One embedded
server, one worker process at a time. The two sides take turns. Every page must be found unchanged,
and the site must be asked once for each job. Prints each round's jobs a second and milliseconds of
CPU a job (of the server, and of the worker), the median ratios and their spread. On a loaded
machine trust the ratio of the CPU times.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable
from dataclasses import asdict, dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final
from uuid import UUID

from benchmarks.floor import floor_worker, start_floor
from benchmarks.publication import running_worker, warm
from benchmarks.site import WatchedSite
from benchmarks.system import free_ports
from cli.embedded import EmbeddedTemporal
from core.settings import Settings
from tests.eventually import eventually
from tests.processes import processes_of
from tests.system import System, running_system

PUBLISH_AFTER: Final = 0.5
WITHIN: Final = 300.0


async def rechecked(system: System, domain: UUID) -> float:
    """Jobs a second of one batch."""

    async def ended() -> int:
        await asyncio.sleep(0.2)
        answer = await system.api.get("/api/jobs/stats", params={"batchId": batch["batchId"]})
        if answer.status_code != HTTPStatus.OK:
            return 0  # a loaded server says that it is asked too much
        stats = answer.json()["data"]
        assert stats["failed"] == 0
        return int(stats["completed"])

    began = time.monotonic()
    answer = await system.api.post(f"/api/domains/{domain}/crawl", json={})
    batch = answer.json()["data"]
    await eventually(ended, lambda seen: seen == batch["jobsQueued"], within=WITHIN)
    return float(batch["jobsQueued"]) / (time.monotonic() - began)


async def floor(system: System, jobs: int) -> float:
    """Empty workflows a second."""

    async def running() -> int:
        await asyncio.sleep(0.2)
        query = "WorkflowType = 'Empty' AND ExecutionStatus = 'Running'"
        return (await system.client.count_workflows(query)).count

    began = time.monotonic()
    started = await start_floor(system.client, jobs)
    await system.client.get_workflow_handle(started[-1]).result()
    await eventually(running, lambda left: left == 0, within=WITHIN)
    return jobs / (time.monotonic() - began)


@dataclass(frozen=True)
class Side:
    """What a job of one side costs: jobs a second, and CPU milliseconds a job."""

    jobs_a_second: float
    server_ms: float
    worker_ms: float

    @property
    def cpu_ms(self) -> float:
        """Of both."""
        return self.server_ms + self.worker_ms


def cpu_seconds(folder: Path, part: str) -> float:
    """The CPU time so far of the process whose command has `part` and which serves `folder`."""
    for pid, command in processes_of(folder).items():
        if part in command:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    raise SystemExit(f"no process is {part}")


async def costs(folder: Path, worker: str, jobs: int, work: Awaitable[float]) -> Side:
    """What the `work`, which gives jobs a second, has cost a job."""
    before = [cpu_seconds(folder, part) for part in ("start-dev", worker)]
    rate = await work
    after = [cpu_seconds(folder, part) for part in ("start-dev", worker)]
    server, python = ((b - a) * 1000 / jobs for a, b in zip(before, after, strict=True))
    return Side(round(rate, 1), round(server, 1), round(python, 1))


async def measured(jobs: int, repeats: int, host_rps: float) -> dict[str, object]:
    """The figures."""
    rounds: list[dict[str, object]] = []
    rates, cpu = [], []
    with tempfile.TemporaryDirectory() as scratch:
        folder, [port] = Path(scratch), free_ports(1)
        os.environ["DIFFY_DATA_DIR"] = scratch  # tells its processes from others
        server = EmbeddedTemporal(
            database=folder / "temporal.db", port=port, ui_port=None, log=folder / "temporal.log"
        )
        await server.start()
        settings = Settings(
            data_dir=folder,
            temporal_address=server.address,
            allow_private_networks=True,
            host_rps=host_rps,
        )
        linked = tuple(f"/{('tagged', 'steady')[n % 2]}/{n}" for n in range(jobs))
        async with WatchedSite(linked=linked) as site, running_system(settings) as system:
            domain = await system.add_domain(site.origin)
            async with running_worker(settings, PUBLISH_AFTER):
                await eventually(
                    lambda: system.job(domain.discovery_job_id),
                    lambda job: job.state.finished,
                    within=WITHIN,
                )
                # The baselines; then each page is known to be as it was.
                for _ in range(2):
                    print(await rechecked(system, domain.id), file=sys.stderr)
            page = next(iter((await system.pages(domain.id)).values()))
            for _ in range(repeats):
                async with running_worker(settings, PUBLISH_AFTER):
                    await warm(system, page)
                    before = len(site.visits)
                    subject = await costs(
                        folder, "benchmarks.publication", jobs + 1, rechecked(system, domain.id)
                    )
                    visits = [each for each in site.visits[before:] if each.path != "/robots.txt"]
                async with floor_worker(server.address):
                    await floor(system, 10)
                    empty = await costs(folder, "benchmarks.floor", jobs, floor(system, jobs))
                rates.append(subject.jobs_a_second / empty.jobs_a_second)
                cpu.append(empty.cpu_ms / subject.cpu_ms)
                requests = len(visits) / (jobs + 1)
                rounds.append({"recheck": asdict(subject), "floor": asdict(empty)})
                print(rounds[-1], f"{requests:.2f} requests a job", file=sys.stderr)
                assert requests < 1.02
            changes = (await system.api.get("/api/changes")).json()["meta"]["total"]
            assert changes == 0, "nothing has changed"
        await server.stop()
    return {
        "rounds": rounds,
        "ratio_of_rates": spread_of(rates),
        "ratio_of_cpu": spread_of(cpu),
        "load": os.getloadavg(),
    }


def spread_of(ratios: list[float]) -> list[float]:
    """The lowest, the median and the highest."""
    return [round(each, 2) for each in (min(ratios), statistics.median(ratios), max(ratios))]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=300)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--host-rps", type=float, default=10_000)
    given = parser.parse_args()
    print(json.dumps(asyncio.run(measured(given.jobs, given.repeats, given.host_rps)), indent=2))


if __name__ == "__main__":
    main()
