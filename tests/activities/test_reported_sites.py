"""Sites of public reports, which other tools get wrong; each test names its report."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable, Mapping
from itertools import count
from uuid import UUID

import pytest

from core.jobs.contract import CrawlPageResult
from core.jobs.states import JobState
from temporal.jobs.view import JobDetail
from tests.activities.discoveries import again, result
from tests.site import HTML, Behaviour, FakeSite, SiteAnswer, SiteRequest
from tests.system import System

Answer = Callable[[SiteRequest], SiteAnswer]


def html(body: str, headers: Mapping[str, str] | None = None, status: int = 200) -> SiteAnswer:
    return SiteAnswer(body.encode(), status, {"Content-Type": HTML, **(headers or {})})


def to(location: str, cookie: str | None = None) -> SiteAnswer:
    cookies = {} if cookie is None else {"Set-Cookie": cookie}
    return SiteAnswer(b"", 302, {"Location": location, **cookies})


MISSING = SiteAnswer(b"no", 404)


def answering(answer: Answer) -> Behaviour:
    """Answer each request by what `answer` makes of it."""

    async def behave(request: SiteRequest, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(request).to(request))
        await writer.drain()

    return behave


async def discovered(system: System, site: FakeSite) -> tuple[UUID, set[str]]:
    """The domain of the site, and the paths of the pages that its first discovery finds."""
    domain = await system.add_domain(site.origin)
    result(await system.finished(domain.discovery_job_id))
    await system.forget_baselines()
    return domain.id, await paths(system, site, domain.id)


async def paths(system: System, site: FakeSite, domain_id: UUID) -> set[str]:
    return {url.removeprefix(site.origin) for url in await system.pages(domain_id)}


async def crawl(system: System, page_id: UUID) -> JobDetail:
    return await system.finished(await system.ask(f"/api/pages/{page_id}/crawl", maxAttempts=1))


async def look(system: System, page_id: UUID) -> CrawlPageResult:
    job = await crawl(system, page_id)
    assert job.state is JobState.COMPLETED, job.failed_reason
    return CrawlPageResult.model_validate(job.return_value)


async def watched(system: System, site: FakeSite, path: str) -> UUID:
    """The id of the page at `path`, of a domain whose discovery is over."""
    domain = await system.add_domain(site.origin)
    await system.finished(domain.discovery_job_id)
    await system.forget_baselines()
    url = site.url(path)
    known = await system.pages(domain.id)
    if url in known:
        return known[url]
    added = await system.api.post(f"/api/domains/{domain.id}/pages", json={"url": url})
    assert added.status_code == 201, added.text
    return UUID(added.json()["data"]["id"])


async def summaries(system: System, page_id: UUID) -> list[str]:
    """What was told of the page itself, not of its being watched."""
    answer = await system.api.get(f"/api/changes?pageId={page_id}&event=change")
    return [change["summary"] for change in answer.json()["data"]]


def cookie_first(request: SiteRequest) -> SiteAnswer:
    if request.target not in ("/", "/prices"):
        return MISSING
    if "seen=1" not in request.headers.get("cookie", ""):
        return to(request.target, "seen=1; Path=/")
    return html("<title>Tours</title><h1>Tours</h1><p>$80.</p><a href=/prices>Prices</a>")


def cookie_by_another_page(request: SiteRequest) -> SiteAnswer:
    if request.target.startswith("/hello"):
        return to("/", "guest=yes; Path=/")
    if request.target not in ("/", "/prices"):
        return MISSING
    if "guest=yes" not in request.headers.get("cookie", ""):
        return to("/hello?back=/")
    return html("<title>Tours</title><h1>Tours</h1><p>$80.</p><a href=/prices>Prices</a>")


def campaign(request: SiteRequest) -> SiteAnswer:
    path, _, query = request.target.partition("?")
    if path not in ("/", "/landing"):
        return MISSING
    if "utm_source=" not in query:
        return to(f"{path}?utm_source=site&utm_medium=redirect")
    return html("<title>Landing</title><h1>Landing</h1><p>$80.</p><a href=/landing>Landing</a>")


@pytest.fixture
async def system(system: System) -> AsyncIterator[System]:
    """A system with a worker."""
    async with system.worker():
        yield system


@pytest.mark.parametrize(
    ("answer", "expected"),
    [(cookie_first, {"/", "/prices"}), (campaign, {"/", "/landing"})],
    ids=["encode/httpx#821", "jparise/chrome-utm-stripper#6"],
)
async def test_redirects_to_the_same_page_are_followed_as_sent(
    system: System, site: FakeSite, answer: Answer, expected: set[str]
) -> None:
    site.otherwise(answering(answer))
    domain_id, found = await discovered(system, site)
    assert found == expected
    for page_id in (await system.pages(domain_id)).values():
        assert (await look(system, page_id)).status_code == 200
        assert not (await look(system, page_id)).changed


async def test_a_cookie_may_be_set_at_another_address(system: System, site: FakeSite) -> None:
    """simplecrawler/simplecrawler#78."""
    site.otherwise(answering(cookie_by_another_page))
    _, found = await discovered(system, site)
    assert "/" in found


