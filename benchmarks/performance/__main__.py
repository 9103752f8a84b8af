"""Diffy beside its peers and the calls under it: each figure a ratio of two sides of one run.

Run by hand, with nothing else on the machine: `make bench`, or
`.venv/bin/python -m benchmarks.performance [FIGURE ...] [--rounds 5] [--jobs 20000]`. The peers are
installed from the package index into `.venv/peers`. Every result is checked: pages found, requests
that the site saw, no change where nothing changed. Prints a JSON object a figure: ratios are the
lowest, the median and the highest of the rounds, and more is better unless it says otherwise.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

import httpx2
from temporalio.client import Client

from benchmarks.performance.pages import Pages, served
from benchmarks.performance.peers import Peers
from benchmarks.system import KEY, Diffy, until

SMALL, LARGE = 13_000, 75_000
"""Bytes of a page."""

PAGES: Final = 1_000
FIRST_CHECKS: Final = 300
SITEMAP_URLS: Final = 50_000
CLIENTS: Final = 50
CONCURRENT: Final = "16"


class Run:
    """What the figures share: how many rounds, how many jobs, and the peers."""

    def __init__(self, rounds: int, jobs: int, peers: Peers) -> None:
        self.rounds = rounds
        self.jobs = jobs
        self.peers = peers


@contextmanager
def installation(**settings: str) -> Iterator[Diffy]:
    """A fresh `make up`, for the length of the block."""
    with tempfile.TemporaryDirectory() as scratch:
        diffy = Diffy(Path(scratch) / "data", **settings)
        try:
            until(diffy.healthy, bool)
            yield diffy
        finally:
            diffy.stop()


def discovery(run: Run) -> dict[str, object]:
    """Pages a second of a discovery by links, with the first versions that it stores."""
    found: dict[str, object] = {}
    for name, size in (("13 KB", SMALL), ("75 KB", LARGE)):
        rates: dict[str, list[float]] = {"diffy": [], "scrapy": [], "crawlee": []}
        for _ in range(run.rounds):
            with served(PAGES, size) as site:
                for peer in ("scrapy", "crawlee"):
                    walked = run.peers.run(f"{peer}_walk", site.origin, CONCURRENT)
                    assert walked.pages == PAGES, f"{peer} found {walked.pages}"
                    rates[peer].append(PAGES / walked.seconds)
            with served(PAGES, size) as site, installation() as diffy:
                rates["diffy"].append(PAGES / _registered(diffy, site)[1])
                asked = {path: count for path, count in site.counts().items() if path in site.paths}
                assert set(asked) == set(site.paths)
                assert sum(asked.values()) <= 1.02 * PAGES
        found[name] = {
            "pages a second": {side: _spread(each) for side, each in rates.items()},
            "to scrapy": _ratios(rates["diffy"], rates["scrapy"]),
            "to crawlee": _ratios(rates["diffy"], rates["crawlee"]),
        }
    return found


def first_requests(run: Run) -> dict[str, object]:
    """Requests that a site is sent from its registration to the end of its first crawl, a page."""
    del run
    with served(PAGES, SMALL) as site, installation() as diffy:
        domain, _ = _registered(diffy, site)
        before = sum(site.counts().values())
        _crawled(diffy, domain)
        after = sum(site.counts().values())
    return {
        "unconditional requests a page": round(before / PAGES, 3),
        "conditional requests a page": round((after - before) / PAGES, 3),
    }


def checks(run: Run) -> dict[str, object]:
    """First checks and rechecks a second of pages that nobody discovers, beside a tracker's."""
    found: dict[str, object] = {}
    for name, size in (("13 KB", SMALL), ("75 KB", LARGE)):
        with (
            tempfile.TemporaryDirectory() as scratch,
            served(FIRST_CHECKS, size) as site,
            run.peers.tracker(Path(scratch)) as tracker,
        ):
            urls = [f"{site.origin}{path}" for path in site.paths]
            first = len(urls) / tracker.first_check(urls)
            again = [len(urls) / tracker.recheck() for _ in range(run.rounds)]
        with served(FIRST_CHECKS, size) as site, installation() as diffy:
            domain = _without_discovery(diffy, site)
            ours_first = FIRST_CHECKS / _crawled(diffy, domain)
            _crawled(diffy, domain)  # each page is known to be as it was
            ours_again = [FIRST_CHECKS / _crawled(diffy, domain) for _ in range(run.rounds)]
            assert diffy.get("/api/changes") == [], "nothing has changed"
            site.change()
            changed = FIRST_CHECKS / _crawled(diffy, domain)
            total = _total(diffy, "/api/changes")
            assert total == FIRST_CHECKS, f"{total} changes"
        found[name] = {
            "first checks a second": {"diffy": round(ours_first, 1), "tracker": round(first, 1)},
            "to the tracker's first check": round(ours_first / first, 2),
            "rechecks a second": {"diffy": _spread(ours_again), "tracker": _spread(again)},
            "to the tracker's recheck": _ratios(ours_again, again),
            "checks a second that find a change": round(changed, 1),
        }
    return found


