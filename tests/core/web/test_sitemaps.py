"""Sitemaps: valid, broken and hostile ones."""

import gzip
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.web.sitemaps import MAX_SITEMAP_SIZE, MAX_SITEMAP_URLS, Sitemap, parse_sitemap
from tests.cost import cost

NAMESPACE = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
TWO = ("https://a.com/1", "https://a.com/2")


def urlset(*locations: str) -> bytes:
    urls = "".join(f"<url><loc>{location}</loc></url>" for location in locations)
    return f'<?xml version="1.0" encoding="UTF-8"?><urlset {NAMESPACE}>{urls}</urlset>'.encode()


PLAIN = urlset(*TWO)


@pytest.mark.parametrize(
    "body",
    [
        PLAIN,
        gzip.compress(PLAIN),
        gzip.compress(PLAIN[:50]) + gzip.compress(PLAIN[50:]),
        gzip.compress(PLAIN) + b"\0" * 512,
        b"\xef\xbb\xbf\n " + PLAIN,
        PLAIN.decode().replace("UTF-8", "UTF-16").encode("utf-16"),
        PLAIN.replace(NAMESPACE.encode(), b""),
        PLAIN.replace(b"sitemaps.org", b"google.com"),
        PLAIN.replace(b"urlset", b"URLSET").replace(b"url>", b"URL>").replace(b"loc>", b"Loc>"),
        urlset(f"\n\t{TWO[0]} ", f"<![CDATA[{TWO[1]}]]>"),
        urlset(*TWO, *TWO),
        "\n".join(TWO).encode(),
        b"\xef\xbb\xbf" + "\r\n".join([*TWO, "", "not a URL", TWO[0]]).encode(),
        "\n".join(TWO).encode("utf-16"),
    ],
)
def test_what_makes_no_difference(body: bytes) -> None:
    assert parse_sitemap(body) == Sitemap(pages=TWO)


def test_an_index() -> None:
    body = "".join(f"<sitemap><loc>{url}</loc></sitemap>" for url in TWO)
    index = f"<sitemapindex {NAMESPACE}>{body}</sitemapindex>".encode()
    assert parse_sitemap(index) == Sitemap(sitemaps=TWO)


def test_pictures_and_translations_are_no_pages() -> None:
    body = (
        b'<urlset xmlns:image="i" xmlns:xhtml="x"><url><loc>https://a.com/1</loc>'
        b"<image:image><image:loc>https://a.com/1.png</image:loc></image:image>"
        b'<xhtml:link rel="alternate" href="https://a.com/de"/></url></urlset>'
    )
    assert parse_sitemap(body) == Sitemap(pages=TWO[:1])


@pytest.mark.parametrize(
    "body",
    [
        b"<rss><channel><link>https://a.com/</link><item><link>https://a.com/1</link></item>"
        b"<item><link> https://a.com/2\n</link></item></channel></rss>",
        b'<feed xmlns="http://www.w3.org/2005/Atom"><link href="https://a.com/"/>'
        b'<entry><link rel="enclosure" href="https://a.com/1.mp3"/><link href="https://a.com/1"/>'
        b'</entry><entry><link rel="alternate" href="https://a.com/2"/></entry></feed>',
    ],
)
def test_feeds(body: bytes) -> None:
    assert parse_sitemap(body) == Sitemap(pages=TWO)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("https://a.com/?x=1&y=2", "https://a.com/?x=1&y=2"),
        ("https://a.com/?x=1&amp;y=2", "https://a.com/?x=1&y=2"),
        ("https://a.com/?x=1&#38;y=2&#x26;z", "https://a.com/?x=1&y=2&z"),
        ("https://a.com/?x=1&copy;=2", "https://a.com/?x=1&copy;=2"),
    ],
)
def test_ampersands(written: str, read: str) -> None:
    assert parse_sitemap(urlset(written)).pages == (read,)


