"""Whether anything grows, or slows down, that should not: hours of mixed load with faults.

Run by hand: `.venv/bin/python -m benchmarks.soak [--hours 2] [--samples FILE]`. The load, the
faults and the audit of `make chaos`, calmly, against a system as `make up` runs it: about two jobs
a second, and a fault every few minutes. Every 30 seconds one line of JSON goes to FILE: the memory,
files and threads of each part, the sizes of both databases, and the time of three reads of the API.
Prints the medians of each quarter of the run, and the report of the audit; exit code 1 when the
audit finds anything.
"""

import argparse
import asyncio
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final, TypeAlias

from benchmarks.chaos.client import Client
from benchmarks.chaos.faults import planned
from benchmarks.chaos.run import Report, run, site_of
from benchmarks.chaos.tempo import CALM
from benchmarks.system import Diffy, Part, used_bytes

EVERY: Final = 30.0
"""Seconds between two samples."""

FAULT_EVERY: Final = (120.0, 480.0)
"""Seconds before each fault."""

READS: Final = {
    "statistics": "/api/jobs/stats",
    "list": "/api/jobs?limit=20",
    "changes": "/api/changes?limit=20",
}
DATABASES: Final = {"store": "diffy.db", "temporal": "temporal.db"}

Sample: TypeAlias = dict[str, float]


def of_process(pid: int) -> Sample:
    """Its resident MiB, open files and threads; empty if it has just ended."""
    folder = Path(f"/proc/{pid}")
    try:
        fields = dict(
            line.split(":", 1)
            for line in (folder / "status").read_text().splitlines()
            if ":" in line
        )
        return {
            "MiB": int(fields["VmRSS"].split()[0]) / 1024,
            "files": len(list((folder / "fd").iterdir())),
            "threads": int(fields["Threads"]),
        }
    except (OSError, KeyError):
        return {}


def of_processes(diffy: Diffy) -> Sample:
    """The same of each part; those of several processes are added up."""
    found: Sample = {}
    for pid, command in diffy.processes().items():
        part = next((each.name.lower() for each in Part if each in command), "other")
        for what, value in of_process(pid).items():
            name = f"{part} {what}"
            found[name] = found.get(name, 0) + value
    return found


def of_databases(data: Path) -> Sample:
    """The MB that each database has in use."""
    return {f"{name} MB": used_bytes(data / file) / 1e6 for name, file in DATABASES.items()}


async def of_reads(client: Client) -> Sample:
    """The milliseconds of each read that was answered."""
    found: Sample = {}
    for name, path in READS.items():
        answer = await client.ask("GET", path)
        if answer.ok:
            found[f"{name} ms"] = (answer.received - answer.sent) * 1000
    return found


async def sampled(diffy: Diffy, samples: list[Sample], file: Path) -> None:
    """Take samples until cancelled."""
    client = Client(diffy.origin)
    began = time.monotonic()
    try:
        with file.open("w") as written:
            while True:
                await asyncio.sleep(EVERY)
                sample = {
                    "minute": round((time.monotonic() - began) / 60, 1),
                    **await asyncio.to_thread(of_processes, diffy),
                    **await asyncio.to_thread(of_databases, diffy.data),
                    **await of_reads(client),
                }
                samples.append(sample)
                written.write(json.dumps(sample) + "\n")
                written.flush()
    finally:
        await client.aclose()


def by_quarter(samples: Sequence[Sample]) -> dict[str, list[float]]:
    """The median of each figure in each quarter of the run."""
    names = dict.fromkeys(name for sample in samples for name in sample)
    size = max(1, len(samples) // 4)
    quarters = [samples[start : start + size] for start in range(0, size * 4, size)]
    return {
        name: [
            round(statistics.median(values), 1)
            for quarter in quarters
            if (values := [sample[name] for sample in quarter if name in sample])
        ]
        for name in names
    }


async def soaked(
    data: Path, hours: float, seed: int, file: Path
) -> tuple[Report, dict[str, list[float]]]:
    """The report of the run, and its figures by quarter."""
    faults = max(1, round(hours * 3600 / statistics.mean(FAULT_EVERY)))
    samples: list[Sample] = []
    async with site_of() as site:
        diffy = Diffy(data)
        sampling = asyncio.create_task(sampled(diffy, samples, file))
        try:
            report = await run(
                diffy,
                site,
                seed=seed,
                jobs=0,
                faults=planned(random.Random(seed), faults, None),
                pause=FAULT_EVERY,
                tempo=CALM,
            )
        finally:
            sampling.cancel()
            diffy.stop()
    return report, by_quarter(samples)


def main() -> None:
    """Run, audit, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=2.0)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    samples = Path(tempfile.gettempdir(), "diffy-soak.jsonl")
    parser.add_argument("--samples", type=Path, default=samples)
    given = parser.parse_args()
    print(f"seed {given.seed}; samples: {given.samples}", file=sys.stderr)
    with tempfile.TemporaryDirectory() as scratch:
        report, figures = asyncio.run(
            soaked(Path(scratch, "data"), given.hours, given.seed, given.samples)
        )
    print(json.dumps({"quarters": figures, "audit": asdict(report)}, indent=2))
    sys.exit(1 if report.wrong else 0)


if __name__ == "__main__":
    main()
