"""What a discovery costs whose site names new URLs without end.

Run by hand: `.venv/bin/python -m benchmarks.frontier [--links 3000] [--pages 1000] [--within 900]`.
Each page of the site, on loopback, has that many links to pages that no other one names; the
discovery is asked for so many pages, and cancelled if it takes longer. Starts a system of its own,
as `make up` does, and prints the seconds that the discovery took, and those of processor time that
the worker did; the most rows of its frontier, the most MiB of database file and write-ahead log, by
how many MiB the worker grew, and the result.
"""

import argparse
import json
import os
import re
import sqlite3
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path

from benchmarks.system import Diffy, Part, since, until

MIB = 2**20


@contextmanager
def endless_site(links: int) -> Iterator[str]:
    """A site whose pages link to new pages alone; its origin."""
    numbers = count()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            """A page; robots.txt and the sitemap do not exist."""
            named = "".join(f'<a href="/page-{next(numbers)}">a</a>' for _ in range(links))
            body = f"<title>Page</title><p>words {named}".encode()
            missing = self.path in ("/robots.txt", "/sitemap.xml")
            self.send_response(404 if missing else 200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with suppress(ConnectionError):
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()


class Peaks:
    """The most that was seen of a system's database and of its worker."""

    def __init__(self, diffy: Diffy) -> None:
        self._database = diffy.data / "diffy.db"
        self._worker = diffy.pid(Part.WORKER)
        self._memory_before = self._memory("VmRSS")
        self.rows = 0
        self.database_mib = 0.0

    def look(self) -> None:
        """See how much there is now."""
        files = self._database.parent.glob(f"{self._database.name}*")
        size = sum(path.stat().st_size for path in files if path.exists())
        self.database_mib = max(self.database_mib, round(size / MIB, 1))
        with closing(sqlite3.connect(f"file:{self._database}?mode=ro", uri=True)) as connection:
            [last] = connection.execute("SELECT max(rowid) FROM frontier_urls").fetchone()
        self.rows = max(self.rows, last or 0)

    @property
    def worker_growth_mib(self) -> int:
        """By how much the worker was ever larger than at first."""
        return self._memory("VmHWM") - self._memory_before

    @property
    def worker_cpu_seconds(self) -> float:
        """The processor time of the worker so far, without that of its processes."""
        fields = Path(f"/proc/{self._worker}/stat").read_text().rpartition(")")[2].split()
        ticks = int(fields[11]) + int(fields[12])
        return round(ticks / os.sysconf("SC_CLK_TCK"), 1)

    def _memory(self, figure: str) -> int:
        status = Path(f"/proc/{self._worker}/status").read_text()
        found = re.search(rf"{figure}:\s+(\d+) kB", status)
        return int(found[1]) // 1024 if found else 0


def measure(diffy: Diffy, origin: str, pages: int, within: float) -> dict[str, object]:
    """The figures of one discovery."""
    domain = diffy.post("/api/domains", {"domain": origin})
    diffy.post(f"/api/jobs/{domain['discoveryJobId']}/cancel", {})
    peaks = Peaks(diffy)
    began = time.monotonic()
    job_id = diffy.post(f"/api/domains/{domain['id']}/discover", {"maxPages": pages})["jobId"]

    def job() -> dict[str, object]:
        peaks.look()
        found: dict[str, object] = diffy.get(f"/api/jobs/{job_id}")
        return found

    ended = until(job, lambda job: bool(job["finishedAt"]) or since(began) > within, within + 60)
    took = since(began)
    if not ended["finishedAt"]:
        diffy.post(f"/api/jobs/{job_id}/cancel", {})
    return {
        "seconds": took,
        "state": ended["state"],
        "progress": ended["progress"],
        "worker_cpu_seconds": peaks.worker_cpu_seconds,
        "rows": peaks.rows,
        "database_mib": peaks.database_mib,
        "worker_growth_mib": peaks.worker_growth_mib,
        "return_value": ended["returnValue"] or ended["failedReason"],
    }


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--links", type=int, default=3_000)
    parser.add_argument("--pages", type=int, default=1_000)
    parser.add_argument("--within", type=float, default=900)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, endless_site(asked.links) as origin:
        diffy = Diffy(Path(scratch))
        try:
            until(diffy.healthy, bool)
            figures = measure(diffy, origin, asked.pages, asked.within)
        finally:
            diffy.stop()
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
