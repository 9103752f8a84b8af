"""The only way out of the browser: an HTTP proxy on loopback that connects as our client does.

It resolves a name once, checks every address and connects to a checked one, so what holds for the
client holds for all that a page makes the browser ask for.
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

LONGEST_HEAD: Final = 64 * 1024
"""Bytes of a request's or an answer's head."""

CHUNK: Final = 64 * 1024
CONNECT_SECONDS: Final = 10.0

_TARGET: Final = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^\[\]:/@\s]+):([0-9]{1,5})")
_ABSOLUTE: Final = re.compile(r"http://([^/?#@\s]+)(/\S*)?", re.IGNORECASE)
_HOP_BY_HOP: Final = re.compile(
    rb"(?im)^(?:connection|keep-alive|proxy-[a-z-]+|upgrade|te)[ \t]*:[^\n]*\n"
)


@dataclass(frozen=True)
class ProxyLimits:
    """What one page may take: connections in all, and bytes that come through them."""

    connections: int = 200
    bytes: int = 30 * 2**20


class _OverLimit(Exception):
    """The limits are reached."""


class GuardingProxy:
    """An HTTP/1.1 proxy for one page, on a port of its own. `refused` counts what was not asked."""

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
            self._accepted, "127.0.0.1", 0, limit=LONGEST_HEAD
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
        """Where the browser finds it."""
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
            # Closed as usual, it would look like the end of what was asked for.
            reset = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
            writer.transport.abort()
        except asyncio.CancelledError:
            # The page is done; asyncio would log the cancellation of this callback as an error.
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
            host, port = _goal(method, target)
            async with asyncio.timeout(CONNECT_SECONDS):
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
                    await _until_either(
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
        """One exchange, and the connection ends: the next may be meant for another host."""
        path = _ABSOLUTE.fullmatch(target)
        assert path is not None, "it was read before"
        first, _, fields = head.partition(b"\r\n")
        method, _, version = first.split(b" ")
        length = _content_length(fields)
        await stream.write(
            b" ".join((method, (path[2] or "/").encode("latin-1"), version))
            + b"\r\n"
            + _closing(fields)
        )
        while length > 0:
            piece = await reader.read(min(length, CHUNK))
            if not piece:
                return
            length -= len(piece)
            await stream.write(piece)
        answer = bytearray()
        while b"\r\n\r\n" not in answer:
            piece = await self._read(stream)
            answer += piece
            if not piece or len(answer) > LONGEST_HEAD:
                return
        status, _, rest = bytes(answer).partition(b"\r\n")
        answered, _, body = rest.partition(b"\r\n\r\n")
        writer.write(status + b"\r\n" + _closing(answered + b"\r\n\r\n") + body)
        # What still comes from the browser is not for this host.
        await _until_either(_send(reader, _nowhere), self._pump(lambda: self._read(stream), writer))

    async def _pump(
        self, read: Callable[[], Awaitable[bytes]], writer: asyncio.StreamWriter
    ) -> None:
        while piece := await read():
            writer.write(piece)
            await writer.drain()

    async def _read(self, stream: httpcore2.AsyncNetworkStream) -> bytes:
        piece = await stream.read(CHUNK)
        self._bytes += len(piece)
        if self._bytes > self._limits.bytes:
            raise _OverLimit
        return piece


async def _until_either(*ways: Coroutine[None, None, None]) -> None:
    """Run both until one is at its end; that is the end of the other."""
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
    while piece := await reader.read(CHUNK):
        await write(piece)


async def _nowhere(_: bytes) -> None:
    """Where bytes go that are for nobody."""


def _goal(method: str, target: str) -> tuple[str, int]:
    """The host and port that a request is for. Raises InvalidAddress."""
    if method == "CONNECT":
        found = _TARGET.fullmatch(target)
        if found is None:
            raise InvalidAddress("This is no host and port.")
        url = normalise(f"https://{found[1]}:{found[2]}/")
    else:
        found = _ABSOLUTE.fullmatch(target)
        if found is None:
            raise InvalidAddress("This is no address of http.")
        url = normalise(f"http://{found[1]}/")
    return host_of(url), port_of(url)


def _closing(fields: bytes) -> bytes:
    """Header fields that say that the connection ends after this exchange."""
    return b"Connection: close\r\n" + _HOP_BY_HOP.sub(b"", fields)


def _content_length(fields: bytes) -> int:
    found = re.search(rb"(?im)^content-length[ \t]*:[ \t]*([0-9]{1,10})[ \t]*\r?$", fields)
    return int(found[1]) if found else 0
