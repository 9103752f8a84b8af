"""Links, titles and declarations of pages."""

from html import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.web.links import (
    MAX_FEEDS_PER_PAGE,
    MAX_LINKS,
    MAX_REFRESH_DELAY,
    MAX_SRCDOC_DEPTH,
    MAX_TITLE_LENGTH,
    PageLinks,
    extract_links,
    may_refresh,
)
from tests.cost import cost

URL = "https://a.com/b/c?d"


def page(html: str) -> PageLinks:
    return extract_links(html, URL)


def test_links_are_absolute_in_order_and_once() -> None:
    found = page(
        '<a href="x">1</a><a href="/y#top">2</a><map><area href="?z"></map><a href=" //e.com/ ">3'
        '</a><a href="/y">4</a><a name="n">5</a><link rel=NEXT href="/2">'
        '<link rel="prev" href="/0">'
    )
    assert found.links == (
        "https://a.com/b/x",
        "https://a.com/y",
        "https://a.com/b/c?z",
        "https://e.com/",
        "https://a.com/2",
        "https://a.com/0",
    )


@pytest.mark.parametrize(
    "html",
    [
        '<a href="mailto:a@b.c">',
        '<a href="javascript:alert(1)">',
        '<a href="data:text/html,x">',
        '<a href="http://">',
        '<a href="http://[::1">',
        "<a>",
        '<link rel="stylesheet" href="/s.css">',
        '<link href="/s.css">',
        '<img src="/i.png">',
        "<!-- <a href='/x'> -->",
        "<script>'<a href=\"/x\">'</script>",
        "<template><a href='/x'></a></template>",
    ],
)
def test_no_links(html: str) -> None:
    assert page(html) == PageLinks((), None, None, None)


@pytest.mark.parametrize(
    ("base", "link"),
    [
        ("/other/", "https://a.com/other/x"),
        ("https://e.com/f/g", "https://e.com/f/x"),
        ("javascript:x", "https://a.com/b/x"),
        ("http://[", "https://a.com/b/x"),
        ("", "https://a.com/b/x"),
    ],
)
def test_base(base: str, link: str) -> None:
    found = page(f'<base target="_top"><base href="{base}"><base href="/no/"><a href="x">')
    assert found.links == (link,)


def test_a_base_that_is_too_long_for_an_address_does_not_count() -> None:
    """A base of 100 KiB in each of 10,000 links would take 1 GiB."""
    base = f"https://e.com/{'x' * 100_000}/"
    links = "".join(f'<a href="{number}">' for number in range(MAX_LINKS))
    found = page(f'<base href="{base}">{links}').links
    assert found[0] == "https://a.com/b/0"
    assert len(found) == MAX_LINKS


@pytest.mark.parametrize(
    ("html", "canonical"),
    [
        ('<link rel="canonical" href="/c">', "https://a.com/c"),
        ('<link rel="CANONICAL nofollow" href="/c#x">', "https://a.com/c"),
        ('<link rel="canonical" href="/c"><link rel="canonical" href="/c">', "https://a.com/c"),
        ('<link rel="canonical" href="/c"><link rel="canonical" href="/d">', None),
        ('<link rel="canonical">', None),
        ('<link rel="canonical" href="mailto:a">', None),
        ('<link rel="canonicals" href="/c">', None),
    ],
)
def test_canonical(html: str, canonical: str | None) -> None:
    assert page(html).canonical == canonical


@pytest.mark.parametrize(
    ("content", "target"),
    [
        ("0;url=/n", "https://a.com/n"),
        ("0; URL='/n' extra", "https://a.com/n"),
        ('3, url = "/n"', "https://a.com/n"),
        ("0.5 /n", "https://a.com/n"),
        (f"{MAX_REFRESH_DELAY};url=/n", "https://a.com/n"),
        ("1800;url=/logout", None),
        ("15", None),
        ("", None),
        ("url=/n", None),
        ("0;url=", None),
        ("0;url=javascript:alert(1)", None),
        ("0;url=http://[::1", None),
        ("9" * 5_000 + ";url=/n", None),
    ],
)
def test_refresh(content: str, target: str | None) -> None:
    quote = "'" if '"' in content else '"'
    assert page(f"<meta http-equiv=Refresh content={quote}{content}{quote}>").refresh == target


def test_a_refresh_is_asked_for_in_the_charset_of_its_page() -> None:
    meta = "<meta http-equiv=refresh content='0;url=/?q=при'>"
    assert extract_links(meta, URL, "cp1251").refresh == "https://a.com/?q=%EF%F0%E8"


def test_a_refresh_for_those_without_scripts_is_not_ours() -> None:
    meta = '<meta http-equiv="refresh" content="0;url=/n">'
    assert page(f"<noscript>{meta}</noscript>").refresh is None
    assert page(f"<!-- {meta} -->").refresh is None


@pytest.mark.parametrize(
    ("html", "title"),
    [
        ("<title> Our\n <b>prices</b> &amp; plans </title>", "Our <b>prices</b> & plans"),
        ("<title>A</title><title>B</title>", "A"),
        ("<title></title>", None),
        ("<svg><title>Icon</title></svg>", None),
        ("<p>x<title>Late</title>", None),
        ("<title>" + "x" * 600 + "</title>", "x" * MAX_TITLE_LENGTH),
    ],
)
def test_title(html: str, title: str | None) -> None:
    assert page(html).title == title