def recheck(run: Run) -> dict[str, object]:
    """Rechecks beside an empty one-activity workflow on the same server: `benchmarks.recheck`."""
    arguments = ["-m", "benchmarks.recheck", "--repeats", str(run.rounds)]
    done = subprocess.run(
        [sys.executable, *arguments], check=True, stdout=subprocess.PIPE, text=True
    )
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


def sitemap(run: Run) -> dict[str, object]:
    """Seconds for a sitemap of 50,000 URLs, parsed."""
    entries = "".join(
        f"<url><loc>https://shop.example/p/{n}</loc><lastmod>2026-01-01</lastmod></url>"
        for n in range(SITEMAP_URLS)
    )
    namespace = "http://www.sitemaps.org/schemas/sitemap/0.9"
    content = f'<?xml version="1.0"?><urlset xmlns="{namespace}">{entries}</urlset>'
    ours, theirs = [], []
    code = (
        "import sys, time; from pathlib import Path; from core.web.sitemaps import parse_sitemap\n"
        "body = Path(sys.argv[1]).read_bytes(); began = time.monotonic()\n"
        "print(len(parse_sitemap(body).pages), time.monotonic() - began)"
    )
    with tempfile.NamedTemporaryFile("w", suffix=".xml") as file:
        file.write(content)
        file.flush()
        for _ in range(run.rounds):
            command = [sys.executable, "-c", code, file.name]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            count, seconds = done.stdout.split()
            assert int(count) == SITEMAP_URLS
            ours.append(float(seconds))
            parsed = run.peers.run("usp_parse", file.name)
            assert parsed.pages == SITEMAP_URLS
            theirs.append(parsed.seconds)
    return {
        "seconds": {"diffy": _spread(ours), "ultimate-sitemap-parser": _spread(theirs)},
        "to ultimate-sitemap-parser": _ratios(theirs, ours),
    }


def reading(run: Run) -> dict[str, object]:
    """Milliseconds of a request beside the bare calls, and memory, before and after many jobs."""
    found: dict[str, object] = {}
    with served(PAGES, SMALL) as site, installation() as diffy:
        time.sleep(20)
        found["idle MiB"] = _memory(diffy)
        domain, _ = _registered(diffy, site)
        done = 0
        marks = [1_000, 5_000, 20_000, 100_000]
        while done < run.jobs:
            _crawled(diffy, domain)
            done += PAGES
            if done in marks or done >= run.jobs:
                found[f"after {done:,} jobs"] = {
                    "MiB": _memory(diffy),
                    **asyncio.run(_read(diffy)),
                }
    return found


