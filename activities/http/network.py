"""A network backend that connects to public addresses only."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Iterable, Sequence
from itertools import zip_longest
from typing import Any, Final

import anyio
import httpcore2

from activities.http.failures import is_out_of_resources, out_of_connections
from core.errors import ForbiddenAddress, NameNotFound
from core.web.addresses import Address, AddressKind, classify, is_public, literal_address
from core.web.response_heads import end_of_head, repaired_head

Resolver = Callable[[str, int], Awaitable[Sequence[Address]]]
"""The addresses of a host, for a port. Raises OSError or a JobError if there are none."""

CONNECT_STAGGER: Final = 0.25
"""Seconds between the start of two connection attempts (RFC 8305, 5)."""

MAX_ADDRESSES_TRIED: Final = 8
"""Maximum number of addresses tried for one connection. The owner of a name can list any number."""

HTTP: Final = b"HTTP"
MAX_HEAD: Final = 100 * 1024
"""Number of bytes of a head that is repaired; h11 refuses longer ones."""

MAX_WHITE_SPACE: Final = 64
"""Number of bytes before a status line in which white space is skipped."""


class ClosedOnFailure(httpcore2.AsyncNetworkStream):
    """A connection that closes itself if its TLS handshake fails or is cancelled.

    httpcore2 closes it after errors only, so each deadline that ends a handshake would leave a
    connection open for as long as the site likes.
    """

    def __init__(self, inner: httpcore2.AsyncNetworkStream) -> None:
        self._inner = inner

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> httpcore2.AsyncNetworkStream:
        """Start TLS; the encrypted connection."""
        try:
            return await self._inner.start_tls(ssl_context, server_hostname, timeout)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self._inner.aclose()
            raise

    async def read(
        self,
        max_bytes: int,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> bytes:
        """Up to `max_bytes` received bytes; empty at the end of the stream."""
        return await self._inner.read(max_bytes, timeout)

    async def write(
        self,
        buffer: bytes,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> None:
        """Send all of `buffer`."""
        await self._inner.write(buffer, timeout)

    async def aclose(self) -> None:
        """Close the connection."""
        await self._inner.aclose()

    def get_extra_info(self, info: str) -> Any:
        """A property of the connection, by the names of httpcore2."""
        return self._inner.get_extra_info(info)


class RepairedHeads(ClosedOnFailure):
    """A connection whose response heads are repaired (`core.web.response_heads`).

    The bytes after each request begin with a head, and so do those after an interim response.
    """

    def __init__(self, inner: httpcore2.AsyncNetworkStream) -> None:
        super().__init__(inner)
        self._in_head = False
        self._ready = b""

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> httpcore2.AsyncNetworkStream:
        """Start TLS; the encrypted connection, with repaired heads too."""
        return RepairedHeads(await super().start_tls(ssl_context, server_hostname, timeout))

    async def write(
        self,
        buffer: bytes,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> None:
        """Send all of `buffer`, a part of a request."""
        self._in_head = True
        await super().write(buffer, timeout)

    async def read(
        self,
        max_bytes: int,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> bytes:
        """Up to `max_bytes` received bytes; empty at the end of the stream."""
        if not self._ready and self._in_head:
            self._ready = await self._head(max_bytes, timeout)
        if self._ready:
            data, self._ready = self._ready[:max_bytes], self._ready[max_bytes:]
            return data
        return await super().read(max_bytes, timeout)

    async def _head(self, max_bytes: int, timeout: float | None) -> bytes:  # noqa: ASYNC109
        """The next final head, repaired, and what was received after it.

        What is no head, is too long for one or ends early is left to the parser as it came.
        """
        received = b""
        searched = 0
        while True:
            end = end_of_head(received, searched)
            if end is not None:
                head, received = repaired_head(received[:end]), received[end:]
                status = head.removeprefix(b"HTTP/1.1 ").removeprefix(b"HTTP/1.0 ")[:3]
                if not status.startswith(b"1") or status == b"101":
                    break
                # Nobody needs an interim response, and the next head may be here already.
                searched = 0
                continue
            searched = max(len(received) - 3, 0)
            piece = await super().read(max_bytes, timeout)
            received += piece
            begins = received[:MAX_WHITE_SPACE].lstrip()[: len(HTTP)].upper()
            if not piece or len(received) > MAX_HEAD or not HTTP.startswith(begins):
                head = b""
                break
        self._in_head = False
        return head + received


class GuardedBackend(httpcore2.AsyncNetworkBackend):
    """A network backend that resolves a name once and checks all its addresses.

    It connects to whichever checked address answers first (RFC 8305). TLS and the Host header still
    use the name. DNS rebinding is impossible, because the name is not resolved again. Connections
    repair the heads of responses if `repair_heads`.
    """

    def __init__(
        self, resolve: Resolver, *, allow_private_networks: bool, repair_heads: bool = False
    ) -> None:
        self._resolve = resolve
        self._wrapped = RepairedHeads if repair_heads else ClosedOnFailure
        self._allow_private_networks = allow_private_networks
        self._inner = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """A connection to `host`; `timeout` is in seconds, for each address.

        Raises ForbiddenAddress if any of its addresses is not public, and NameNotFound if it has
        none; what else the resolver raises says why it gives none. Raises InternalError if this
        machine is out of resources. Raises ConnectError or ConnectTimeout of httpcore2 if no
        address accepts a connection.
        """
        addresses = await self._addresses(host, port)
        for address in addresses:
            self._check(host, address)
        if not addresses:
            raise NameNotFound(f"The host {host} has no address.")

        async def connect(address: Address) -> httpcore2.AsyncNetworkStream:
            return await self._inner.connect_tcp(
                str(address), port, timeout, local_address, socket_options
            )

        return self._wrapped(
            await _first_connected(_interleaved(addresses)[:MAX_ADDRESSES_TRIED], connect)
        )

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Raise ForbiddenAddress: no site is behind a Unix socket."""
        raise ForbiddenAddress("A file on this machine is not a web site.")

    async def sleep(self, seconds: float) -> None:
        """Sleep, for the retries of httpcore2."""
        await asyncio.sleep(seconds)

    async def _addresses(self, host: str, port: int) -> Sequence[Address]:
        literal = literal_address(host)
        if literal is not None:
            return [literal]
        try:
            return await self._resolve(host, port)
        except OSError as error:
            if is_out_of_resources(error):
                raise out_of_connections() from error
            raise NameNotFound(f"The name {host} cannot be resolved.") from error

    def _check(self, host: str, address: Address) -> None:
        if not self._allow_private_networks and not is_public(address):
            kind = classify(address)
            assert kind is not AddressKind.PUBLIC
            raise ForbiddenAddress(
                f"{host} is at {address}, a {kind.replace('_', '-')} address that Diffy does not "
                "connect to."
            )


