"""A site of a thousand pages in a process of its own, which counts what it is asked.

`python -m benchmarks.performance.pages COUNT SIZE` prints its origin. The front page links to all
sections, and each section to its pages; the pages have `SIZE` bytes, ETags, and words of their own.
`/counts` answers how often each other path was asked for, and `/change` changes each page's price.
"""

import asyncio
import json
import random
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, cast

SECTION: Final = 33
"""Pages that a section links to."""

WORDS: Final = (
    "plan", "price", "month", "team", "support", "feature", "limit", "storage", "request",
    "report", "project", "release", "update", "account", "access", "region", "backup", "export",
    "import", "search", "filter", "history", "invoice", "payment",
)  # fmt: skip


@dataclass(frozen=True)
class Pages:
    """The running site."""

    origin: str
    paths: tuple[str, ...]

    def counts(self) -> dict[str, int]:
        """How often each path was asked for."""
        with urllib.request.urlopen(f"{self.origin}/counts") as answer:
            return cast(dict[str, int], json.load(answer))

    def change(self) -> None:
        """Give each page another price."""
        urllib.request.urlopen(f"{self.origin}/change").close()


def paths_of(count: int) -> tuple[str, ...]:
    """The paths of `count` pages: the front page, sections, and their pages."""
    sections = max((count - 1) // (SECTION + 1), 1)
    pages = [f"/s{n}" for n in range(sections)]
    rest = count - 1 - sections
    pages += [f"/s{n % sections}/p{n // sections}" for n in range(rest)]
    return ("/", *pages)


@contextmanager
def served(count: int, size: int) -> Iterator[Pages]:
    """The site of so many pages, for the length of the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", __name__, str(count), str(size)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield Pages(process.stdout.readline().strip(), paths_of(count))
    finally:
        process.kill()
        process.wait()


class _Site:
    def __init__(self, count: int, size: int) -> None:
        paths = paths_of(count)
        self._known = frozenset(paths)
        self._size = size
        self._version = 1
        self._counts: dict[str, int] = {}
        self._bodies: dict[str, bytes] = {}
        self._links: dict[str, list[str]] = {}
        for path in paths[1:]:
            above = path.rpartition("/")[0] or "/"
            self._links.setdefault(above, []).append(path)

    async def serve(self) -> None:
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
        await server.serve_forever()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                writer.write(self._answer(head))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def _answer(self, head: bytes) -> bytes:
        path = head.split(b" ", 2)[1].decode()
        if path == "/counts":
            return _http("200 OK", json.dumps(self._counts).encode())
        if path == "/change":
            self._version += 1
            self._bodies.clear()
            return _http("200 OK", b"")
        self._counts[path] = self._counts.get(path, 0) + 1
        if path not in self._known:
            return _http("404 Not Found", b"no")
        tag = f'"{self._version}"'
        if f"if-none-match: {tag}".encode() in head.lower():
            return _http("304 Not Modified", b"", tag)
        return _http("200 OK", self._body(path), tag)

    def _body(self, path: str) -> bytes:
        if path not in self._bodies:
            chance = random.Random(path)
            links = "".join(f'<li><a href="{to}">{to}</a></li>' for to in self._links.get(path, ()))
            top = (
                f"<!doctype html><html><head><title>Page {path}</title></head><body>"
                f"<nav><a href='/'>Home</a></nav><main><h1>Page {path}</h1>"
                f"<p>It costs ${99 + self._version}.00 a month.</p><ul>{links}</ul>"
            )
            parts = [top]
            length = len(top)
            while length < self._size:
                words = " ".join(chance.choices(WORDS, k=40))
                parts.append(f"<div class='row'><h2>{words[:20]}</h2><p>{words}</p></div>")
                length += len(parts[-1])
            self._bodies[path] = ("".join(parts) + "</main></body></html>").encode()
        return self._bodies[path]


def _http(status: str, body: bytes, tag: str | None = None) -> bytes:
    lines = [f"HTTP/1.1 {status}"]
    if status[:3] != "304":
        lines += ["Content-Type: text/html; charset=utf-8", f"Content-Length: {len(body)}"]
    if tag is not None:
        lines.append(f"ETag: {tag}")
    return "\r\n".join([*lines, "", ""]).encode() + body


if __name__ == "__main__":
    asyncio.run(_Site(int(sys.argv[1]), int(sys.argv[2])).serve())
