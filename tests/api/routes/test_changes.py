"""Changes over REST, after real crawls."""

import json
import re
from uuid import uuid4

import pytest

from tests.api.crawled import crawled_page, numbered, walked
from tests.eventually import eventually
from tests.site import FakeSite
from tests.system import System

KEYS = [
    "prices",
    "id", "event", "domainId", "pageId", "jobId", "url", "changeType", "summary", "detectedAt",
    "beforeSnapshotId", "afterSnapshotId", "domain", "severity", "confidence",
    "acknowledgedAt", "acknowledgedBy",
]  # fmt: skip
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
VERSIONS = [f"<h1>Prices</h1><p>The Pro plan costs ${price} a month.</p>" for price in (99, 119)]


async def test_a_change_says_what_differs_and_where_it_was_seen(
    system: System, site: FakeSite
) -> None:
    page = await crawled_page(system, site, *VERSIONS)
    listed = (await system.api.get("/api/changes")).json()
    assert listed["meta"] == {"total": 1, "page": 1, "pageSize": 20, "nextCursor": None}
    [row] = listed["data"]
    assert sorted(row) == sorted(KEYS)
    assert (row["domainId"], row["pageId"]) == (str(page.domain_id), str(page.page_id))
    assert (row["jobId"], row["url"]) == (page.job_ids[1], site.url("/"))
    assert TIME.fullmatch(row["detectedAt"])
    assert "$99" in row["summary"]
    assert "$119" in row["summary"]
    change = (await system.api.get(f"/api/changes/{row['id']}")).json()["data"]
    diff = change.pop("diffData")
    assert change == row
    assert sorted(diff) == ["after", "before", "blocks", "stats"]
    assert diff["before"] == "# Prices\nThe Pro plan costs $99 a month."
    assert diff["after"] == "# Prices\nThe Pro plan costs $119 a month."
    assert diff["stats"] == {"added": 0, "removed": 0, "changed": 1, "moved": 0}
    [block] = diff["blocks"]
    assert (block["kind"], block["before"], block["after"]) == (
        "changed",
        "The Pro plan costs $99 a month.",
        "The Pro plan costs $119 a month.",
    )
    assert [(span["op"], span["before"], span["after"]) for span in block["spans"]] == [
        ("equal", "The Pro plan costs", "The Pro plan costs"),
        ("replaced", "$99", "$119"),
        ("equal", "a month.", "a month."),
    ]


async def test_the_texts_of_a_change_are_those_of_its_snapshots(
    system: System, site: FakeSite
) -> None:
    await crawled_page(system, site, *VERSIONS)
    [row] = (await system.api.get("/api/changes")).json()["data"]
    diff = (await system.api.get(f"/api/changes/{row['id']}")).json()["data"]["diffData"]
    for side in ("before", "after"):
        snapshot = await system.api.get(f"/api/snapshots/{row[f'{side}SnapshotId']}")
        assert snapshot.json()["data"]["text"] == diff[side]


async def test_a_crawl_of_the_same_page_is_no_change(system: System, site: FakeSite) -> None:
    page = await crawled_page(system, site, VERSIONS[0], VERSIONS[0])
    assert (await system.api.get("/api/changes")).json()["data"] == []
    result = (await system.job(page.job_ids[1])).return_value
    assert isinstance(result, dict)
    assert (result["changed"], result["baseline"]) == (False, False)


async def test_the_job_and_the_domain_name_the_change(system: System, site: FakeSite) -> None:
    page = await crawled_page(system, site, *VERSIONS)
    [row] = (await system.api.get("/api/changes")).json()["data"]
    result = (await system.job(page.job_ids[1])).return_value
    assert isinstance(result, dict)
    assert (result["changed"], result["changeId"]) == (True, row["id"])
    domain = (await system.api.get(f"/api/domains/{page.domain_id}")).json()["data"]
    assert domain["recentChanges"] == [row]


async def test_changes_are_listed_newest_first_by_number_cursor_domain_and_page(
    system: System, site: FakeSite
) -> None:
    versions = [f"<p>The Pro plan costs ${price} a month.</p>" for price in (1, 2, 3, 4)]
    page = await crawled_page(system, site, *versions)
    listed = (await system.api.get("/api/changes")).json()["data"]
    assert [row["jobId"] for row in listed] == page.job_ids[:0:-1]
    ids = [row["id"] for row in listed]
    assert await numbered(system.api, "/api/changes", 2) == ids
    assert await walked(system.api, "/api/changes", 2) == ids
    for query, expected in (
        (f"domainId={page.domain_id}", 3),
        (f"pageId={page.page_id}", 3),
        (f"domainId={page.domain_id}&pageId={page.page_id}", 3),
        (f"domainId={uuid4()}", 0),
        (f"domainId={page.domain_id}&pageId={uuid4()}", 0),
    ):
        answer = (await system.api.get(f"/api/changes?{query}")).json()
        assert (len(answer["data"]), answer["meta"]["total"]) == (expected, expected), query