@pytest.mark.parametrize("digits", [6, 32])
async def test_an_id_of_a_visit_in_a_redirect_is_no_news(
    system: System, site: FakeSite, digits: int
) -> None:
    """apache/stormcrawler#2052, review."""
    visits = count()

    def answer(request: SiteRequest) -> SiteAnswer:
        path, _, query = request.target.partition("?")
        if path == "/":
            return html("<title>Case</title><p>Tours.</p><a href=/offer>Offer</a>")
        if path != "/offer":
            return MISSING
        if "sid=" not in query:
            return to(f"/offer?sid={next(visits) * 7919 + 11:0{digits}x}")
        return html(f"<title>Offer</title><p>The tour costs $80.</p><a href='/?{query}'>Home</a>")

    site.otherwise(answering(answer))
    domain_id, found = await discovered(system, site)
    assert found == {"/", "/offer"}
    assert (await again(system, domain_id)).pages_added == 0
    offer = (await system.pages(domain_id))[site.url("/offer")]
    for _ in range(3):
        await look(system, offer)
    assert await summaries(system, offer) == []


async def test_all_members_of_a_gzip_body_are_read(system: System, site: FakeSite) -> None:
    """urllib3/urllib3#1285."""

    def menu(price: int) -> bytes:
        parts = ("<title>Menu</title><p>Soup costs $6.</p>", f"<p>Roast costs ${price}.</p>")
        return b"".join(gzip.compress(part.encode()) for part in parts)

    site.page("/", menu(19), headers={"Content-Encoding": "gzip"})
    page_id = await watched(system, site, "/")
    await look(system, page_id)
    site.page("/", menu(24), headers={"Content-Encoding": "gzip"})
    assert (await look(system, page_id)).changed
    [summary] = await summaries(system, page_id)
    assert "$19" in summary
    assert "$24" in summary


async def test_a_meta_refresh_is_followed_by_a_crawl(system: System, site: FakeSite) -> None:
    """thp/urlwatch#172."""
    site.page("/", "<title>Case</title><p>A site")
    site.page(
        "/prices",
        '<meta http-equiv="refresh" content="0; url=/prices/2027"><p>You are being redirected.',
        headers={"ETag": '"stub"'},
    )
    page_id = await watched(system, site, "/prices")
    for price in (99, 99, 129):
        site.page("/prices/2027", f"<h1>Prices</h1><p>Pro costs ${price}.", headers={"ETag": "1"})
        seen = await look(system, page_id)
    assert seen.changed
    [summary] = await summaries(system, page_id)
    assert "$129" in summary


async def test_a_refresh_in_a_circle_ends(system: System, site: FakeSite) -> None:
    site.page("/", "<title>Case</title><p>A site")
    site.page("/a", '<meta http-equiv="refresh" content="0; url=/b"><p>Wait.')
    site.page("/b", '<meta http-equiv="refresh" content="0; url=/a"><p>Wait.')
    page_id = await watched(system, site, "/a")
    assert "circle" in ((await crawl(system, page_id)).failed_reason or "")


LONG_AGO = {"Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT"}
TAG = {"ETag": '"same"'}


