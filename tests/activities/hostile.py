"""A site that is hostile or broken in every way that a test can think of."""

import asyncio
import gzip
import re
import socket
import ssl
import struct
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from core.errors import (
    AccessRefused,
    BrokenBody,
    BrokenCompression,
    ConnectionBroken,
    ConnectionFailed,
    EmptyPage,
    HeadersTooLarge,
    InvalidAnswer,
    JobError,
    NotAPage,
    PageGone,
    PageTooLarge,
    RedirectLoop,
    RedirectToNowhere,
    RedirectToOtherSite,
    SiteError,
    SiteOverloaded,
    SiteTimeout,
    TlsFailed,
    TooManyRedirects,
)
from tests.activities.behaviours import OK, encoded, repeating, sending
from tests.activities.bombs import bomb
from tests.eventually import eventually
from tests.ports import free_port
from tests.site import Behaviour, FakeSite, SiteRequest

CHUNKED: Final = OK + b"Transfer-Encoding: chunked\r\n\r\n"
CHUNK: Final = b"4000\r\n" + b"a" * 0x4000 + b"\r\n"
PAGE: Final = b"<title>Prices</title><p>Pro costs $99 a month."
CERTIFICATE: Final = Path(__file__).parents[1] / "data" / "self-signed.pem"
A_MOMENT: Final = 0.02


