"""Snapshots over REST, after real crawls."""

import re
from uuid import UUID, uuid4

import pytest

from tests.api.crawled import crawled_page, numbered, walked
from tests.site import FakeSite
from tests.system import System

KEYS = ["id", "pageId", "jobId", "url", "statusCode", "title", "createdAt", "textHash"]
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def article(price: int) -> str:
    """A page with a navigation and a footer around its content."""
    clause = "This holds for every customer, wherever they are and whatever they have bought. "
    return f"""
        <!doctype html><html><head><title>Prices</title></head><body>
        <nav><a href="/">Start here</a> <a href="/about">About us</a></nav>
        <main><article><h1>Our prices</h1>
        <p>The Pro plan costs ${price} a month and comes with support on every working day.</p>
        <p>{clause * 5}</p>
        </article></main>
        <footer>All rights reserved</footer></body></html>
    """


async def test_a_snapshot_holds_the_content_that_a_reader_saw(
    system: System, site: FakeSite
) -> None:
    page = await crawled_page(system, site, article(99))
    path = f"/api/pages/{page.page_id}/snapshots"
    listed = (await system.api.get(path)).json()
    assert listed["meta"] == {"total": 1, "page": 1, "pageSize": 20, "nextCursor": None}
    [row] = listed["data"]
    assert sorted(row) == sorted(KEYS)
    assert (row["pageId"], row["jobId"]) == (str(page.page_id), page.job_ids[0])
    assert (row["url"], row["statusCode"], row["title"]) == (site.url("/"), 200, "Prices")
    assert TIME.fullmatch(row["createdAt"])
    snapshot = (await system.api.get(f"/api/snapshots/{row['id']}")).json()["data"]
    text, main_text, html = (snapshot.pop(key) for key in ("text", "mainText", "html"))
    assert snapshot == row
    assert html == article(99)
    for seen in ("# Our prices", "The Pro plan costs $99 a month"):
        assert seen in text
    for around in ("About us", "All rights reserved"):
        assert around not in text
    assert "The Pro plan costs $99 a month" in main_text
    assert "All rights reserved" not in main_text


async def test_only_a_page_that_differs_is_stored_again(system: System, site: FakeSite) -> None:
    page = await crawled_page(system, site, article(99), article(99), article(119))
    path = f"/api/pages/{page.page_id}/snapshots"
    rows = (await system.api.get(path)).json()["data"]
    assert [row["jobId"] for row in rows] == [page.job_ids[2], page.job_ids[0]]
    assert rows[0]["textHash"] != rows[1]["textHash"]


async def test_snapshots_are_listed_newest_first_by_number_and_by_cursor(
    system: System, site: FakeSite
) -> None:
    page = await crawled_page(system, site, *(article(price) for price in (1, 2, 3)))
    path = f"/api/pages/{page.page_id}/snapshots"
    ids = [row["id"] for row in (await system.api.get(path)).json()["data"]]
    assert len(ids) == 3
    assert await numbered(system.api, path, 2) == ids
    assert await walked(system.api, path, 2) == ids


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=101", "limit=x", "page=0", "page=1.0", "cursor=", "cursor=x"]
)
@pytest.mark.parametrize("lists", ["domain", "page"])
async def test_paging_of_what_belongs_to_a_domain_or_a_page_is_checked(
    system: System, lists: str, query: str
) -> None:
    domain_id = (await system.add_domain("competitor.com")).id
    path = f"/api/domains/{domain_id}/pages"
    if lists == "page":
        added = await system.api.post(path, json={"url": "https://competitor.com/pricing"})
        path = f"/api/pages/{added.json()['data']['id']}/snapshots"
    answer = await system.api.get(f"{path}?{query}")
    assert (answer.status_code, list(answer.json()["details"])) == (400, [query.split("=")[0]])


async def ids_of(system: System, page_id: UUID) -> list[str]:
    """The ids of a page's snapshots, oldest first."""
    rows = (await system.api.get(f"/api/pages/{page_id}/snapshots")).json()["data"]
    return [row["id"] for row in reversed(rows)]


async def test_any_two_snapshots_of_a_page_are_compared(system: System, site: FakeSite) -> None:
    page = await crawled_page(system, site, article(99), article(119), article(99))
    first, second, third = await ids_of(system, page.page_id)
    [_, change] = (await system.api.get(f"/api/changes?pageId={page.page_id}")).json()["data"]
    reported = (await system.api.get(f"/api/changes/{change['id']}")).json()["data"]
    path = f"/api/snapshots/{second}/diff"
    asked = (await system.api.get(f"{path}?against={first}")).json()["data"]
    assert asked == {
        key: reported[key]
        for key in (
            "beforeSnapshotId",
            "afterSnapshotId",
            "changeType",
            "severity",
            "confidence",
            "summary",
            "diffData",
        )
    }
    assert (await system.api.get(path)).json()["data"] == asked
    backwards = (await system.api.get(f"/api/snapshots/{first}/diff?against={second}")).json()
    assert backwards["data"]["diffData"]["before"] == asked["diffData"]["after"]
    nothing = (await system.api.get(f"/api/snapshots/{third}/diff?against={first}")).json()["data"]
    assert (nothing["changeType"], nothing["severity"], nothing["confidence"]) == (None,) * 3
    assert nothing["summary"] == "The text is the same."
    assert nothing["diffData"]["blocks"] == []


async def test_what_a_snapshot_cannot_be_compared_with_is_named(
    system: System, site: FakeSite
) -> None:
    page = await crawled_page(system, site, article(99))
    [first] = await ids_of(system, page.page_id)
    site.page("/other", article(1))
    path = f"/api/domains/{page.domain_id}/pages"
    other = (await system.api.post(path, json={"url": site.url("/other")})).json()["data"]["id"]
    async with system.worker():
        await system.finished(await system.ask(f"/api/pages/{other}/crawl"))
    [of_other] = await ids_of(system, other)
    for query, status in (
        ("", 400),
        (f"?against={of_other}", 400),
        ("?against=x", 400),
        (f"?against={uuid4()}", 404),
    ):
        answer = await system.api.get(f"/api/snapshots/{first}/diff{query}")
        assert answer.status_code == status, query
        assert list(answer.json().get("details", {})) == (["against"] if status == 400 else [])
    async with await system.another_organisation() as stranger:
        foreign = await stranger.get(f"/api/snapshots/{first}/diff?against={first}")
    assert (foreign.status_code, foreign.json()["error"]) == (404, "Snapshot not found.")
