"""Pages over REST."""

import re
from uuid import UUID

import httpx2
import pytest

from tests.api.crawled import crawled_page, numbered, walked
from tests.site import FakeSite
from tests.system import System

KEYS = [
    "id", "domainId", "url", "pageType", "status", "monitoringEnabled", "crawlSettings", "tags",
    "lastCheckAt", "lastChangeAt", "schedule", "nextCrawlAt",
]  # fmt: skip
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@pytest.fixture
async def path(system: System) -> str:
    """Where the pages of a domain are."""
    return f"/api/domains/{(await system.add_domain('competitor.com')).id}/pages"


async def added(system: System, path: str, **page: object) -> httpx2.Response:
    """The answer to a new page."""
    return await system.api.post(path, json=page)


async def test_a_discovered_page_shows_its_checks_and_changes(
    system: System, site: FakeSite
) -> None:
    page = await crawled_page(system, site, "<p>Pro costs $99.</p>", "<p>Pro costs $99.</p>")
    shown = (await system.api.get(f"/api/pages/{page.page_id}")).json()["data"]
    assert sorted(shown) == sorted(KEYS)
    assert (shown["id"], shown["domainId"]) == (str(page.page_id), str(page.domain_id))
    assert (shown["url"], shown["pageType"]) == (site.url("/"), "home")
    assert (shown["status"], shown["monitoringEnabled"]) == ("active", True)
    assert TIME.fullmatch(shown["lastCheckAt"])
    assert shown["lastChangeAt"] is None
    listed = (await system.api.get(f"/api/domains/{page.domain_id}/pages")).json()
    assert listed["data"] == [shown]
    assert listed["meta"] == {"total": 1, "page": 1, "pageSize": 20, "nextCursor": None}


async def test_a_change_of_a_page_and_its_domain_show_when_it_was_seen(
    system: System, site: FakeSite
) -> None:
    page = await crawled_page(system, site, "<p>Pro costs $99.</p>", "<p>Pro costs $119.</p>")
    shown = (await system.api.get(f"/api/pages/{page.page_id}")).json()["data"]
    assert TIME.fullmatch(shown["lastChangeAt"])
    domain = (await system.api.get(f"/api/domains/{page.domain_id}")).json()["data"]
    assert (domain["pages"], domain["lastCrawledAt"]) == (1, shown["lastCheckAt"])
    assert [change["pageId"] for change in domain["recentChanges"]] == [str(page.page_id)]


async def test_a_page_of_the_domain_can_be_added(system: System, path: str) -> None:
    answer = await added(system, path, url="https://Competitor.com/pricing#plans")
    assert answer.status_code == 201, answer.text
    page = answer.json()["data"]
    assert sorted(page) == sorted(KEYS)
    UUID(page["id"])
    assert (page["url"], page["pageType"]) == ("https://competitor.com/pricing", "pricing")
    assert (page["monitoringEnabled"], page["lastCheckAt"]) == (True, None)
    chosen = await added(
        system, path, url="https://competitor.com/x", pageType="blog", monitoringEnabled=False
    )
    assert chosen.json()["data"]["pageType"] == "blog"
    assert chosen.json()["data"]["monitoringEnabled"] is False


@pytest.mark.parametrize(
    ("domain", "own", "url"),
    [
        (None, None, "https://competitor.com/app"),
        ("auto", None, "https://competitor.com/app"),
        ("always", None, "https://competitor.com/app#/pricing"),
        ("always", "never", "https://competitor.com/app"),
        ("never", "always", "https://competitor.com/app#/pricing"),
    ],
)
async def test_a_hash_route_is_kept_where_the_page_is_rendered(
    system: System, path: str, domain: str | None, own: str | None, url: str
) -> None:
    await system.choose(path.removesuffix("/pages"), render=domain)
    written = "https://competitor.com/app#/pricing?utm_source=x"
    page = {"url": written} | ({"crawlSettings": {"render": own}} if own else {})
    imported = {**page, "url": written.replace("/app", "/other")}
    shown = (await added(system, path, **page)).json()["data"]
    assert (shown["url"], shown["pageType"]) == (url, "pricing" if "#" in url else "other")
    await system.api.post("/api/pages/import", json={"pages": [imported]})
    listed = (await system.api.get(path)).json()["data"]
    assert {each["url"] for each in listed} == {url, url.replace("/app", "/other")}
    section = await added(system, path, **{**page, "url": "https://competitor.com/app/x#pricing"})
    assert section.json()["data"]["url"] == "https://competitor.com/app/x"


async def test_a_hash_route_is_kept_with_auto_where_the_domain_has_such_pages(
    system: System, path: str
) -> None:
    page = {"url": "https://competitor.com/#/one", "crawlSettings": {"render": "always"}}
    assert (await added(system, path, **page)).status_code == 201
    shown = (await added(system, path, url="https://competitor.com/#!/two")).json()["data"]
    assert shown["url"] == "https://competitor.com/#!/two"
    known = await added(system, path, url="https://competitor.com/#/one")
    assert known.status_code == 409


