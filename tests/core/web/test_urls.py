"""Normalisation of URLs, and parsing of domains."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidAddress, InvalidRequest
from core.web.urls import (
    MAX_URL_LENGTH,
    Site,
    as_sent,
    carries,
    host_of,
    name_after_redirects,
    normalise,
    origin_of,
    parse_domain,
    port_of,
    without_visit,
)

SCRAPS = (
    "http https :// : / // ? ?? & = # @ . .. %41 %zz % utm_source=x gclid= a=b %2e%2e a.com é ツ"
    " 127.1 [::1] [ ] \\ \t \0 :80 :443 www. + ;"
)
PIECES = st.sampled_from(SCRAPS.split(" "))
URLS = st.text() | st.lists(PIECES, max_size=12).map("".join)
WEB_URLS = URLS.map(lambda rest: "https://competitor.com/" + rest)


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("HTTP://Competitor.COM:80", "http://competitor.com/"),
        ("https://competitor.com:443/a", "https://competitor.com/a"),
        ("https://competitor.com:80/a", "https://competitor.com:80/a"),
        ("https://competitor.com/a/../b/./c#top", "https://competitor.com/b/c"),
        (" https://competitor.com/a b\n", "https://competitor.com/a%20b"),
        ("https://bücher.example/ü", "https://xn--bcher-kva.example/%C3%BC"),
        ("http://0x7f.1/", "http://127.0.0.1/"),
        ("http://[0:0::1]:8080/", "http://[::1]:8080/"),
        ("https://a.com/?utm_source=x&id=1&UTM_Medium=y&gclid=z", "https://a.com/?id=1"),
        ("https://a.com/?fbclid=x", "https://a.com/"),
        ("https://a.com/?b=&a=1&a", "https://a.com/?b=&a=1&a"),
        ("https://a.com/?z=1&a=2", "https://a.com/?z=1&a=2"),
        ("https://a.com/???a", "https://a.com/???a"),
        ("https://a.com/?", "https://a.com/"),
        ("https://a.com/?my_utm_source=1", "https://a.com/?my_utm_source=1"),
        ("https://a.com/a;jsessionid=1A2B?x=1", "https://a.com/a?x=1"),
        ("https://a.com/a;JSESSIONID=1A2B.node1/b", "https://a.com/a/b"),
        ("https://a.com/a;v=1", "https://a.com/a;v=1"),
        ("https://a.com/?PHPSESSID=abc&id=1", "https://a.com/?id=1"),
        ("https://a.com/?ASPSESSIONIDQQ=abc", "https://a.com/"),
        ("https://a.com/?sid=0123456789abcdef0123", "https://a.com/"),
        ("https://a.com/?sid=12", "https://a.com/?sid=12"),
        ("https://a.com/?s=pricing", "https://a.com/?s=pricing"),
        ("https://a.com/%7Ebob/%e4", "https://a.com/%7Ebob/%e4"),
        ("https://a.com/a//b/", "https://a.com/a//b/"),
    ],
)
def test_normal_form(written: str, normal: str) -> None:
    assert normalise(written) == normal


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("/c", "https://a.com/c"),
        ("c?d#e", "https://a.com/b/c?d"),
        ("//b.com/c", "https://b.com/c"),
        ("?x", "https://a.com/b/?x"),
        ("", "https://a.com/b/"),
    ],
)
def test_relative_to_a_base(written: str, normal: str) -> None:
    assert normalise(written, "https://a.com/b/#here") == normal


@pytest.mark.parametrize(
    "written",
    [
        "",
        "a.com",
        "/path",
        "http://",
        "http://a b.com/",
        "http://a.com:99999/",
        "javascript:alert(1)",
        "mailto:someone@a.com",
        "file:///etc/passwd",
        "ftp://a.com/",
        "data:text/html,x",
        "https://user@a.com/",
        "https://:word@a.com/",
        "http://[::1",
        "https://a.com/" + "x" * MAX_URL_LENGTH,
        "\ud800",
    ],
)
def test_no_address_on_the_web(written: str) -> None:
    with pytest.raises(InvalidAddress) as raised:
        normalise(written)
    assert raised.value.message.endswith(".")
    raised.value.message.encode()


def test_the_longest_address() -> None:
    longest = "https://a.com/".ljust(MAX_URL_LENGTH, "x")
    assert normalise(longest) == longest
    with pytest.raises(InvalidAddress):
        normalise(longest + "x")


def test_a_password_is_not_repeated() -> None:
    with pytest.raises(InvalidAddress) as raised:
        normalise("https://user:open-sesame@a.com/")
    assert "open-sesame" not in raised.value.message


@given(URLS, st.none() | URLS)
def test_any_text_is_normalised_or_refused(url: str, base: str | None) -> None:
    try:
        normal = normalise(url, base)
    except InvalidAddress as error:
        error.message.encode()
    else:
        assert len(normal) <= MAX_URL_LENGTH
        assert normal.isascii()
        assert normal.isprintable()
        assert origin_of(normal).startswith(("http://", "https://"))


@given(URLS | WEB_URLS)
def test_normalising_again_changes_nothing(url: str) -> None:
    try:
        normal = normalise(url)
    except InvalidAddress:
        return
    assert normalise(normal) == normal


def test_parts_of_an_address() -> None:
    assert host_of("http://[::1]:8080/x") == "[::1]"
    assert origin_of("http://a.com:8080/x?y") == "http://a.com:8080"
    assert [port_of(url) for url in ("http://a.com/", "https://a.com/", "http://a.com:81/")] == [
        80,
        443,
        81,
    ]


@pytest.mark.parametrize(
    ("text", "site", "domain"),
    [
        ("competitor.com", Site("https", "competitor.com", None), "competitor.com"),
        ("WWW.Competitor.com", Site("https", "www.competitor.com", None), "www.competitor.com"),
        ("https://competitor.com/", Site("https", "competitor.com", None), "competitor.com"),
        ("http://competitor.com", Site("http", "competitor.com", None), "http://competitor.com"),
        ("competitor.com:443", Site("https", "competitor.com", None), "competitor.com"),
        ("competitor.com:8443", Site("https", "competitor.com", 8443), "competitor.com:8443"),
        ("http://127.0.0.1:8081", Site("http", "127.0.0.1", 8081), "http://127.0.0.1:8081"),
        ("localhost:3000", Site("https", "localhost", 3000), "localhost:3000"),
        ("http://[::1]:80", Site("http", "[::1]", None), "http://[::1]"),
        ("bücher.example", Site("https", "xn--bcher-kva.example", None), "xn--bcher-kva.example"),
        ("my_shop.a.com", Site("https", "my_shop.a.com", None), "my_shop.a.com"),
    ],
)
def test_a_domain(text: str, site: Site, domain: str) -> None:
    assert parse_domain(text) == site
    assert site.domain == domain
    assert parse_domain(domain) == site


@pytest.mark.parametrize(
    "text",
    [
        "",
        " competitor.com",
        "competitor .com",
        "competitor.com\n",
        "competitor",
        "com.",
        "competitor.com.",
        "a..com",
        ".com",
        "-a.com",
        "a-.com",
        "*.competitor.com",
        "a.com,b.com",
        "a;b.com",
        "a.com/pricing",
        "https://a.com//",
        "https:///a.com",
        "//a.com",
        "a.com\\b",
        "a.com?",
        "https://a.com#top",
        "user@a.com",
        "https://user:word@a.com",
        "ftp://a.com",
        "javascript:alert(1)",
        "a.com:",
        "a.com:0",
        "a.com:65536",
        "a.com:http",
        "12345",
        "127.1",
        "0x7f000001",
        "1.2.3.256",
        "[::1",
        "::1",
        "x" * 64 + ".com",
        ".".join(["x" * 60] * 5),
        "x." * 100_000 + "com",
        "\ud800.com",
    ],
)
def test_no_domain(text: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        parse_domain(text)
    assert raised.value.details == {"domain": raised.value.message}
    raised.value.message.encode()


@given(URLS)
def test_any_text_is_a_domain_or_refused(text: str) -> None:
    try:
        site = parse_domain(text)
    except InvalidRequest:
        return
    assert parse_domain(site.domain) == site
    assert origin_of(normalise(site.origin)) == site.origin


@pytest.mark.parametrize(
    ("requested", "name"),
    [
        (["/offer", "/offer?sid=3fa9c1"], "/offer"),
        (["/offer", "/offer?sid=3fa9c1&sid2=x"], "/offer"),
        (["/list?a=1", "/list?a=1&visit=77"], "/list?a=1"),
        (["/list?a=1", "/list?visit=77&a=1"], "/list?a=1"),
        (["/", "/?utm_source=site"], "/"),
        (["/", "/hello?back=/", "/"], "/"),
        (["/old", "/new"], "/new"),
        (["/old", "/new?id=7"], "/new?id=7"),
        (["/old", "/new?session=abc"], "/new"),
        (["/old", "/new?id=7&visit_id=17"], "/new?id=7"),
        (["/old?sid=9", "/new?sid=9"], "/new?sid=9"),
        (["/old", "/new?t=1766700000123"], "/new"),
        (["/old", "/new?t=blue"], "/new?t=blue"),
        (["/old", "/new?x=123e4567-e89b-12d3-a456-426614174000"], "/new"),
        (["/post?id=41", "/post?id=42"], "/post?id=42"),
        (["/a", "/a/", "/a/?sid=1"], "/a/"),
        (["/shop", "/(S(lit3py55t21z5v55vlm25s55))/shop"], "/shop"),
        (["/shop", "/shop;jsessionid=0A1B"], "/shop"),
    ],
)
def test_a_page_behind_redirects_has_a_name_without_the_visit(
    requested: list[str], name: str
) -> None:
    urls = [f"https://a.example{path}" for path in requested]
    assert name_after_redirects(urls) == f"https://a.example{name}"


def test_a_redirect_is_asked_for_as_it_was_sent() -> None:
    sent = as_sent("/a;jsessionid=1?utm_source=b&sid=" + "0" * 32 + "#part", "https://a.example/x")
    assert sent == "https://a.example/a;jsessionid=1?utm_source=b&sid=" + "0" * 32
    for refused in ("javascript:1", "ftp://a.example/", "https://u:p@a.example/"):
        with pytest.raises(InvalidAddress):
            as_sent(refused)


def test_links_do_not_repeat_what_a_redirect_added() -> None:
    links = ("https://a.example/?sid=3f", "https://a.example/b?c=1&sid=3f", "https://a.example/d")
    requested, name = "https://a.example/offer?sid=3f", "https://a.example/offer"
    assert without_visit(links, requested, name) == (
        "https://a.example/",
        "https://a.example/b?c=1",
        "https://a.example/d",
    )
    assert without_visit(links, name, name) == links


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/hello?back=/prices%3Fa%3D1", True),
        ("/hello?back=https://a.example/prices?a=1", True),
        ("/hello?next=prices%3Fa=1", True),
        ("/hello?back=/", False),
        ("/prices?b=1", False),
        ("/hello", False),
    ],
)
def test_an_address_may_carry_the_one_to_come_back_to(target: str, expected: bool) -> None:
    assert carries(f"https://a.example{target}", "https://a.example/prices?a=1") is expected
