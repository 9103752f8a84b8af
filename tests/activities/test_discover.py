"""`discover.pages` through the whole system: what it finds, and the reason for all the rest."""

import asyncio
import gzip
from datetime import timedelta
from itertools import count, pairwise
from uuid import UUID

import pytest

from core.jobs.contract import DiscoverPagesResult
from core.jobs.states import JobState
from tests.activities.discoveries import again, result
from tests.eventually import HANG
from tests.ports import free_port
from tests.site import Behaviour, FakeSite, SiteAnswer, SiteRequest
from tests.system import System

PLAIN = {"Content-Type": "text/plain"}
XML = {"Content-Type": "application/xml"}


def links(*hrefs: str) -> str:
    """A page with these links."""
    return "".join(f"<a href='{href}'>link</a> " for href in hrefs) + "<p>words</p>"


def sitemap(site: FakeSite, *paths: str) -> str:
    urls = "".join(f"<url><loc>{site.url(path)}</loc></url>" for path in paths)
    return f"<urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'>{urls}</urlset>"


def index(site: FakeSite, *paths: str) -> str:
    urls = "".join(f"<sitemap><loc>{site.url(path)}</loc></sitemap>" for path in paths)
    return (
        f"<sitemapindex xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'>{urls}</sitemapindex>"
    )


async def first(system: System, site: FakeSite) -> tuple[UUID, DiscoverPagesResult]:
    """The domain of the site, and what its first discovery found."""
    domain = await system.add_domain(site.origin)
    return domain.id, result(await system.finished(domain.discovery_job_id))


async def empty_domain(system: System, site: FakeSite) -> UUID:
    """The domain of a site that has no page yet."""
    domain = await system.add_domain(site.origin)
    assert (await system.finished(domain.discovery_job_id)).state is JobState.FAILED
    return domain.id


async def paths(system: System, site: FakeSite, domain_id: UUID) -> set[str]:
    """The paths of the domain's pages."""
    return {url.removeprefix(site.origin) for url in await system.pages(domain_id)}


async def test_pages_are_found_by_robots_sitemaps_and_links(system: System, site: FakeSite) -> None:
    site.page("/robots.txt", f"Sitemap: {site.url('/index.xml')}\nSitemap: /x.txt", headers=PLAIN)
    site.page("/index.xml", index(site, "/a.xml", "/b.xml.gz", "/missing.xml"), headers=XML)
    site.page("/a.xml", sitemap(site, "/in-a", "/?utm_source=a"), headers=XML)
    packed = gzip.compress(sitemap(site, "/in-b").encode())
    site.page("/b.xml.gz", packed, headers={"Content-Type": "application/gzip"})
    site.page("/x.txt", f"{site.url('/in-text')}\n", headers=PLAIN)
    site.page("/sitemap.xml", sitemap(site, "/in-default"), headers=XML)
    site.page("/", links("/linked", "/linked#part", "/in-a"))
    for path in ("/in-a", "/in-b", "/in-text", "/in-default", "/linked"):
        site.page(path, links("/"))
    async with system.worker():
        domain_id, found = await first(system, site)
    everything = {"/", "/linked", "/in-a", "/in-b", "/in-text", "/in-default"}
    assert await paths(system, site, domain_id) == everything
    assert (found.pages_added, found.pages_known, found.left_out) == (6, 0, {})
    assert len(site.requests_for("/robots.txt")) == 1
    assert all(len(site.requests_for(path)) == 1 for path in everything)


async def test_every_url_that_is_left_out_is_counted_by_its_reason(
    system: System, site: FakeSite
) -> None:
    site.page("/robots.txt", "User-agent: *\nDisallow: /private", headers=PLAIN)
    site.page(
        "/",
        links(
            "/good", "/private", "/missing", "/refused", "/picture.png", "/pdf", "/empty",
            "/broken", "/moved", "/copy", "https://elsewhere.example/", "mailto:a@b.example",
            "/" + "a" * 2_000, "/moved-away", "/nowhere",
        ),
    )  # fmt: skip
    site.page("/good", links("/"))
    site.page("/target", links("/"))
    site.page("/refused", "no", status=403)
    site.page("/pdf", "%PDF", headers={"Content-Type": "application/pdf"})
    site.page("/picture.png", b"\x89PNG", headers={"Content-Type": "image/png"})
    site.page("/empty", " ")
    site.page("/broken", "no", status=500)
    site.page("/moved", "", status=301, headers={"Location": "/target"})
    site.page("/moved-away", "", status=301, headers={"Location": "https://elsewhere.example/x"})
    site.page("/nowhere", "", status=301, headers={"Location": "javascript:void(0)"})
    site.page("/copy", "<link rel=canonical href='/good'><p>words</p>")
    async with system.worker():
        domain_id, found = await first(system, site)
    assert await paths(system, site, domain_id) == {"/", "/good", "/target"}
    assert found.left_out == {
        "blocked_by_robots": 1,
        "not_found": 1,
        "access_refused": 1,
        "not_a_page": 3,
        "unreachable": 1,
        "redirect": 3,
        "duplicate": 1,
        "other_host": 2,
        "invalid_address": 1,
    }
    assert site.requests_for("/private") == []


