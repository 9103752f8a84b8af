"""One exchange, whatever the site does."""

import asyncio
import gzip
import zlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import brotli  # type: ignore[import-untyped]
import pytest

from activities.http.compression import MAX_MEMBERS
from activities.http.connections import MAX_CONNECTIONS_PER_HOST
from activities.http.fetch import NO_VALIDATORS, Fetcher, FetchLimits, Validators
from core.errors import (
    BadRedirect,
    BrokenCompression,
    HeadersTooLarge,
    InvalidAddress,
    PageTooLarge,
    SiteError,
    SiteTimeout,
    SiteUnreachable,
)
from tests.activities.behaviours import OK, encoded, repeating, resetting, sending
from tests.activities.bombs import zstd
from tests.activities.conftest import USER_AGENT
from tests.ports import free_port
from tests.site import Behaviour, FakeSite

SOON = FetchLimits(deadline=timedelta(seconds=0.3))
SMALL = FetchLimits(max_body=1_000)


async def test_an_answer_is_given_as_it_came(fetcher: Fetcher, site: FakeSite) -> None:
    site.page("/a", b"<p>\xe9", status=418, headers={"Content-Type": "text/html; charset=latin-1"})
    fetched = await fetcher.fetch(site.url("/a#part"))
    assert (fetched.url, fetched.status, fetched.body) == (site.url("/a"), 418, b"<p>\xe9")
    assert fetched.content_type == "text/html; charset=latin-1"
    assert not fetched.not_modified
    assert (fetched.redirects, fetched.location, fetched.retry_after) == ((), None, None)


async def test_a_site_is_told_who_asks(fetcher: Fetcher, site: FakeSite) -> None:
    await fetcher.fetch(site.url("/a?b=c"))
    [request] = site.requests
    assert (request.method, request.target) == ("GET", "/a?b=c")
    assert request.headers["user-agent"] == USER_AGENT
    assert request.headers["host"] == site.origin.removeprefix("http://")
    assert "text/html" in request.headers["accept"]


@pytest.mark.parametrize("url", ["ftp://a.com/", "javascript:1", "file:///etc/passwd", "", "a.com"])
async def test_what_is_no_web_address_is_not_fetched(fetcher: Fetcher, url: str) -> None:
    with pytest.raises(InvalidAddress):
        await fetcher.fetch(url)


async def test_a_site_that_is_down_is_unreachable(fetcher: Fetcher) -> None:
    with pytest.raises(SiteUnreachable, match=r"127\.0\.0\.1 cannot be connected to"):
        await fetcher.fetch(f"http://127.0.0.1:{free_port()}/")


async def test_a_site_that_speaks_no_tls_is_unreachable(fetcher: Fetcher) -> None:
    async def plain(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(plain, "127.0.0.1") as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(SiteUnreachable):
            await fetcher.fetch(f"https://127.0.0.1:{port}/")


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"", b""),
        (b"HTTP/1.1 200 OK\r\n", b"X: 1\r\n"),
        (OK + b"\r\n", b"a"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n"),
    ],
    ids=["silent", "trickling header", "trickling body", "trickling chunks"],
)
async def test_a_slow_answer_ends_at_the_deadline(
    fetcher: Fetcher, site: FakeSite, head: bytes, piece: bytes
) -> None:
    site.behave("/", repeating(head, piece, every=0.01))
    with pytest.raises(SiteTimeout, match=r"did not finish its answer within 0\.3 s"):
        await fetcher.fetch(site.url("/"), limits=SOON)


