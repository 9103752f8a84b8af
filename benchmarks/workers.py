"""What a job costs each part, and what more worker processes bring, with PostgreSQL.

Run by hand: `.venv/bin/python -m benchmarks.workers [--pages 500] [--workers 1 2 4]`. A system as
`make up` runs it, with its store in PostgreSQL, and further workers beside it. A site of pages of
13 KB is discovered, checked as it is, and checked after each price has changed. Every page must
have been asked for once in each round, and every change be stored once. Prints for each number of
workers the jobs a second, and of a job the CPU milliseconds of each part and the bytes by which
each database grew.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import psycopg

from benchmarks.performance.pages import Pages, served
from benchmarks.system import Diffy, until, used_bytes
from tests.postgres import PostgresServer, running_postgres

SIZE: Final = 13_000
PARTS: Final = {
    "worker": ("cli.main worker", "spawn_main"),
    "api": ("cli.main api",),
    "temporal": ("start-dev",),
}
"""The processes of each part, by what their commands have in them; those that extract belong to
their worker.
"""


def cpu_of(pid: int) -> float:
    """The CPU seconds of a process and of its children that have ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def cpu_of_postgres() -> float:
    """The CPU seconds of all its processes, which share the machine with no other server."""
    total = 0.0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            name = (folder / "comm").read_text().strip()
        except OSError:
            continue
        if name == "postgres":
            total += cpu_of(int(folder.name))
    return total


def cpu_seconds(diffy: Diffy) -> dict[str, float]:
    """The CPU time of each part so far."""
    running = diffy.processes()
    used = {
        part: sum(
            cpu_of(pid) for pid, command in running.items() if any(n in command for n in names)
        )
        for part, names in PARTS.items()
    }
    return used | {"postgresql": cpu_of_postgres()}


@contextmanager
def further_workers(diffy: Diffy, count: int) -> Iterator[None]:
    """So many workers beside that of `diffy up`."""
    started = [diffy.start_worker() for _ in range(count)]
    try:
        found = f"{count + 1} polling."
        until(diffy.workers, lambda detail: detail == found, within=120)
        yield
    finally:
        for each in started:
            each.terminate()
        for each in started:
            each.wait(60)


def database_bytes(diffy: Diffy) -> dict[str, int]:
    """The sizes of the databases: what Temporal's file has in use, and PostgreSQL's."""
    with psycopg.connect(diffy.environ["DIFFY_DATABASE_URL"].replace("+psycopg", "")) as store:
        row = store.execute("SELECT pg_database_size(current_database())").fetchone()
    assert row is not None
    return {"temporal": used_bytes(diffy.data / "temporal.db"), "postgresql": row[0]}


def round_of(diffy: Diffy, domain: str) -> dict[str, Any]:
    """One check of all pages: jobs a second, and what each part spent on a job."""
    sizes = database_bytes(diffy)
    before, began = cpu_seconds(diffy), time.monotonic()
    batch = diffy.post(f"/api/domains/{domain}/crawl", {})
    queued = batch["jobsQueued"]
    path = f"/api/jobs/stats?batchId={batch['batchId']}"
    until(lambda: diffy.get(path)["completed"], lambda done: done == queued)
    seconds = time.monotonic() - began
    after = cpu_seconds(diffy)
    cpu = {part: round((after[part] - before[part]) * 1000 / queued, 1) for part in after}
    larger = {part: (size - sizes[part]) // queued for part, size in database_bytes(diffy).items()}
    found = {
        "jobs a second": round(queued / seconds, 1),
        "CPU ms a job": cpu,
        "bytes a job": larger,
    }
    print(found, file=sys.stderr)
    return found


def measured(
    diffy: Diffy, site: Pages, pages: int, workers: Sequence[int]
) -> dict[str, dict[str, object]]:
    """The figures for each number of workers."""
    until(diffy.healthy, bool)
    domain = diffy.post("/api/domains", {"domain": site.origin, "discoverFrequencyHours": 0})
    job = f"/api/jobs/{domain['discoveryJobId']}"
    until(lambda: diffy.get(job)["finishedAt"], bool)
    round_of(diffy, domain["id"])  # the first check of each page reads it in full
    figures: dict[str, dict[str, object]] = {}
    changes = 0
    for count in workers:
        with further_workers(diffy, count - 1):
            asked = site.counts()
            same = round_of(diffy, domain["id"])
            again = {path: now - asked.get(path, 0) for path, now in site.counts().items()}
            assert {again[path] for path in site.paths} == {1}, again
            site.change()
            changed = round_of(diffy, domain["id"])
        total = diffy.meta("/api/changes?event=change&limit=1")["total"]
        changes, stored = total, total - changes
        figures[f"{count} workers"] = {
            "unchanged": same,
            "changed": changed,
            "changes stored": f"{stored} of {pages}",
        }
    return figures


def run(server: PostgresServer, stack: ExitStack, given: argparse.Namespace) -> object:
    """The figures, in a system of its own."""
    url = stack.enter_context(server.database())
    scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    site = stack.enter_context(served(given.pages, SIZE))
    diffy = Diffy(scratch / "data", DIFFY_DATABASE_URL=url, DIFFY_SECRET_KEY="k" * 40)
    try:
        return measured(diffy, site, given.pages, given.workers)
    finally:
        diffy.stop()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=500)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    given = parser.parse_args()
    with ExitStack() as stack:
        server = stack.enter_context(running_postgres())
        print(json.dumps(run(server, stack, given), indent=2))


if __name__ == "__main__":
    main()
