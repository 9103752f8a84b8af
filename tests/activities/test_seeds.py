"""Where a discovery begins."""

import gzip
from dataclasses import replace

import pytest

import activities.processes
import activities.seeds
from activities.seeds import Seeds, find_seeds
from activities.visit import Visitor
from core.errors import BlockedByRobots
from core.robots import parse_robots
from core.sitemaps import LARGEST
from core.urls import parse_domain
from tests.activities.behaviours import resetting
from tests.pauses import watched
from tests.site import FakeSite

FEED = "<rss><channel><item><link>http://a.example/post</link></item></channel></rss>"


async def seeds(site: FakeSite, visitor: Visitor, robots: str = "") -> Seeds:
    rules = parse_robots(robots.encode())
    return await find_seeds(parse_domain(site.origin), rules, visitor)


def listing(*urls: str) -> str:
    return "\n".join(urls)


async def test_the_front_page_is_always_one(site: FakeSite, visitor: Visitor) -> None:
    assert (await seeds(site, visitor)).urls == (site.url("/"),)
    assert [request.target for request in site.requests] == ["/sitemap.xml"]


async def test_each_url_is_named_once_in_the_order_found(site: FakeSite, visitor: Visitor) -> None:
    site.page("/one.txt", listing(site.url("/b"), site.url("/a"), site.url("/")))
    site.page("/sitemap.xml", listing(site.url("/a"), site.url("/c")))
    found = await seeds(site, visitor, "Sitemap: /one.txt\nSitemap: /one.txt")
    assert found == Seeds(tuple(site.url(path) for path in ("/", "/b", "/a", "/c")), 2)


async def test_a_feed_that_robots_names_counts(site: FakeSite, visitor: Visitor) -> None:
    site.page("/feed", FEED)
    assert "http://a.example/post" in (await seeds(site, visitor, "Sitemap: /feed")).urls


async def test_sitemaps_that_cannot_be_read_are_passed_over(
    site: FakeSite, visitor: Visitor
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
    assert (await seeds(site, visitor, robots)).urls == (site.url("/"), site.url("/a"))


async def test_a_sitemap_that_robots_forbids_is_not_asked_for(
    site: FakeSite, visitor: Visitor
) -> None:
    site.page("/sitemap.xml", listing(site.url("/a")))

    async def forbid(_: str) -> None:
        raise BlockedByRobots("No.")

    forbidden = replace(visitor, admit=forbid)
    found = await find_seeds(parse_domain(site.origin), parse_robots(b""), forbidden)
    assert found.urls == (site.url("/"),)
    assert site.requests == []


async def test_an_index_that_names_itself_ends(site: FakeSite, visitor: Visitor) -> None:
    own = site.url("/sitemap.xml")
    body = f"<sitemapindex><sitemap><loc>{own}</loc></sitemap></sitemapindex>"
    site.page("/sitemap.xml", body)
    assert (await seeds(site, visitor)).sitemaps_read == 1
    assert len(site.requests) == 1


async def test_no_more_sitemaps_and_urls_are_read_than_the_limits(
    site: FakeSite, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activities.seeds, "MAX_SITEMAPS", 3)
    monkeypatch.setattr(activities.seeds, "MAX_SEEDS", 25)
    names = [f"/{number}.txt" for number in range(5)]
    for name in names:
        site.page(name, listing(*(site.url(f"{name}/{page}") for page in range(10))))
    found = await seeds(site, visitor, "\n".join(f"Sitemap: {name}" for name in names))
    assert (len(found.urls), found.sitemaps_read) == (25, 3)


AMPERSANDS = gzip.compress(b"<" + b"&" * LARGEST)
"""A sitemap that is read for seconds."""


async def test_a_hostile_sitemap_holds_nothing_up(site: FakeSite, visitor: Visitor) -> None:
    """Heartbeats of other jobs, for one."""
    site.page("/sitemap.xml", AMPERSANDS)
    reading = await watched(seeds(site, visitor))
    assert reading.result == Seeds((site.url("/"),), 1)
    assert reading.longest_pause < reading.seconds / 2


async def test_a_sitemap_that_cannot_be_read_in_time_is_passed_over_and_counted(
    site: FakeSite, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.page("/hostile.xml", AMPERSANDS)
    site.page("/sitemap.xml", listing(site.url("/a")))
    await seeds(site, visitor)  # its process has been started by now
    monkeypatch.setattr(activities.processes, "DEADLINE", 1)
    found = await seeds(site, visitor, "Sitemap: /hostile.xml")
    monkeypatch.undo()
    assert found.sitemaps_read == 2
    assert (await seeds(site, visitor)).urls == (site.url("/"), site.url("/a"))
