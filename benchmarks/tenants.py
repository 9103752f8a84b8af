"""Whether one organisation's queue keeps another one waiting: `python -m benchmarks.tenants`.

Starts a system with default settings. One organisation imports 50,000 pages of 50 sites, each at an
address of its own on loopback, and asks for all of them. Meanwhile another one asks for a single
page of a site of its own, again and again: while the jobs of the first are started, and once they
are queued. And for a page of one of the first one's sites, which has its pace for both. Prints the
seconds from asking to the end of each, by the number of jobs that the first had unfinished.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import httpx2

from benchmarks.starvation import Sites
from benchmarks.system import Diffy, since, until

QUICK: Final = "127.0.2.1"
AT_ONCE: Final = 1_000
"""Pages in one import."""


class Tenant:
    """A client with a key of an organisation of its own."""

    def __init__(self, diffy: Diffy, organisation: str) -> None:
        told = subprocess.run(
            [sys.executable, "-m", "cli.main", "keys", "create", "--org", organisation],
            cwd=Path(__file__).parents[1],
            env=diffy.environ,
            capture_output=True,
            check=True,
            text=True,
        )
        self._http = httpx2.Client(
            base_url=diffy.origin,
            headers={"Authorization": f"Bearer {told.stdout.strip()}"},
            timeout=60,
        )

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """The `data` of the answer, once there is one: 503 says to ask again."""

        def answer() -> httpx2.Response:
            return self._http.request(method, path, json=body)

        told = until(answer, lambda found: found.status_code != 503)
        told.raise_for_status()
        return told.json()["data"]

    def imported(self, urls: list[str]) -> list[Any]:
        """The pages of these URLs, none of which a discovery asks for."""
        return [
            page
            for start in range(0, len(urls), AT_ONCE)
            for page in self.ask(
                "POST",
                "/api/pages/import",
                {
                    "pages": [{"url": url} for url in urls[start : start + AT_ONCE]],
                    "addDomains": True,
                },
            )["pages"]
        ]

    def page(self, page_id: str) -> dict[str, object]:
        """One check of the page, from asking to its end."""
        began = time.monotonic()
        job = self.ask("POST", f"/api/pages/{page_id}/crawl", {})["jobId"]
        found = until(
            lambda: self.ask("GET", f"/api/jobs/{job}?wait=5"), lambda told: told["finishedAt"]
        )
        return {"seconds": since(began), "state": found["state"]}


def measure(pages: int, sites: int, rounds: int, data: Path) -> dict[str, object]:
    """The figures of one run."""
    served = Sites("none")
    diffy = Diffy(data, DIFFY_HOST_RPS="2")
    try:
        until(diffy.healthy, bool)
        large, small = Tenant(diffy, "large"), Tenant(diffy, "small")
        hosts = [f"http://127.0.3.{number + 1}:{served.port}" for number in range(sites)]
        each = pages // sites
        large.imported([f"{host}/{number}" for host in hosts for number in range(each)])
        single = [page["pageId"] for page in small.imported([f"http://{QUICK}:{served.port}/1"])]
        shared = [page["pageId"] for page in small.imported([f"{hosts[0]}/other"])]
        print("imported", file=sys.stderr)
        began = time.monotonic()
        for domain in large.ask("GET", "/api/domains?limit=100"):
            large.ask("POST", f"/api/domains/{domain['id']}/crawl", {})
        accepted = since(began)
        looks = []
        for _ in range(rounds):
            time.sleep(10)
            before = large.ask("GET", "/api/jobs/stats")
            look = {
                "unfinished of the other": before["total"],
                "own site": small.page(single[0]),
                "shared site": small.page(shared[0]),
            }
            print(json.dumps(look), file=sys.stderr, flush=True)
            looks.append(look)
        own = sorted(float(look["own site"]["seconds"]) for look in looks)
        return {
            "pages queued": pages,
            "seconds to accept them": accepted,
            "seconds of a single page: median, worst": [own[len(own) // 2], own[-1]],
            "looks": looks,
        }
    finally:
        diffy.stop()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=50_000)
    parser.add_argument("--sites", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=30)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as data:
        print(json.dumps(measure(asked.pages, asked.sites, asked.rounds, Path(data)), indent=2))


if __name__ == "__main__":
    main()
