"""Only public addresses are connected to: measured at sockets, not at error messages."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import ip_address

import httpcore2
import httpx2
import pytest

from activities.http.fetch import Fetcher, FetchLimits
from activities.http.network import (
    MAX_ADDRESSES_TRIED,
    GuardedBackend,
    Resolver,
    _first_connected,
)
from activities.http.resolver import RESOLVER_THREADS
from core.errors import ForbiddenAddress, SiteUnreachable
from core.web.addresses import Address
from tests.activities.conftest import USER_AGENT
from tests.eventually import eventually
from tests.ports import free_port
from tests.site import FakeSite

LOOPBACK = [
    "127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1",
    "017700000001", "0", "0.0.0.0", "127.0.0.1.", "127.255.255.254", "%31%32%37.0.0.1",
    "１２７.０.０.１", "localhost", "LOCALHOST", "[::1]", "[0:0:0:0:0:0:0:1]", "[::]",
    "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]",
]  # fmt: skip
PRIVATE = [
    "10.0.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "fd00::1", "fe80::1",
    "64:ff9b::7f00:1",
]  # fmt: skip


@dataclass
class Listener:
    """Counts the connections that reach a port of this machine, on every address it has."""

    port: int = 0
    connections: int = 0
    open: int = 0
    _writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def accept(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Count, answer, close."""
        self.connections += 1
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
        await writer.drain()
        writer.close()


@asynccontextmanager
async def listening() -> AsyncIterator[Listener]:
    """A listener on all addresses."""
    listener = Listener(free_port())
    async with await asyncio.start_server(listener.accept, None, listener.port):
        yield listener


@dataclass
class FakeResolver:
    """Answers in turn, the last answer for ever; counts how often it was asked."""

    answers: list[list[str]]
    asked: int = 0

    async def __call__(self, host: str, port: int) -> list[Address]:
        """The next answer."""
        answer = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        return [ip_address(address) for address in answer]


@asynccontextmanager
async def resolving(*answers: list[str], private: bool = False) -> AsyncIterator[Fetcher]:
    """A fetcher whose names have these addresses."""
    fetcher = Fetcher(
        user_agent=USER_AGENT,
        allow_private_networks=private,
        resolve=FakeResolver(list(answers)),
    )
    yield fetcher
    await fetcher.aclose()


@pytest.mark.parametrize("host", LOOPBACK)
async def test_no_notation_of_loopback_is_connected_to(guarded: Fetcher, host: str) -> None:
    async with listening() as listener:
        with pytest.raises(ForbiddenAddress, match="that Diffy does not connect to"):
            await guarded.fetch(f"http://{host}:{listener.port}/")
        assert listener.connections == 0


async def test_the_listener_would_have_seen_a_connection(fetcher: Fetcher) -> None:
    async with listening() as listener:
        for host in ("127.1", "localhost", "[::ffff:127.0.0.1]"):
            assert (await fetcher.fetch(f"http://{host}:{listener.port}/")).status == 200
        assert listener.connections == 3


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "0.0.0.0", *PRIVATE])
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_name_at_a_private_address_is_not_connected_to(scheme: str, address: str) -> None:
    async with listening() as listener, resolving([address]) as fetcher:
        with pytest.raises(ForbiddenAddress, match=r"shop\.example is at") as caught:
            await fetcher.fetch(f"{scheme}://shop.example:{listener.port}/")
        assert str(ip_address(address)) in caught.value.message
        assert listener.connections == 0


@pytest.mark.parametrize("place", [0, 1, 2])
async def test_one_private_address_among_public_ones_is_enough(place: int) -> None:
    addresses = ["8.8.8.8", "2606:4700:4700::1111"]
    addresses.insert(place, "127.0.0.1")
    async with listening() as listener, resolving(addresses) as fetcher:
        with pytest.raises(ForbiddenAddress, match="a loopback address"):
            await fetcher.fetch(f"http://shop.example:{listener.port}/")
        assert listener.connections == 0


