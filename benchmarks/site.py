"""A web site on loopback that knows what it was asked, by whom it was left, and what it showed.

What a page does is said by the first part of its path:

| path | answers |
|---|---|
| `/steady/N` | the same bytes |
| `/tagged/N` | the same, with an ETag: 304 to who has it |
| `/news/N` | another price at every second request |
| `/flaky/N` | 500 to every fourth request |
| `/busy/N` | 503 with `Retry-After: 1` to every fourth request |
| `/gone/N` | the page twice, then 404 |
| `/slow/N` | the page, after `slow_for` seconds, or once it is let go |

`/robots.txt` asks for `crawl_delay` seconds between requests where there is one. Anything else is
404, and the front page links to every page that `linked` names.
"""

import asyncio
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final, Self

RETRY_AFTER: Final = 1
FIRST_PRICE: Final = 100


@dataclass
class Visit:
    """One request: the `number` of its kind from 1, when it came and ended by the monotonic clock.

    `answered` says whether all of the answer was sent before the client left; `version` is that
    of the page it was shown.
    """

    path: str
    number: int
    arrived: float
    ended: float | None = None
    answered: bool = False
    status: int = 0
    version: int = 0


@dataclass
class WatchedSite:
    """The site and its log, `visits`."""

    linked: tuple[str, ...] = ()
    slow_for: float = 3.0
    crawl_delay: float | None = None
    address: str = "127.0.0.1"
    visits: list[Visit] = field(default_factory=list)
    origin: str = ""
    _counts: dict[str, int] = field(default_factory=dict)
    _let_go: dict[str, asyncio.Event] = field(default_factory=dict)
    _server: asyncio.Server | None = None
    _connections: set[asyncio.Task[None]] = field(default_factory=set)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, self.address, 0)
        self.origin = f"http://{self.address}:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await self._server.wait_closed()

    def of(self, path: str) -> list[Visit]:
        """The visits of a path so far."""
        return [visit for visit in self.visits if visit.path == path]

    def asked(self, paths: Iterable[str]) -> dict[str, int]:
        """How often each path was asked for."""
        return {path: self._counts.get(path, 0) for path in paths}

    def let_go(self, path: str) -> None:
        """Answer a slow page now, and at once from now on."""
        self._let_go.setdefault(path, asyncio.Event()).set()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while True:
                    head = await reader.readuntil(b"\r\n\r\n")
                    await self._serve(head.decode("latin-1"), reader, writer)
        finally:
            self._connections.discard(task)
            writer.close()

    async def _serve(
        self, head: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        path = head.split(" ", 2)[1]
        self._counts[path] = self._counts.get(path, 0) + 1
        visit = Visit(path, self._counts[path], time.monotonic())
        self.visits.append(visit)
        try:
            if path.startswith("/slow/") and await self._left(path, reader):
                return
            writer.write(self._answer(visit, head.lower()))
            await writer.drain()
            visit.answered = True
        finally:
            visit.ended = time.monotonic()

    async def _left(self, path: str, reader: asyncio.StreamReader) -> bool:
        """Hold the answer back; whether the client has gone meanwhile."""
        gone = asyncio.ensure_future(reader.read(1))
        free = asyncio.ensure_future(self._let_go.setdefault(path, asyncio.Event()).wait())
        try:
            await asyncio.wait(
                {gone, free}, timeout=self.slow_for, return_when=asyncio.FIRST_COMPLETED
            )
            return gone.done()
        finally:
            gone.cancel()
            free.cancel()
            await asyncio.gather(gone, free, return_exceptions=True)

    def _answer(self, visit: Visit, head: str) -> bytes:
        headers: dict[str, str] = {}
        visit.status, visit.version = 200, 1
        match visit.path.split("/")[1]:
            case "news":
                visit.version = (visit.number + 1) // 2
            case "flaky" if visit.number % 4 == 3:
                visit.status = 500
            case "busy" if visit.number % 4 == 3:
                visit.status = 503
                headers["Retry-After"] = str(RETRY_AFTER)
            case "gone" if visit.number > 2:
                visit.status = 404
            case "tagged":
                headers["ETag"] = '"1"'
                if 'if-none-match: "1"' in head:
                    visit.status = 304
            case "robots.txt" if self.crawl_delay is not None:
                return _http(200, {"Content-Type": "text/plain"}, self._rules())
            case "" if visit.path == "/":
                pass
            case "steady" | "flaky" | "busy" | "gone" | "slow":
                pass
            case _:
                visit.status = 404
        body = b"" if visit.status == 304 else self._page(visit)
        return _http(visit.status, headers, body)

    def _rules(self) -> bytes:
        return f"User-agent: *\nCrawl-delay: {self.crawl_delay:g}\n".encode()

    def _page(self, visit: Visit) -> bytes:
        if visit.status != 200:
            return b"no"
        links = self.linked if visit.path == "/" else ()
        listed = "".join(f'<a href="{path}">{path}</a> ' for path in links)
        price = FIRST_PRICE + visit.version
        text = f"<h1>Plan {visit.path}</h1><p>The plan costs ${price} a month.</p>"
        return f"<title>{visit.path}</title>{text}<p>{listed}</p>".encode()


def version_in(text: str) -> int:
    """The version of a page that shows `text`."""
    return int(text.partition("The plan costs $")[2].partition(" ")[0]) - FIRST_PRICE


def _http(status: int, headers: dict[str, str], body: bytes) -> bytes:
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
    if status != 304:
        headers = {"Content-Type": "text/html", "Content-Length": str(len(body)), **headers}
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body