async def test_the_time_before_a_request_is_not_the_sites(
    fetcher: Fetcher, site: FakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.page("/", "<p>here</p>")
    loop = asyncio.get_running_loop()
    later = 2 * FetchLimits().deadline.total_seconds()

    async def wait_for_a_turn(_: str) -> None:
        now = loop.time
        monkeypatch.setattr(loop, "time", lambda: now() + later)
        await asyncio.sleep(0)

    assert (await fetcher.fetch(site.url("/"), before_request=wait_for_a_turn)).status == 200


@pytest.mark.parametrize(
    "head",
    [
        OK + b"\r\n",
        OK + b"Content-Length: 99999999999\r\n\r\n",
    ],
    ids=["no length", "a great length"],
)
async def test_an_endless_body_is_too_large(fetcher: Fetcher, site: FakeSite, head: bytes) -> None:
    site.behave("/", repeating(head, b"a" * 10_000))
    with pytest.raises(PageTooLarge, match=r"larger than the 0\.5 MiB"):
        await fetcher.fetch(site.url("/"), limits=FetchLimits(max_body=2**19))


async def test_a_body_of_the_largest_size_is_whole(fetcher: Fetcher, site: FakeSite) -> None:
    site.page("/", "a" * 1_000)
    site.page("/more", "a" * 1_001)
    assert len((await fetcher.fetch(site.url("/"), limits=SMALL)).body) == 1_000
    with pytest.raises(PageTooLarge):
        await fetcher.fetch(site.url("/more"), limits=SMALL)


async def test_a_body_may_be_cut_off_instead(fetcher: Fetcher, site: FakeSite) -> None:
    site.behave("/", repeating(OK + b"\r\n", b"ab" * 5_000))
    limits = FetchLimits(max_body=1_001, truncate=True)
    fetched = await fetcher.fetch(site.url("/"), limits=limits)
    assert fetched.body == b"ab" * 500 + b"a"


@pytest.mark.parametrize(
    ("encoding", "compress"),
    [
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        (
            "br",
            lambda _: bytes.fromhex(
                "cbffff3ff825c2e2b14020f7fe8fffff7ff04b00c4611180eefd1fffffffe0970088c30200ddfb3ffeffffc12f0110870500baf77ffcffff835f02200e0b0074effff20f5e0fbf04401c1600e8a0eb01"
            ),
        ),
    ],
    ids=["gzip", "deflate", "br"],
)
async def test_the_limit_holds_for_the_inflated_body(
    fetcher: Fetcher, site: FakeSite, encoding: str, compress: Callable[[bytes], bytes]
) -> None:
    site.behave("/", encoded(encoding, compress(b"a" * 50_000_000)))
    with pytest.raises(PageTooLarge):
        await fetcher.fetch(site.url("/"))


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(b"<p>small</p>")),
        ("deflate", zlib.compress(b"<p>small</p>")),
        ("br", bytes.fromhex("1b0b00f825797ce04a904d8a83663a06")),
    ],
    ids=["gzip", "deflate", "br"],
)
async def test_a_compressed_body_is_inflated(
    fetcher: Fetcher, site: FakeSite, encoding: str, body: bytes
) -> None:
    site.behave("/", encoded(encoding, body))
    assert (await fetcher.fetch(site.url("/"))).body == b"<p>small</p>"


WORDS = b"<p>small</p>"
MEMBER = gzip.compress(WORDS, mtime=0)
EMPTY_MEMBER = gzip.compress(b"", mtime=0)


@pytest.mark.parametrize(
    ("encoding", "body", "expected"),
    [
        ("gzip", MEMBER + MEMBER, WORDS * 2),
        ("gzip", MEMBER + bytes(512), WORDS),
        ("gzip", MEMBER + b"\x1f", WORDS),
        ("gzip", MEMBER + b"trailing words", WORDS),
        ("gzip", EMPTY_MEMBER + MEMBER + EMPTY_MEMBER + MEMBER, WORDS * 2),
        ("gzip", EMPTY_MEMBER, b""),
        ("gzip", EMPTY_MEMBER * 5_000 + MEMBER, WORDS),
        ("gzip", b"".join(gzip.compress(bytes([each]), mtime=0) for each in WORDS), WORDS),
        ("x-gzip", MEMBER + MEMBER, WORDS * 2),
        ("X-GZIP", MEMBER, WORDS),
        ("gzip, identity", MEMBER + MEMBER, WORDS * 2),
        ("deflate", zlib.compress(WORDS)[2:-4], WORDS),
        ("gzip, br", brotli.compress(MEMBER + MEMBER), WORDS * 2),
    ],
)
async def test_a_body_is_inflated_as_by_a_browser(
    fetcher: Fetcher, site: FakeSite, encoding: str, body: bytes, expected: bytes
) -> None:
    for framed in (until_closed, in_chunks, encoded):
        site.behave("/", framed(encoding, body))
        assert (await fetcher.fetch(site.url("/"))).body == expected


