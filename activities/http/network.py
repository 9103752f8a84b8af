"""Connections to public addresses only: every address of a name is checked before any is tried."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from ipaddress import ip_address
from itertools import zip_longest
from typing import Any, Final

import anyio
import httpcore2

from activities.http.failures import is_out_of_resources, no_more_connections
from core.errors import ForbiddenAddress, NameNotFound
from core.web.addresses import Address, AddressKind, classify, is_public, literal_address

Resolver = Callable[[str, int], Awaitable[Sequence[Address]]]
"""The addresses of a host, for a port. Raises OSError when there are none."""

STAGGER: Final = 0.25
"""Seconds that an address has to itself before the next one is tried beside it (RFC 8305, 5)."""

MOST_TRIED: Final = 8
"""Addresses of a host that are connected to for one connection; whoever names it names as many as
he likes.
"""

RESOLVING_THREADS = 32
"""Name resolution blocks a thread each; the loop's own pool has six on two cores."""


class SystemResolver:
    """Resolves as the operating system does.

    All that ask for a name at once share one answer: a thread cannot be told that nobody waits for
    it any more, and a name whose servers do not answer would have them all.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(RESOLVING_THREADS, thread_name_prefix="resolve")
        self._asked: dict[tuple[str, int], asyncio.Future[list[str]]] = {}

    async def __call__(self, host: str, port: int) -> Sequence[Address]:
        """The addresses of `host`. Raises OSError when there are none."""
        asked = self._asked.get((host, port))
        if asked is None:
            loop = asyncio.get_running_loop()
            asked = loop.run_in_executor(self._threads, _resolve, host, port)
            self._asked[host, port] = asked
            asked.add_done_callback(partial(self._answered, (host, port)))
        return [ip_address(each) for each in await asyncio.shield(asked)]

    def _answered(self, name: tuple[str, int], answer: asyncio.Future[list[str]]) -> None:
        del self._asked[name]
        if not answer.cancelled():
            answer.exception()  # those who asked may all have gone, and asyncio would complain

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class ClosedOnFailure(httpcore2.AsyncNetworkStream):
    """A connection that is closed when its TLS handshake is not finished, cancelled included.

    httpcore closes it after errors only: each deadline in a handshake would cost a connection that
    stays open for as long as the other side likes.
    """

    def __init__(self, inner: httpcore2.AsyncNetworkStream) -> None:
        self._inner = inner

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> httpcore2.AsyncNetworkStream:
        """The connection under TLS."""
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
        """What has arrived, `max_bytes` at most."""
        return await self._inner.read(max_bytes, timeout)

    async def write(
        self,
        buffer: bytes,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> None:
        """Send all of `buffer`."""
        await self._inner.write(buffer, timeout)

    async def aclose(self) -> None:
        """End the connection."""
        await self._inner.aclose()

    def get_extra_info(self, info: str) -> Any:
        """What httpcore asks of a connection, by name."""
        return self._inner.get_extra_info(info)


class GuardedBackend(httpcore2.AsyncNetworkBackend):
    """Resolves a name once, checks every address of it, and connects to the checked one that
    answers first (RFC 8305).

    The name stays what TLS and the Host header see. A name that changes its address between check
    and use cannot get past: it is not asked for again.
    """

    def __init__(self, resolve: Resolver, *, allow_private_networks: bool) -> None:
        self._resolve = resolve
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
        """A connection to `host`.

        Raises ForbiddenAddress when one of its addresses is not public, NameNotFound when it has
        none, and httpcore's own errors when none of them can be connected to.
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

        return ClosedOnFailure(await _first_connected(_in_turn(addresses)[:MOST_TRIED], connect))

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Never: a site is not reached through the file system."""
        raise ForbiddenAddress("A file on this machine is not a web site.")

    async def sleep(self, seconds: float) -> None:
        """Pause, as httpcore asks for between its own retries."""
        await asyncio.sleep(seconds)

    async def _addresses(self, host: str, port: int) -> Sequence[Address]:
        literal = literal_address(host)
        if literal is not None:
            return [literal]
        try:
            return await self._resolve(host, port)
        except OSError as error:
            if is_out_of_resources(error):
                raise no_more_connections() from error
            raise NameNotFound(f"The name {host} cannot be resolved.") from error

    def _check(self, host: str, address: Address) -> None:
        if not self._allow_private_networks and not is_public(address):
            kind = classify(address)
            assert kind is not AddressKind.PUBLIC
            raise ForbiddenAddress(
                f"{host} is at {address}, a {kind.replace('_', '-')} address that Diffy does not "
                "connect to."
            )


def _in_turn(addresses: Sequence[Address]) -> list[Address]:
    """The addresses in the order of the resolver, but the families alternate (RFC 8305, 4)."""
    first = [each for each in addresses if each.version == addresses[0].version]
    other = [each for each in addresses if each.version != addresses[0].version]
    pairs = zip_longest(first, other)
    return [each for pair in pairs for each in pair if each is not None]


async def _first_connected(
    addresses: Sequence[Address],
    connect: Callable[[Address], Awaitable[httpcore2.AsyncNetworkStream]],
) -> httpcore2.AsyncNetworkStream:
    """The connection to whichever address is there first; the others are closed.

    An address is tried once the one before it has failed, or has taken `STAGGER` seconds. Raises
    the first of httpcore's own errors when all of them fail.
    """
    connected: list[httpcore2.AsyncNetworkStream] = []
    failures: list[Exception] = []

    async def attempt(address: Address, over: anyio.Event) -> None:
        try:
            connected.append(await connect(address))
            attempts.cancel_scope.cancel()
        except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
            failures.append(error)
        finally:
            over.set()

    try:
        async with anyio.create_task_group() as attempts:
            for address in addresses:
                over = anyio.Event()
                attempts.start_soon(attempt, address, over)
                with anyio.move_on_after(STAGGER):
                    await over.wait()
                if connected:
                    break
    except BaseException:
        await _close(connected)
        raise
    if not connected:
        raise failures[0]
    # Two may have been there at the same moment.
    await _close(connected[1:])
    return connected[0]


async def _close(streams: Sequence[httpcore2.AsyncNetworkStream]) -> None:
    with anyio.CancelScope(shield=True):
        for stream in streams:
            await stream.aclose()


def _resolve(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))
