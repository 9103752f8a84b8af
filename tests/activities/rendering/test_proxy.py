"""The browser's way out, spoken to directly: where it does not go, and what it does not pass on."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from ipaddress import ip_address

import pytest

from activities.http.network import GuardedBackend
from activities.rendering.proxy import GuardingProxy, ProxyLimits
from core.web.addresses import Address
from tests.activities.http.test_address_guard import LITERALS, NAMES, PUBLIC, Internet, Watch, watch
from tests.eventually import HANG
from tests.site import FakeSite, SiteRequest

__all__ = ["watch"]


async def resolve(host: str, _: int) -> Sequence[Address]:
    return [ip_address(each) for each in NAMES.get(host, [PUBLIC])]


@pytest.fixture
async def proxy(site: FakeSite, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[GuardingProxy]:
    """A proxy to an internet of one public site."""
    monkeypatch.setattr("activities.http.network.httpcore2.AnyIOBackend", lambda: Internet(site))
    network = GuardedBackend(resolve, allow_private_networks=False)
    async with GuardingProxy(network, ProxyLimits(connections=400)) as proxy:
        yield proxy


@asynccontextmanager
async def connection(
    proxy: GuardingProxy,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(proxy.address[17:]))
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def asked(proxy: GuardingProxy, request: str) -> bytes:
    """All that the proxy answers to `request`."""
    async with connection(proxy) as (reader, writer):
        writer.write(request.encode())
        async with asyncio.timeout(HANG):
            return await reader.read()


async def test_no_address_that_is_not_public_is_connected_to(
    proxy: GuardingProxy, watch: Watch
) -> None:
    hosts = [host for host in (*LITERALS, *NAMES) if host.isascii()]
    for host in hosts:
        for request in (
            f"CONNECT {host}:{watch.port} HTTP/1.1\r\n\r\n",
            f"GET http://{host}:{watch.port}/ HTTP/1.1\r\nHost: public.example\r\n\r\n",
        ):
            assert (await asked(proxy, request)).startswith(b"HTTP/1.1 403 "), request
    assert proxy.refused == 2 * len(hosts)
    assert watch.accepted == []


@pytest.mark.parametrize(
    "line",
    [
        "GET / HTTP/1.1", "GET https://public.example/ HTTP/1.1", "GET ftp://a.example/ HTTP/1.1",
        "GET http://a@public.example/ HTTP/1.1", "CONNECT public.example HTTP/1.1",
        "CONNECT public.example:99999 HTTP/1.1", "CONNECT /etc/passwd:1 HTTP/1.1",
    ],
)  # fmt: skip
async def test_what_is_no_request_to_a_web_site_is_refused(proxy: GuardingProxy, line: str) -> None:
    assert (await asked(proxy, f"{line}\r\n\r\n")).startswith(b"HTTP/1.1 403 ")


async def test_a_request_is_passed_on_and_the_connection_ends_with_it(
    proxy: GuardingProxy, site: FakeSite
) -> None:
    site.page("/a?utm_source=x", "hello", headers={"Connection": "keep-alive"})
    request = (
        "GET http://public.example/a?utm_source=x HTTP/1.1\r\nHost: public.example\r\n"
        "Proxy-Connection: keep-alive\r\nX-Own: 1\r\n\r\n"
        # What follows is for another host: it must not go to the first one.
        "GET http://other.example/secret HTTP/1.1\r\nCookie: hunter2\r\n\r\n"
    )
    async with connection(proxy) as (reader, writer):
        writer.write(request.encode())
        answer = await reader.readuntil(b"hello")
    assert b"connection: close" in answer.lower()
    assert b"keep-alive" not in answer
    [passed_on] = site.requests
    assert passed_on.target == "/a?utm_source=x", "as it was written"
    assert passed_on.headers["connection"] == "close"
    assert passed_on.headers["x-own"] == "1"
    assert "proxy-connection" not in passed_on.headers


async def test_a_tunnel_carries_bytes_both_ways(proxy: GuardingProxy, site: FakeSite) -> None:
    site.page("/", "through")
    async with connection(proxy) as (reader, writer):
        writer.write(b"CONNECT public.example:443 HTTP/1.1\r\n\r\n")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        assert (await reader.readuntil(b"through")).startswith(b"HTTP/1.1 200 OK")


async def test_connections_and_bytes_are_bounded(site: FakeSite) -> None:
    async def long(_: SiteRequest, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 300_000)

    site.behave("/long", long)
    network = GuardedBackend(resolve, allow_private_networks=True)
    request = f"GET {site.url('/long')} HTTP/1.1\r\n\r\n"
    async with GuardingProxy(network, ProxyLimits(connections=2, bytes=200_000)) as proxy:
        for _ in range(2):
            with pytest.raises(ConnectionResetError):
                await asked(proxy, request)
        assert (await asked(proxy, request)).startswith(b"HTTP/1.1 403 ")
    assert len(site.requests) == 2