async def _read(diffy: Diffy) -> dict[str, object]:
    headers = {"Authorization": f"Bearer {KEY}"}
    client = await Client.connect(diffy.temporal)
    async with httpx2.AsyncClient(base_url=diffy.origin, headers=headers) as api:
        jobs = (await api.get("/api/jobs", params={"limit": 20})).json()["data"]
        job_id = jobs[0]["id"]

        async def bare_list() -> None:
            page = client.list_workflows("", page_size=20)
            await page.fetch_next_page()

        async def bare_count() -> None:
            await client.count_workflows("GROUP BY ExecutionStatus")

        sides: dict[str, tuple[Callable[[], Awaitable[Any]], Callable[[], Awaitable[Any]]]] = {
            "one job": (
                lambda: api.get(f"/api/jobs/{job_id}"),
                client.get_workflow_handle(job_id).describe,
            ),
            "list of 20": (lambda: api.get("/api/jobs", params={"limit": 20}), bare_list),
            "statistics": (lambda: api.get("/api/jobs/stats"), bare_count),
        }
        return {
            name: {"ms p50, p99": await _times(ours), "bare call": await _times(bare)}
            for name, (ours, bare) in sides.items()
        }


async def _times(ask: Callable[[], Awaitable[Any]], count: int = 200) -> list[float]:
    taken = []
    for _ in range(count):
        began = time.perf_counter()
        answer = await ask()
        taken.append((time.perf_counter() - began) * 1000)
        assert getattr(answer, "status_code", 200) == 200
    return _percentiles(taken)


def polling(run: Run) -> dict[str, object]:
    """Fifty clients that poll statistics and lists twice a second while a batch runs."""
    del run
    with served(PAGES, SMALL) as site, installation() as diffy:
        domain, _ = _registered(diffy, site)
        diffy.post(f"/api/domains/{domain}/crawl", {})
        taken, errors = asyncio.run(_polled(diffy, seconds=20))
    return {
        "requests": len(taken),
        "errors": errors,
        "ms p50, p99": _percentiles(taken),
    }


async def _polled(diffy: Diffy, seconds: float) -> tuple[list[float], int]:
    headers = {"Authorization": f"Bearer {KEY}"}
    taken: list[float] = []
    errors = 0

    async def poll(number: int, api: httpx2.AsyncClient) -> None:
        nonlocal errors
        await asyncio.sleep(number / CLIENTS)
        while time.monotonic() < end:
            for path in ("/api/jobs/stats", "/api/jobs?limit=20"):
                began = time.perf_counter()
                answer = await api.get(path)
                taken.append((time.perf_counter() - began) * 1000)
                errors += not answer.is_success
                await asyncio.sleep(0.5)

    async with AsyncExitStack() as stack:
        clients = [
            # Without certificates, which each client takes 40 ms to load.
            await stack.enter_async_context(
                httpx2.AsyncClient(base_url=diffy.origin, headers=headers, timeout=30, verify=False)
            )
            for _ in range(CLIENTS)
        ]
        end = time.monotonic() + seconds
        await asyncio.gather(*(poll(number, api) for number, api in enumerate(clients)))
    return taken, errors


def batch(run: Run) -> dict[str, object]:
    """Seconds until a batch of 1,000 is accepted, and until all its jobs are listed."""
    accepted, listed = [], []
    with served(PAGES, SMALL) as site, installation() as diffy:
        domain, _ = _registered(diffy, site)
        for _ in range(run.rounds):
            began = time.monotonic()
            answer = diffy.post(f"/api/domains/{domain}/crawl", {})
            accepted.append(time.monotonic() - began)
            path = f"/api/jobs?batchId={answer['batchId']}"
            until(partial(_total, diffy, path), lambda total: total == PAGES)
            listed.append(time.monotonic() - began)
            _ended(diffy, answer)
    return {"seconds to the 202": _spread(accepted), "to all listed": _spread(listed)}