async def test_a_body_of_too_many_members_is_broken_and_not_cut_off(
    fetcher: Fetcher, site: FakeSite
) -> None:
    site.behave("/", encoded("gzip", EMPTY_MEMBER * (MAX_MEMBERS - 1) + MEMBER))
    assert (await fetcher.fetch(site.url("/"))).body == WORDS
    site.behave("/", encoded("gzip", EMPTY_MEMBER * MAX_MEMBERS + MEMBER))
    with pytest.raises(SiteError, match="compression is broken"):
        await fetcher.fetch(site.url("/"))


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
async def test_broken_compression_is_the_sites_error(
    fetcher: Fetcher, site: FakeSite, encoding: str
) -> None:
    site.behave("/", encoded(encoding, b"this was never compressed"))
    with pytest.raises(SiteError, match="compression is broken"):
        await fetcher.fetch(site.url("/"))


def compressed(encoding: str, body: bytes) -> bytes:
    """`body` as it is sent under a Content-Encoding."""
    for each in encoding.split(", "):
        match each:
            case "gzip":
                body = gzip.compress(body)
            case "deflate":
                body = zlib.compress(body)
            case "br":
                body = brotli.compress(body)
            case _:
                body = zstd.compress(body)
    return body


def until_closed(encoding: str, body: bytes) -> Behaviour:
    """An answer whose `body` is as long as the connection."""
    return sending(OK + f"Content-Encoding: {encoding}\r\n\r\n".encode() + body)


def in_chunks(encoding: str, body: bytes) -> Behaviour:
    """An answer whose `body` is sent in chunks, the last one included."""
    head = f"Content-Encoding: {encoding}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    return sending(OK + head + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body))


COMPRESSIONS = ["gzip", "deflate", "br", "zstd", "gzip, br", "br, gzip"]
LONG = "".join(f"<p>{number * 7919}</p>" for number in range(20_000)).encode()


@pytest.mark.parametrize("framed", [until_closed, in_chunks, encoded])
@pytest.mark.parametrize("encoding", COMPRESSIONS)
async def test_a_compressed_body_that_ends_early_is_broken(
    fetcher: Fetcher, site: FakeSite, encoding: str, framed: Callable[[str, bytes], Behaviour]
) -> None:
    body = compressed(encoding, LONG)
    for left in (1, len(body) // 2, len(body) - 1):
        site.behave("/", framed(encoding, body[:left]))
        with pytest.raises(BrokenCompression):
            await fetcher.fetch(site.url("/"))
    site.behave("/", framed(encoding, body))
    assert (await fetcher.fetch(site.url("/"))).body == LONG


@pytest.mark.parametrize("encoding", COMPRESSIONS)
async def test_no_body_is_no_broken_one_however_it_is_said_to_be_compressed(
    fetcher: Fetcher, site: FakeSite, encoding: str
) -> None:
    site.behave("/", until_closed(encoding, b""))
    assert (await fetcher.fetch(site.url("/"))).body == b""


async def test_an_unknown_compression_is_left_as_it_is(fetcher: Fetcher, site: FakeSite) -> None:
    site.behave("/", encoded("rot13", b"<c>uryyb</c>"))
    assert (await fetcher.fetch(site.url("/"))).body == b"<c>uryyb</c>"


async def test_a_content_length_that_promises_too_much_is_an_error(
    fetcher: Fetcher, site: FakeSite
) -> None:
    site.behave("/", sending(OK + b"Content-Length: 1000\r\n\r\n<p>only this"))
    with pytest.raises(SiteError):
        await fetcher.fetch(site.url("/"))


async def test_a_content_length_that_promises_too_little_ends_the_body(
    fetcher: Fetcher, site: FakeSite
) -> None:
    site.behave("/", sending(OK + b"Content-Length: 4\r\n\r\nfourand more"))
    assert (await fetcher.fetch(site.url("/"))).body == b"four"


@pytest.mark.parametrize(
    "head",
    [b"", b"HTTP/1.1 200 OK\r\nContent-", OK + b"Content-Length: 1000\r\n\r\n<p>only"],
    ids=["before", "in the header", "in the body"],
)
async def test_a_connection_that_breaks_is_a_passing_error(
    fetcher: Fetcher, site: FakeSite, head: bytes
) -> None:
    site.behave("/", resetting(head))
    with pytest.raises((SiteUnreachable, SiteError)):
        await fetcher.fetch(site.url("/"))


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        OK + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
    ],
    ids=["ssh", "no status", "two lengths", "no chunk"],
)
async def test_what_is_no_http_is_the_sites_error(
    fetcher: Fetcher, site: FakeSite, answer: bytes
) -> None:
    site.behave("/", sending(answer))
    with pytest.raises(SiteError):
        await fetcher.fetch(site.url("/"))