@pytest.mark.parametrize("name", ["domainId", "pageId"])
@pytest.mark.parametrize("value", ["", "x", "1", "%00", "' OR 1=1 --"])
async def test_an_id_that_is_none_is_refused(system: System, name: str, value: str) -> None:
    answer = await system.api.get(f"/api/changes?{name}={value}")
    assert (answer.status_code, list(answer.json()["details"])) == (400, [name])


async def test_a_change_tells_its_type_severity_and_confidence(
    system: System, site: FakeSite
) -> None:
    await crawled_page(system, site, *VERSIONS)
    [row] = (await system.api.get("/api/changes")).json()["data"]
    assert (row["changeType"], row["severity"]) == ("price_change", "critical")
    assert 0.9 < row["confidence"] <= 1
    assert row["summary"] == "Price of The Pro plan changed from $99 to $119."
    assert site.origin.endswith(row["domain"].removeprefix("http://"))
    detected = row["detectedAt"]
    for query, found in (
        ("changeType=price_change&severity=critical", 1),
        ("changeType=terms_update", 0),
        ("severity=low", 0),
        (f"since={detected}", 1),
        (f"until={detected}", 0),
        ("acknowledged=false", 1),
        ("acknowledged=true", 0),
    ):
        answer = (await system.api.get(f"/api/changes?{query}")).json()
        assert (len(answer["data"]), answer["meta"]["total"]) == (found, found), query


async def test_a_change_is_acknowledged_once(system: System, site: FakeSite) -> None:
    await crawled_page(system, site, *VERSIONS)
    [row] = (await system.api.get("/api/changes")).json()["data"]
    path = f"/api/changes/{row['id']}/acknowledge"
    assert row["acknowledgedAt"] is None
    seen = (await system.api.post(path, json={"by": "Ann"})).json()["data"]
    assert seen["acknowledgedBy"] == "Ann"
    assert TIME.fullmatch(seen["acknowledgedAt"])
    assert (await system.api.post(path)).json()["data"] == seen
    assert (await system.api.get("/api/changes")).json()["data"] == [seen]
    assert (await system.api.post(path, json={"by": ""})).status_code == 400
    unknown = await system.api.post(f"/api/changes/{uuid4()}/acknowledge")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    "query", ["changeType=news", "severity=huge", "since=yesterday", "until=2026-01-01T00:00:00",
              "acknowledged=maybe"],
)  # fmt: skip
async def test_a_bad_filter_of_changes_is_refused(system: System, query: str) -> None:
    answer = await system.api.get(f"/api/changes?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "VALIDATION_ERROR")


@pytest.mark.parametrize(
    "body", [{"by": "nul\0"}, {"by": "two\nlines"}, {"by": "\ud800"}, {"who": "me"}, {"by": 7}]
)
async def test_an_acknowledgement_is_of_the_documented_form(
    system: System, body: dict[str, object]
) -> None:
    answer = await system.api.post(
        f"/api/changes/{uuid4()}/acknowledge",
        content=json.dumps(body),
        headers={"Content-Type": "application/json"},
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "VALIDATION_ERROR")


async def test_changes_are_found_by_text_tag_and_batch(system: System, site: FakeSite) -> None:
    page = await crawled_page(system, site, VERSIONS[0])
    site.page("/", VERSIONS[1])
    async with system.worker():
        asked = await system.api.post(f"/api/domains/{page.domain_id}/crawl", json={})
        batch_id = asked.json()["data"]["batchId"]
        await eventually(lambda: system.stats(batchId=batch_id), lambda stats: stats.completed == 1)
    await system.api.patch(f"/api/pages/{page.page_id}", json={"tags": ["plans"]})
    await system.api.patch(f"/api/domains/{page.domain_id}", json={"tags": ["rivals"]})

    async def total(**query: str) -> int:
        answer = await system.api.get("/api/changes", params=query)
        assert answer.status_code == 200, answer.text
        return int(answer.json()["meta"]["total"])

    assert await total(batchId=batch_id) == 1
    assert await total(batchId=str(uuid4())) == 0
    assert await total(tag="Rivals") == await total(tag="plans") == 1
    assert await total(tag="other") == 0
    assert await total(q="PRICE OF") == await total(q="127.0.0.1") == await total(q="$119") == 1
    assert await total(q="nothing") == 0
    assert await total(q="%") == await total(q="_") == 0, "no pattern"
    assert await total(q="price", tag="plans", batchId=batch_id, severity="low") == 0
    for bad in ({"q": ""}, {"q": 201 * "a"}, {"q": "a\0"}, {"batchId": "1"}, {"tag": ""}):
        answer = await system.api.get("/api/changes", params=bad)
        assert (answer.status_code, list(answer.json()["details"])) == (400, list(bad))
    async with await system.another_organisation() as stranger:
        for own in ({"batchId": batch_id}, {"tag": "plans"}, {"q": "price"}):
            assert (await stranger.get("/api/changes", params=own)).json()["data"] == []
