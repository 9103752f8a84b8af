"""What a discovery reads of a new page is its first version, so that no page is fetched twice."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest

from core.jobs.states import JobState
from tests.activities.discoveries import again, result
from tests.eventually import eventually
from tests.site import FakeSite, SiteRequest
from tests.system import System

PATHS = [f"/p{number}" for number in range(8)]
SHELL = "<div id=root></div><script src=/app.js></script>"


def listed(*paths: str) -> str:
    """A page with text that links to those."""
    return "<title>Shop</title><p>words</p>" + "".join(f'<a href="{each}">x</a>' for each in paths)


async def discovered(system: System, site: FakeSite, **settings: object) -> tuple[UUID, int]:
    """A domain with crawl settings once its pages are found, and the number of its baselines."""
    body = {"domain": site.origin, **({"crawlSettings": settings} if settings else {})}
    answer = await system.api.post("/api/domains", json=body)
    assert answer.status_code == 201, answer.text
    domain = answer.json()["data"]
    found = result(await system.finished(domain["discoveryJobId"]))
    return UUID(domain["id"]), found.baselines


async def crawled(system: System, domain_id: UUID, jobs: int) -> list[dict[str, Any]]:
    """The return values of the jobs that crawl all pages of the domain."""
    answer = await system.api.post(f"/api/domains/{domain_id}/crawl", json={})
    assert answer.status_code == 202, answer.text
    assert answer.json()["data"]["jobsQueued"] == jobs
    batch_id = answer.json()["data"]["batchId"]
    await eventually(lambda: system.stats(batchId=batch_id), lambda now: now.completed == jobs)
    batch = await system.jobs(batchId=batch_id, limit=100)
    finished = [await system.finished(job.id) for job in batch.data]
    assert {job.state for job in finished} == {JobState.COMPLETED}
    return [job.return_value for job in finished if isinstance(job.return_value, dict)]


async def versions(system: System, page_id: UUID) -> list[dict[str, Any]]:
    """The snapshots of a page, newest first."""
    answer = await system.api.get(f"/api/pages/{page_id}/snapshots")
    rows: list[dict[str, Any]] = answer.json()["data"]
    return rows


def whole(requests: Sequence[SiteRequest]) -> list[str]:
    """The targets of the requests that are not conditional."""
    return [each.target for each in requests if "if-none-match" not in each.headers]


@pytest.mark.parametrize("validators", [True, False])
async def test_the_first_crawl_after_a_discovery_looks_for_changes_only(
    system: System, site: FakeSite, validators: bool
) -> None:
    """With validators no page is sent twice; without them it must be, to be compared."""
    for path in ["/", *PATHS]:
        tag = {"ETag": f'"{path}"'} if validators else {}
        site.page(path, listed(*PATHS), headers=tag)
    async with system.worker():
        domain_id, baselines = await discovered(system, site)
        asked = whole(site.requests)
        found = await crawled(system, domain_id, len(PATHS) + 1)
    assert baselines == len(PATHS) + 1
    assert sorted(path for path in asked if path in ["/", *PATHS]) == ["/", *PATHS]
    later = whole(site.requests)[len(asked) :]
    assert later == [] if validators else sorted(later) == ["/", *PATHS]
    status = 304 if validators else 200
    assert {(each["changed"], each.get("baseline"), each["statusCode"]) for each in found} == {
        (False, False, status)
    }


async def test_a_baseline_is_the_version_that_a_crawl_would_store(
    system: System, site: FakeSite
) -> None:
    html = "<title>Plans</title><nav>Menu</nav><main><h1>Plans</h1><p>Pro costs $99.</p></main>"
    site.page("/", html, headers={"ETag": '"1"'})
    async with system.worker():
        domain_id, _ = await discovered(system, site)
        [page_id] = (await system.pages(domain_id)).values()
        [row] = await versions(system, page_id)
        page = (await system.api.get(f"/api/pages/{page_id}")).json()["data"]
        snapshot = (await system.api.get(f"/api/snapshots/{row['id']}")).json()["data"]
        site.page("/", html.replace("99", "119"), headers={"ETag": '"2"'})
        [value] = await crawled(system, domain_id, 1)
        changes = (await system.api.get("/api/changes")).json()["data"]
    assert (await system.job(row["jobId"])).type == "discover"
    assert (page["status"], page["lastChangeAt"]) == ("active", None)
    assert page["lastCheckAt"] is not None
    assert (snapshot["title"], snapshot["statusCode"]) == ("Plans", 200)
    assert snapshot["html"] == html
    assert "Pro costs $99." in snapshot["text"]
    assert "Menu" not in snapshot["text"]
    assert value["changed"] is True
    assert [(each["changeType"], each["beforeSnapshotId"]) for each in changes] == [
        ("price_change", row["id"])
    ]


@pytest.mark.parametrize(
    ("chosen", "shown"),
    [
        ({"watchSelector": "h1"}, "# Plans"),
        ({"ignoreSelectors": [".x"]}, "# Plans\nwords"),
        ({"conditionalRequests": False, "cookies": {"a": "b"}}, "# Plans\nwords\nbuy"),
    ],
)
async def test_a_baseline_is_read_under_the_settings_of_the_domain(
    system: System, site: FakeSite, chosen: dict[str, object], shown: str
) -> None:
    site.page("/", "<h1>Plans</h1><p>words</p><p class=x>buy</p>", headers={"ETag": '"1"'})
    async with system.worker():
        domain_id, baselines = await discovered(system, site, **chosen)
        assert baselines == 1
        [page_id] = (await system.pages(domain_id)).values()
        [row] = await versions(system, page_id)
        [value] = await crawled(system, domain_id, 1)
    snapshot = (await system.api.get(f"/api/snapshots/{row['id']}")).json()["data"]
    assert snapshot["text"] == shown
    assert (value["changed"], value["baseline"]) == (False, False), "it is comparable"
    conditional = chosen.get("conditionalRequests", True)
    assert value["statusCode"] == (304 if conditional else 200)


@pytest.mark.parametrize(
    ("html", "chosen"),
    [
        pytest.param(SHELL, {"render": "never"}, id="no text"),
        pytest.param("<p>words</p>", {"watchSelector": "h1"}, id="the watched part is missing"),
        pytest.param(
            "<meta http-equiv=refresh content='5; url=/'><p>words</p>", {}, id="it refreshes"
        ),
    ],
)
async def test_a_page_that_only_its_crawl_can_judge_gets_no_baseline(
    system: System, site: FakeSite, html: str, chosen: dict[str, object]
) -> None:
    site.page("/", html)
    async with system.worker():
        domain_id, baselines = await discovered(system, site, **chosen)
    [page_id] = (await system.pages(domain_id)).values()
    page = (await system.api.get(f"/api/pages/{page_id}")).json()["data"]
    assert (baselines, page["status"], page["lastCheckAt"]) == (0, "pending", None)
    assert await versions(system, page_id) == []


async def test_pages_that_are_known_or_not_watched_get_no_baseline(
    system: System, site: FakeSite
) -> None:
    for path in ("/", "/known", "/watched", "/other"):
        site.page(path, listed("/known", "/watched", "/other"))
    body = {"domain": site.origin, "watch": {"include": ["/known", "/watched"]}}
    domain = (await system.api.post("/api/domains", json=body)).json()["data"]
    pages = f"/api/domains/{domain['id']}/pages"
    assert (await system.api.post(pages, json={"url": site.url("/known")})).status_code == 201
    async with system.worker():
        found = result(await system.finished(domain["discoveryJobId"]))
        assert (found.pages_added, found.pages_known, found.baselines) == (3, 1, 1)
        repeated = await again(system, UUID(domain["id"]))
    assert (repeated.pages_added, repeated.baselines) == (0, 0)
    by_url = await system.pages(UUID(domain["id"]))
    stored = {url: len(await versions(system, page_id)) for url, page_id in by_url.items()}
    assert stored == {
        site.url("/"): 0,
        site.url("/known"): 0,
        site.url("/watched"): 1,
        site.url("/other"): 0,
    }
