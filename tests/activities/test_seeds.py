"""Where a discovery begins."""

import pytest

import activities.seeds
from activities.fetch import Fetcher
from activities.seeds import Seeds, find_seeds
from core.errors import BlockedByRobots
from core.robots import parse_robots
from core.urls import parse_domain
from tests.activities.behaviours import resetting
from tests.site import FakeSite

FEED = "<rss><channel><item><link>http://a.example/post</link></item></channel></rss>"


async def at_once(_: str) -> None:
    """Admit all."""


async def seeds(site: FakeSite, fetcher: Fetcher, robots: str = "") -> Seeds:
    rules = parse_robots(robots.encode())
    return await find_seeds(parse_domain(site.origin), rules, fetcher, at_once)


def listing(*urls: str) -> str:
    return "\n".join(urls)


async def test_the_front_page_is_always_one(site: FakeSite, fetcher: Fetcher) -> None:
    assert (await seeds(site, fetcher)).urls == (site.url("/"),)
    assert [request.target for request in site.requests] == ["/sitemap.xml"]


async def test_each_url_is_named_once_in_the_order_found(site: FakeSite, fetcher: Fetcher) -> None:
    site.page("/one.txt", listing(site.url("/b"), site.url("/a"), site.url("/")))
    site.page("/sitemap.xml", listing(site.url("/a"), site.url("/c")))
    found = await seeds(site, fetcher, "Sitemap: /one.txt\nSitemap: /one.txt")
    assert found == Seeds(tuple(site.url(path) for path in ("/", "/b", "/a", "/c")), 2)


async def test_a_feed_that_robots_names_counts(site: FakeSite, fetcher: Fetcher) -> None:
    site.page("/feed", FEED)
    assert "http://a.example/post" in (await seeds(site, fetcher, "Sitemap: /feed")).urls


async def test_sitemaps_that_cannot_be_read_are_passed_over(
    site: FakeSite, fetcher: Fetcher
) -> None:
    site.page("/failing", "no", status=500)
    site.page("/circle", "", status=302, headers={"Location": "/circle"})
    site.behave("/reset", resetting(b""))
    site.page("/sitemap.xml", listing(site.url("/a")))
    robots = "\n".join(
        f"Sitemap: {url}"
        for url in (
            "/missing",
            "/failing",
            "/circle",
            "/reset",
            "javascript:1",
            "http://[",
            "ftp://a",
        )
    )
    assert (await seeds(site, fetcher, robots)).urls == (site.url("/"), site.url("/a"))


async def test_a_sitemap_that_robots_forbids_is_not_asked_for(
    site: FakeSite, fetcher: Fetcher
) -> None:
    site.page("/sitemap.xml", listing(site.url("/a")))

    async def forbid(_: str) -> None:
        raise BlockedByRobots("No.")

    found = await find_seeds(parse_domain(site.origin), parse_robots(b""), fetcher, forbid)
    assert found.urls == (site.url("/"),)
    assert site.requests == []


async def test_an_index_that_names_itself_ends(site: FakeSite, fetcher: Fetcher) -> None:
    own = site.url("/sitemap.xml")
    body = f"<sitemapindex><sitemap><loc>{own}</loc></sitemap></sitemapindex>"
    site.page("/sitemap.xml", body)
    assert (await seeds(site, fetcher)).sitemaps_read == 1
    assert len(site.requests) == 1


async def test_no_more_sitemaps_and_urls_are_read_than_the_limits(
    site: FakeSite, fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activities.seeds, "MAX_SITEMAPS", 3)
    monkeypatch.setattr(activities.seeds, "MAX_SEEDS", 25)
    names = [f"/{number}.txt" for number in range(5)]
    for name in names:
        site.page(name, listing(*(site.url(f"{name}/{page}") for page in range(10))))
    found = await seeds(site, fetcher, "\n".join(f"Sitemap: {name}" for name in names))
    assert (len(found.urls), found.sitemaps_read) == (25, 3)
