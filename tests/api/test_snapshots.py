"""Snapshots over REST, after real crawls."""

import re

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
    text, main_text = snapshot.pop("text"), snapshot.pop("mainText")
    assert snapshot == row
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
