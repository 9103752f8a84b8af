"""Kills parts of a running system under load and audits what is left: `make chaos`.

A site that fails and dawdles now and then, at least 300 jobs asked for while the worker, the API
and the Temporal server die by SIGKILL and SIGTERM at random moments. Afterwards every accepted job
must have ended, each once; no snapshot or change may be doubled; no job may have more attempts
than it was given; and the site's own log must show no page fetched more often than attempts
explain. Prints the figures as JSON; exit code 1 when the audit finds anything.
"""

import argparse
import json
import random
import sqlite3
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import httpx2

from benchmarks.system import Diffy, since, until

PAGES: Final = 60
VICTIMS: Final = (" worker ", " api ", "start-dev")
SIGNALS: Final = (9, 15)
FAILS: Final = 0.05
"""How often the site answers 503."""

DAWDLES: Final = 0.2
"""How often it takes up to a second."""


@dataclass
class Site:
    """The site's own log: how often each path was asked for."""

    asked: Counter[str] = field(default_factory=Counter)
    seed: random.Random = field(default_factory=lambda: random.Random(1))

    @contextmanager
    def served(self) -> Iterator[str]:
        """The site on loopback; its origin."""
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                site.asked[self.path] += 1
                if site.seed.random() < DAWDLES:
                    time.sleep(site.seed.random())
                status, body = site.answer(self.path)
                self.send_response(status)
                self.send_header("Content-Type", "text/html")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()

    def answer(self, path: str) -> tuple[int, bytes]:
        """Pages that are new at every request, so that every crawl but the first is a change."""
        if path == "/robots.txt":
            return 404, b""
        if self.seed.random() < FAILS:
            return 503, b"busy"
        links = "".join(f'<a href="/{n}">{n}</a> ' for n in range(PAGES))
        words = f"<p>Page {path} as asked for the {self.asked[path]}. time.</p>"
        return 200, f"<html><body>{words}{links}</body></html>".encode()


@dataclass
class Load:
    """What was asked for, and accepted."""

    diffy: Diffy
    domain: str
    jobs: list[str] = field(default_factory=list)
    batches: dict[str, int] = field(default_factory=dict)
    refused: int = 0

    def ask(self, path: str, key: str) -> Any:
        """A POST that is repeated under its key until it is answered."""
        while True:
            try:
                return self.diffy.post(path, {}, key=key)
            except (httpx2.TransportError, httpx2.HTTPStatusError):
                self.refused += 1
                time.sleep(0.2)

    def run(self, rounds: int, pages: list[str]) -> None:
        """Batches of every page, and crawls and discoveries in between."""
        for number in range(rounds):
            batch = self.ask(f"/api/domains/{self.domain}/crawl", f"batch-{number}")
            self.batches[batch["batchId"]] = batch["jobsQueued"]
            for page in pages[number :: rounds * 2]:
                asked = self.ask(f"/api/pages/{page}/crawl", f"page-{number}-{page}")
                self.jobs.append(asked["jobId"])
            asked = self.ask(f"/api/domains/{self.domain}/discover", f"discover-{number}")
            self.jobs.append(asked["jobId"])
            time.sleep(2)


def faults(diffy: Diffy, stop: threading.Event, chance: random.Random) -> Iterator[str]:
    """Kill one part after the other, at random moments, until `stop` is set."""
    while not stop.wait(chance.uniform(2, 8)):
        victim, number = chance.choice(VICTIMS), chance.choice(SIGNALS)
        if diffy.kill(victim, number):
            yield f"{victim.strip()} {'SIGKILL' if number == 9 else 'SIGTERM'}"


def audit(data: Path, load: Load, site: Site, jobs: list[Any]) -> list[str]:
    """What is wrong; nothing is as it should be."""
    wrong: list[str] = []
    wanted = len(load.jobs) + sum(load.batches.values()) + 1
    if len({job["id"] for job in jobs}) != wanted or len(jobs) != wanted:
        wrong.append(f"{wanted} jobs were accepted, {len(jobs)} are listed")
    for job in jobs:
        if job["finishedAt"] is None:
            wrong.append(f"{job['id']} has not ended: {job['state']}")
    with sqlite3.connect(data / "diffy.db") as store:
        for what, query in {
            "snapshots of one job": "SELECT page_id, job_id FROM snapshots",
            "changes to one snapshot": "SELECT page_id, after_id FROM changes",
        }.items():
            rows = store.execute(query).fetchall()
            if len(set(rows)) != len(rows):
                wrong.append(f"doubled: {what}")
        [[orphans]] = store.execute(
            "SELECT count(*) FROM (SELECT page_id FROM snapshots GROUP BY page_id HAVING"
            " count(*) - 1 != (SELECT count(*) FROM changes WHERE changes.page_id ="
            " snapshots.page_id))"
        )
        if orphans:
            wrong.append(f"{orphans} pages have a gap between snapshots and changes")
    return wrong


def main() -> None:
    """Run the load and the faults, audit, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    site, chance = Site(), random.Random(given.seed)
    with tempfile.TemporaryDirectory() as scratch, site.served() as origin:
        data = Path(scratch, "data")
        diffy = Diffy(data)
        until(diffy.healthy, bool)
        domain = diffy.post("/api/domains", {"domain": origin})
        until(lambda: diffy.get(f"/api/jobs/{domain['discoveryJobId']}"), finished)
        listed = diffy.get(f"/api/domains/{domain['id']}/pages?limit=100")
        load, stop = Load(diffy, domain["id"]), threading.Event()
        done: list[str] = []
        killing = threading.Thread(target=lambda: done.extend(faults(diffy, stop, chance)))
        killing.start()
        began = time.monotonic()
        load.run(given.rounds, [page["id"] for page in listed])
        stop.set()
        killing.join()
        until(diffy.healthy, bool)
        until(lambda: diffy.get("/api/jobs/stats"), lambda seen: seen["total"] == 0)
        seconds = since(began)
        jobs = diffy.every("/api/jobs")
        details = [diffy.get(f"/api/jobs/{job['id']}") for job in jobs]
        wrong = audit(data, load, site, jobs)
        wrong += [
            f"{job['id']} had {job['attemptsMade']} attempts of {job['maxAttempts']}"
            for job in details
            if job["attemptsMade"] > job["maxAttempts"]
        ]
        wrong += fetched_too_often(site, details)
        figures = {
            "faults": dict(Counter(done)),
            "jobs_accepted": len(load.jobs) + sum(load.batches.values()) + 1,
            "jobs_completed": sum(job["state"] == "completed" for job in jobs),
            "jobs_failed": dict(
                Counter(str(job["failedReason"]) for job in jobs if job["state"] == "failed")
            ),
            "requests_repeated": load.refused,
            "seconds": seconds,
            "wrong": wrong,
        }
        diffy.stop()
    print(json.dumps(figures, indent=2))
    sys.exit(1 if wrong else 0)


def finished(job: Any) -> bool:
    """Whether the job has ended."""
    return job["finishedAt"] is not None


def fetched_too_often(site: Site, details: list[Any]) -> list[str]:
    """The pages that were fetched more often than crawls and discoveries had attempts."""
    discoveries = sum(job["attemptsMade"] for job in details if job["type"] == "discover")
    crawls: Counter[str] = Counter()
    for job in details:
        if job["type"] == "crawl":
            crawls["/" + job["url"].split("/", 3)[3]] += job["attemptsMade"]
    return [
        f"{path} was fetched {asked} times, {crawls[path] + discoveries} are explained"
        for path, asked in site.asked.items()
        if path in crawls and asked > crawls[path] + discoveries
    ]


if __name__ == "__main__":
    main()