@pytest.mark.parametrize("header", [b"X: " + b"a" * 200_000 + b"\r\n", b"X-Many: 1\r\n" * 20_000])
async def test_headers_without_measure_are_not_read_to_their_end(
    fetcher: Fetcher, site: FakeSite, header: bytes
) -> None:
    site.behave("/", sending(OK + header + b"\r\n<p>text</p>"))
    with pytest.raises(HeadersTooLarge):
        await fetcher.fetch(site.url("/"))


async def test_the_fetcher_works_on_after_failures(fetcher: Fetcher, site: FakeSite) -> None:
    site.page("/", "<p>here</p>")
    site.behave("/bad", repeating(OK + b"\r\n", b"a" * 10_000))
    for _ in range(120):
        with pytest.raises(PageTooLarge):
            await fetcher.fetch(site.url("/bad"), limits=SMALL)
    assert (await fetcher.fetch(site.url("/"))).status == 200


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_followed(fetcher: Fetcher, site: FakeSite, status: int) -> None:
    site.page("/old", "moved", status=status, headers={"Location": "new?x=1"})
    site.page("/new?x=1", "<p>here</p>")
    fetched = await fetcher.fetch(site.url("/old"))
    assert (fetched.url, fetched.body) == (site.url("/new?x=1"), b"<p>here</p>")
    assert fetched.redirects == (site.url("/old"),)


@pytest.mark.parametrize("refresh", ["0; url=new?x=1", "3;URL='/new?x=1'", "0, /new?x=1"])
async def test_a_refresh_header_is_followed(fetcher: Fetcher, site: FakeSite, refresh: str) -> None:
    site.page("/old", "moved", headers={"Refresh": refresh, "ETag": "1"})
    site.page("/new?x=1", "<p>here</p>", headers={"ETag": "1"})
    fetched = await fetcher.fetch(site.url("/old"))
    assert (fetched.url, fetched.body) == (site.url("/new?x=1"), b"<p>here</p>")
    assert fetched.validators == NO_VALIDATORS


@pytest.mark.parametrize(
    ("refresh", "status"),
    [
        ("5", 200), ("5; url=/old", 200), ("0; url=#top", 200), ("600; url=/new", 200),
        ("0; url=javascript:alert(1)", 200), ("0; url=http://[::1", 200), ("soon; url=/new", 200),
        ("0; url=/new", 503), ("0; url=/new", 404),
    ],
)  # fmt: skip
async def test_a_refresh_header_that_leads_nowhere_else_is_none(
    fetcher: Fetcher, site: FakeSite, refresh: str, status: int
) -> None:
    site.page("/old", "words", status=status, headers={"Refresh": refresh, "Set-Cookie": "a=1"})
    fetched = await fetcher.fetch(site.url("/old"))
    assert (fetched.url, fetched.body) == (site.url("/old"), b"words")
    assert len(site.requests) <= 2