@pytest.mark.parametrize(
    "again", ["https://competitor.com/pricing", "https://COMPETITOR.com:443/a/../pricing#plans"]
)
async def test_a_page_that_the_domain_has_is_a_conflict(
    system: System, path: str, again: str
) -> None:
    await added(system, path, url="https://competitor.com/pricing")
    answer = await added(system, path, url=again)
    assert (answer.status_code, answer.json()["code"]) == (409, "CONFLICT")
    assert len(await walked(system.api, path, 100)) == 1


@pytest.mark.parametrize(
    "url",
    [
        "https://other.com/pricing", "https://competitor.com.evil.com/", "https://competitor.com:8443/",
        "https://competitor.com@evil.com/", "/pricing", "",
        "competitor.com/pricing", "ftp://competitor.com/", "javascript:alert(1)",
        "https://competitor.com/a\nb", "https://competitor.com/\x00", "https://" + "x" * 2001,
        None, 7, ["https://competitor.com/"],
    ],
)  # fmt: skip
async def test_a_url_that_is_no_page_of_the_domain_is_refused(
    system: System, path: str, url: object
) -> None:
    answer = await added(system, path, url=url)
    assert (answer.status_code, list(answer.json()["details"])) == (400, ["url"]), answer.text
    assert await walked(system.api, path, 100) == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"pageType": "nonsense"}, "pageType"),
        ({"pageType": 1}, "pageType"),
        ({"monitoringEnabled": "yes"}, "monitoringEnabled"),
        ({"monitoringEnabled": 1}, "monitoringEnabled"),
        ({"url": "https://competitor.com/other"}, "url"),
        ({"status": "gone"}, "status"),
    ],
)
async def test_a_bad_choice_is_named_and_nothing_is_changed(
    system: System, path: str, body: dict[str, object], field: str
) -> None:
    page = (await added(system, path, url="https://competitor.com/pricing")).json()["data"]
    answer = await system.api.patch(f"/api/pages/{page['id']}", json=body)
    assert (answer.status_code, list(answer.json()["details"])) == (400, [field])
    assert (await system.api.get(f"/api/pages/{page['id']}")).json()["data"] == page


async def test_what_is_left_out_of_a_patch_stays(system: System, path: str) -> None:
    page = (await added(system, path, url="https://competitor.com/pricing")).json()["data"]

    async def patched(**body: object) -> dict[str, object]:
        answer = await system.api.patch(f"/api/pages/{page['id']}", json=body)
        assert answer.status_code == 200, answer.text
        data: dict[str, object] = answer.json()["data"]
        assert (await system.api.get(f"/api/pages/{page['id']}")).json()["data"] == data
        return data

    assert await patched() == page
    assert await patched(monitoringEnabled=False) == {**page, "monitoringEnabled": False}
    assert await patched(pageType="docs") == {
        **page,
        "monitoringEnabled": False,
        "pageType": "docs",
    }


async def test_a_page_that_is_not_monitored_is_left_out_of_a_crawl_of_its_domain(
    system: System, path: str
) -> None:
    await added(system, path, url="https://competitor.com/a")
    await added(system, path, url="https://competitor.com/b", monitoringEnabled=False)
    answer = await system.api.post(path.replace("/pages", "/crawl"))
    assert (answer.status_code, answer.json()["data"]["jobsQueued"]) == (202, 1)


async def test_a_deleted_page_is_gone_with_what_was_seen_of_it(
    system: System, site: FakeSite
) -> None:
    page = await crawled_page(system, site, "<p>Pro costs $99.</p>", "<p>Pro costs $119.</p>")
    [change] = (await system.api.get("/api/changes")).json()["data"]
    own = f"/api/pages/{page.page_id}"
    deleted = await system.api.delete(own)
    assert (deleted.status_code, deleted.content) == (204, b"")
    for gone in (
        own,
        f"{own}/snapshots",
        f"/api/changes/{change['id']}",
        f"/api/snapshots/{change['afterSnapshotId']}",
    ):
        assert (await system.api.get(gone)).status_code == 404
    assert (await system.api.delete(own)).status_code == 404
    assert (await system.api.post(f"{own}/crawl")).status_code == 404
    assert (await system.api.get("/api/changes")).json()["data"] == []


async def test_a_list_holds_every_page_once_by_number_and_by_cursor(
    system: System, path: str
) -> None:
    ids = [
        (await added(system, path, url=f"https://competitor.com/{n}")).json()["data"]["id"]
        for n in range(5)
    ]
    assert await numbered(system.api, path, 2) == ids[::-1]
    assert await walked(system.api, path, 2) == ids[::-1]
    assert await walked(system.api, path, 5) == ids[::-1]