class Recorder(httpcore2.AsyncNetworkBackend):
    """Connects to loopback whatever it is told, and keeps what it was told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.fails: set[str] = set()
        self.hangs: set[str] = set()
        self.together = asyncio.Barrier(1)
        self._inner = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109
        local_address: str | None = None,
        socket_options: object = None,
    ) -> httpcore2.AsyncNetworkStream:
        """A connection to the same port of this machine."""
        self.told.append(host)
        if host in self.fails:
            raise httpcore2.ConnectError("not there")
        if host in self.hangs:
            await asyncio.Event().wait()
        stream = await self._inner.connect_tcp("127.0.0.1", port)
        await self.together.wait()
        return stream


async def connect(backend: GuardedBackend, port: int) -> None:
    stream = await backend.connect_tcp("shop.example", port)
    await stream.aclose()


def guard(resolver: Resolver) -> tuple[GuardedBackend, Recorder]:
    backend, recorder = GuardedBackend(resolver, allow_private_networks=False), Recorder()
    backend._inner = recorder  # type: ignore[assignment]
    return backend, recorder


async def test_a_name_is_asked_for_once_and_its_checked_address_used() -> None:
    """A name that is public when checked and private when used gets no second question."""
    resolver = FakeResolver([["93.184.215.14"], ["127.0.0.1"]])
    backend, recorder = guard(resolver)
    async with listening() as listener:
        await connect(backend, listener.port)
        assert (resolver.asked, recorder.told) == (1, ["93.184.215.14"])
        with pytest.raises(ForbiddenAddress):
            await connect(backend, listener.port)
        assert (resolver.asked, recorder.told) == (2, ["93.184.215.14"])


async def test_an_address_that_fails_leaves_it_to_the_next() -> None:
    backend, recorder = guard(FakeResolver([["2606:4700:4700::1111", "8.8.8.8"]]))
    recorder.fails = {"2606:4700:4700::1111"}
    async with listening() as listener:
        await connect(backend, listener.port)
        assert recorder.told == ["2606:4700:4700::1111", "8.8.8.8"]
        recorder.fails = {"2606:4700:4700::1111", "8.8.8.8"}
        with pytest.raises(httpcore2.ConnectError):
            await connect(backend, listener.port)


V6, V4 = [f"2606:4700:4700::{n}" for n in range(1, 5)], [f"8.8.8.{n}" for n in range(1, 5)]


@pytest.mark.parametrize(
    ("addresses", "tried"),
    [
        (V6[:3] + V4[:2], [V6[0], V4[0], V6[1], V4[1], V6[2]]),
        (V4[:1] + V6[:3], [V4[0], V6[0], V6[1], V6[2]]),
        (V4, V4),
    ],
)
async def test_families_take_turns_in_the_order_of_the_resolver(
    addresses: list[str], tried: list[str]
) -> None:
    backend, recorder = guard(FakeResolver([addresses]))
    recorder.fails = set(tried[:-1])
    async with listening() as listener:
        await connect(backend, listener.port)
    assert recorder.told == tried


async def test_addresses_without_number_are_all_checked_and_some_are_tried() -> None:
    addresses = [f"8.8.{high}.{low}" for high in range(4) for low in range(250)]
    resolver = FakeResolver([addresses, [*addresses, "127.0.0.1"]])
    backend, recorder = guard(resolver)
    recorder.fails = set(addresses)
    with pytest.raises(httpcore2.ConnectError):
        await connect(backend, 80)
    assert recorder.told == addresses[:MAX_ADDRESSES_TRIED]
    with pytest.raises(ForbiddenAddress):
        await connect(backend, 80)
    assert recorder.told == addresses[:MAX_ADDRESSES_TRIED]


async def test_an_address_that_does_not_answer_is_not_waited_for() -> None:
    backend, recorder = guard(FakeResolver([[V6[0], V4[0], V6[1]]]))
    recorder.hangs = {V6[0]}
    async with listening() as listener:
        await connect(backend, listener.port)
    assert recorder.told == [V6[0], V4[0]]
    left = {task for task in asyncio.all_tasks() if "attempt" in repr(task.get_coro())}
    assert left == set(), "nobody goes on trying"


async def test_of_two_addresses_that_answer_at_once_one_connection_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("activities.http.network.CONNECT_STAGGER", 0)
    backend, recorder = guard(FakeResolver([[V6[0], V4[0]]]))
    recorder.together = asyncio.Barrier(2)
    async with staying() as site:
        stream = await backend.connect_tcp("shop.example", site.port)
        await eventually(lambda: open_at(site), lambda count: count == 1)
        assert site.connections == 2
        await stream.aclose()
        await eventually(lambda: open_at(site), lambda count: count == 0)


async def test_attempts_that_were_cancelled_are_a_cancellation_and_no_fault_of_ours() -> None:
    async def cancelled(_: Address) -> httpcore2.AsyncNetworkStream:
        raise asyncio.CancelledError

    for addresses in (["127.0.0.1"], ["127.0.0.1", "::1"]):
        with pytest.raises(asyncio.CancelledError):
            await _first_connected([ip_address(each) for each in addresses], cancelled)


async def test_a_connection_that_is_there_when_nobody_wants_it_any_more_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("activities.http.network.CONNECT_STAGGER", 0)
    backend, recorder = guard(FakeResolver([[V6[0], V4[0]]]))
    recorder.together = asyncio.Barrier(3)
    async with staying() as site:
        task = asyncio.create_task(backend.connect_tcp("shop.example", site.port))
        await eventually(lambda: open_at(site), lambda count: count == 2)
        await recorder.together.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await eventually(lambda: open_at(site), lambda count: count == 0)


async def open_at(site: Listener) -> int:
    """How many connections of a listener are open."""
    return site.open


@asynccontextmanager
async def staying() -> AsyncIterator[Listener]:
    """A listener that says nothing, and sees when it is left."""
    site = Listener(free_port())

    async def stay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        site.connections += 1
        site.open += 1
        try:
            await reader.read()
        finally:
            site.open -= 1
            writer.close()

    async with await asyncio.start_server(stay, "127.0.0.1", site.port):
        yield site


async def test_a_dead_address_costs_a_site_a_moment_and_not_its_deadline(site: FakeSite) -> None:
    """The system's own sockets: nobody accepts at one of the addresses, whose queue is full."""
    site.page("/", "<p>here</p>")
    port = int(site.origin.rsplit(":", 1)[1])
    limits = FetchLimits(deadline=timedelta(seconds=5))
    with deaf("127.0.0.2", port):
        async with resolving(["127.0.0.2", "127.0.0.1"], private=True) as fetcher:
            answer = await fetcher.fetch(f"http://shop.example:{port}/", limits=limits)
    assert answer.status == 200