async def test_every_hop_is_asked_about_before_it_is_requested(
    fetcher: Fetcher, site: FakeSite
) -> None:
    site.page("/1", "", status=302, headers={"Location": "/2"})
    site.page("/2", "", status=302, headers={"Location": "/3"})
    asked = []

    async def only_two(url: str) -> None:
        asked.append(url)
        if url.endswith("/3"):
            raise BadRedirect("Not there.")

    with pytest.raises(BadRedirect, match=r"Not there\."):
        await fetcher.fetch(site.url("/1"), before_request=only_two)
    assert asked == [site.url("/1"), site.url("/2"), site.url("/3")]
    assert [request.target for request in site.requests] == ["/1", "/2"]


async def test_a_redirect_may_be_left_to_the_caller(fetcher: Fetcher, site: FakeSite) -> None:
    site.page("/old", "moved", status=302, headers={"Location": "/new"})
    fetched = await fetcher.fetch(site.url("/old"), follow_redirects=False)
    assert (fetched.url, fetched.status, fetched.location) == (site.url("/old"), 302, "/new")
    assert len(site.requests) == 1


async def test_a_redirect_without_a_target_is_an_answer(fetcher: Fetcher, site: FakeSite) -> None:
    site.page("/old", "choose yourself", status=302)
    fetched = await fetcher.fetch(site.url("/old"))
    assert (fetched.status, fetched.location, fetched.body) == (302, None, b"choose yourself")


async def test_a_circle_of_redirects_is_seen(fetcher: Fetcher, site: FakeSite) -> None:
    site.page("/1", "", status=302, headers={"Location": "/2"})
    site.page("/2", "", status=302, headers={"Location": "/1#again"})
    with pytest.raises(BadRedirect, match="in a circle"):
        await fetcher.fetch(site.url("/1"))
    assert len(site.requests) == 2
    site.page("/2", "", headers={"Refresh": "0; url=/1"})
    with pytest.raises(BadRedirect, match="in a circle"):
        await fetcher.fetch(site.url("/1"))


@pytest.mark.parametrize("location", ["", "#top", "/self"])
async def test_a_redirect_to_itself_is_a_circle(
    fetcher: Fetcher, site: FakeSite, location: str
) -> None:
    site.page("/self", "", status=301, headers={"Location": location})
    with pytest.raises(BadRedirect, match="in a circle"):
        await fetcher.fetch(site.url("/self"))


async def test_redirects_are_followed_up_to_the_limit(fetcher: Fetcher, site: FakeSite) -> None:
    for number in range(10):
        site.page(f"/{number}", "", status=302, headers={"Location": f"/{number + 1}"})
    site.page("/10", "<p>here</p>")
    assert (await fetcher.fetch(site.url("/0"))).url == site.url("/10")
    site.requests.clear()
    with pytest.raises(BadRedirect, match="more than 9 times"):
        await fetcher.fetch(site.url("/0"), limits=FetchLimits(max_redirects=9))
    assert len(site.requests) == 10


@pytest.mark.parametrize(
    "location",
    [
        "javascript:alert(1)", "file:///etc/passwd", "ftp://127.0.0.1/", "data:text/html,hi",
        "gopher://127.0.0.1:70/", "http://", "http://user:secret@127.0.0.1/", "http://[::1/",
        "http://a b/", "/" + "a" * 2_000,
    ],
)  # fmt: skip
async def test_a_redirect_to_no_web_address_is_not_followed(
    fetcher: Fetcher, site: FakeSite, location: str
) -> None:
    site.page("/", "", status=302, headers={"Location": location})
    with pytest.raises(BadRedirect, match="no web address") as caught:
        await fetcher.fetch(site.url("/"))
    assert "secret" not in caught.value.message


