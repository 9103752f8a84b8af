"""Where a discovery begins."""

import gzip
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

import activities.discovery.seeds
import activities.extraction.processes
from activities.discovery.seeds import (
    MAX_SITEMAPS,
    MOST_USUAL,
    TOO_LONG,
    USUAL_PLACES,
    first_sitemaps,
    read_sitemap,
    usual_sitemaps,
)
from activities.discovery.visit import Visitor
from core.errors import BlockedByRobots, HostBusy
from core.jobs.checkpoint import Seeding
from core.web.robots import parse_robots
from core.web.sitemaps import MAX_SITEMAP_SIZE, MAX_SITEMAP_URLS
from core.web.urls import parse_domain
from tests.activities.behaviours import resetting
from tests.pauses import watched
from tests.site import FakeSite

FEED = "<rss><channel><item><link>http://a.example/post</link></item></channel></rss>"


@dataclass(frozen=True)
class Seeds:
    """All that the sitemaps name, as they name it, and how many were read."""

    urls: tuple[str, ...]
    read: int


async def seeds(site: FakeSite, visitor: Visitor, robots: str = "") -> Seeds:
    """Read each sitemap, going on from what can be stored after the one before."""
    owner = parse_domain(site.origin)
    seeding = first_sitemaps(owner, parse_robots(robots.encode()))
    urls: list[str] = []
    read = 0
    while seeding.waiting:
        stored = Seeding.model_validate_json(seeding.model_dump_json())
        read = stored.read + 1
        seeding, named = await read_sitemap(stored, owner, visitor)
        urls += named
    return Seeds(tuple(urls), read)


def listing(*urls: str) -> str:
    return "\n".join(urls)


def index(*urls: str) -> str:
    named = "".join(f"<sitemap><loc>{url}</loc></sitemap>" for url in urls)
    return f"<sitemapindex>{named}</sitemapindex>"


def admitting(visitor: Visitor, admit: Callable[[str], Awaitable[None]]) -> Visitor:
    return replace(visitor, admit=admit)


async def test_without_a_sitemap_nothing_is_named(site: FakeSite, visitor: Visitor) -> None:
    assert await seeds(site, visitor) == Seeds((), 1)
    assert [request.target for request in site.requests] == ["/sitemap.xml"]


async def test_sitemaps_are_read_once_in_the_order_found(site: FakeSite, visitor: Visitor) -> None:
    site.page("/one.txt", listing(site.url("/b"), site.url("/a"), site.url("/b")))
    site.page("/index.xml", index(site.url("/two.txt"), site.url("/one.txt")))
    site.page("/two.txt", listing(site.url("/d")))
    site.page("/sitemap.xml", listing(site.url("/a"), site.url("/c")))
    found = await seeds(site, visitor, "Sitemap: /one.txt\nSitemap: /index.xml\nSitemap: /one.txt")
    assert found == Seeds(tuple(site.url(path) for path in ("/b", "/a", "/a", "/c", "/d")), 4)
    assert len(site.requests) == 4


async def test_a_feed_that_robots_names_counts(site: FakeSite, visitor: Visitor) -> None:
    site.page("/feed", FEED)
    assert (await seeds(site, visitor, "Sitemap: /feed")).urls == ("http://a.example/post",)


async def test_a_sitemap_that_is_redirected_is_read_in_its_place(
    site: FakeSite, visitor: Visitor
) -> None:
    site.page("/old.txt", "", status=301, headers={"Location": "lists/new.txt"})
    site.page("/lists/new.txt", "", status=302, headers={"Location": "newer.txt"})
    site.page("/lists/newer.txt", listing(site.url("/a")))
    site.page("/sitemap.xml", listing(site.url("/b")))
    found = await seeds(site, visitor, "Sitemap: /old.txt")
    assert found == Seeds((site.url("/a"), site.url("/b")), 2)


async def test_redirects_without_end_end(site: FakeSite, visitor: Visitor) -> None:
    for number in range(99):
        headers = {"Location": f"/{number + 1}"}
        site.page(f"/{number}", "", status=302, headers=headers)
    assert (await seeds(site, visitor, "Sitemap: /0")).read == 2
    assert len(site.requests) == 11 + 1


async def test_a_sitemap_behind_a_cookie_is_read(site: FakeSite, visitor: Visitor) -> None:
    headers = {"Location": "/sitemap.xml?utm_source=robots", "Set-Cookie": "seen=1; Path=/"}
    site.page("/sitemap.xml", "", status=302, headers=headers)
    site.page("/sitemap.xml?utm_source=robots", listing(site.url("/a")))
    assert (await seeds(site, visitor)).urls == (site.url("/a"),)
    assert site.requests[-1].headers["cookie"] == "seen=1"


def test_the_usual_places_are_read_only_if_no_sitemap_lists_a_page() -> None:
    owner = parse_domain("a.example")
    asked = Seeding(read=1, asked=("https://a.example/sitemap.xml",))
    usual = usual_sitemaps(asked, owner, timedelta(seconds=0.5))
    assert usual is not None
    assert [url.removeprefix("https://a.example") for url in usual.waiting] == list(USUAL_PLACES)
    assert usual_sitemaps(usual, owner, timedelta(0)) is None
    assert usual_sitemaps(asked.model_copy(update={"urls": 1}), owner, timedelta(0)) is None
    of_slow = usual_sitemaps(asked, owner, timedelta(seconds=10))
    assert of_slow is not None
    assert of_slow.waiting == usual.waiting[:MOST_USUAL]


