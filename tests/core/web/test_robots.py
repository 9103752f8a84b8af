"""robots.txt, by RFC 9309 and by Google's own cases."""

import json
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidAddress
from core.web.robots import (
    ALLOW_ALL,
    MAX_CRAWL_DELAY,
    MAX_ROBOTS_SIZE,
    PRODUCT_TOKEN,
    parse_robots,
)
from core.web.urls import normalise
from tests.cost import cost

CASES = Path(__file__).parents[2] / "data" / "robots-cases-google.json"

ACCEPTED_DIFFERENCES = {
    ("ID_Encoding", "http://foo.bar/foo/bar/ツ", "/foo/bar/ツ"),
    ("ID_Encoding", "http://foo.bar/foo/bar/ツ", "/foo/bar/%E3%83%84"),
    ("ID_Encoding", "http://foo.bar/foo/bar/baz", "/foo/bar/%62%61%7A"),
}
"""Google compares these URLs as written; RFC 9309, 2.2.2 has both sides percent-decoded first."""

PAGE = "https://a.com/private/x"
SCRAPS = (
    "User-agent: *|User-agent: DiffyBot|user-agent|Disallow: /|Disallow|Allow: /a*b$|allow:"
    "|Crawl-delay: 5|Crawl-delay: x|Sitemap: /s|Foo: bar|#|\x0b|\r|\0|:|é|\ufeff"
)
LINES = st.lists(st.sampled_from(SCRAPS.split("|"))).map("\n".join)


def allows(text: str, url: str = PAGE) -> bool:
    return parse_robots(text.encode()).allows(url, PRODUCT_TOKEN)


def test_googles_cases() -> None:
    cases: list[tuple[str, str, str, str, bool]] = json.loads(CASES.read_text(encoding="utf-8"))
    differing = {
        (name, url, text.rpartition("Allow: ")[2].strip())
        for name, text, agent, url, allowed in cases
        if parse_robots(text.encode()).allows(url, agent) != allowed
    }
    assert len(cases) == 140
    assert differing == ACCEPTED_DIFFERENCES


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("", True),
        ("user-agent: *\ndisallow: /private", False),
        ("user-agent: *\ndisallow: /private\nallow: /private/x", True),
        ("user-agent: *\ndisallow: /private/*$", False),
        ("user-agent: *\ndisallow:", True),
        # The group that names us counts, not the one for anyone, and all groups that do.
        ("user-agent: diffybot\nallow: /\n\nuser-agent: *\ndisallow: /", True),
        (
            "user-agent: diffybot\nallow: /a\nuser-agent: *\nuser-agent: DIFFYBOT\ndisallow: /",
            False,
        ),
        ("user-agent: DiffyBot/2.0 (of any kind)\ndisallow: /", False),
        ("user-agent: Diffy\ndisallow: /", True),
        ("user-agent: Bot\ndisallow: /", True),
        ("user-agent: DiffyBotter\ndisallow: /", True),
        ("user-agent: *bot\ndisallow: /", True),
        # What is no directive parts no group.
        ("user-agent: DiffyBot\nhost: a.com\nuser-agent: FooBot\ndisallow: /", False),
        ("user-agent: DiffyBot\nsitemap: /s.xml\nuser-agent: FooBot\ndisallow: /", False),
        ("disallow: /", True),
        ("user-agent *\ndisallow / # all: of it", False),
        ("useragent: *\ndissallow: /", False),
        ("user-agent: *\rdisallow: /", False),
        ("user-agent: *\ndisallow: /other\x0bdisallow: /", True),
        ("\ufeffuser-agent: *\ndisallow: /", False),
        ("user-agent: *\ndis\0allow: /", False),
    ],
)
def test_rules(text: str, allowed: bool) -> None:
    assert allows(text) is allowed


def test_charsets() -> None:
    for body in (
        "user-agent: *\ndisallow: /café".encode("latin-1"),
        b"user-agent: *\ndisallow: /caf%e9",
    ):
        assert not parse_robots(body).allows("https://a.com/caf%E9", PRODUCT_TOKEN)
    for mark, charset in ((BOM_UTF16_LE, "utf-16-le"), (BOM_UTF16_BE, "utf-16-be")):
        body = mark + "user-agent: *\ndisallow: /".encode(charset)
        assert not parse_robots(body).allows(PAGE, PRODUCT_TOKEN)


def test_robots_txt_itself_is_always_allowed() -> None:
    nothing_else = parse_robots(b"user-agent: *\ndisallow: /")
    assert nothing_else.allows("https://a.com/robots.txt", PRODUCT_TOKEN)
    assert not nothing_else.allows(PAGE, PRODUCT_TOKEN)
    assert ALLOW_ALL.allows(PAGE, PRODUCT_TOKEN)


def test_a_line_that_is_cut_does_not_count() -> None:
    start = b"user-agent: *\ndisallow: /other\n#"
    cut = b"\ndisallow: /private"
    filler = b"x" * (MAX_ROBOTS_SIZE - len(start) - len(cut) + len(b"rivate"))
    body = start + filler + cut
    assert body[:MAX_ROBOTS_SIZE].endswith(b"disallow: /p")
    robots = parse_robots(body)
    assert robots.allows("https://a.com/pricing", PRODUCT_TOKEN)
    assert not robots.allows("https://a.com/other", PRODUCT_TOKEN)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("5", 5.0),
        ("0.5", 0.5),
        ("3600", MAX_CRAWL_DELAY),
        ("0", None),
        ("-1", None),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        ("", None),
    ],
)
def test_crawl_delay(written: str, seconds: float | None) -> None:
    robots = parse_robots(f"user-agent: *\ncrawl-delay: {written}".encode())
    assert robots.crawl_delay(PRODUCT_TOKEN) == seconds


def test_crawl_delay_of_another_product() -> None:
    robots = parse_robots(b"user-agent: foobot\ncrawl-delay: 9\nuser-agent: *\ndisallow:")
    assert robots.crawl_delay(PRODUCT_TOKEN) is None
    assert robots.crawl_delay("FooBot") == 9.0


def test_sitemaps() -> None:
    text = "Sitemap: https://a.com/1.xml\nuser-agent: *\nsitemap: /2.xml # two\nsitemap:\n"
    robots = parse_robots((text + "Site-map https://a.com/3.xml").encode())
    assert robots.sitemaps == ("https://a.com/1.xml", "/2.xml", "https://a.com/3.xml")


def test_many_agents_with_many_rules_cost_little() -> None:
    agents = b"".join(b"user-agent: a%s\n" % (b"b" * (i % 500)) for i in range(1_000))
    rules = b"".join(b"disallow: /%d\n" % i for i in range(10_000))

    def allowed() -> bool:
        return parse_robots(agents + b"user-agent: *\n" + rules).allows(
            "https://a.com/9999", PRODUCT_TOKEN
        )

    answer, million = cost(allowed)
    assert not answer
    assert million < 50


@given(st.binary() | LINES.map(str.encode), st.text())
def test_any_bytes_are_a_robots_txt(body: bytes, path: str) -> None:
    try:
        url = normalise("https://a.com/" + path)
    except InvalidAddress:
        return
    robots = parse_robots(body)
    robots.allows(url, PRODUCT_TOKEN)
    delay = robots.crawl_delay(PRODUCT_TOKEN)
    assert delay is None or 0 < delay <= MAX_CRAWL_DELAY
    assert all(isinstance(sitemap, str) and sitemap for sitemap in robots.sitemaps)
