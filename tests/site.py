"""A web site on loopback: real HTTP, and as badly behaved as a test wants."""

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final, Self

from tests.eventually import eventually

HTML: Final = "text/html; charset=utf-8"


@dataclass(frozen=True)
class SiteRequest:
    """A request as it arrived. `target` is path and query, header names are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    at: float = field(default_factory=time.monotonic)


@dataclass(frozen=True)
class SiteAnswer:
    """A well-formed answer; Content-Length is added, and 304 where its ETag was sent along."""

    body: bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    def to(self, request: SiteRequest) -> bytes:
        """The bytes that answer `request`."""
        etag = self.headers.get("ETag")
        if etag is not None and request.headers.get("if-none-match") == etag:
            return _head(304, self.headers)
        headers = {**self.headers, "Content-Length": str(len(self.body))}
        return _head(self.status, headers) + self.body


Behaviour = Callable[[SiteRequest, asyncio.StreamWriter], Awaitable[None]]
"""What writes the bytes of one answer, whatever they are; the connection is closed after it."""


class FakeSite:
    """Serves what was registered, 404 for the rest, and keeps a log of `requests`."""

    def __init__(self) -> None:
        self.requests: list[SiteRequest] = []
        self._answers: dict[str, SiteAnswer] = {}
        self._first: defaultdict[str, deque[SiteAnswer]] = defaultdict(deque)
        self._behaviours: dict[str, Behaviour] = {}
        self._fallback: Behaviour | None = None
        self._held: dict[str, asyncio.Event] = {}
        self._server: asyncio.Server | None = None
        self._port = 0
        self._connections: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def origin(self) -> str:
        """The site as it is registered."""
        return f"http://127.0.0.1:{self._port}"

    def url(self, path: str) -> str:
        """The address of a page."""
        return f"{self.origin}{path}"

    def page(
        self,
        path: str,
        body: str | bytes,
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Answer with `body` from now on, as HTML unless a Content-Type is given."""
        content = body.encode() if isinstance(body, str) else body
        self._answers[path] = SiteAnswer(content, status, {"Content-Type": HTML, **(headers or {})})

    def failing(
        self,
        path: str,
        statuses: Sequence[int],
        *,
        then: str,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Answer with each of `statuses` once, and with the page `then` after that."""
        self.page(path, then)
        self._first[path] = deque(
            SiteAnswer(b"failed", status, headers or {}) for status in statuses
        )

    def in_turn(self, path: str, *bodies: str) -> None:
        """Answer with each of `bodies` once, and with the last one from then on."""
        self.page(path, bodies[-1])
        self._first[path] = deque(
            SiteAnswer(body.encode(), 200, {"Content-Type": HTML}) for body in bodies[:-1]
        )

    def behave(self, path: str, behaviour: Behaviour) -> None:
        """Leave every answer of `path` to `behaviour`."""
        self._behaviours[path] = behaviour

    def otherwise(self, behaviour: Behaviour) -> None:
        """Leave the answers of all that was not registered to `behaviour`."""
        self._fallback = behaviour

    def hold(self, path: str) -> None:
        """Hold every answer of `path` back until it is released."""
        self._held[path] = asyncio.Event()

    def release(self, path: str) -> None:
        """Give the answers that were held back, and those that come."""
        self._held.pop(path).set()

    async def arrived(self, path: str, count: int = 1) -> None:
        """Return once `path` has been asked for `count` times in all."""

        async def asked() -> int:
            return len(self.requests_for(path))

        await eventually(asked, lambda seen: seen >= count)

    def requests_for(self, path: str) -> list[SiteRequest]:
        """The requests for `path` so far."""
        return [request for request in self.requests if request.target == path]

    async def start(self) -> None:
        """Listen; after a stop, at the same port."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Break every connection off and listen no more."""
        assert self._server is not None, "it was not started"
        self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await self._server.wait_closed()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                await self._serve(reader, writer)
        except asyncio.CancelledError:
            # The site stops; asyncio would log the cancellation of this callback as an error.
            pass
        finally:
            self._connections.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            request = _parse(await reader.readuntil(b"\r\n\r\n"))
            self.requests.append(request)
            path = request.target
            if held := self._held.get(path):
                await held.wait()
            unknown = self._fallback if path not in self._answers else None
            if behaviour := self._behaviours.get(path, unknown):
                await behaviour(request, writer)
                return
            writer.write(self._answer(path).to(request))
            await writer.drain()

    def _answer(self, path: str) -> SiteAnswer:
        if first := self._first[path]:
            return first.popleft()
        return self._answers.get(path, SiteAnswer(b"not here", 404))


def _parse(head: bytes) -> SiteRequest:
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    method, target, _ = first.split(" ")
    fields = (line.partition(":") for line in lines)
    return SiteRequest(method, target, {name.lower(): value.strip() for name, _, value in fields})


def _head(status: int, headers: Mapping[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")