async def test_what_is_passed_over_and_what_cannot_be_read_is_told(
    site: FakeSite, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activities.discovery.seeds, "MAX_SITEMAPS", 2)
    monkeypatch.setattr(activities.discovery.seeds, "MAX_SEEDS", 3)
    site.page("/all.xml", index(*(site.url(f"/{number}.txt") for number in range(5))))
    site.page("/broken.xml", "<urlset><url><loc>")
    site.page("/0.txt", listing(*(site.url(f"/page-{number}") for number in range(5))))
    owner = parse_domain(site.origin)
    seeding = Seeding(waiting=(site.url("/all.xml"),))
    while seeding.waiting:
        seeding, _ = await read_sitemap(seeding, owner, visitor)
    assert (seeding.passed_over, seeding.urls_passed_over) == (4, 2)
    broken = Seeding(waiting=(site.url("/broken.xml"),))
    told, _ = await read_sitemap(broken, owner, visitor)
    assert told.problems == (f"{site.url('/broken.xml')}: Its XML is broken.",)


@pytest.mark.parametrize("path", ["/sitemap.xml", "/all.xml"])
async def test_a_sitemap_that_is_cut_off_is_told(
    site: FakeSite, visitor: Visitor, path: str
) -> None:
    site.page(path, listing(*(f"{site.origin}/{number}" for number in range(MAX_SITEMAP_URLS + 1))))
    seeding, urls = await read_sitemap(
        Seeding(waiting=(site.url(path),)), parse_domain(site.origin), visitor
    )
    assert len(urls) == MAX_SITEMAP_URLS
    assert seeding.failed, "there may be pages that are not known"
    assert seeding.problems == (f"{site.url(path)}: {TOO_LONG}",)


async def test_where_the_host_is_busy_nothing_is_lost(site: FakeSite, visitor: Visitor) -> None:
    async def refuse(_: str) -> None:
        raise HostBusy("127.0.0.1", datetime.now(UTC))

    seeding = Seeding(waiting=(site.url("/sitemap.xml"),))
    busy = admitting(visitor, refuse)
    with pytest.raises(HostBusy):
        await read_sitemap(seeding, parse_domain(site.origin), busy)
    assert site.requests == []


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
    assert await seeds(site, visitor, robots) == Seeds((site.url("/a"),), 5)


async def test_a_sitemap_that_robots_forbids_is_not_asked_for(
    site: FakeSite, visitor: Visitor
) -> None:
    site.page("/sitemap.xml", listing(site.url("/a")))

    async def forbid(_: str) -> None:
        raise BlockedByRobots("No.")

    assert await seeds(site, admitting(visitor, forbid)) == Seeds((), 1)
    assert site.requests == []


async def test_an_index_that_names_itself_ends(site: FakeSite, visitor: Visitor) -> None:
    site.page("/sitemap.xml", index(site.url("/sitemap.xml")))
    assert await seeds(site, visitor) == Seeds((), 1)
    assert len(site.requests) == 1


async def test_of_an_index_without_end_only_so_many_are_kept_waiting(
    site: FakeSite, visitor: Visitor
) -> None:
    site.page("/sitemap.xml", index(*(site.url(f"/{number}.xml") for number in range(5_000))))
    owner = parse_domain(site.origin)
    seeding, _ = await read_sitemap(first_sitemaps(owner, parse_robots(b"")), owner, visitor)
    assert len(seeding.waiting) == MAX_SITEMAPS - 1


async def test_no_more_sitemaps_and_urls_are_read_than_the_limits(
    site: FakeSite, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activities.discovery.seeds, "MAX_SITEMAPS", 3)
    monkeypatch.setattr(activities.discovery.seeds, "MAX_SEEDS", 25)
    names = [f"/{number}.txt" for number in range(5)]
    for name in names:
        site.page(name, listing(*(site.url(f"{name}/{page}") for page in range(10))))
    found = await seeds(site, visitor, "\n".join(f"Sitemap: {name}" for name in names))
    assert (len(found.urls), found.read) == (25, 3)
    assert len(site.requests) == 3


AMPERSANDS = gzip.compress(b"<" + b"&" * MAX_SITEMAP_SIZE)
"""A sitemap that is read for seconds."""


async def test_a_hostile_sitemap_holds_nothing_up(site: FakeSite, visitor: Visitor) -> None:
    """Heartbeats of other jobs, for one."""
    site.page("/sitemap.xml", AMPERSANDS)
    reading = await watched(seeds(site, visitor))
    assert reading.result == Seeds((), 1)
    assert reading.longest_pause < reading.seconds / 2


async def test_a_sitemap_that_cannot_be_read_in_time_is_passed_over_and_counted(
    site: FakeSite, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.page("/hostile.xml", AMPERSANDS)
    site.page("/sitemap.xml", listing(site.url("/a")))
    await seeds(site, visitor)  # its process has been started by now
    monkeypatch.setattr(activities.extraction.processes, "DOCUMENT_TIMEOUT", 1)
    found = await seeds(site, visitor, "Sitemap: /hostile.xml")
    monkeypatch.undo()
    assert found.read == 2
    assert await seeds(site, visitor) == Seeds((site.url("/a"),), 1)