def stale(
    words: Callable[[], str],
    validators: Mapping[str, str] = TAG,
    told: Mapping[str, str] = TAG,
    media_type: str = HTML,
) -> Answer:
    """A server that answers 304 to whoever asks conditionally (thp/urlwatch#139), with the header
    fields `told`.
    """

    def answer(request: SiteRequest) -> SiteAnswer:
        if request.target != "/":
            return MISSING
        if {"if-none-match", "if-modified-since"} & set(request.headers):
            return SiteAnswer(b"", 304, dict(told))
        body = f"<title>Status</title><p>{words()}" if media_type == HTML else words()
        return SiteAnswer(body.encode(), 200, {"Content-Type": media_type, **validators})

    return answer


async def test_conditional_requests_can_be_switched_off(system: System, site: FakeSite) -> None:
    words = iter(("All runs.", "The ferry is cancelled.", "The ferry runs again."))
    site.page("/robots.txt", "", status=404)
    current = [next(words)]
    site.otherwise(answering(stale(lambda: current[0])))
    page_id = await watched(system, site, "/")
    await system.choose(f"/api/pages/{page_id}", conditionalRequests=False)
    await look(system, page_id)
    for told in words:
        current[0] = told
        assert (await look(system, page_id)).changed


@pytest.mark.parametrize(
    ("validators", "told", "media_type", "most"),
    [
        (TAG, TAG, HTML, 9),
        ({"ETag": 'W/"same"'}, {}, HTML, 2),
        (LONG_AGO, LONG_AGO, HTML, 2),
        (LONG_AGO | TAG, {}, HTML, 2),
        (TAG, {"ETag": '"another"'}, HTML, 2),
        (TAG, TAG, "text/plain", 2),
    ],
    ids=["tag", "weak", "date", "both", "another-tag", "text"],
)
async def test_a_server_that_answers_304_for_ever_is_found_out(
    system: System,
    site: FakeSite,
    monkeypatch: pytest.MonkeyPatch,
    validators: Mapping[str, str],
    told: Mapping[str, str],
    media_type: str,
    most: int,
) -> None:
    if most != 9:  # that it is nine by default is tried once
        monkeypatch.setattr("activities.crawling.check.MAX_NOT_MODIFIED", most)
    current = ["All runs."]
    site.otherwise(answering(stale(lambda: current[0], validators, told, media_type)))
    page_id = await watched(system, site, "/")
    await look(system, page_id)
    current[0] = "The ferry is cancelled."
    seen = [(await look(system, page_id)).changed for _ in range(most + 1)]
    assert seen == [False] * most + [True]
    current[0] = "The ferry runs again."
    assert (await look(system, page_id)).changed


async def test_a_page_that_no_pattern_takes_is_read_for_links(
    system: System, site: FakeSite
) -> None:
    """firecrawl/firecrawl#1430."""
    site.page("/", "<p>Start</p><a href=/blog/>Blog</a> <a href=/list>List</a>")
    site.page("/blog/", "<p>Blog</p><a href=/blog/one>One</a>")
    site.page("/blog/one", "<p>One</p>")
    site.page("/list", "<p>List</p><a href=/blog/two>Two</a> <a href=/private>Private</a>")
    site.page("/blog/two", "<p>Two</p>")
    site.page("/private", "<p>Private</p>")
    domain_id = (await discovered(system, site))[0]
    for url, page_id in (await system.pages(domain_id)).items():
        assert (await system.api.delete(f"/api/pages/{page_id}")).status_code == 204, url
    site.requests.clear()
    found = await again(system, domain_id, include=["/blog/*"], exclude=["/private"])
    assert (found.pages_discovered, found.left_out) == (3, {"excluded": 3})
    assert await paths(system, site, domain_id) == {"/blog/", "/blog/one", "/blog/two"}
    assert site.requests_for("/private") == []


