"""No connection is ever opened to an address that is not public, whatever the way to it.

Counted twice: by listeners on every address of this machine, and by Python's own record of the
connections that are attempted, which sees also those to machines that are not here.
"""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import ip_address
from itertools import cycle
from typing import Final

import httpcore2
import pytest

from activities.crawling.check import Check
from activities.crawling.page_fetcher import PageFetcher
from activities.crawling.stored_frames import StoredFrames
from activities.extraction.extractor import Extractor
from activities.http.fetch import Fetched, Fetcher
from activities.http.politeness import Politeness
from core.errors import BadRedirect, ForbiddenAddress, InvalidAddress
from core.web.addresses import Address, literal_address
from core.web.crawl_settings import CrawlProfile, Frames
from core.web.frames import MAX_FRAMES
from core.web.urls import host_of, normalise
from store.tables.domains import Domain
from store.tables.pages import Page
from tests.site import FakeSite

PUBLIC: Final = "93.184.215.14"

WRITTEN: Final = (
    # loopback, in each notation that a URL may have
    "127.0.0.1 127.1 127.0.1 127.255.255.254 0x7f.1 0x7f000001 0x7F.0x0.0x0.0x1 2130706433"
    " 017700000001 0177.0.0.1 0177.0.0.01 127.0.0.1. 127.1. 0x7f.0.0.0x1 127.0x1"
    " 127%2e0%2e0%2e1 %31%32%37.0.0.1 127。0。0。1 １２７.0.0.1 ⓪177.1 ①②⑦.0.0.1"
    # this network, private, carrier-grade, link-local with the clouds' metadata
    " 0 0.0.0.0 0x0 10.0.0.1 10.1 172.16.0.1 172.31.255.254 192.168.1.1 3232235777 100.64.0.1"
    " 100.100.100.200 169.254.169.254 0xa9fea9fe 2852039166 0251.0376.0251.0376 169.254.170.2"
    " 168.63.129.16 192.0.0.192 192.0.0.1 198.18.0.1 192.88.99.1"
    # multicast, broadcast, reserved, documentation
    " 224.0.0.1 239.255.255.250 255.255.255.255 240.0.0.1 192.0.2.1 203.0.113.9"
    # IPv6, and IPv4 within it
    " [::1] [0:0:0:0:0:0:0:1] [::] [::127.0.0.1] [::7f00:1] [::ffff:127.0.0.1] [::ffff:7f00:1]"
    " [::ffff:10.0.0.1] [::ffff:169.254.169.254] [::ffff:0:127.0.0.1] [64:ff9b::127.0.0.1]"
    " [64:ff9b::a9fe:a9fe] [64:ff9b:1::10.0.0.1] [2002:7f00:1::] [2002:a9fe:a9fe::1]"
    " [2001:0:7f00:1::] [fe80::1] [fc00::1] [fd00:ec2::254] [fd20:ce::254] [fec0::1] [ff02::1]"
    " [2001:db8::1] [100::1]"
)
"""Hosts that are addresses not public."""

LITERALS: Final = WRITTEN.split()

NAMES: Final = {
    "localhost": ["127.0.0.1", "::1"],
    "private.example": ["10.0.0.1"],
    "metadata.google.internal": ["169.254.169.254"],
    "127.0.0.1.nip.example": ["127.0.0.1"],
    "mapped.example": ["::ffff:127.0.0.1"],
    "public-first.example": [PUBLIC, "127.0.0.1"],
    "public-last.example": ["127.0.0.1", PUBLIC],
    "six.example": ["2606:4700::1", "fd00:ec2::254"],
    "nat64.example": ["64:ff9b::7f00:1"],
}
"""Names, and the addresses that they resolve to."""


@dataclass
class Watch:
    """What was connected to: accepted by a listener, or attempted at all."""

    port: int
    accepted: list[str] = field(default_factory=list)
    attempted: list[str] = field(default_factory=list)


_watches: list[Watch] = []


def _hear(event: str, args: tuple[object, ...]) -> None:
    if event == "socket.connect" and _watches:
        address = args[1]
        if isinstance(address, tuple):
            _watches[-1].attempted.append(f"{address[0]}:{address[1]}")


@pytest.fixture(scope="module", autouse=True)
def _audit() -> None:
    """Python keeps an audit hook for as long as it runs."""
    sys.addaudithook(_hear)


@pytest.fixture
async def watch() -> AsyncIterator[Watch]:
    """Listeners on every IPv4 and IPv6 address of this machine, at one port."""
    watch = Watch(0)

    def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        watch.accepted.append(str(writer.get_extra_info("sockname")[0]))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret")
        writer.close()

    four = socket.create_server(("0.0.0.0", 0))
    watch.port = four.getsockname()[1]
    listening = [four]
    if socket.has_ipv6:
        listening.append(socket.create_server(("::", watch.port), family=socket.AF_INET6))
    servers = [await asyncio.start_server(accept, sock=each) for each in listening]
    _watches.append(watch)
    yield watch
    _watches.remove(watch)
    for server in servers:
        server.close()
        await server.wait_closed()