@pytest.mark.parametrize(
    ("meta", "nofollow"),
    [
        ('name="robots" content="noindex, NoFollow"', True),
        ('name="ROBOTS" content="none"', True),
        ('name="robots" content="noindex,follow"', False),
        ('name="googlebot" content="nofollow"', False),
    ],
)
def test_nofollow(meta: str, nofollow: bool) -> None:
    assert page(f"<meta {meta}>").nofollow is nofollow


def test_many_links_are_cut() -> None:
    html = "".join(f'<a href="/{number}">' for number in range(MAX_LINKS + 1))
    assert len(page(html).links) == MAX_LINKS


def test_deep_nesting_comes_to_an_end() -> None:
    meta = "<meta http-equiv=refresh content='x'>"
    found, million = cost(lambda: page("<title>T</title><a href=/x>" + f"<div>{meta}" * 100_000))
    assert million < 100
    assert found.title == "T"
    assert found.links == ("https://a.com/x",)


SCRAPS = (
    "<a href=|<base href=|<link rel=canonical href=|<title>|</title>|<meta http-equiv=refresh"
    " content=|'0;url=|'|>|http://[|//|x y|\0|\ud800|<noscript>|<svg>|<template>|&#xd800;|<!--|"
    "<meta name=robots content=|é|\t"
)
MARKUP = st.lists(st.sampled_from(SCRAPS.split("|"))).map("".join)


@given(st.text(st.characters()) | MARKUP, st.text() | st.just(URL))
def test_any_text_is_a_page(html: str, url: str) -> None:
    found = extract_links(html, url)
    for target in (*found.links, found.canonical, found.refresh):
        assert target is None or target.startswith(("http://", "https://"))
    (found.title or "").encode()


def test_feeds_and_other_languages_are_told_apart() -> None:
    found = page(
        '<link rel=alternate hreflang=de href=/de><link rel="alternate" type="application/rss+xml"'
        ' href=/feed><link rel=alternate type="Application/Atom+XML; charset=utf-8" href=/atom.xml>'
        "<link rel=alternate type=application/json href=/oembed>"
        "<link rel=alternate hreflang=fr type=application/rss+xml href=/fr/feed>"
        "<link rel=alternate href=/print>"
    )
    assert found.links == ("https://a.com/de",)
    assert found.feeds == ("https://a.com/feed", "https://a.com/atom.xml", "https://a.com/fr/feed")


def test_a_page_may_name_sitemaps() -> None:
    feeds = "".join(f"<link rel=alternate type=application/rss+xml href=/{n}>" for n in range(9))
    found = page(f"{feeds}<link rel=sitemap type=application/xml href=/map.xml><a href=/a>")
    assert found.feeds[0] == "https://a.com/map.xml"
    assert found.links == ("https://a.com/a",)


def test_links_in_a_document_within_the_page_are_its_own() -> None:
    deep = "<a href=/deep>"
    for _ in range(MAX_SRCDOC_DEPTH + 1):
        deep = f'<iframe srcdoc="{escape(deep)}"></iframe>'
    found = page(
        "<base href=/en/><a href=1>1</a><iframe srcdoc='<a href=2>2</a><a href=1>1</a>"
        f"<iframe src=3></iframe>'></iframe><a href=4>4</a>{deep}"
    )
    assert set(found.links) == {f"https://a.com/en/{n}" for n in range(1, 5)}
    many = "".join(f"<a href=/{n}>" for n in range(MAX_LINKS))
    assert len(page(f"{many}<iframe srcdoc='<a href=/more>'></iframe>").links) == MAX_LINKS


def test_only_some_feeds_are_taken() -> None:
    link = '<link rel=alternate type="application/rss+xml" href=/{}>'
    assert len(page("".join(link.format(n) for n in range(50))).feeds) == MAX_FEEDS_PER_PAGE


def test_the_documents_of_frames_are_links() -> None:
    html = "<iframe src=/a></iframe><frameset><frame src=b></frameset><iframe srcdoc=x></iframe>"
    links = extract_links(html, "https://a.example/x/").links
    assert "https://a.example/a" in links
    assert extract_links("<frameset><frame src=b>", "https://a.example/x/").links == (
        "https://a.example/x/b",
    )


@pytest.mark.parametrize(
    ("href", "encoding", "expected"),
    [
        ("?q=é", "utf-8", "/x?q=%C3%A9"),
        ("?q=é", "cp1252", "/x?q=%E9"),
        ("?q=привет", "cp1251", "/x?q=%EF%F0%E8%E2%E5%F2"),
        ("?q=日本", "shift_jis", "/x?q=%93%FA%96%7B"),
        ("?q=日", "cp1252", "/x?q=%26%2326085%3B"),
        ("/é?q=é#é", "cp1252", "/%C3%A9?q=%E9"),
        ("?q=%E9&b=ü", "cp1252", "/x?q=%E9&b=%FC"),
    ],
)
def test_a_query_is_written_in_the_charset_of_the_page(
    href: str, encoding: str, expected: str
) -> None:
    links = extract_links(f"<a href='{href}'>a</a>", "https://a.example/x", encoding).links
    assert links == (f"https://a.example{expected}",)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"<meta http-equiv=refresh content='0; url=/a'>", True),
        (b'<META HTTP-EQUIV = "Refresh" CONTENT=0>', True),
        (b"<meta http-equiv=content-type content=refresh>", False),
        (b"<p>refresh", False),
    ],
)
def test_what_may_refresh(body: bytes, expected: bool) -> None:
    assert may_refresh(body) is expected