async def test_a_page_that_a_sitemap_lists_and_no_pattern_takes_is_read_for_links(
    system: System, site: FakeSite
) -> None:
    """firecrawl/firecrawl#1430."""
    listed = ("/", "/list", "/alone")
    site.page("/", "<p>Start</p><a href=/list>List</a>")
    site.page("/list", "<p>List</p><a href=/blog/one>One</a> <a href=/>Start</a>")
    site.page("/alone", "<p>Alone</p>")
    site.page("/blog/one", "<p>One</p><a href=/list>List</a>")
    site.page(
        "/sitemap.xml",
        f"<urlset>{''.join(f'<url><loc>{site.url(each)}</loc></url>' for each in listed)}</urlset>",
    )
    domain_id = (await discovered(system, site))[0]
    site.requests.clear()
    found = await again(system, domain_id, include=["/blog/*"])
    assert (found.pages_discovered, found.left_out) == (1, {"excluded": 3})
    assert [len(site.requests_for(path)) for path in listed] == [1, 1, 0]


@pytest.mark.parametrize(
    ("address", "canonical", "following"),
    [
        ("/list?page={}", "<link rel=canonical href=/list>", "<a href='{}'>Next</a>"),
        ("/list/page/{}", "<link rel='Canonical' href=/list>", "<a href='{}'>Next</a>"),
        ("/list;p={}", "<link href='{site}/list' rel=canonical>", "<a href='{}'>Next</a>"),
        ("/list?page={}&sort=a", "<link rel=canonical href=/list>", "<link rel=next href='{}'>"),
        ("/list?start={}0", "<base href=/><link rel=canonical href=list>", "<iframe src='{}'>"),
        ("/seite-{}", "<link rel=canonical href='/list?utm_source=a'>", "<area href='{}'>"),
    ],
)
async def test_links_of_duplicates_are_read(
    system: System, site: FakeSite, address: str, canonical: str, following: str
) -> None:
    """Norconex/crawler#438, shopware/shopware#13568."""
    site.page("/", "<p>Shop</p><a href=/list>All</a>")
    for number in (1, 2, 3):
        path = "/list" if number == 1 else address.format(number)
        site.page(
            path,
            canonical.format(site=site.origin)
            + f"<p>List</p><a href=/item/{number}>Item</a>"
            + following.format(address.format(number + 1)),
        )
        site.page(f"/item/{number}", f"<p>Item {number}</p>")
    _, found = await discovered(system, site)
    assert found == {"/", "/list", "/item/1", "/item/2", "/item/3"}


async def test_sitemaps_are_looked_for_in_the_usual_places(system: System, site: FakeSite) -> None:
    """GateNLP/ultimate-sitemap-parser#8."""
    site.page("/", "<p>Start</p>")
    site.page("/robots.txt", "User-agent: *\nDisallow: /wp-admin/\n")
    index = f"<sitemapindex><sitemap><loc>{site.url('/page-sitemap.xml')}</loc></sitemap>"
    site.page("/sitemap_index.xml", f"{index}</sitemapindex>")
    site.page("/page-sitemap.xml", f"<urlset><url><loc>{site.url('/a')}</loc></url></urlset>")
    site.page("/wp-sitemap.xml", f"<urlset><url><loc>{site.url('/b')}</loc></url></urlset>")
    site.page("/a", "<p>A</p>")
    site.page("/b", "<p>B</p>")
    assert (await discovered(system, site))[1] == {"/", "/a", "/b"}


@pytest.mark.parametrize(
    ("front", "media_type", "packed"),
    [
        ("<a href=/map.xml>Map</a>", "application/xml", False),
        ("<link rel=sitemap href=/map.xml>", "application/xml", False),
        ("<a href=/map.xml>Map</a>", "application/gzip", True),
        ("<a href=/map.xml>Map</a>", "application/octet-stream", True),
        ("<a href=/map.xml>Map</a>", "text/xml", True),
        ("<a href=/map.xml>Map</a>", "text/plain", False),
        ("<a href=/map.xml>Map</a>", "text/html", False),
    ],
)
async def test_sitemaps_that_pages_name_are_read(
    system: System, site: FakeSite, front: str, media_type: str, packed: bool
) -> None:
    site.page("/", f"<p>Start</p>{front}")
    index = f"<sitemapindex><sitemap><loc>{site.url('/pages.xml')}</loc></sitemap></sitemapindex>"
    listed = f"<?xml version='1.0'?><urlset><url><loc>{site.url('/a')}</loc></url></urlset>"
    for path, body in (("/map.xml", index.encode()), ("/pages.xml", listed.encode())):
        sent = gzip.compress(body) if packed else body
        site.page(path, sent, headers={"Content-Type": media_type})
    site.page("/a", "<p>A</p>")
    assert (await discovered(system, site))[1] == {"/", "/a"}