async def resolve(host: str, _: int) -> Sequence[Address]:
    """As `NAMES` say; what they do not name is public."""
    return [ip_address(each) for each in NAMES.get(host, [PUBLIC])]


class Internet(httpcore2.AnyIOBackend):
    """Stands for the public internet, whose one site is `site`; the rest is as it is."""

    def __init__(self, site: FakeSite) -> None:
        self.site = site

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109
        local_address: str | None = None,
        socket_options: object = None,
    ) -> httpcore2.AsyncNetworkStream:
        if host == PUBLIC:
            host, port = "127.0.0.1", int(self.site.origin.rpartition(":")[2])
        return await super().connect_tcp(host, port, timeout, local_address)


@pytest.fixture
async def guarded(site: FakeSite, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Fetcher]:
    """A fetcher as it is by default, with one public site that it can reach."""
    monkeypatch.setattr("activities.http.network.httpcore2.AnyIOBackend", lambda: Internet(site))
    fetcher = Fetcher(user_agent="DiffyBot", allow_private_networks=False, resolve=resolve)
    yield fetcher
    await fetcher.aclose()


def targets(port: int) -> list[str]:
    return [f"http://{host}:{port}/" for host in (*LITERALS, *NAMES)]


async def test_no_address_of_many_notations_and_names_is_connected_to(
    guarded: Fetcher, watch: Watch
) -> None:
    assert len(targets(watch.port)) >= 80
    for url in targets(watch.port):
        with pytest.raises(ForbiddenAddress, match="does not connect to"):
            await guarded.fetch(url)
    assert (watch.accepted, watch.attempted) == ([], [])


async def test_no_redirect_leads_to_a_private_address(
    guarded: Fetcher, site: FakeSite, watch: Watch
) -> None:
    for status, url in zip(cycle((301, 302, 303, 307, 308)), targets(watch.port), strict=False):
        location = {"Location": url.encode().decode("latin-1")}
        site.page("/go", "", status=status, headers=location)
        with pytest.raises((ForbiddenAddress, BadRedirect)):
            await guarded.fetch("http://public.example/go")
    assert len(site.requests_for("/go")) == len(targets(watch.port))
    assert watch.accepted == []
    assert {f"http://{each}" for each in watch.attempted} == {site.origin}


async def test_no_refresh_leads_to_a_private_address(
    guarded: Fetcher, site: FakeSite, watch: Watch
) -> None:
    """In a header, or in the page."""
    extractor = Extractor(1)
    pages = PageFetcher(guarded, NoPoliteness(), extractor)
    check = Check("job", Page(url="http://public.example/go"), CrawlProfile())
    foreign = Domain(domain="http://public.example")
    try:
        for url in targets(watch.port):
            refresh = f"0; url={url}"
            site.page("/go", "", headers={"Refresh": refresh.encode().decode("latin-1")})
            with pytest.raises((ForbiddenAddress, BadRedirect)):
                await guarded.fetch("http://public.example/go")
            site.page(
                "/go", f"<meta charset=utf-8><meta http-equiv=refresh content='{refresh}'><p>Go"
            )
            with pytest.raises((ForbiddenAddress, BadRedirect)):
                await pages.fetch(check, foreign)
    finally:
        extractor.close()
    assert watch.accepted == []
    assert {f"http://{each}" for each in watch.attempted} == {site.origin}