def start(run: Run) -> dict[str, object]:
    """Seconds from a second `diffy up` to its first answer, and of `diffy --help`."""
    up, shown = [], []
    with installation() as diffy:
        for _ in range(run.rounds):
            diffy.stop()
            began = time.monotonic()
            diffy.start()
            while not diffy.healthy():
                time.sleep(0.02)
            up.append(time.monotonic() - began)
    for _ in range(run.rounds):
        began = time.monotonic()
        command = [sys.executable, "-m", "cli.main", "--help"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        shown.append(time.monotonic() - began)
    return {"seconds to the first answer": _spread(up), "seconds of --help": _spread(shown)}


def _registered(diffy: Diffy, site: Pages) -> tuple[str, float]:
    """The id of a domain whose discovery is over, and the seconds that its discovery took."""
    domain = diffy.post("/api/domains", {"domain": site.origin})
    path = f"/api/jobs/{domain['discoveryJobId']}"
    job = until(lambda: diffy.get(path), lambda job: bool(job["finishedAt"]))
    assert job["returnValue"]["pagesDiscovered"] == len(site.paths), job["returnValue"]
    return domain["id"], _moment(job["finishedAt"]) - _moment(job["processedAt"])


def _without_discovery(diffy: Diffy, site: Pages) -> str:
    """The id of a domain whose pages were added by hand."""
    domain = diffy.post("/api/domains", {"domain": site.origin})
    diffy.post(f"/api/jobs/{domain['discoveryJobId']}/cancel", {})
    path = f"/api/jobs/{domain['discoveryJobId']}"
    until(lambda: diffy.get(path), lambda job: bool(job["finishedAt"]))
    known = {page["url"] for page in diffy.get(f"/api/domains/{domain['id']}/pages?limit=100")}
    for each in site.paths:
        if f"{site.origin}{each}" not in known:
            diffy.post(f"/api/domains/{domain['id']}/pages", {"url": f"{site.origin}{each}"})
    return str(domain["id"])


def _crawled(diffy: Diffy, domain: str) -> float:
    """Seconds of a crawl of all pages, from asking to the end of the last job."""
    began = time.monotonic()
    answer = diffy.post(f"/api/domains/{domain}/crawl", {})
    _ended(diffy, answer)
    return time.monotonic() - began


def _ended(diffy: Diffy, batch: dict[str, Any]) -> None:
    """Wait for the last job of a batch."""
    stats = until(
        lambda: diffy.get(f"/api/jobs/stats?batchId={batch['batchId']}"),
        lambda stats: stats["completed"] + stats["failed"] == batch["jobsQueued"],
    )
    assert stats["failed"] == 0, stats


def _total(diffy: Diffy, path: str) -> int:
    return int(diffy.meta(path)["total"])


def _memory(diffy: Diffy) -> int:
    """The MiB that all processes hold, shared ones counted once."""
    held = 0
    for pid in diffy.processes():
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        held += int(next(line.split()[1] for line in rollup.splitlines() if line[:4] == "Pss:"))
    return held // 1024


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _percentiles(taken: Sequence[float]) -> list[float]:
    ordered = sorted(taken)
    return [round(ordered[len(ordered) * share // 100], 1) for share in (50, 99)]


def _spread(values: Sequence[float]) -> list[float]:
    return [round(each, 2) for each in (min(values), statistics.median(values), max(values))]


def _ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    return _spread([a / b for a, b in zip(ours, theirs, strict=True)])


FIGURES: Final[dict[str, Callable[[Run], dict[str, object]]]] = {
    each.__name__: each
    for each in (
        recheck, checks, discovery, first_requests, sitemap, batch, polling, start, reading,
    )
}  # fmt: skip


def main() -> None:
    """Measure what is asked for, or everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("figures", nargs="*", choices=[*FIGURES, []], default=[])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=20_000)
    parser.add_argument("--peers", type=Path, default=Path(".venv/peers"))
    given = parser.parse_args()
    run = Run(given.rounds, given.jobs, Peers(given.peers))
    for name in given.figures or FIGURES:
        print(json.dumps({name: FIGURES[name](run)}, indent=2), flush=True)


if __name__ == "__main__":
    main()
