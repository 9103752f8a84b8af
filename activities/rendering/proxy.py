"""An HTTP proxy on loopback, the only route from the browser to the network.

It connects through the guarded network backend of the HTTP client, so a page in the browser reaches
public addresses only. The proxy servers for Python (proxy.py, mitmproxy) open the connections
themselves, so they would need a second guard.
"""

import asyncio
import re
import socket
import struct
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Self

import httpcore2

from activities.http.network import GuardedBackend
from core.errors import ForbiddenAddress, InvalidAddress, JobError
from core.web.urls import host_of, normalise, port_of

MAX_HEAD_SIZE: Final = 64 * 1024
"""Maximum number of bytes of the head of a request or a response."""

READ_SIZE: Final = 64 * 1024
"""Maximum number of bytes read at a time."""

CONNECT_TIMEOUT: Final = 10.0

_AUTHORITY: Final = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^\[\]:/@\s]+):([0-9]{1,5})")
_ABSOLUTE_URL: Final = re.compile(r"http://([^/?#@\s]+)(/\S*)?", re.IGNORECASE)
_HOP_BY_HOP: Final = re.compile(
    rb"(?im)^(?:connection|keep-alive|proxy-[a-z-]+|upgrade|te)[ \t]*:[^\n]*\n"
)


@dataclass(frozen=True)
class ProxyLimits:
    """Limits of one page: the number of connections, and of received bytes over all of them."""

    connections: int = 200
    bytes: int = 30 * 2**20


class _OverLimit(Exception):
    """The page has received too many bytes."""


class GuardingProxy:
    """An HTTP/1.1 proxy for one page, on a port of its own, inside its `async with` block.

    `refused` counts the requests that it refused: for private addresses, or above the limits.
    """

    def __init__(self, network: GuardedBackend, limits: ProxyLimits) -> None:
        self._network = network
        self._limits = limits
        self._server: asyncio.Server | None = None
        self._serving: set[asyncio.Task[None]] = set()
        self._connections = 0
        self._bytes = 0
        self.refused = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(
            self._accepted, "127.0.0.1", 0, limit=MAX_HEAD_SIZE
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
        await self._server.wait_closed()

    @property
    def address(self) -> str:
        """The URL of the proxy, for the browser."""
        assert self._server is not None, "it was not started"
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        try:
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                await self._serve(reader, writer)
        except _OverLimit:
            # Reset the connection: an ordinary close would look like the end of the response.
            reset = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
            writer.transport.abort()
        except asyncio.CancelledError:
            # The block has ended. asyncio would log the cancellation of this callback as an error.
            pass
        finally:
            self._serving.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        method, target, *_ = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
        self._connections += 1
        try:
            if self._connections > self._limits.connections:
                raise ForbiddenAddress("The page asks for too much.")
            host, port = _destination(method, target)
            async with asyncio.timeout(CONNECT_TIMEOUT):
                stream = await self._network.connect_tcp(host, port)
        except (JobError, TimeoutError, httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
            forbidden = isinstance(error, ForbiddenAddress | InvalidAddress)
            self.refused += forbidden
            status = "403 Forbidden" if forbidden else "502 Bad Gateway"
            writer.write(
                f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
            )
            await writer.drain()
            return
        try:
            with suppress(httpcore2.NetworkError):
                if method == "CONNECT":
                    writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                    await _run_until_first(
                        _send(reader, stream.write), self._pump(lambda: self._read(stream), writer)
                    )
                else:
                    await self._forward(head, target, reader, writer, stream)
        finally:
            await stream.aclose()

    async def _forward(
        self,
        head: bytes,
        target: str,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        stream: httpcore2.AsyncNetworkStream,
    ) -> None:
        """Forward one exchange and close: the next request may be for another host."""
        path = _ABSOLUTE_URL.fullmatch(target)
        assert path is not None, "it was read before"
        first, _, fields = head.partition(b"\r\n")
        method, _, version = first.split(b" ")
        length = _content_length(fields)
        await stream.write(
            b" ".join((method, (path[2] or "/").encode("latin-1"), version))
            + b"\r\n"
            + _with_connection_close(fields)
        )
        while length > 0:
            piece = await reader.read(min(length, READ_SIZE))
            if not piece:
                return
            length -= len(piece)
            await stream.write(piece)
        answer = bytearray()
        while b"\r\n\r\n" not in answer:
            piece = await self._read(stream)
            answer += piece
            if not piece or len(answer) > MAX_HEAD_SIZE:
                return
        status, _, rest = bytes(answer).partition(b"\r\n")
        answered, _, body = rest.partition(b"\r\n\r\n")
        writer.write(status + b"\r\n" + _with_connection_close(answered + b"\r\n\r\n") + body)
        # Further bytes from the browser are not for this host.
        await _run_until_first(
            _send(reader, _discard), self._pump(lambda: self._read(stream), writer)
        )

    async def _pump(
        self, read: Callable[[], Awaitable[bytes]], writer: asyncio.StreamWriter
    ) -> None:
        while piece := await read():
            writer.write(piece)
            await writer.drain()

    async def _read(self, stream: httpcore2.AsyncNetworkStream) -> bytes:
        piece = await stream.read(READ_SIZE)
        self._bytes += len(piece)
        if self._bytes > self._limits.bytes:
            raise _OverLimit
        return piece


async def _run_until_first(*ways: Coroutine[None, None, None]) -> None:
    """Run all until the first one ends, and cancel the others."""
    tasks = [asyncio.create_task(way) for way in ways]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _send(reader: asyncio.StreamReader, write: Callable[[bytes], Awaitable[None]]) -> None:
    while piece := await reader.read(READ_SIZE):
        await write(piece)


async def _discard(_: bytes) -> None:
    """Ignore the bytes."""


def _destination(method: str, target: str) -> tuple[str, int]:
    """The host and port of a request. Raises InvalidAddress if `target` has none."""
    if method == "CONNECT":
        found = _AUTHORITY.fullmatch(target)
        if found is None:
            raise InvalidAddress("This is no host and port.")
        url = normalise(f"https://{found[1]}:{found[2]}/")
    else:
        found = _ABSOLUTE_URL.fullmatch(target)
        if found is None:
            raise InvalidAddress("This is no address of http.")
        url = normalise(f"http://{found[1]}/")
    return host_of(url), port_of(url)


def _with_connection_close(fields: bytes) -> bytes:
    """The header fields without hop-by-hop fields (RFC 9110, 7.6.1), and `Connection: close`."""
    return b"Connection: close\r\n" + _HOP_BY_HOP.sub(b"", fields)


def _content_length(fields: bytes) -> int:
    found = re.search(rb"(?im)^content-length[ \t]*:[ \t]*([0-9]{1,10})[ \t]*\r?$", fields)
    return int(found[1]) if found else 0
