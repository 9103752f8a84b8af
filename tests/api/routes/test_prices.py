"""The prices of pages over REST, after real crawls."""

import csv
import io
from uuid import uuid4

import pytest

from api.negotiation import prefers
from api.routes.prices import COLUMNS
from tests.api.crawled import CrawledPage, crawled_page, walked
from tests.site import FakeSite
from tests.system import System

PAGE = """<h1>Pricing</h1><table><tr><th>Plan</th><th>Monthly</th></tr>
<tr><td>Basic</td><td>$9</td></tr><tr><td>{plan}</td><td>{price}</td></tr></table>"""


async def two_versions(system: System, site: FakeSite) -> CrawledPage:
    """A price list whose second price has changed."""
    return await crawled_page(
        system,
        site,
        PAGE.format(plan="=Pro", price="$29.50"),
        PAGE.format(plan="=Pro", price="$39"),
    )


async def test_prices_are_data_of_a_change_a_page_and_a_domain(
    system: System, site: FakeSite
) -> None:
    page = await two_versions(system, site)
    [change] = (await system.api.get("/api/changes")).json()["data"]
    assert change["prices"] == [
        {
            "plan": "=Pro",
            "currency": "$",
            "before": 29.5,
            "after": 39,
            "period": "month",
            "percent": 32.2,
        }
    ]
    alone = (await system.api.get(f"/api/changes/{change['id']}")).json()["data"]
    assert alone["prices"] == change["prices"]

    path = f"/api/pages/{page.page_id}/prices"
    answer = (await system.api.get(path)).json()
    assert answer["meta"]["total"] == 3
    now, *_ = answer["data"]
    was = next(each for each in answer["data"] if not each["current"])
    assert (now["plan"], now["amount"], now["currency"], now["period"]) == (
        "=Pro",
        39,
        "$",
        "month",
    )
    assert (now["current"], now["endedAt"]) == (True, None)
    assert now["url"] == site.url("/")
    assert (was["plan"], was["amount"]) == ("=Pro", 29.5)
    assert was["firstSeenAt"] <= was["lastSeenAt"] <= was["endedAt"] == now["firstSeenAt"]
    assert now["lastSeenAt"] >= now["firstSeenAt"]

    of_domain = (await system.api.get(f"/api/domains/{page.domain_id}/prices")).json()
    assert of_domain["data"] == answer["data"]
    ids = [each["id"] for each in answer["data"]]
    assert await walked(system.api, path, 2) == ids
    for query, amounts in (
        ("current=true", [39, 9]),
        ("current=false", [29.5]),
        ("plan=Basic", [9]),
        ("plan=Gold", []),
    ):
        found = (await system.api.get(f"{path}?{query}")).json()["data"]
        assert sorted(each["amount"] for each in found) == sorted(amounts), query

    table = await system.api.get(path, headers={"Accept": "text/csv"})
    assert table.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    assert (table.headers["vary"], table.content[-2:]) == ("Accept", b"\r\n")
    rows = list(csv.DictReader(io.StringIO(table.text)))
    assert tuple(rows[0]) == COLUMNS
    assert {(row["plan"], row["amount"], row["current"]) for row in rows} == {
        ("Basic", "9", "true"),
        ("'=Pro", "29.50", "false"),
        ("'=Pro", "39", "true"),
    }
    assert {row["currency"] for row in rows} == {"$"}
    other = await system.api.get(
        f"/api/domains/{page.domain_id}/prices?current=false", headers={"Accept": "text/csv"}
    )
    assert len(list(csv.DictReader(io.StringIO(other.text)))) == 1


@pytest.mark.parametrize("accept", ["text/csv", "application/json"])
@pytest.mark.parametrize("kind", ["pages", "domains"])
async def test_prices_of_what_does_not_exist_are_not_found(
    system: System, kind: str, accept: str
) -> None:
    answer = await system.api.get(f"/api/{kind}/{uuid4()}/prices", headers={"Accept": accept})
    assert (answer.status_code, answer.json()["error"]) == (404, f"{kind[:-1].title()} not found.")


@pytest.mark.parametrize(
    ("query", "field"),
    [("current=perhaps", "current"), ("limit=0", "limit"), ("cursor=x", "cursor")],
)
async def test_a_bad_query_is_refused(system: System, query: str, field: str) -> None:
    domain = await system.add_domain("shop.example")
    answer = await system.api.get(f"/api/domains/{domain.id}/prices?{query}")
    assert (answer.status_code, list(answer.json()["details"])) == (400, [field])


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        (None, False),
        ("", False),
        ("*/*", False),
        ("text/csv", True),
        ("TEXT/CSV; charset=utf-8", True),
        ("text/*", True),
        ("application/json, text/csv;q=0.5", False),
        ("application/json;q=0.5, text/csv", True),
        ("text/csv;q=0", False),
        ("text/csv;q=x", False),
        ("text/csv, */*;q=0.1", True),
        ("text/html", False),
    ],
)
def test_csv_is_for_those_who_would_rather_have_it(accept: str | None, wanted: bool) -> None:
    assert prefers(accept, "text/csv", "application/json") is wanted