async def test_a_canonical_url_is_found_through_its_copies(system: System, site: FakeSite) -> None:
    site.page("/", links("/copy?a", "/copy?b", "/astray"))
    for copy in ("/copy?a", "/copy?b"):
        site.page(copy, "<link rel=canonical href='/original'><p>words</p>")
    site.page("/original", "<link rel=canonical href='/original#top'><p>words</p>")
    site.page("/astray", "<link rel=canonical href='https://elsewhere.example/'><p>words</p>")
    async with system.worker():
        domain_id, found = await first(system, site)
    assert await paths(system, site, domain_id) == {"/", "/original", "/astray"}
    assert found.left_out == {"duplicate": 2}


async def test_redirects_lead_to_pages_and_circles_end(system: System, site: FakeSite) -> None:
    site.page("/", "", status=302, headers={"Location": "/en/"})
    site.page("/en/", links("/1", "/3"))
    site.page("/1", "", status=302, headers={"Location": "/2"})
    site.page("/2", "", status=302, headers={"Location": "/1"})
    site.page("/3", "<meta http-equiv=refresh content='0; url=/4'>")
    site.page("/4", "<p>words</p>")
    async with system.worker():
        domain_id, found = await first(system, site)
    assert await paths(system, site, domain_id) == {"/en/", "/4"}
    assert found.left_out == {"redirect": 4}


async def test_links_are_followed_to_the_depth_that_was_asked_for(
    system: System, site: FakeSite
) -> None:
    async with system.worker():
        domain_id = await empty_domain(system, site)
        for depth in range(4):
            site.page("/" if depth == 0 else f"/{depth}", links(f"/{depth + 1}", "/"))
        site.page("/4", "<p>words</p>")
        found = await again(system, domain_id, maxDepth=2)
        assert await paths(system, site, domain_id) == {"/", "/1", "/2"}
        assert found.left_out == {"too_deep": 1}
        assert site.requests_for("/3") == []
        found = await again(system, domain_id, maxDepth=0)
    assert (found.pages_discovered, found.pages_known, found.left_out) == (1, 1, {"too_deep": 1})


async def test_a_page_found_late_by_a_redirect_still_comes_before_the_next_depth(
    system: System, site: FakeSite
) -> None:
    """Else what it links to would count as deeper than it is, when another page links to it."""
    async with system.worker():
        domain_id = await empty_domain(system, site)
        site.page("/sitemap.xml", sitemap(site, "/a", "/old"), headers=XML)
        site.page("/", links("/a"))
        site.page("/a", links("/b"))
        site.page("/b", links("/deep"))
        site.page("/old", "", status=301, headers={"Location": "/new"})
        site.page("/new", links("/deep"))
        site.page("/deep", "<p>words</p>")
        site.hold("/old")
        job_id = await system.ask(f"/api/domains/{domain_id}/discover", maxDepth=1)
        await site.arrived("/a")
        await system.job_when(job_id, lambda job: job.progress >= 50)
        site.release("/old")
        found = result(await system.finished(job_id))
    assert await paths(system, site, domain_id) == {"/", "/a", "/b", "/new", "/deep"}
    assert found.left_out == {"redirect": 1}


async def test_no_more_pages_are_taken_than_were_asked_for(system: System, site: FakeSite) -> None:
    async with system.worker():
        domain_id = await empty_domain(system, site)
        site.page("/", links("/missing", *(f"/{number}" for number in range(40))))
        for number in range(40):
            site.page(f"/{number}", "<p>words</p>")
        site.requests.clear()
        found = await again(system, domain_id, maxPages=25)
    assert found.pages_added == 25
    assert found.left_out == {"not_found": 1, "over_limit": 16}
    visited = {request.target for request in site.requests} - {"/robots.txt", "/sitemap.xml"}
    assert len(visited) == 26


async def test_patterns_choose_the_pages(system: System, site: FakeSite) -> None:
    async with system.worker():
        domain_id = await empty_domain(system, site)
        site.page("/sitemap.xml", sitemap(site, "/blog/1", "/blog/draft-2", "/shop"), headers=XML)
        for path in ("/", "/blog/1", "/blog/draft-2", "/shop"):
            site.page(path, "<p>words</p>")
        found = await again(system, domain_id, include=["/blog/*"], exclude=["*/draft-*"])
        assert await paths(system, site, domain_id) == {"/blog/1"}
        assert found.left_out == {"excluded": 3}
        found = await again(system, domain_id, exclude=["/shop"])
    assert (found.pages_added, found.pages_known) == (2, 1)
    assert site.requests_for("/shop") == []


