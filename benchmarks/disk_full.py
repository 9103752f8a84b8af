"""What clients see while the disk is full, and whether anything is lost.

Run by hand, as root: `.venv/bin/python -m benchmarks.disk_full [--pages 60] [--seconds 30]`.
A system as `make up` runs it keeps everything on a file system of 200 MB. Its pages are crawled
once, and change. Half of them have a job that begins two seconds later. Then the disk is filled to
the last byte, and each other page is asked to be crawled, under a key, again and again. After so
many seconds the disk has space again, and what was not answered is sent once more. Every accepted
job must end, no answer may be another error than 503, and each page must have exactly the version
that its site shows, with one change told.
"""

import argparse
import asyncio
import json
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from benchmarks.chaos.client import Client
from benchmarks.system import Diffy, Part
from tests.eventually import eventually
from tests.site import FakeSite

SIZE: Final = "200m"
AT_ONCE: Final = 10
WITHIN: Final = 600.0
"""Seconds in which everything must be over: a limit that only a loss reaches."""


@contextmanager
def small_disk() -> Iterator[Path]:
    """A file system of `SIZE`, for the length of the block."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "disk")
        folder.mkdir()
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)], check=True
        )
        try:
            yield folder
        finally:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Write a file that takes all the space that is left."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as written, suppress(OSError):
        while True:
            written.write(b"x" * 65_536)
    with filler.open("ab", buffering=0) as written, suppress(OSError):
        while True:
            written.write(b"x")
    return filler


async def ended(client: Client, job_id: str) -> Any:
    """The job once it has ended."""
    return await eventually(
        lambda: client.insist("GET", f"/api/jobs/{job_id}"),
        lambda answer: answer.data["finishedAt"] is not None,
        within=WITHIN,
    )


async def crawl(
    client: Client, pages: dict[str, str], keys: dict[str, str], delay: int = 0
) -> dict[str, str]:
    """Ask for a crawl of each page under its key; the jobs of those that were accepted."""
    body = {"delaySeconds": delay, "maxAttempts": 10}
    jobs = {}
    places = asyncio.Semaphore(AT_ONCE)

    async def ask(url: str) -> None:
        async with places:
            answer = await client.ask("POST", f"/api/pages/{pages[url]}/crawl", body, key=keys[url])
            if answer.ok:
                jobs[url] = answer.data["jobId"]

    await asyncio.gather(*(ask(url) for url in pages))
    return jobs


async def measured(folder: Path, count: int, seconds: float) -> dict[str, object]:
    """The figures, and what is wrong."""
    async with FakeSite() as site:
        diffy = Diffy(folder / "data")
        client = Client(diffy.origin)
        try:
            return await _measured(diffy, client, site, folder, count, seconds)
        finally:
            await client.aclose()
            diffy.stop()


async def watched(client: Client, site: FakeSite, count: int) -> dict[str, str]:
    """The ids of the pages of a new site, by URL: each was read once."""

    async def healthy() -> bool:
        return (await client.ask("GET", "/health")).ok

    await eventually(healthy, bool, within=WITHIN)
    links = "".join(f"<a href=/{n}>{n}</a>" for n in range(count))
    site.page("/", f"<html><body>{links}</body></html>")
    for number in range(count):
        site.page(f"/{number}", f"<h1>Plan {number}</h1><p>It costs $99 a month.</p>")
    added = await client.insist(
        "POST", "/api/domains", {"domain": site.origin, "discoverFrequencyHours": 0}
    )
    await ended(client, added.data["discoveryJobId"])
    rows = await client.every(f"/api/domains/{added.data['id']}/pages")
    pages = {row["url"]: row["id"] for row in rows if row["url"] != site.url("/")}
    assert len(pages) == count, len(pages)
    return pages


async def _measured(
    diffy: Diffy, client: Client, site: FakeSite, folder: Path, count: int, seconds: float
) -> dict[str, object]:
    pages = await watched(client, site, count)
    processes = {part: diffy.pid(part) for part in Part}
    for number in range(count):
        site.page(f"/{number}", f"<h1>Plan {number}</h1><p>It costs $129 a month.</p>")
    early = dict(list(pages.items())[: count // 2])
    jobs = await crawl(client, early, {url: f"early-{n}" for n, url in enumerate(early)}, delay=2)
    assert len(jobs) == len(early)
    filler = fill(folder)
    client.answers.clear()
    round_, deadline = 0, time.monotonic() + seconds
    keys: dict[str, str] = {}
    while time.monotonic() < deadline:
        keys |= {url: f"full-{round_}-{n}" for n, url in enumerate(pages) if url not in jobs}
        jobs |= await crawl(client, {u: pages[u] for u in pages if u not in jobs}, keys)
        round_ += 1
        await asyncio.sleep(1)
    full = dict(sorted(client.answers.items()))
    alive = {part.name: diffy.pid(part) == pid for part, pid in processes.items()}
    accepted_while_full = len(jobs) - len(early)
    read = [await client.ask("GET", f"/api/jobs/{jobs[url]}") for url in early]

    filler.unlink()
    began = time.monotonic()
    while len(jobs) < count:
        jobs |= await crawl(client, {u: pages[u] for u in pages if u not in jobs}, keys)
        await asyncio.sleep(0.5)
    results = [await ended(client, job) for job in jobs.values()]
    recovered = time.monotonic() - began
    changes = await client.every("/api/changes?event=change")
    told = {each["url"] for each in changes}
    versions = [len(await client.every(f"/api/pages/{each}/snapshots")) for each in pages.values()]
    return {
        "answers while the disk was full": full,
        "answers that no outage excuses": client.wrong,
        "accepted while it was full": accepted_while_full,
        "answers to reading a job while it was full": Counter(str(each.status) for each in read),
        "states of the jobs that were to begin then": Counter(
            each.data["state"] for each in read if each.ok
        ),
        "processes that lived on": alive,
        "seconds from the space to the end of all jobs": round(recovered, 1),
        "jobs by their end": Counter(each.data["state"] for each in results),
        "pages whose change was not told": len(set(pages) - told),
        "changes told twice": len(changes) - len(told),
        "pages with other than two versions": sum(1 for each in versions if each != 2),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=30.0)
    given = parser.parse_args()
    with small_disk() as folder:
        print(json.dumps(asyncio.run(measured(folder, given.pages, given.seconds)), indent=2))


if __name__ == "__main__":
    main()