async def test_a_site_that_becomes_private_is_not_refreshed_to(
    site: FakeSite, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the same host: only the guard of addresses is left."""
    names = [PUBLIC]

    async def moving(_: str, __: int) -> Sequence[Address]:
        return [ip_address(each) for each in names]

    monkeypatch.setattr("activities.http.network.httpcore2.AnyIOBackend", lambda: Internet(site))
    fetcher = Fetcher(user_agent="DiffyBot", allow_private_networks=False, resolve=moving)
    extractor = Extractor(1)
    pages = PageFetcher(fetcher, NoPoliteness(), extractor)
    site.page(
        "/",
        "<meta http-equiv=refresh content='0; url=/x'><p>Go",
        headers={"Connection": "close"},
    )
    origin = f"http://shop.example:{watch.port}"
    check = Check("job", Page(url=f"{origin}/"), CrawlProfile())
    admitted: list[str] = []

    async def admit(url: str, max_wait: timedelta = timedelta()) -> None:
        admitted.append(url)
        names[:] = [PUBLIC if len(admitted) == 1 else "127.0.0.1"]

    monkeypatch.setattr(NoPoliteness, "admit", lambda _, url, *args: admit(url))
    try:
        with pytest.raises(ForbiddenAddress):
            await pages.fetch(check, Domain(domain=origin))
    finally:
        extractor.close()
        await fetcher.aclose()
    assert len(admitted) == 2
    assert watch.accepted == []


@pytest.mark.parametrize("written", ["file:///etc/passwd", "gopher://127.0.0.1:6379/", "ftp://a/"])
async def test_a_refresh_to_another_scheme_is_none(
    guarded: Fetcher, site: FakeSite, watch: Watch, written: str
) -> None:
    extractor = Extractor(1)
    pages = PageFetcher(guarded, NoPoliteness(), extractor)
    check = Check("job", Page(url="http://public.example/go"), CrawlProfile())
    meta = f"<meta http-equiv=refresh content='0; url={written}'><p>Here"
    site.page("/go", meta, headers={"Refresh": f"0; url={written}"})
    try:
        fetched = await pages.fetch(check, Domain(domain="http://public.example"))
    finally:
        extractor.close()
    assert fetched.body == meta.encode()
    assert watch.accepted == []


@pytest.mark.parametrize("scheme", ["file:///etc/passwd", "gopher://127.0.0.1:6379/", "ftp://a/"])
async def test_other_schemes_are_no_way_in(guarded: Fetcher, watch: Watch, scheme: str) -> None:
    with pytest.raises(InvalidAddress):
        await guarded.fetch(scheme)
    assert (watch.accepted, watch.attempted) == ([], [])


async def test_a_name_that_moves_between_check_and_use_gains_nothing(
    site: FakeSite, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    async def rebinding(host: str, _: int) -> Sequence[Address]:
        asked.append(host)
        return [ip_address(PUBLIC if len(asked) % 2 else "127.0.0.1")]

    monkeypatch.setattr("activities.http.network.httpcore2.AnyIOBackend", lambda: Internet(site))
    fetcher = Fetcher(user_agent="DiffyBot", allow_private_networks=False, resolve=rebinding)
    site.page("/", "public", headers={"Connection": "close"})
    outcomes = set()
    for number in range(10):
        try:
            await fetcher.fetch(f"http://rebinding{number}.example:{watch.port}/")
            outcomes.add("public")
        except ForbiddenAddress:
            outcomes.add("forbidden")
    await fetcher.aclose()
    assert outcomes == {"public", "forbidden"}
    assert len(asked) == 10, "one question for each connection"
    assert watch.accepted == []


async def test_the_listeners_do_count(watch: Watch) -> None:
    fetcher = Fetcher(user_agent="DiffyBot", allow_private_networks=True)
    for host in ("127.0.0.1", "0x7f.1", "127.9.9.9", "[::1]", "[::ffff:127.0.0.1]", "localhost"):
        assert (await fetcher.fetch(f"http://{host}:{watch.port}/")).body == b"secret"
    await fetcher.aclose()
    assert len(watch.accepted) == len(watch.attempted) == 6


def test_every_notation_becomes_the_address_that_is_checked() -> None:
    hosts = [host_of(normalise(f"http://{written}/")) for written in LITERALS]
    assert [host for host in hosts if literal_address(host) is None] == []


class NoStoredFrames(StoredFrames):
    """The frames of a page without a version."""

    def __init__(self) -> None:
        pass

    async def has(self, _: str) -> bool | None:
        """None: there is no version to compare with."""
        return None


class NoPoliteness(Politeness):
    """Admits everything at once."""

    def __init__(self) -> None:
        pass

    async def admit(self, url: str, max_wait: timedelta = timedelta()) -> None:
        """Admit it."""


async def test_no_frame_of_a_page_leads_to_a_private_address(
    guarded: Fetcher, site: FakeSite, watch: Watch
) -> None:
    extractor = Extractor(1)
    pages = PageFetcher(guarded, NoPoliteness(), extractor)
    url = "http://public.example/"
    page = Page(url=url)
    domain = Domain(domain="http://public.example")
    check = Check("job", page, CrawlProfile(frames=Frames.ALL))
    site.page("/go", "", status=302, headers={"Location": f"http://127.0.0.1:{watch.port}/"})
    site.page("/there", "<p>There</p>")
    addresses = targets(watch.port)
    try:
        for start in range(0, len(addresses), MAX_FRAMES - 2):
            frames = (*addresses[start : start + MAX_FRAMES - 2], "/go", "/there")
            body = "".join(f"<iframe src='{each}'></iframe>" for each in frames).encode()
            fetched = Fetched(url, 200, None, body)
            framed = await pages.with_frames(check, domain, fetched, NoStoredFrames())
            assert b"There" in framed.body
            assert b"secret" not in framed.body
    finally:
        extractor.close()
    assert watch.accepted == []
    assert {f"http://{each}" for each in watch.attempted} == {site.origin}