async def test_a_second_discovery_knows_all_that_the_first_found(
    system: System, site: FakeSite
) -> None:
    site.page("/", links("/1", "/2", "/missing"))
    site.page("/1", "<p>words</p>")
    site.page("/2", "<p>words</p>")
    async with system.worker():
        domain_id, found = await first(system, site)
        assert (found.pages_discovered, found.pages_added, found.pages_known) == (3, 3, 0)
        site.page("/", links("/1", "/2", "/3"))
        site.page("/3", "<p>words</p>")
        found = await again(system, domain_id)
    assert (found.pages_discovered, found.pages_added, found.pages_known) == (4, 1, 3)


async def test_a_site_that_has_moved_to_another_host_says_where_it_went(
    system: System, site: FakeSite
) -> None:
    site.page("/", "", status=301, headers={"Location": "https://moved.example/"})
    async with system.worker():
        domain = await system.add_domain(site.origin)
        job = await system.finished(domain.discovery_job_id)
    assert (job.state, job.attempts_made) == (JobState.FAILED, 1)
    assert job.failed_reason == "The site now redirects to another one, moved.example."


async def test_a_site_that_is_down_fails_in_plain_words(system: System) -> None:
    async with system.worker():
        domain = await system.add_domain(f"http://127.0.0.1:{free_port()}")
        job_id = await system.ask(f"/api/domains/{domain.id}/discover", maxAttempts=1)
        job = await system.finished(job_id)
    assert (job.state, job.attempts_made) == (JobState.FAILED, 1)
    assert job.failed_reason == (
        "The robots.txt of 127.0.0.1 cannot be read, so nothing may be fetched: "
        "127.0.0.1 cannot be connected to."
    )


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (404, "The site answered 404"),
        (403, "The site answered 403"),
        (500, "The site answered 500"),
    ],
)
async def test_a_site_without_any_page_fails_with_the_first_reason(
    system: System, site: FakeSite, status: int, reason: str
) -> None:
    async with system.worker():
        domain_id = await empty_domain(system, site)
        site.page("/", "no", status=status)
        job_id = await system.ask(f"/api/domains/{domain_id}/discover", maxAttempts=1)
        job = await system.finished(job_id)
    assert job.state is JobState.FAILED
    assert job.failed_reason is not None
    assert job.failed_reason.startswith(reason)


async def test_a_site_that_wants_no_robots_fails_for_good(system: System, site: FakeSite) -> None:
    site.page("/robots.txt", "User-agent: *\nDisallow: /", headers=PLAIN)
    site.page("/", "<p>words</p>")
    async with system.worker():
        domain = await system.add_domain(site.origin)
        job = await system.finished(domain.discovery_job_id)
    assert (job.state, job.attempts_made) == (JobState.FAILED, 1)
    assert job.failed_reason == "The robots.txt of 127.0.0.1 does not allow this page."
    assert {request.target for request in site.requests} == {"/robots.txt"}