def _reset(writer: asyncio.StreamWriter) -> None:
    connection: socket.socket = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def resetting(head: bytes) -> Behaviour:
    """Send `head`, then break the connection off: no end of it, but a reset."""

    async def behave(_: SiteRequest, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        await writer.drain()
        _reset(writer)

    return behave


def whole(body: bytes, *headers: str, status: str = "200 OK") -> Behaviour:
    """A complete answer."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return sending("\r\n".join(lines).encode("latin-1") + body)


def html(body: bytes, *headers: str) -> Behaviour:
    """A complete page."""
    return whole(body, "Content-Type: text/html", *headers)


def exploding(encoding: str) -> Behaviour:
    """A bomb, which takes a moment to make the first time."""

    async def behave(request: SiteRequest, writer: asyncio.StreamWriter) -> None:
        await encoded(encoding, bomb(encoding))(request, writer)

    return behave


def redirecting(location: str) -> Behaviour:
    """A redirect."""
    return whole(b"", f"Location: {location}", status="302 Found")


@dataclass(frozen=True)
class Hostility:
    """What the site does at a path, and the error it ends in; None where it is a page after all."""

    path: str
    behaviour: Behaviour
    error: type[JobError] | None


HOSTILITIES: Final = (
    # slow, or without end
    Hostility("/silent", repeating(b"", b"", every=A_MOMENT), SiteTimeout),
    Hostility("/trickled-status", repeating(b"HTTP/1.", b"1", every=A_MOMENT), SiteTimeout),
    Hostility("/trickled-headers", repeating(OK, b"X: 1\r\n", every=A_MOMENT), SiteTimeout),
    Hostility("/trickled-body", repeating(OK + b"\r\n", b"a", every=A_MOMENT), SiteTimeout),
    Hostility("/trickled-chunks", repeating(CHUNKED, b"1\r\na\r\n", every=A_MOMENT), SiteTimeout),
    Hostility("/endless-hints", repeating(b"", b"HTTP/1.1 103 Hints\r\n\r\n"), SiteTimeout),
    Hostility(
        "/body-never-complete",
        repeating(OK + b"Content-Length: 900\r\n\r\n" + PAGE, b"", every=A_MOMENT),
        SiteTimeout,
    ),
    Hostility("/endless-body", repeating(OK + b"\r\n", b"<p>more" * 10_000), PageTooLarge),
    Hostility("/endless-chunks", repeating(CHUNKED, CHUNK), PageTooLarge),
    Hostility("/endless-headers", repeating(OK, b"X: " + b"1" * 1_000 + b"\r\n"), HeadersTooLarge),
    Hostility("/header-of-200-kb", html(PAGE, "X: " + "1" * 200_000), HeadersTooLarge),
    Hostility("/page-of-20-mb", html(PAGE + b"<p>more" * 3_000_000), PageTooLarge),
    Hostility("/bomb-gzip", exploding("gzip"), PageTooLarge),
    Hostility("/bomb-br", exploding("br"), PageTooLarge),
    Hostility("/bomb-zstd", exploding("zstd"), PageTooLarge),
    # broken off
    Hostility("/reset-at-once", resetting(b""), ConnectionBroken),
    Hostility("/reset-in-headers", resetting(OK), ConnectionBroken),
    Hostility("/reset-in-body", resetting(OK + b"Content-Length: 9\r\n\r\n<"), ConnectionBroken),
    Hostility("/closed-at-once", sending(b""), InvalidAnswer),
    Hostility("/closed-in-headers", sending(OK + b"X"), InvalidAnswer),
    Hostility("/length-too-long", sending(OK + b"Content-Length: 900\r\n\r\n" + PAGE), BrokenBody),
    Hostility("/half-a-chunk", sending(CHUNKED + b"40\r\n<p>half"), BrokenBody),
    Hostility("/no-last-chunk", sending(CHUNKED + b"3\r\n<p>\r\n"), BrokenBody),
    Hostility("/chunk-of-no-size", sending(CHUNKED + b"size\r\n<p>\r\n0\r\n\r\n"), BrokenBody),
    Hostility("/chunk-too-short", sending(CHUNKED + b"2\r\n<p>\r\n0\r\n\r\n"), BrokenBody),
    # no HTTP
    Hostility("/no-http", sending(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), InvalidAnswer),
    Hostility("/http-0.9", sending(PAGE), InvalidAnswer),
    Hostility("/no-status", sending(b"HTTP/1.1 OK\r\n\r\n"), InvalidAnswer),
    Hostility("/null-in-header", sending(OK + b"X: a\0b\r\n\r\n" + PAGE), InvalidAnswer),
    Hostility("/header-without-colon", sending(OK + b"nonsense\r\n\r\n" + PAGE), None),
    Hostility("/two-lengths", html(PAGE, "Content-Length: 3"), InvalidAnswer),
    Hostility("/length-is-a-word", sending(OK + b"Content-Length: long\r\n\r\n"), EmptyPage),
    Hostility("/switching", sending(b"HTTP/1.1 101 Switching Protocols\r\n\r\n"), InvalidAnswer),
    Hostility("/unasked-304", sending(b"HTTP/1.1 304 Not Modified\r\n\r\n"), InvalidAnswer),
    # compression
    Hostility(
        "/broken-gzip", encoded("gzip", gzip.compress(PAGE)[:-8] + b"\xff" * 8), BrokenCompression
    ),
    Hostility(
        "/gzip-cut-short",
        sending(OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(PAGE)[:-8]),
        BrokenCompression,
    ),
    Hostility("/gzip-that-is-none", encoded("gzip", PAGE), BrokenCompression),
    Hostility("/broken-deflate", encoded("deflate", zlib.compress(PAGE)[::-1]), BrokenCompression),
    Hostility("/broken-br", encoded("br", b"\xff" * 40), BrokenCompression),
    Hostility("/broken-zstd", encoded("zstd", b"\xff" * 40), BrokenCompression),
    # redirects
    Hostility("/loop", redirecting("/loop"), RedirectLoop),
    Hostility(
        "/loop-with-cookie",
        whole(b"", "Location: /loop-with-cookie", "Set-Cookie: seen=1", status="302 Found"),
        RedirectLoop,
    ),
    Hostility("/hops/0", redirecting("1"), TooManyRedirects),
    Hostility("/to-a-script", redirecting("javascript:alert(1)"), RedirectToNowhere),
    Hostility("/to-a-file", redirecting("file:///etc/passwd"), RedirectToNowhere),
    Hostility("/to-another-site", redirecting("http://another.example/"), RedirectToOtherSite),
    Hostility("/to-nothing", whole(b"", status="302 Found"), SiteError),
    # refusals
    Hostility("/gone", whole(b"", status="410 Gone"), PageGone),
    Hostility("/login", whole(b"", status="401 Unauthorized"), AccessRefused),
    Hostility("/teapot", whole(b"", status="418 I'm a teapot"), AccessRefused),
    Hostility(
        "/patience", whole(b"", "Retry-After: 99999999999", status="429 Slow"), SiteOverloaded
    ),
    Hostility("/failed", whole(b"", "Retry-After: \xff\xfe", status="500 Oops"), SiteError),
    Hostility("/status-999", whole(b"", status="999 Request denied"), SiteError),
    # no pages
    Hostility("/empty", html(b" \r\n\t"), EmptyPage),
    Hostility("/no-content", sending(b"HTTP/1.1 204 No Content\r\n\r\n"), EmptyPage),
    Hostility("/pdf", whole(b"%PDF-1.7\n%", "Content-Type: application/pdf"), NotAPage),
    Hostility("/pdf-as-html", html(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3"), NotAPage),
    Hostility("/picture-as-html", html(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"), NotAPage),
    Hostility("/zip-of-no-type", whole(b"PK\x03\x04" + b"\0" * 60), NotAPage),
    Hostility("/page-without-text", html(b"<p hidden>hello</p><img src=/hello.png>"), NotAPage),
    # odd, and pages all the same
    Hostility("/written-by-a-script", html(b"<script>document.write('hello')</script>"), None),
    Hostility(
        "/wrong-charset",
        whole(b"<p>Caf\xe9 \x81 99 \x80", "Content-Type: text/html; charset=utf-8"),
        None,
    ),
    Hostility("/unknown-charset", whole(PAGE, "Content-Type: text/html; charset=klingon"), None),
    Hostility("/punycode-charset", html(b"<meta charset=punycode>" + PAGE * 1_000), None),
    Hostility("/length-too-short", sending(OK + b"Content-Length: 34\r\n\r\n" + PAGE), None),
    Hostility("/no-length", sending(OK + b"\r\n" + PAGE), None),
    Hostility(
        "/early-hints",
        sending(b"HTTP/1.1 103 Hints\r\nLink: </a>\r\n\r\n" + OK + b"\r\n" + PAGE),
        None,
    ),
    Hostility("/nulls", html(b"\0" * 5_000 + PAGE + b"\0"), None),
    Hostility("/nested", html(b"<div>" * 6_000 + PAGE), None),
    Hostility(
        "/soup", html(b"</p><table><p><b><i>" + PAGE + b"</b></i></html><tr><body><p>"), None
    ),
    Hostility("/never-closed", html(b"<p>Prices: 99 <a href='x"), None),
    Hostility(
        "/many-links", html(PAGE + b"".join(b"<a href=/%d>x</a> " % n for n in range(6_000))), None
    ),
    Hostility("/odd-etag", html(PAGE, 'ETag: "\xff\x80', "Last-Modified: yesterday"), None),
    Hostility("/header-injection", html(PAGE, "X-A: b", "Set-Cookie: a=b; Domain=.example"), None),
)
"""One page of the hostile site each."""


ROBOTS: Final = (
    ("silent", repeating(b"", b"", every=A_MOMENT)),
    ("trickled", repeating(OK + b"\r\n", b"#", every=A_MOMENT)),
    ("broken off", resetting(b"")),
    ("no HTTP", sending(PAGE)),
    ("broken compression", encoded("br", b"\xff" * 40)),
)
"""What a robots.txt does that must not be taken for one that allows all."""


async def endless(request: SiteRequest, writer: asyncio.StreamWriter) -> None:
    """Pages without end: a calendar, filters, a path in circles; nothing else is there."""
    today = datetime.now(UTC)
    path, _, query = request.target.partition("?")
    links = []
    if found := re.fullmatch(r"/cal/(\d+)/(\d+)", path):
        at = int(found[1]) * 12 + int(found[2]) - 1
        links = [f"/cal/{n // 12}/{n % 12 + 1:02}" for n in range(at - 10, at + 2)]
    elif path == "/filter":
        last = int(query.rpartition("=")[2])
        links = [f"/filter?colour=1&size=2&page={n}" for n in range(last, last + 10)]
        links.append("/filter?size=2&colour=1&page=0")
    elif path.startswith("/circle"):
        links = [f"{path}/circle"]
    elif path == "/":
        start = f"/cal/{today.year}/{today.month:02}"
        links = [start, "/filter?colour=1&size=2&page=0", "/circle"]
    else:
        await whole(b"", status="404 Not Found")(request, writer)
        return
    body = "".join(f"<p>Words <a href='{_of_a_visit(link, id(request))}'>" for link in links)
    await html(body.encode())(request, writer)


def _of_a_visit(link: str, number: int) -> str:
    """The link with a session id in it, which makes it new each time."""
    path, mark, query = link.partition("?")
    return f"{path};jsessionid=A{number}{mark}{query}"


@asynccontextmanager
async def hostile_site() -> AsyncIterator[FakeSite]:
    """A site with a front page, and each of `HOSTILITIES` at its path."""
    for encoding in ("gzip", "br", "zstd"):
        await asyncio.to_thread(bomb, encoding)
    async with FakeSite() as site:
        site.page("/", "<title>Home</title><p>Welcome to the hostile site.")
        for hop in range(1, 30):
            site.behave(f"/hops/{hop}", redirecting(f"{hop + 1}"))
        for each in HOSTILITIES:
            site.behave(each.path, each.behaviour)
        yield site


Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def _silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()


async def _plain(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")


async def _trickling(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    # The head of a TLS record of 16 KiB, and then little of it.
    writer.write(b"\x16\x03\x03\x40\x00")
    with suppress(ConnectionError):
        while True:
            writer.write(b"\x02")
            await writer.drain()
            await asyncio.sleep(A_MOMENT)


async def _hanging_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    _reset(writer)


@dataclass(frozen=True)
class HostilePort:
    """What answers at a port that is asked over TLS, and the error of it."""

    name: str
    talk: Talk | None
    error: type[JobError]


PORTS: Final = (
    HostilePort("slow TLS", _silent, SiteTimeout),
    HostilePort("trickled TLS", _trickling, SiteTimeout),
    HostilePort("no TLS", _plain, TlsFailed),
    HostilePort("reset in the handshake", _hanging_up, ConnectionFailed),
    HostilePort("nobody", None, ConnectionFailed),
)


@asynccontextmanager
async def listening(talk: Talk | None) -> AsyncIterator[str]:
    """The https origin of a port at which `talk` answers, or nobody."""
    if talk is None:
        yield f"https://127.0.0.1:{free_port()}"
        return
    async with _served(talk, None) as port:
        yield f"https://127.0.0.1:{port}"


@asynccontextmanager
async def self_signed() -> AsyncIterator[str]:
    """The origin of a site whose certificate nobody vouches for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    async with _served(_plain, context) as port:
        yield f"https://127.0.0.1:{port}"


@asynccontextmanager
async def _served(talk: Talk, context: ssl.SSLContext | None) -> AsyncIterator[int]:
    running: set[asyncio.Task[None]] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        running.add(task)
        with suppress(asyncio.CancelledError, ConnectionError):
            await talk(reader, writer)
        running.discard(task)
        writer.close()

    async def still_open() -> int:
        return len(running)

    async with await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context) as server:
        yield server.sockets[0].getsockname()[1]
        # Whoever gave up must have closed the connection.
        await eventually(still_open, lambda count: count == 0)