@pytest.mark.parametrize(
    ("body", "pages", "problem"),
    [
        (b"", (), "There is no URL in it."),
        (b"<html><body><p>Not found</p></body></html>", (), "There is no URL in it."),
        (b"\x89PNG\r\n\x1a\n\0", (), "There is no URL in it."),
        (urlset(), (), "There is no URL in it."),
        (PLAIN[:-15], TWO, "Its XML is broken."),
        (PLAIN.replace(b"</loc></url><url>", b"</loc><url>"), TWO, "Its XML is broken."),
        (urlset(TWO[0], "https://a.com/<b", TWO[1])[:-9], TWO[:1], "Its XML is broken."),
        (gzip.compress(PLAIN)[:-8], TWO, "Its gzip data ends early."),
        (b"\x1f\x8b" + PLAIN, (), "Its gzip data is damaged."),
    ],
)
def test_what_is_broken_is_read_as_far_as_it_goes(
    body: bytes, pages: tuple[str, ...], problem: str
) -> None:
    sitemap = parse_sitemap(body)
    assert sitemap.pages[: len(pages)] == pages
    assert sitemap.problem == problem
    assert not sitemap.truncated


def test_damage_in_the_middle_of_gzip_keeps_the_start() -> None:
    body = bytearray(gzip.compress(urlset(*(f"https://a.com/{i * 7919}" for i in range(20_000)))))
    body[len(body) // 2 :] = random.Random(0).randbytes(len(body) // 2)
    sitemap = parse_sitemap(bytes(body))
    assert sitemap.problem == "Its gzip data is damaged."
    assert len(sitemap.pages) > 5_000


def test_a_latin_1_file_that_calls_itself_utf_8() -> None:
    body = urlset("https://a.com/é", TWO[1]).decode().encode("latin-1")
    assert TWO[1] in parse_sitemap(body).pages


@pytest.mark.parametrize("lines", [False, True])
def test_no_more_urls_than_the_protocol_allows(lines: bool) -> None:
    urls = [f"https://a.com/{number}" for number in range(MAX_SITEMAP_URLS + 1)]
    sitemap = parse_sitemap("\n".join(urls).encode() if lines else urlset(*urls))
    assert sitemap.pages == tuple(urls[:MAX_SITEMAP_URLS])
    assert sitemap.truncated
    assert sitemap.problem is None


def test_exactly_as_many_as_the_protocol_allows() -> None:
    urls = [f"https://a.com/{number}" for number in range(MAX_SITEMAP_URLS)]
    assert parse_sitemap(urlset(*urls)) == Sitemap(pages=tuple(urls))


def test_an_inflated_bomb_stops_at_the_limit() -> None:
    bomb = gzip.compress(b"https://a.com/1\n" + b"\n" * (MAX_SITEMAP_SIZE + 1), compresslevel=1)
    assert parse_sitemap(bomb) == Sitemap(pages=TWO[:1], truncated=True)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's accounting")
def test_many_elements_cost_little_memory_and_come_to_an_end() -> None:
    # A process of its own, and its own high water: libxml2's memory shows in none of Python's
    # counts, and `ru_maxrss` is inherited from the process that started it.
    program = (
        "from core.web.sitemaps import MAX_XML_ELEMENTS, parse_sitemap\n"
        "print(parse_sitemap(b'<a>' + b'<b/>' * (MAX_XML_ELEMENTS + 10)).truncated)\n"
        "print(open('/proc/self/status').read())"
    )
    run = [sys.executable, "-c", program]
    output = subprocess.run(run, capture_output=True, check=True, text=True).stdout
    peak = re.search(r"VmHWM:\s*(\d+) kB", output)
    assert output.startswith("True")
    assert peak is not None
    assert int(peak[1]) < 100 * 1024


@pytest.mark.parametrize(
    "entities",
    [
        '<!ENTITY a "aaaaaaaaaa">'
        + "".join(
            f'<!ENTITY {b} "{f"&{a};" * 50}">' for a, b in zip("abcdefg", "bcdefgh", strict=True)
        ),
        '<!ENTITY h SYSTEM "file:///etc/passwd">',
        "<!ENTITY % p \"<!ENTITY h 'from a parameter'>\"> %p;",
        '<!ENTITY % p SYSTEM "http://127.0.0.1:9/evil.dtd"> %p;',
    ],
)
def test_entities_are_text(entities: str) -> None:
    body = f"<!DOCTYPE urlset [{entities}]><urlset><url><loc>https://a.com/&h;</loc></url></urlset>"
    sitemap, million = cost(lambda: parse_sitemap(body.encode()))
    assert million < 20
    assert sitemap.pages == ("https://a.com/&h;",)


SCRAPS = st.lists(
    st.sampled_from(
        (
            *(b"<urlset>", b"<url>", b"<loc>", b"</loc>", b"</url>", b"https://a.com/", b"&", b">"),
            *(b"<sitemap>", b"<item>", b"<link>", b"<link href='x'", b"<![CDATA[", b"]]>", b"<!--"),
            *(b"<?xml version='1.0' encoding='ebcdic'?>", b"<!DOCTYPE a [", b"\0", b"\xff\xfe"),
            *(b"\x1f\x8b", b"xmlns:a='", b"<a:loc>", b"\xef\xbb\xbf", b"</", b"'", b"&#0;", b"\n"),
        )
    )
).map(b"".join)


@given(st.binary() | SCRAPS)
def test_any_bytes_are_a_sitemap(body: bytes) -> None:
    for each in (body, gzip.compress(body), b"\x1f\x8b\x08\0" + body):
        sitemap = parse_sitemap(each)
        assert all(url and url == url.strip() for url in sitemap.pages + sitemap.sitemaps)
        assert sitemap.pages or sitemap.sitemaps or sitemap.problem


@given(st.lists(st.integers(0, 10_000), min_size=1, unique=True))
def test_all_urls_are_read_in_order(numbers: list[int]) -> None:
    urls = tuple(f"https://a.com/{number}?a=1&amp;b=2" for number in numbers)
    assert parse_sitemap(urlset(*urls)).pages == tuple(url.replace("&amp;", "&") for url in urls)


def test_a_long_file_of_lines_is_read_whatever_ends_them() -> None:
    urls = tuple(f"https://a.com/{number}" for number in range(20_000))
    for end in ("\n", "\r", "\r\n"):
        assert parse_sitemap(end.join(urls).encode()).pages == urls
        assert parse_sitemap(gzip.compress(end.join(urls).encode("utf-16"))).pages == urls


def test_references_are_read_wherever_the_pieces_of_a_file_part() -> None:
    urls = tuple(f"https://a.com/{'x' * (n % 61)}?a={n}&b={n}" for n in range(5_000))
    for written in ("&amp;", "&", "&#38;"):
        body = urlset(*(url.replace("&", written) for url in urls))
        assert parse_sitemap(body).pages == urls


NOTICE = b"Notice: Undefined index: lang in /srv/map.php on line 12\n"
LISTING = b"<urlset><url><loc>https://a.example/1</loc></url></urlset>"
DECLARED = b'<?xml version="1.0" encoding="UTF-8"?>\n'


@pytest.mark.parametrize(
    "body",
    [
        b"\n\n  \n" + DECLARED + LISTING,
        NOTICE + DECLARED + LISTING,
        NOTICE + LISTING,
        b"<br />\n<b>Warning</b>: filemtime() in <b>/map.php</b><br />\n" + DECLARED + LISTING,
        DECLARED + NOTICE + LISTING,
        b"\xef\xbb\xbf\xef\xbb\xbf" + DECLARED + LISTING,
        b"<!-- made by a plugin -->" + DECLARED + LISTING,
        b"12a\r\n" + DECLARED + LISTING,
        gzip.compress(NOTICE * 200 + DECLARED + LISTING),
        NOTICE
        + LISTING.replace(b"<", b"<s:")
        .replace(b"<s:/", b"</s:")
        .replace(b"urlset>", b"urlset xmlns:s='s'>", 1),
        NOTICE + b"<rss><channel><item><link>https://a.example/1</link></item></channel></rss>",
    ],
)
def test_what_stands_before_a_sitemap_is_passed_over(body: bytes) -> None:
    """Auctollo/google-sitemap-generator#88, dwightwatson/sitemap#33, #47."""
    found = parse_sitemap(body)
    assert found.pages == ("https://a.example/1",)
    assert found.problem is None


@pytest.mark.parametrize("body", [NOTICE, b"<html><p>not here</html>", DECLARED, b"<url" + NOTICE])
def test_a_notice_alone_is_no_sitemap(body: bytes) -> None:
    assert parse_sitemap(body).pages == ()
    assert parse_sitemap(body).problem is not None


def test_translations_in_a_sitemap_are_pages() -> None:
    entry = (
        b'<url><loc>https://a.example/en</loc><xhtml:link rel="alternate" hreflang="de"'
        b' href="https://a.example/de"/><xhtml:link rel="alternate" media="print"'
        b' href="https://a.example/print"/></url>'
    )
    found = parse_sitemap(
        b'<urlset xmlns:xhtml="http://www.w3.org/1999/xhtml">' + entry + b"</urlset>"
    )
    assert found.pages == ("https://a.example/en", "https://a.example/de")
