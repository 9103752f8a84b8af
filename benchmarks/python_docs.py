"""The main job on real input: the HTML pages of Debian's python3-doc, discovered and crawled.

Run by hand: `.venv/bin/python benchmarks/python_docs.py [FOLDER]` where FOLDER holds the `html`
folder of the package (default: where Debian installs it). Starts a system of its own on free
ports, as `make up` does, changes three files between two crawls and prints the figures.
"""

import argparse
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar

import httpx2

DEBIAN_FOLDER = Path("/usr/share/doc/python3/html")
KEY = "benchmark-key-0123456789"
T = TypeVar("T")


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
        "a paragraph",
        lambda html: html.replace("</p>", " It was also changed on purpose.</p>", 1),
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


def until(read: Callable[[], T], holds: Callable[[T], bool], within: float = 900) -> T:
    """What `read` gives once it `holds`."""
    deadline = time.monotonic() + within
    while not holds(seen := read()):
        if time.monotonic() > deadline:
            raise SystemExit(f"gave up after {within} s: {seen}")
        time.sleep(0.25)
    return seen


def free_ports(count: int) -> list[int]:
    """Ports that nothing listens on."""
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


class Diffy:
    """A whole system on free ports, as `make up` runs it, and a client of its API."""

    def __init__(self, data: Path) -> None:
        api, temporal, ui = free_ports(3)
        settings = {
            "DIFFY_DATA_DIR": str(data),
            "DIFFY_API_PORT": str(api),
            "DIFFY_TEMPORAL_PORT": str(temporal),
            "DIFFY_TEMPORAL_UI_PORT": str(ui),
            "DIFFY_BOOTSTRAP_API_KEY": KEY,
            "DIFFY_ALLOW_PRIVATE_NETWORKS": "true",
            "DIFFY_HOST_RPS": "10000",
        }
        self._http = httpx2.Client(
            base_url=f"http://127.0.0.1:{api}", headers={"Authorization": f"Bearer {KEY}"}
        )
        self._up = subprocess.Popen(
            [sys.executable, "-m", "cli.main", "up"],
            cwd=Path(__file__).parents[1],
            env={**os.environ, **settings},
            stdout=subprocess.DEVNULL,
        )

    def get(self, path: str) -> Any:
        """The `data` of an answer."""
        return self._answered(self._http.get(path))

    def post(self, path: str, body: object) -> Any:
        """The same, for a body that is sent."""
        return self._answered(self._http.post(path, json=body))

    @staticmethod
    def _answered(answer: httpx2.Response) -> Any:
        answer.raise_for_status()
        return answer.json()["data"]

    def healthy(self) -> bool:
        """Whether everything answers."""
        try:
            return self._http.get("/health").is_success
        except httpx2.TransportError:
            return False

    def processes(self) -> dict[int, str]:
        """The process tree: the command of each process by its id."""
        rows = subprocess.run(
            ["ps", "-e", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True
        )
        tree: dict[int, str] = {}
        for line in rows.stdout.splitlines():  # parents have the lower ids
            pid, parent, command = line.split(maxsplit=2)
            if int(pid) == self._up.pid or int(parent) in tree:
                tree[int(pid)] = command
        return tree

    def peak_memory(self) -> dict[str, int]:
        """The most MiB that each process ever held."""
        peaks = {}
        for pid, command in self.processes().items():
            status = Path(f"/proc/{pid}/status").read_text()
            held = re.search(r"VmHWM:\s+(\d+)", status)
            peaks[f"{pid} {_short(command)}"] = int(held[1]) // 1024 if held else 0
        return peaks

    def kill_worker(self) -> None:
        """End the worker as a crash would."""
        [worker] = [pid for pid, command in self.processes().items() if " worker " in command]
        os.kill(worker, signal.SIGKILL)

    def stop(self) -> dict[str, object]:
        """Press Ctrl-C; the exit code, the seconds it took, and what of it is left."""
        mine = set(self.processes())
        began = time.monotonic()
        self._up.send_signal(signal.SIGINT)
        code = self._up.wait(60)
        left = [pid for pid in mine if Path(f"/proc/{pid}").exists()]
        return {"exit_code": code, "seconds": _since(began), "processes_left": len(left)}


def _short(command: str) -> str:
    for name in ("temporal", "worker", "api", "spawn_main", "resource_tracker", "up"):
        if re.search(rf"\b{name}\b", command):
            return name
    return command[:40]


def _since(began: float) -> float:
    return round(time.monotonic() - began, 2)


def run(data: Path, copy: Path, origin: str, kill: bool) -> dict[str, object]:
    """The figures of one whole course."""
    began = time.monotonic()
    diffy = Diffy(data)
    until(diffy.healthy, bool)
    figures: dict[str, object] = {"start_seconds": _since(began)}

    began = time.monotonic()
    domain = diffy.post("/api/domains", {"domain": origin})
    discovery = until(
        lambda: diffy.get(f"/api/jobs/{domain['discoveryJobId']}"), lambda job: job["finishedAt"]
    )
    figures["discovery"] = {
        "seconds": _since(began),
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
        diffy.kill_worker()
    ended = until(stats, lambda seen: seen["completed"] + seen["failed"] == asked)
    seconds = _since(began)
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
