"""The main job on real input: the HTML pages of Debian's python3-doc, discovered and crawled.

Run by hand: `.venv/bin/python -m benchmarks.python_docs [FOLDER]` where FOLDER holds the `html`
folder of the package (default: where Debian installs it). Starts a system of its own on free
ports, as `make up` does, changes three files between two crawls and prints the figures.
"""

import argparse
import json
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from benchmarks.system import Diffy, Part, since, until

DEBIAN_FOLDER = Path("/usr/share/doc/python3/html")


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves files, answers If-Modified-Since, logs nothing."""

    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@dataclass(frozen=True)
class Edit:
    """One edit of one file."""

    file: str
    what: str
    change: Callable[[str], str]


EDITS = (
    Edit(
        "library/asyncio.html",
        "a paragraph of the content",
        lambda html: re.sub(
            r"(<h1>.*?<p>.*?)(</p>)",
            r"\1 It was also changed on purpose.\2",
            html,
            count=1,
            flags=re.DOTALL,
        ),
    ),
    Edit(
        "library/json.html",
        "a heading",
        lambda html: re.sub(r"(<h2>)([^<]+)", r"\1Renamed: \2", html, count=1),
    ),
    Edit(
        "library/time.html",
        "one number",
        lambda html: re.sub(r"(<p>[^<]*?)\b(\d{4})\b", r"\g<1>4711", html, count=1),
    ),
)


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The folder on loopback; its origin."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(folder)))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()


def run(data: Path, copy: Path, origin: str, kill: bool) -> dict[str, object]:
    """The figures of one whole course."""
    began = time.monotonic()
    diffy = Diffy(data)
    until(diffy.healthy, bool)
    figures: dict[str, object] = {"start_seconds": since(began)}

    began = time.monotonic()
    domain = diffy.post("/api/domains", {"domain": origin})
    discovery = until(
        lambda: diffy.get(f"/api/jobs/{domain['discoveryJobId']}"), lambda job: job["finishedAt"]
    )
    figures["discovery"] = {
        "seconds": since(began),
        "state": discovery["state"],
        **(discovery["returnValue"] or {"failedReason": discovery["failedReason"]}),
    }
    figures["first_crawl"] = crawl(diffy, domain["id"], kill=kill)
    figures["unchanged_crawl"] = crawl(diffy, domain["id"])
    edit(copy)
    figures["crawl_after_three_edits"] = crawl(diffy, domain["id"])
    figures["changes"] = [row["summary"] for row in diffy.get("/api/changes?limit=100")]
    figures["peak_memory_mib"] = diffy.peak_memory()
    figures["stop"] = diffy.stop()
    return figures


def crawl(diffy: Diffy, domain_id: str, *, kill: bool = False) -> dict[str, object]:
    """Crawl every page of the domain, with a crash of the worker on the way where asked."""
    began = time.monotonic()
    batch = diffy.post(f"/api/domains/{domain_id}/crawl", {})
    asked = batch["jobsQueued"]

    def stats() -> Any:
        return diffy.get(f"/api/jobs/stats?batchId={batch['batchId']}")

    if kill:
        until(stats, lambda seen: seen["completed"] > asked // 3)
        diffy.kill(Part.WORKER)
    ended = until(stats, lambda seen: seen["completed"] + seen["failed"] == asked)
    seconds = since(began)
    return {
        "jobs": asked,
        "completed": ended["completed"],
        "failed": ended["failed"],
        "seconds": seconds,
        "jobs_per_second": round(asked / seconds, 1),
    }


def edit(copy: Path) -> None:
    """Make the three edits."""
    for each in EDITS:
        path = copy / each.file
        before = path.read_text(encoding="utf-8")
        after = each.change(before)
        if after == before:
            raise SystemExit(f"{each.file} has no place for {each.what}")
        path.write_text(after, encoding="utf-8")


def main() -> None:
    """Run the whole course and print its figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=DEBIAN_FOLDER)
    parser.add_argument("--kill-worker", action="store_true", help="SIGKILL it in the crawl")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch, "html")
        shutil.copytree(given.folder, copy)
        with served(copy) as origin:
            print(json.dumps(run(Path(scratch, "data"), copy, origin, given.kill_worker), indent=2))


if __name__ == "__main__":
    main()