async def test_validators_are_read_and_sent(fetcher: Fetcher, site: FakeSite) -> None:
    date = "Sun, 01 Mar 2026 12:00:00 GMT"
    site.page("/", "<p>here</p>", headers={"ETag": 'W/"1"', "Last-Modified": date})
    first = await fetcher.fetch(site.url("/"))
    assert first.validators == Validators(etag='W/"1"', last_modified=date)
    second = await fetcher.fetch(site.url("/"), validators=first.validators)
    assert (second.status, second.not_modified, second.body) == (304, True, b"")
    asked, conditional = (request.headers for request in site.requests)
    assert "if-none-match" not in asked
    assert "if-modified-since" not in asked
    assert (conditional["if-none-match"], conditional["if-modified-since"]) == ('W/"1"', date)


async def test_validators_of_any_bytes_come_back_as_they_were(
    fetcher: Fetcher, site: FakeSite
) -> None:
    """RFC 9110, 8.8.3: the bytes from 0x80 on are allowed in an entity tag."""
    for tag in ('"caf\xe9"', '"\xc3\xa9"'):
        site.page("/", "<p>here</p>", headers={"ETag": tag})
        first = await fetcher.fetch(site.url("/"))
        assert (await fetcher.fetch(site.url("/"), validators=first.validators)).not_modified


async def test_patience_is_asked_for_in_seconds_or_until_a_date(
    fetcher: Fetcher, site: FakeSite
) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    for value, least, most in (("120", 120, 120), (date, 80, 90), ("soon", None, None)):
        site.page("/", "busy", status=503, headers={"Retry-After": value})
        asked = (await fetcher.fetch(site.url("/"))).retry_after
        if least is None or most is None:
            assert asked is None
        else:
            assert asked is not None
            assert least <= asked.total_seconds() <= most


async def test_cookies_are_carried_over_within_one_fetch_only(
    fetcher: Fetcher, site: FakeSite
) -> None:
    site.page("/", "", status=302, headers={"Location": "/a", "Set-Cookie": "seen=1; Path=/"})
    site.page("/a", "<p>here</p>", headers={"Set-Cookie": "seen=2; Path=/"})
    await fetcher.fetch(site.url("/"))
    await asyncio.gather(*(fetcher.fetch(site.url("/a")) for _ in range(5)))
    assert len(site.requests) == 7
    cookies = [request.headers.get("cookie") for request in site.requests]
    assert cookies == [None, "seen=1", *[None] * 5]


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
async def test_a_proxy_of_the_environment_is_not_used(
    site: FakeSite, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    site.page("/", "<p>here</p>")
    async with FakeSite() as proxy:
        monkeypatch.setenv(variable, proxy.origin)
        fetcher = Fetcher(user_agent=USER_AGENT, allow_private_networks=True)
        assert (await fetcher.fetch(site.url("/"))).status == 200
        await fetcher.aclose()
        assert proxy.requests == []


async def test_credentials_of_the_environment_are_not_sent(
    site: FakeSite, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    fetcher = Fetcher(user_agent=USER_AGENT, allow_private_networks=True)
    await fetcher.fetch(site.url("/"))
    await fetcher.aclose()
    assert "authorization" not in site.requests[0].headers


async def test_a_cancelled_fetch_frees_its_connection(fetcher: Fetcher, site: FakeSite) -> None:
    site.hold("/")
    held = [
        asyncio.create_task(fetcher.fetch(site.url("/"))) for _ in range(MAX_CONNECTIONS_PER_HOST)
    ]
    await site.arrived("/", MAX_CONNECTIONS_PER_HOST)
    for task in held:
        task.cancel()
    await asyncio.gather(*held, return_exceptions=True)
    site.page("/a", "<p>here</p>")
    assert (await fetcher.fetch(site.url("/a"))).status == 200