async def test_the_media_type_decides_what_a_page_is(system: System, site: FakeSite) -> None:
    """ipfs/distributed-wikipedia-mirror#133."""
    named = ("/wiki/Node.js", "/wiki/Vue.js", "/glossary/robots.txt", "/clients/acme.zip")
    files = [f"/files/{number}.pdf" for number in range(20)]
    site.page("/", "<p>Wiki</p>" + "".join(f"<a href='{each}'>x</a>" for each in (*named, *files)))
    for path in named:
        site.page(path, f"<title>{path}</title><p>An article.")
    for path in files:
        site.page(path, b"%PDF-1.7\n", headers={"Content-Type": "application/octet-stream"})
    domain_id, found = await discovered(system, site)
    assert found == {"/", *named}
    asked = [request for request in site.requests if request.target.endswith(".pdf")]
    assert len(asked) < len(files)
    by_hand = {"url": site.url("/wiki/Svelte.js")}
    added = await system.api.post(f"/api/domains/{domain_id}/pages", json=by_hand)
    assert added.status_code == 201


async def test_the_documents_of_frames_are_pages(system: System, site: FakeSite) -> None:
    """apache/stormcrawler#681, dgtlmoon/changedetection.io#494."""
    site.page("/", "<html><frameset><frame src=/menu.html><frame src=/rooms.html></frameset>")
    site.page("/menu.html", "<a href=/prices.html>Prices</a>")
    site.page("/rooms.html", "<p>Twelve rooms.</p>")
    site.page("/prices.html", "<p>Prices:</p><iframe src=/embed/prices></iframe><embed src=/plan>")
    site.page("/embed/prices", "<table><tr><td>Double room<td>$120</table>")
    site.page("/plan", "<object data=/week type=text/html></object><embed src=/plan.svg>")
    site.page("/week", "<p>Open all week.</p>")
    pages = {"/menu.html", "/rooms.html", "/prices.html", "/embed/prices", "/plan", "/week"}
    expected = {"/", *pages}
    assert (await discovered(system, site))[1] == expected


@pytest.mark.parametrize(
    ("media_type", "full", "empty"),
    [
        ("application/json", '[{"at": "9"}]', "[]"),
        ("application/json", '{"slots": [{"at": "9"}]}', '{"slots": []}'),
        ("text/csv", "9 o'clock\n", ""),
        ("application/rss+xml", "<rss><item><guid>Slot 9</guid></item></rss>", "<rss></rss>"),
    ],
    ids=["list", "object", "csv", "feed"],
)
async def test_a_document_that_empties_is_told(
    system: System, site: FakeSite, media_type: str, full: str, empty: str
) -> None:
    """Of places, dates or jobs that run out."""
    site.page("/", "<title>Case</title><p>A site")
    site.page("/slots", full, headers={"Content-Type": media_type})
    page_id = await watched(system, site, "/slots")
    await look(system, page_id)
    for body in (empty, full):
        site.page("/slots", body, headers={"Content-Type": media_type})
        assert (await look(system, page_id)).changed


SHOP = "<title>Tea kettle</title><h1>Tea kettle</h1><p>$49.00</p><ul><li>1.5 litres<li>Steel</ul>"
CHECK = """<title>Robot check</title><h4>Enter the characters you see below</h4>
<p>Sorry, we just need to make sure you are not a robot.</p>
<form action="/errors/validateCaptcha"><input name="characters"><button>Continue</button></form>"""


async def test_a_captcha_is_no_version_of_the_page(system: System, site: FakeSite) -> None:
    """thp/urlwatch#614."""
    site.page("/", SHOP)
    page_id = await watched(system, site, "/")
    await look(system, page_id)
    site.page("/", CHECK)
    job = await crawl(system, page_id)
    assert job.state is JobState.FAILED
    assert "proof of a human" in (job.failed_reason or "")
    site.page("/", SHOP)
    assert not (await look(system, page_id)).changed
    assert await summaries(system, page_id) == []
    site.page("/", SHOP.replace("49", "59"))
    assert (await look(system, page_id)).changed


