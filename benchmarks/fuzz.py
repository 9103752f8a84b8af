"""A fuzzer over all code that reads what sites send: cases run, failures, the slowest case.

Run by hand: `.venv/bin/python benchmarks/fuzz.py [--cases N]`. Hypothesis makes up the bytes: at
random, and from scraps of each format, repeated and nested. A failure is any exception but the one
that says that an address is none, a result that breaks its promise, or a case of over a second.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Final

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from core.errors import InvalidAddress
from core.web.charsets import decode_html
from core.web.links import MAX_LINKS, extract_links
from core.web.page_types import classify_page
from core.web.robots import MAX_CRAWL_DELAY, parse_robots
from core.web.scope import ScopeRules, exclusion_reason
from core.web.sitemaps import MAX_SITEMAP_URLS, parse_sitemap
from core.web.soft_404 import says_it_is_gone
from core.web.traps import Traps
from core.web.urls import MAX_URL_LENGTH, normalise, origin_of, parse_domain

LONGEST: Final = 1.0
"""Seconds of processor time that one case may take."""

SITE: Final = parse_domain("a.com")
PAGE: Final = "https://a.com/b/c?d"


def read_robots(body: bytes) -> None:
    """robots.txt: any bytes are one."""
    robots = parse_robots(body)
    robots.allows(PAGE)
    delay = robots.crawl_delay()
    assert delay is None or 0 < delay <= MAX_CRAWL_DELAY


def read_sitemap(body: bytes) -> None:
    """Sitemaps, feeds and lists: any bytes are one."""
    found = parse_sitemap(body)
    assert len(found.pages) + len(found.sitemaps) <= MAX_SITEMAP_URLS


def read_page(body: bytes) -> None:
    """Charset, links, structured data, type: any bytes are a page."""
    kind, _, rest = body.partition(b"\n")
    page = extract_links(decode_html(rest, kind.decode("latin-1")), PAGE)
    assert len(page.links) <= MAX_LINKS
    classify_page(PAGE, page.title, page.kinds)
    says_it_is_gone(PAGE, page.title)


def read_url(body: bytes) -> None:
    """Addresses: an identity is its own identity, and belongs to a site or does not."""
    try:
        url = normalise(
            body.decode("utf-8", errors="surrogatepass" if len(body) % 2 else "replace")
        )
    except (InvalidAddress, UnicodeDecodeError):
        return
    assert normalise(url) == url
    assert len(url) <= MAX_URL_LENGTH
    assert url.startswith(origin_of(url))
    exclusion_reason(url, SITE, ScopeRules(exclude=("*a*b*?", "/x*")))
    traps = Traps(date(2026, 11, 24))
    assert traps.recognise(url) is traps.recognise(url)


@dataclass(frozen=True)
class Target:
    """What reads bytes, and the scraps of its format, parted by white space."""

    read: Callable[[bytes], None]
    scraps: str


TARGETS: Final = (
    Target(
        read_robots,
        "User-agent:␣* user-agent:␣DiffyBot Disallow:␣/ Disallow:␣/*a*b$ Allow: Crawl-delay:␣9 nan"
        " Sitemap:␣/s # ␤ ␍ : ％ %2f %zz * $ é ﻿",
    ),
    Target(
        read_sitemap,
        "<urlset> </urlset> <url><loc> </loc></url> https://a.com/ & &amp; &#0; <![CDATA[ ]]> <!--"
        " <!DOCTYPE␣x[<!ENTITY␣y␣'z'>]> &y; <sitemapindex> <sitemap><loc> <rss> <item><link>"
        " <feed> <entry><link␣href='/x'/> <?xml␣version='1.0'␣encoding='utf-16'?> ␤ < > é",
    ),
    Target(
        read_page,
        "text/html;charset=utf-8 utf-7 hex ␤ <meta␣charset=punycode> <base␣href=//e/> <a␣href=x>"
        " <a␣href='http://[::1'> <link␣rel=canonical␣href=/> <title> </title> <svg> <template>"
        ' <noscript> <table> <script␣type=application/ld+json> {"@type":["Product"]} </script> [ {'
        " <meta␣http-equiv=refresh␣content=0;url=y> <plaintext> &#x110000; é <!-- > ' \"",
    ),
    Target(
        read_url,
        "https:// http: // a.com xn-- 127.1 [::1] : :99999 @ / ? & # = %41 %zz .. ./ ; jsessionid="
        " utm_source=x sid=0123456789abcdef0123 2031-05 /a/a/a ␤ \\ é ツ ␀ 。",
    ),
)
SIGNS: Final = str.maketrans({"␣": " ", "␤": "\n", "␍": "\r", "␀": "\0"})


def cases_of(target: Target) -> st.SearchStrategy[bytes]:
    """Bytes at random, and scraps of the format, some of them many times."""
    scraps = st.sampled_from(target.scraps.split(" ")).map(lambda scrap: scrap.translate(SIGNS))
    written = st.tuples(scraps, st.sampled_from((1, 1, 1, 1, 2, 50, 2_000))).map(
        lambda drawn: (drawn[0] * drawn[1]).encode()
    )
    return st.binary(max_size=400) | st.lists(written | st.binary(max_size=4), max_size=30).map(
        b"".join
    )


def fuzz(target: Target, cases: int) -> dict[str, object]:
    """The figures of one target."""
    failures: dict[str, str] = {}
    run = 0
    slowest = 0.0

    @settings(
        max_examples=cases,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(cases_of(target))
    def attempt(body: bytes) -> None:
        nonlocal run, slowest
        run += 1
        began = time.process_time()
        try:
            target.read(body)
        except Exception as error:
            failures.setdefault(repr(error)[:200], repr(body)[:500])
        taken = time.process_time() - began
        slowest = max(slowest, taken)
        if taken > LONGEST:
            failures.setdefault(f"took {taken:.1f} s", repr(body)[:500])

    attempt()
    return {
        "target": target.read.__name__,
        "cases": run,
        "failures": failures,
        "slowest_ms": round(slowest * 1000),
    }


def main() -> None:
    """Print the figures of each target as JSON; exit 1 when there was a failure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000, help="for each target")
    cases = parser.parse_args().cases
    results = [fuzz(target, cases) for target in TARGETS]
    print(json.dumps(results, indent=2, ensure_ascii=False))
    sys.exit(1 if any(result["failures"] for result in results) else 0)


if __name__ == "__main__":
    main()