def _interleaved(addresses: Sequence[Address]) -> list[Address]:
    """The addresses in the resolver's order, with alternating families (RFC 8305, 4)."""
    first = [each for each in addresses if each.version == addresses[0].version]
    other = [each for each in addresses if each.version != addresses[0].version]
    pairs = zip_longest(first, other)
    return [each for pair in pairs for each in pair if each is not None]


async def _first_connected(
    addresses: Sequence[Address],
    connect: Callable[[Address], Awaitable[httpcore2.AsyncNetworkStream]],
) -> httpcore2.AsyncNetworkStream:
    """The connection that is established first; the others are closed.

    The next address is tried when the one before it fails, or after `CONNECT_STAGGER` seconds.
    Raises the first error if all of them fail, and CancelledError if they were cancelled.
    """
    connected: list[httpcore2.AsyncNetworkStream] = []
    failures: list[Exception] = []

    async def attempt(address: Address, ended: anyio.Event) -> None:
        try:
            connected.append(await connect(address))
            attempts.cancel_scope.cancel()
        except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
            failures.append(error)
        finally:
            ended.set()

    try:
        async with anyio.create_task_group() as attempts:
            for address in addresses:
                ended = anyio.Event()
                attempts.start_soon(attempt, address, ended)
                with anyio.move_on_after(CONNECT_STAGGER):
                    await ended.wait()
                if connected:
                    break
    except BaseException:
        await _close(connected)
        raise
    if not connected and not failures:
        # A task group takes a cancellation for its own if it meets the deadline of an attempt.
        raise asyncio.CancelledError
    if not connected:
        raise failures[0]
    # Two may be established at the same moment.
    await _close(connected[1:])
    return connected[0]


async def _close(streams: Sequence[httpcore2.AsyncNetworkStream]) -> None:
    with anyio.CancelScope(shield=True):
        for stream in streams:
            await stream.aclose()