@contextmanager
def deaf(address: str, port: int) -> Iterator[None]:
    """A port at which connections are neither accepted nor refused."""
    with ExitStack() as sockets:
        listener = sockets.enter_context(socket.socket())
        listener.bind((address, port))
        listener.listen(0)
        for _ in range(2):
            waiting = sockets.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex((address, port))
        yield


async def test_a_name_without_an_address_is_unreachable() -> None:
    async with resolving([]) as fetcher:
        with pytest.raises(SiteUnreachable, match=r"shop\.example has no address"):
            await fetcher.fetch("http://shop.example/")


async def test_a_name_that_cannot_be_resolved_is_unreachable() -> None:
    async def refuse(host: str, port: int) -> list[Address]:
        raise OSError("Name or service not known")

    fetcher = Fetcher(user_agent=USER_AGENT, allow_private_networks=False, resolve=refuse)
    with pytest.raises(SiteUnreachable, match=r"shop\.example cannot be resolved"):
        await fetcher.fetch("http://shop.example/")
    await fetcher.aclose()


async def test_names_that_a_page_in_a_browser_asks_for_keep_no_job_waiting(
    site: FakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.page("/", "<p>here</p>")
    answering = threading.Event()
    asked: list[str] = []

    def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        if host != "shop.example":
            answering.wait()
        return ["127.0.0.1"]

    monkeypatch.setattr("activities.http.resolver._resolve", resolve)
    fetcher = Fetcher(user_agent=USER_AGENT, allow_private_networks=True)
    hosts = [f"h{number}.example" for number in range(2 * RESOLVER_THREADS)]
    waiting = [asyncio.create_task(fetcher.network.connect_tcp(host, 9)) for host in hosts]
    await eventually(lambda: counted(asked), lambda count: count == RESOLVER_THREADS)
    try:
        limits = FetchLimits(deadline=timedelta(seconds=5))
        url = site.url("/").replace("127.0.0.1", "shop.example")
        assert (await fetcher.fetch(url, limits=limits)).status == 200
    finally:
        answering.set()
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        await fetcher.aclose()


async def counted(asked: list[str]) -> int:
    """How many names were asked for."""
    return len(asked)


async def test_a_name_stays_what_the_site_is_asked_for(site: FakeSite) -> None:
    site.page("/", "<p>here</p>")
    port = int(site.origin.rsplit(":", 1)[1])
    async with resolving(["127.0.0.1"], private=True) as fetcher:
        await fetcher.fetch(f"http://shop.example:{port}/")
    assert site.requests[0].headers["host"] == f"shop.example:{port}"


async def test_a_redirect_to_loopback_is_not_followed() -> None:
    """The site itself is at a public address; only its redirect leads into this machine."""
    backend, recorder = guard(FakeResolver([["93.184.215.14"]]))
    fetcher = Fetcher(user_agent=USER_AGENT, allow_private_networks=False)
    use_backend(fetcher, backend)
    async with FakeSite() as site, listening() as listener:
        port = site.origin.rsplit(":", 1)[1]
        for host in ("127.0.0.1", "0x7f.1", "[::1]", "169.254.169.254"):
            target = f"http://{host}:{listener.port}/latest/meta-data"
            site.page("/", "", status=302, headers={"Location": target})
            with pytest.raises(ForbiddenAddress):
                await fetcher.fetch(f"http://shop.example:{port}/")
        assert listener.connections == 0
        assert set(recorder.told) == {"93.184.215.14"}
        assert len(site.requests) == 4
    await fetcher.aclose()


def use_backend(fetcher: Fetcher, backend: GuardedBackend) -> None:
    pool = transport_of(fetcher)._pool
    assert isinstance(pool, httpcore2.AsyncConnectionPool)
    pool._network_backend = backend


def transport_of(fetcher: Fetcher) -> httpx2.AsyncHTTPTransport:
    transport = fetcher._client._transport
    assert isinstance(transport, httpx2.AsyncHTTPTransport)
    return transport


async def test_files_of_this_machine_are_no_sites() -> None:
    backend, _ = guard(FakeResolver([["8.8.8.8"]]))
    with pytest.raises(ForbiddenAddress):
        await backend.connect_unix_socket("/var/run/docker.sock")


async def test_httpx2_still_keeps_its_pool_where_the_guard_is_put() -> None:
    """`activities.http.fetch` replaces a private attribute.

    When this fails after an update of httpx2, find where its transport keeps the pool now, before
    anything else is released.
    """
    plain = httpx2.AsyncHTTPTransport(trust_env=False)
    moved = "httpx2.AsyncHTTPTransport has no `_pool` of httpcore2 any more: the guard is not used"
    assert isinstance(getattr(plain, "_pool", None), httpcore2.AsyncConnectionPool), moved
    used: list[str] = []

    def noting(inner: Callable[..., Awaitable[object]]) -> Callable[..., Awaitable[object]]:
        async def note(host: str, *args: object, **kwargs: object) -> object:
            used.append(host)
            return await inner(host, *args, **kwargs)

        return note

    fetcher = Fetcher(user_agent=USER_AGENT, allow_private_networks=False)
    backend = getattr(transport_of(fetcher)._pool, "_network_backend", None)
    assert isinstance(backend, GuardedBackend), moved
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(backend, "connect_tcp", noting(backend.connect_tcp))
        with pytest.raises(ForbiddenAddress):
            await fetcher.fetch("http://127.0.0.1:9/")
    assert used == ["127.0.0.1"], moved
    await plain.aclose()
    await fetcher.aclose()
