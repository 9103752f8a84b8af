"""The scope of a discovery."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.web.scope import (
    WORDS,
    ExclusionReason,
    ScopeRules,
    exclusion_reason,
    file_kind,
    glob_matches,
    in_words,
    is_not_included,
)
from core.web.urls import Site, parse_domain
from tests.cost import cost

SITE = parse_domain("competitor.com")


@pytest.mark.parametrize(
    ("domain", "url"),
    [
        ("competitor.com", "https://competitor.com/"),
        ("competitor.com", "http://competitor.com/"),
        ("competitor.com", "https://www.competitor.com/"),
        ("www.competitor.com", "https://competitor.com/"),
        ("http://competitor.com:443", "https://competitor.com/"),
        ("competitor.com:8443", "http://competitor.com:8443/"),
        ("http://127.0.0.1:8081", "http://127.0.0.1:8081/a"),
        ("http://[::1]:8081", "http://[::1]:8081/a"),
        ("bücher.example", "https://xn--bcher-kva.example/"),
    ],
)
def test_same_site(domain: str, url: str) -> None:
    assert exclusion_reason(url, parse_domain(domain)) is None


@pytest.mark.parametrize(
    ("domain", "url"),
    [
        ("competitor.com", "https://blog.competitor.com/"),
        ("competitor.com", "https://competitor.com.evil.example/"),
        ("competitor.com", "https://www.www.competitor.com/"),
        ("competitor.com", "https://competitor.com:8443/"),
        ("competitor.com:8443", "https://competitor.com/"),
        ("http://127.0.0.1:8081", "http://127.0.0.1:8082/"),
        ("competitor.com", "https://evil.example/competitor.com"),
    ],
)
def test_another_site(domain: str, url: str) -> None:
    assert exclusion_reason(url, parse_domain(domain)) is ExclusionReason.OTHER_HOST


@pytest.mark.parametrize(
    ("path", "is_page"),
    [
        ("/", True),
        ("/a.html", True),
        ("/a.php?file=b.pdf", True),
        ("/v1.2", True),
        ("/pdf", True),
        ("/a.pdf/", True),
        ("/a.pdf", False),
        ("/a.PDF?x", False),
        ("/a.tar.gz", False),
        ("/style.css", False),
        ("/.woff2", False),
        ("/wiki/Node.js", False),
    ],
)
def test_a_name_suggests_a_file_and_excludes_nothing(path: str, is_page: bool) -> None:
    url = f"https://competitor.com{path}"
    assert (file_kind(url) is None) is is_page
    assert exclusion_reason(url, SITE) is None


def test_files_of_one_kind_have_an_extension_below_one_path() -> None:
    kinds = {
        url: file_kind(f"https://competitor.com{url}")
        for url in ("/wiki/a.js", "/wiki/b/c.JS?d", "/static/a.js", "/a.js", "/b.js")
    }
    assert kinds["/wiki/a.js"] == kinds["/wiki/b/c.JS?d"] == "wiki/*.js"
    assert kinds["/static/a.js"] == "static/*.js"
    assert kinds["/a.js"] == kinds["/b.js"] == "/*.js"


@pytest.mark.parametrize(
    ("path", "expected"),
    [("/blog/a", False), ("/", True), ("/shop?q=1", True), ("/private/a", False)],
)
def test_what_only_misses_the_include_patterns(path: str, expected: bool) -> None:
    rules = ScopeRules(include=("/blog/*",), exclude=("/private/*",))
    url = f"https://competitor.com{path}"
    missed = exclusion_reason(url, SITE, rules) is not None and is_not_included(url, rules)
    assert missed is expected


def test_reasons_are_told_in_words() -> None:
    assert in_words({"redirect": 1, "not_found": 3}) == "3 not found, 1 a redirect"
    assert set(WORDS) == set(ExclusionReason)


@pytest.mark.parametrize(
    ("include", "exclude", "path", "taken"),
    [
        ((), (), "/a", True),
        (("/blog/*",), (), "/blog/a", True),
        (("/blog/*",), (), "/blog", False),
        (("/blog/*", "/docs"), (), "/docs", True),
        (("/blog/*",), ("*/tag/*",), "/blog/tag/x", False),
        ((), ("/search",), "/search?q=shoes", False),
        ((), ("/search?q=*",), "/search?q=shoes", False),
        ((), ("/search",), "/searching", True),
        ((), ("*sort=*",), "/list?sort=up", False),
        ((), ("/page-?",), "/page-1", False),
        ((), ("/page-?",), "/page-12", True),
        ((), ("/a.b",), "/axb", True),
    ],
)
def test_patterns(
    include: tuple[str, ...], exclude: tuple[str, ...], path: str, taken: bool
) -> None:
    expected = None if taken else ExclusionReason.EXCLUDED
    assert (
        exclusion_reason(f"https://competitor.com{path}", SITE, ScopeRules(include, exclude))
        is expected
    )


@given(
    st.text(st.sampled_from("ab*?.[\n"), max_size=12),
    st.text(st.sampled_from("ab.[?*\n"), max_size=12),
)
def test_globs_match_as_the_plain_expression_would(pattern: str, text: str) -> None:
    signs = {"*": ".*", "?": "."}
    plain = "".join(signs.get(sign, re.escape(sign)) for sign in pattern)
    assert glob_matches(pattern, text) == bool(re.fullmatch(plain, text, re.DOTALL))


@pytest.mark.parametrize("pattern", ["*a" * 100, "*" + "a" * 198 + "b", "*?" * 99 + "b", "*" * 200])
def test_no_pattern_takes_long(pattern: str) -> None:
    rules = ScopeRules(exclude=tuple(f"{pattern[:198]}{number}" for number in range(50)))
    reason, million = cost(
        lambda: exclusion_reason("https://competitor.com/" + "a" * 1_900, SITE, rules)
    )
    assert reason is None
    assert million < 50


def test_a_site_of_either_scheme_is_one() -> None:
    site = Site("http", "competitor.com", None)
    assert exclusion_reason("https://competitor.com/", site) is None
