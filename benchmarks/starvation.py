"""Whether slow sites keep others waiting: `python -m benchmarks.starvation`.

Starts a system with default settings and sites of 40 pages each, every site at an address of its
own on loopback. The sites ask for 60 s between requests (`delay`), accept and never answer
(`silent`), or answer a byte a second (`trickle`). Their pages are all asked for. Then the pages of
a quick site are asked for, one after the other. Prints the seconds from asking to the end of each,
and the seconds until each slow site was asked for its first page.
"""

import argparse
import asyncio
import json
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from benchmarks.system import Diffy, since, until

PAGES: Final = 40
QUICK: Final = "127.0.2.1"
KINDS: Final = ("delay", "silent", "trickle")


class Sites:
    """Sites at many addresses and one port; `asked` tells when each was asked for a page first."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self.asked: dict[str, list[float]] = {}
        self.port = 0
        self._ready = threading.Event()
        threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True).start()
        self._ready.wait()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._connected, "0.0.0.0", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await server.serve_forever()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                await self._answer(head, writer)
        writer.close()

    async def _answer(self, head: str, writer: asyncio.StreamWriter) -> None:
        path = head.split(" ", 2)[1]
        host = head.lower().partition("\r\nhost: ")[2].partition(":")[0]
        kind, body = "text/html", f"<h1>Page {path}</h1><p>It costs $99.</p>"
        if path == "/robots.txt":
            delay = "60" if host != QUICK and self._kind == "delay" else "0"
            kind, body = "text/plain", f"User-agent: *\nCrawl-delay: {delay}\n"
        else:
            self.asked.setdefault(host, []).append(time.monotonic())
            if host != QUICK and self._kind == "silent":
                await asyncio.sleep(3600)
            if host != QUICK and self._kind == "trickle":
                for byte in b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + b"a" * 3600:
                    writer.write(bytes([byte]))
                    await writer.drain()
                    await asyncio.sleep(1)
        answer = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write((answer + body).encode())
        await writer.drain()


def register(diffy: Diffy, origin: str, pages: int) -> tuple[str, list[str]]:
    """The domain at `origin` and its pages, none of which a discovery asks for."""
    domain = diffy.post("/api/domains", {"domain": origin})
    with suppress(Exception):
        diffy.post(f"/api/jobs/{domain['discoveryJobId']}/cancel", {})
    path = f"/api/domains/{domain['id']}/pages"
    return domain["id"], [
        diffy.post(path, {"url": f"{origin}/{number}"})["id"] for number in range(pages)
    ]


def measure(kind: str, sites: int, quick: int, data: Path) -> dict[str, object]:
    """The figures of one run."""
    served = Sites(kind)
    diffy = Diffy(data, DIFFY_HOST_RPS="2")
    try:
        until(diffy.healthy, bool)
        _, others = register(diffy, f"http://{QUICK}:{served.port}", quick)
        hosts = [f"127.0.1.{number + 1}" for number in range(sites)]
        domains = [register(diffy, f"http://{host}:{served.port}", PAGES)[0] for host in hosts]
        served.asked.clear()
        began = time.monotonic()
        for domain in domains:
            diffy.post(f"/api/domains/{domain}/crawl", {})
        took: list[float] = []
        states: set[str] = set()
        for page in others:
            time.sleep(5)
            asked = time.monotonic()
            job = diffy.post(f"/api/pages/{page}/crawl", {})["jobId"]
            found = _ended(diffy, job)
            took.append(since(asked))
            states.add(str(found["state"]))
        left = 62 - (time.monotonic() - began)
        time.sleep(max(left, 0))
        firsts = [served.asked[host][0] - began for host in hosts if host in served.asked]
        return {
            "kind": kind,
            "sites": sites,
            "quick_pages_seconds": took,
            "quick_pages_states": sorted(states),
            "sites_asked": len(firsts),
            "first_page_seconds_at_most": round(max(firsts, default=-1), 2),
            "jobs": diffy.get("/api/jobs/stats"),
        }
    finally:
        diffy.stop()


def _ended(diffy: Diffy, job_id: str) -> dict[str, object]:
    """The job once it has ended."""

    def read() -> dict[str, object]:
        job: dict[str, object] = diffy.get(f"/api/jobs/{job_id}?wait=4")
        return job

    return until(read, lambda job: job["finishedAt"] is not None)


def main() -> None:
    """Run the kinds in the arguments, all without any."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", nargs="*", help=f"of {', '.join(KINDS)}")
    parser.add_argument("--sites", type=int, default=1)
    parser.add_argument("--quick", type=int, default=8, help="pages of the quick site")
    asked = parser.parse_args()
    for kind in asked.kind or KINDS:
        with tempfile.TemporaryDirectory() as data:
            print(json.dumps(measure(kind, asked.sites, asked.quick, Path(data))), flush=True)


if __name__ == "__main__":
    main()