async def test_a_wall_is_no_page_of_a_discovery(system: System, site: FakeSite) -> None:
    site.page("/", SHOP + "<a href=/other>Other</a>")
    site.page("/other", CHECK)
    domain = await system.add_domain(site.origin)
    found = result(await system.finished(domain.discovery_job_id))
    assert (found.pages_discovered, found.left_out) == (1, {"blocked_by_site": 1})


async def test_a_discovery_that_finds_nothing_says_why(system: System, site: FakeSite) -> None:
    site.page("/", "<p>Start</p><a href=/shop>Shop</a>")
    site.page("/shop", "<p>Shop</p>")
    domain_id = (await discovered(system, site))[0]
    found = await again(system, domain_id, include=["/blog/*"])
    assert found.pages_discovered == 0
    [note] = found.notes
    assert note == (
        "No page was found. Of the 2 addresses seen, these were left out: "
        "2 left out by the include and exclude patterns."
    )


async def test_a_sitemap_that_cannot_be_read_is_told(system: System, site: FakeSite) -> None:
    site.page("/", "<p>Start</p>")
    site.page("/robots.txt", "Sitemap: /broken.xml\nSitemap: /refused.xml")
    site.page("/broken.xml", "nothing of use", headers={"Content-Type": "application/xml"})
    site.page("/refused.xml", "no", status=403)
    domain = await system.add_domain(site.origin)
    notes = result(await system.finished(domain.discovery_job_id)).notes
    assert [site.url("/broken.xml") in notes[0], site.url("/refused.xml") in notes[1]] == [True] * 2


@pytest.mark.parametrize(
    ("path", "media_type", "before", "after", "told"),
    [
        ("/changelog", "text/plain; charset=utf-8", "Sync costs $5.", "Sync costs $0.", "$5"),
        ("/status.txt", "text/plain", "queue: 0\nstate: open", "queue: 0\nstate: closed", "closed"),
        ("/api/plans.json", "application/json", '{"pro": {"at": 19}}', '{"pro": {"at": 29}}', "29"),
        ("/data.csv", "text/csv", "plan,price\nPro,19", "plan,price\nPro,29", "29"),
        ("/notes", "text/markdown", "# Notes\n\nAll open.", "# Notes\n\nAll closed.", "closed"),
        ("/map", "application/xml", "<a><b>Bern</b></a>", "<a><b>Basel</b></a>", "Basel"),
    ],
)  # fmt: skip
async def test_what_is_no_html_can_be_watched(
    system: System,
    site: FakeSite,
    path: str,
    media_type: str,
    before: str,
    after: str,
    told: str,
) -> None:
    """dgtlmoon/changedetection.io#727, #980."""
    site.page("/", "<p>Start</p>")
    site.page(path, before, headers={"Content-Type": media_type})
    page_id = await watched(system, site, path)
    assert (await look(system, page_id)).baseline
    assert not (await look(system, page_id)).changed
    site.page(path, after, headers={"Content-Type": media_type})
    assert (await look(system, page_id)).changed
    [summary] = await summaries(system, page_id)
    assert told in summary


async def test_a_new_entry_of_a_feed_is_a_change(system: System, site: FakeSite) -> None:
    """dgtlmoon/changedetection.io#3465."""
    kind = {"Content-Type": "application/rss+xml"}
    feed = "<rss version='2.0'><channel><title>News</title>%s</channel></rss>"
    item = "<item><title>Post %d</title><pubDate>Sun, 0%d Mar 2026 12:00:00 GMT</pubDate></item>"
    site.page("/", "<p>Start</p>")
    site.page("/feed", feed % (item % (1, 1)), headers=kind)
    page_id = await watched(system, site, "/feed")
    await look(system, page_id)
    site.page("/feed", feed % (item % (1, 2)), headers=kind)
    assert not (await look(system, page_id)).changed
    site.page("/feed", feed % (item % (2, 3) + item % (1, 1)), headers=kind)
    assert (await look(system, page_id)).changed
    assert "Post 2" in (await summaries(system, page_id))[0]