async def test_a_later_attempt_goes_on_where_the_worker_stopped(
    system: System, site: FakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.DRAIN", timedelta(seconds=0.1))
    site.page("/", links("/1", "/slow"))
    site.page("/1", "<p>words</p>")
    site.page("/slow", "<p>words</p>")
    site.hold("/slow")
    async with system.worker():
        domain = await system.add_domain(site.origin)
        await site.arrived("/slow")
        await system.job_when(domain.discovery_job_id, lambda job: job.progress >= 60)
    site.release("/slow")
    async with system.worker():
        found = result(await system.finished(domain.discovery_job_id))
    assert (found.pages_added, found.left_out) == (3, {})
    assert [len(site.requests_for(path)) for path in ("/", "/1", "/slow")] == [1, 1, 2]


async def test_a_later_attempt_gives_a_calendar_no_second_budget(
    system: System, site: FakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.DRAIN", timedelta(seconds=0.1))
    monkeypatch.setattr("core.web.traps.MAX_CALENDAR_URLS", 3)
    months = [f"/calendar/2024/{month:02}" for month in range(1, 13)]
    site.page("/", links(months[0]))
    for month, following in pairwise(months):
        site.page(month, links(following))
    site.page(months[-1], "<p>words</p>")
    site.hold(months[1])
    async with system.worker():
        domain = await system.add_domain(site.origin)
        await site.arrived(months[1])
    site.release(months[1])
    async with system.worker():
        found = result(await system.finished(domain.discovery_job_id))
    assert (found.pages_added, found.left_out) == (4, {"calendar": 1})
    assert [len(site.requests_for(month)) for month in months[:4]] == [1, 2, 1, 0]


async def test_traps_are_left_out_and_counted(system: System, site: FakeSite) -> None:
    far = "/calendar/2190/01"
    circle = "/a/a/a"
    site.page("/", links("/calendar/2026/01", far, circle, "/l?a=1&b=2", "/l?b=2&a=1"))
    for path in ("/calendar/2026/01", "/l?a=1&b=2"):
        site.page(path, "<p>words</p>")
    async with system.worker():
        domain_id, found = await first(system, site)
    assert set(await system.pages(domain_id)) == {
        site.url(path) for path in ("/", "/calendar/2026/01", "/l?a=1&b=2")
    }
    assert found.left_out == {"calendar": 1, "endless_path": 1, "parameters": 1}
    assert [site.requests_for(path) for path in (far, circle, "/l?b=2&a=1")] == [[], [], []]


RSS = {"Content-Type": "application/rss+xml"}


async def test_the_feeds_of_the_front_page_are_read(system: System, site: FakeSite) -> None:
    feed = '<link rel=alternate type="application/rss+xml" href="{}">'
    site.page("/", feed.format("/feed.xml") + "<p>words</p>")
    item = "<item><title>t</title><link>{}</link></item>"
    entries = "".join(item.format(site.url(path)) for path in ("/blog/1", "/blog/2"))
    site.page("/feed.xml", f"<rss><channel>{entries}</channel></rss>", headers=RSS)
    # The feed of a post, with its comments, is not read.
    site.page("/blog/1", feed.format("/blog/1/feed") + "<p>one</p>")
    site.page("/blog/2", "<p>two</p>")
    async with system.worker():
        domain_id, found = await first(system, site)
    assert set(await system.pages(domain_id)) == {
        site.url(path) for path in ("/", "/blog/1", "/blog/2")
    }
    assert found.left_out == {"not_a_page": 1}
    assert site.requests_for("/blog/1/feed") == []


async def test_a_page_that_says_it_is_not_there_is_counted_apart(
    system: System, site: FakeSite
) -> None:
    site.page("/", links("/old"))
    site.page("/old", "<title>Page not found | Acme</title>" + links("/more"))
    async with system.worker():
        domain_id, found = await first(system, site)
    assert set(await system.pages(domain_id)) == {site.url("/")}
    assert found.left_out == {"soft_not_found": 1}


async def test_nofollow_is_kept_for_a_page_and_not_for_a_link(
    system: System, site: FakeSite
) -> None:
    site.page("/", "<a rel=nofollow href=/a>a</a>" + links("/b"))
    site.page("/a", "<p>words</p>")
    site.page("/b", "<meta name=robots content=nofollow>" + links("/c"))
    async with system.worker():
        domain_id, found = await first(system, site)
    assert set(await system.pages(domain_id)) == {site.url(path) for path in ("/", "/a", "/b")}
    assert (found.left_out, site.requests_for("/c")) == ({}, [])


def endless() -> Behaviour:
    """Pages that each link to twenty more."""
    numbers = count()

    async def answer(request: SiteRequest, writer: asyncio.StreamWriter) -> None:
        body = links(*(f"/page-{next(numbers)}" for _ in range(20)))
        writer.write(SiteAnswer(body.encode(), 200, {"Content-Type": "text/html"}).to(request))
        await writer.drain()

    return answer


async def test_a_cancelled_discovery_asks_for_nothing_more(
    system: System, site: FakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    # However slow the machine is, the worker ends it itself.
    monkeypatch.setattr("temporal.jobs.actions.CANCELLED_WITHIN", timedelta(seconds=HANG))
    site.page("/robots.txt", "", headers=PLAIN)
    site.otherwise(endless())
    async with system.worker():
        domain = await system.add_domain(site.origin)
        await system.job_when(
            domain.discovery_job_id,
            lambda job: job.state is JobState.ACTIVE and len(site.requests) > 50,
        )
        answer = await system.api.post(f"/api/jobs/{domain.discovery_job_id}/cancel")
        assert answer.status_code == 200, answer.text
        asked = len(site.requests)
        site.page("/after", "<p>words</p>")
        added = await system.api.post(
            f"/api/domains/{domain.id}/pages", json={"url": site.url("/after")}
        )
        crawl = await system.ask(f"/api/pages/{added.json()['data']['id']}/crawl")
        assert (await system.finished(crawl)).state is JobState.COMPLETED
        assert [request.target for request in site.requests[asked:]] == ["/after"]
