"""Sites watched: new pages, unlinked pages, and watching that breaks; all of it is told."""

import socket
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import update

from core.jobs.states import JobState
from core.schedules import Schedule
from store.tables.domains import Domain
from store.tables.pages import Page
from temporal.jobs.schedules import crawl_schedule_id, discovery_schedule_id
from tests.activities.discoveries import again, result
from tests.activities.test_discover import XML, first, links, sitemap
from tests.core.web.test_walls import WALLS
from tests.eventually import eventually
from tests.site import FakeSite
from tests.system import System


async def told(system: System, **query: str) -> list[dict[str, Any]]:
    """The rows of the list of changes, oldest first."""
    answer = await system.api.get("/api/changes", params=query)
    assert answer.status_code == 200, answer.text
    rows: list[dict[str, Any]] = answer.json()["data"]
    return rows[::-1]


async def told_when(system: System, count: int, **query: str) -> list[dict[str, Any]]:
    """The rows once there are so many."""
    return await eventually(lambda: told(system, **query), lambda rows: len(rows) >= count)


async def health(system: System, **query: object) -> dict[str, Any]:
    """The answer about watching."""
    answer = await system.api.get(
        "/api/health/watching", params={name: str(value) for name, value in query.items()}
    )
    assert answer.status_code == 200, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


async def crawl(system: System, page_id: UUID) -> JobState:
    """Crawl the page with one attempt; how that ends."""
    job_id = await system.ask(f"/api/pages/{page_id}/crawl", maxAttempts=1)
    return (await system.finished(job_id)).state


async def test_a_page_found_later_is_told_with_what_it_says_and_crawled_at_once(
    system: System, site: FakeSite
) -> None:
    """dgtlmoon/changedetection.io#486, #2063."""
    site.page("/", links("/old"))
    site.page("/old", "<p>words</p>")
    async with system.worker():
        domain_id, _ = await first(system, site)
        assert await told(system) == [], "what the first discovery finds is no news"
        site.page("/", links("/old", "/pricing", "/team"))
        site.page("/pricing", "<title>Plans</title><h1>Plans</h1><p>Pro costs $99 a month.</p>")
        site.page("/team", "<title>Team</title><p>Ada.</p>")
        found = await again(system, domain_id)
        assert found.pages_added == 2
        rows = {each["url"]: each for each in await told_when(system, 2)}
        pages = await system.pages(domain_id)
        detail = await system.api.get(f"/api/changes/{rows[site.url('/pricing')]['id']}")
        assert await crawl(system, pages[site.url("/pricing")]) is JobState.COMPLETED
        site.page("/pricing", "<title>Plans</title><h1>Plans</h1><p>Pro costs $119 a month.</p>")
        assert await crawl(system, pages[site.url("/pricing")]) is JobState.COMPLETED
        changed = await told(system, event="change")
    pricing, team = rows[site.url("/pricing")], rows[site.url("/team")]
    assert (pricing["event"], pricing["changeType"]) == ("page_added", "page_added")
    assert (pricing["severity"], team["severity"]) == ("high", "low")
    assert pricing["confidence"] > 0.9
    assert pricing["summary"] == (
        f"New page: “Plans”, {site.url('/pricing')}. It says “Pro costs $99 a month.”."
    )
    assert pricing["beforeSnapshotId"] is None
    assert pricing["afterSnapshotId"] is not None
    assert pricing["pageId"] == str(pages[site.url("/pricing")])
    assert (await system.job(pricing["jobId"])).type == "discover"
    diff = detail.json()["data"]["diffData"]
    assert diff["before"] == ""
    assert "Pro costs $99 a month." in diff["after"]
    assert {block["kind"] for block in diff["blocks"]} == {"added"}
    assert [each["changeType"] for each in changed] == ["price_change"]


async def test_a_new_page_that_cannot_be_read_is_told_all_the_same(
    system: System, site: FakeSite
) -> None:
    site.page("/", links("/old"))
    site.page("/old", "<p>words</p>")
    async with system.worker():
        domain_id, _ = await first(system, site)
        site.page("/", links("/old", "/new"))
        site.page("/new", "<title>New</title><hr>")
        await again(system, domain_id, maxAttempts=1)
        [row] = await told_when(system, 1)
    assert (row["changeType"], row["afterSnapshotId"]) == ("page_added", None)
    assert row["summary"] == f"New page: “New”, {site.url('/new')}."


async def test_only_the_pages_that_were_chosen_are_watched(system: System, site: FakeSite) -> None:
    site.page("/", links("/pricing", "/blog/1"))
    for path in ("/pricing", "/blog/1", "/blog/2", "/product/x", "/product/draft"):
        site.page(path, "<title>Name</title><p>words</p>")
    watch = {"include": ["/", "/p*"], "exclude": ["*/draft"], "pageTypes": ["pricing", "product"]}
    async with system.worker():
        answer = await system.api.post("/api/domains", json={"domain": site.origin, "watch": watch})
        assert answer.status_code == 201, answer.text
        domain = answer.json()["data"]
        await system.finished(domain["discoveryJobId"])
        site.page("/", links("/pricing", "/blog/1", "/blog/2", "/product/x", "/product/draft"))
        await again(system, UUID(domain["id"]))
        rows = await told_when(system, 3)
        listed = await system.api.get(f"/api/domains/{domain['id']}/pages")
    watched = {each["url"] for each in listed.json()["data"] if each["monitoringEnabled"]}
    assert watched == {site.url("/pricing"), site.url("/product/x")}
    assert {each["url"] for each in rows if each["afterSnapshotId"] is None} == {
        site.url("/blog/2"),
        site.url("/product/draft"),
    }


async def test_a_page_that_nothing_leads_to_any_more_is_told_once_if_it_still_answers(
    system: System, site: FakeSite
) -> None:
    site.page("/sitemap.xml", sitemap(site, "/listed"), headers=XML)
    site.page("/", links("/kept", "/dropped", "/deleted"))
    for path in ("/kept", "/dropped", "/deleted", "/listed", "/by-hand"):
        site.page(path, "<p>words</p>")
    async with system.worker():
        domain_id, _ = await first(system, site)
        await system.api.post(f"/api/domains/{domain_id}/pages", json={"url": site.url("/by-hand")})
        site.page("/sitemap.xml", sitemap(site), headers=XML)
        site.page("/", links("/kept"))
        site.page("/deleted", "gone", status=404)
        found = await again(system, domain_id)
        assert (found.pages_discovered, found.pages_known) == (2, 2), "they were not discovered"
        rows = await told(system)
        assert {each["url"] for each in rows} == {site.url("/dropped"), site.url("/listed")}
        assert {(each["changeType"], each["severity"]) for each in rows} == {
            ("page_unlinked", "low")
        }
        await again(system, domain_id)
        assert len(await told(system)) == 2
        site.page("/", links("/kept", "/dropped"))
        await again(system, domain_id)
        site.page("/", links("/kept"))
        await again(system, domain_id)
        assert [each["url"] for each in await told(system)].count(site.url("/dropped")) == 2


@pytest.mark.parametrize("reason", ["limits", "sitemap", "front"])
async def test_a_page_that_may_only_have_been_overlooked_is_not_told_as_unlinked(
    system: System, site: FakeSite, reason: str
) -> None:
    site.page("/sitemap.xml", sitemap(site, "/listed", "/front"), headers=XML)
    site.page("/", links("/a"))
    site.page("/front", links("/behind"))
    for path in ("/a", "/listed", "/behind"):
        site.page(path, "<p>words</p>")
    options: dict[str, object] = {}
    async with system.worker():
        domain_id, _ = await first(system, site)
        match reason:
            case "limits":
                site.page("/front", "<p>words</p>")
                options = {"maxDepth": 1}
            case "sitemap":
                site.page("/sitemap.xml", "no", status=503)
            case "front":
                site.page("/front", "no", status=503)
        await again(system, domain_id, **options)
        assert await told(system) == []


async def test_the_site_as_a_whole_is_discovered_again_and_says_when(
    system: System, site: FakeSite
) -> None:
    site.page("/", "<p>words</p>")
    async with system.worker():
        domain_id, _ = await first(system, site)
        domain = (await system.api.get(f"/api/domains/{domain_id}")).json()["data"]
        assert domain["discoverFrequencyHours"] == 24
        assert domain["lastDiscoveredAt"] is not None
        due = datetime.fromisoformat(domain["nextDiscoveryAt"]) - datetime.now(UTC)
        assert timedelta(hours=23) < due < timedelta(hours=24, minutes=6)
        site.page("/", links("/product/new"))
        site.page("/product/new", "<title>New</title><p>words</p>")
        await system.client.get_schedule_handle(discovery_schedule_id(domain_id)).trigger()
        [row] = await told_when(system, 1)
        job = await system.finished(row["jobId"])
        assert (job.type, job.domain_id, job.state) == (
            "discover",
            domain_id,
            JobState.COMPLETED,
        )
        assert result(job).pages_added == 1
        listed = await system.jobs(type="discover")
        assert job.id in {each.id for each in listed.data}
        path = f"/api/domains/{domain_id}"
        changed = await system.api.patch(path, json={"discoverFrequencyHours": 0})
        assert changed.json()["data"]["nextDiscoveryAt"] is None
        changed = await system.api.patch(path, json={"discoverFrequencyHours": 1})
        assert changed.json()["data"]["nextDiscoveryAt"] is not None
        paused = await system.api.patch(path, json={"status": "paused"})
        assert paused.json()["data"]["nextDiscoveryAt"] is None
        assert paused.json()["data"]["nextCrawlAt"] is None


async def test_a_page_with_its_own_schedule_is_crawled_by_it_alone(
    system: System, site: FakeSite
) -> None:
    site.page("/", links("/other"))
    site.page("/other", "<p>words</p>")
    async with system.worker():
        domain_id, _ = await first(system, site)
        page_id = (await system.pages(domain_id))[site.url("/other")]
        path = f"/api/pages/{page_id}"
        own = {"cron": "0 7 * * 1-5", "timeZone": "Europe/Berlin"}
        answer = await system.api.patch(path, json={"schedule": own})
        page = answer.json()["data"]
        assert page["schedule"]["cron"] == own["cron"]
        assert page["nextCrawlAt"] is not None
        handle = system.client.get_schedule_handle(crawl_schedule_id(page_id))
        await handle.trigger()
        [job] = await eventually(
            lambda: finished_crawls(system, pageId=page_id), lambda jobs: len(jobs) == 1
        )
        assert (job.url, job.state) == (site.url("/other"), JobState.COMPLETED)
        batch = system.client.get_schedule_handle(crawl_schedule_id(domain_id))
        await batch.trigger()
        await eventually(
            lambda: finished_crawls(system, domainId=domain_id), lambda jobs: len(jobs) == 2
        )
        assert len(await finished_crawls(system, pageId=page_id)) == 1, "not by its domain's"
        await system.api.patch(f"/api/domains/{domain_id}", json={"status": "paused"})
        assert (await handle.describe()).schedule.state.paused
        await system.api.patch(f"/api/domains/{domain_id}", json={"status": "active"})
        assert (await system.api.get(path)).json()["data"]["nextCrawlAt"] is not None
        unset = await system.api.patch(path, json={"schedule": None})
        assert unset.json()["data"]["schedule"] is None
        assert unset.json()["data"]["nextCrawlAt"] is None
        assert await schedules(system, page_id) == 0
        await system.api.patch(path, json={"schedule": own})
        assert await schedules(system, page_id) == 1
        assert (await system.api.delete(f"/api/domains/{domain_id}")).status_code == 204
        async with system.database.reading() as session:
            assert await session.get(Page, page_id) is None
        await eventually(lambda: schedules(system, page_id), lambda count: count == 0)


async def finished_crawls(system: System, **query: object) -> list[Any]:
    """The crawls that have completed."""
    return list((await system.jobs(type="crawl", status="completed", **query)).data)


async def schedules(system: System, subject_id: UUID) -> int:
    """How many schedules crawl the page or domain."""
    try:
        await system.client.get_schedule_handle(crawl_schedule_id(subject_id)).describe()
    except Exception:
        return 0
    return 1


async def test_a_page_that_fails_in_a_row_is_told_once_and_so_is_its_return(
    system: System, site: FakeSite
) -> None:
    page_id = await system.lone_page(site)
    async with system.worker():
        assert await crawl(system, page_id) is JobState.COMPLETED
        site.page("/", "no", status=403)
        for _ in range(2):
            assert await crawl(system, page_id) is JobState.FAILED
        assert await told(system) == []
        assert (await health(system))["failing"]["pages"][0]["failedChecks"] == 2
        for _ in range(2):
            assert await crawl(system, page_id) is JobState.FAILED
        [broken] = await told(system)
        state = await health(system)
        site.page("/", "<p>Pro costs $119 a month.</p>")
        assert await crawl(system, page_id) is JobState.COMPLETED
        rows = await told(system)
    assert (broken["event"], broken["severity"]) == ("watch_broken", "high")
    assert broken["summary"].startswith("The last 3 checks of the page failed. The site answered")
    assert (broken["beforeSnapshotId"], broken["afterSnapshotId"]) == (None, None)
    [failing] = state["failing"]["pages"]
    assert (state["watched"], state["failing"]["total"], failing["failedChecks"]) == (1, 1, 4)
    assert failing["problem"].startswith("The site answered 403")
    assert failing["brokenSince"] == broken["detectedAt"]
    kinds = [each["changeType"] for each in rows]
    assert sorted(kinds) == ["price_change", "watch_broken", "watch_restored"]
    assert len({each["jobId"] for each in rows}) == 2, "the job that restored it found a change"
    healthy = await health(system)
    assert (healthy["failing"]["total"], healthy["stale"]["total"]) == (0, 0)


async def test_no_page_is_told_as_unwatched_while_no_name_resolves(
    system: System, site: FakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    page_id = await system.lone_page(site, "localhost")
    # Each crawl has to connect anew.
    site.page("/", "<p>Pro costs $99 a month.</p>", headers={"Connection": "close"})

    def silent(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    async with system.worker():
        assert await crawl(system, page_id) is JobState.COMPLETED
        with monkeypatch.context() as broken:
            broken.setattr("activities.http.resolver._resolve", silent)
            for _ in range(4):
                job_id = await system.ask(f"/api/pages/{page_id}/crawl", maxAttempts=1)
                failed = await system.finished(job_id)
                assert "its own name server does not answer" in (failed.failed_reason or "")
        assert (await health(system))["failing"]["total"] == 0
        assert await told(system) == []
        assert await crawl(system, page_id) is JobState.COMPLETED


async def test_a_selector_that_matches_nothing_is_told_at_once(
    system: System, site: FakeSite
) -> None:
    page_id = await system.lone_page(site)
    async with system.worker():
        await system.choose(f"/api/pages/{page_id}", watchSelector="#price")
        assert await crawl(system, page_id) is JobState.FAILED
        [broken] = await told(system)
        await system.choose(f"/api/pages/{page_id}", watchSelector="p")
        assert await crawl(system, page_id) is JobState.COMPLETED
        rows = await told(system)
    assert broken["summary"] == ("The page shows no text where its watchSelector points: #price")
    assert [each["changeType"] for each in rows] == ["watch_broken", "watch_restored"]


async def test_a_discovery_that_finds_hardly_any_page_breaks_watching(
    system: System, site: FakeSite
) -> None:
    paths = [f"/{number}" for number in range(12)]
    site.page("/", links(*paths))
    for path in paths:
        site.page(path, "<p>words</p>")
    async with system.worker():
        domain_id, _ = await first(system, site)
        site.page("/", "<p>words</p>")
        await again(system, domain_id)
        [broken] = await told(system)
        state = await health(system)
        site.page("/", links(*paths))
        await again(system, domain_id)
        rows = await told(system)
    assert broken["summary"] == "The discovery found 1 of the site's pages; before, it had 13."
    assert (broken["pageId"], broken["url"]) == (None, site.url("/"))
    assert [each["domainId"] for each in state["domains"]] == [str(domain_id)]
    assert [each["changeType"] for each in rows] == ["watch_broken", "watch_restored"]
    assert (await health(system))["domains"] == []


async def test_a_page_that_missed_its_checks_is_stale(system: System, site: FakeSite) -> None:
    page_id = await system.lone_page(site)
    state = await health(system)
    assert (state["neverChecked"]["total"], state["stale"]["total"]) == (1, 0)
    now = datetime.now(UTC)
    weekdays = Schedule(cron="0 7 * * *", time_zone="Europe/Berlin")
    for of_domain, of_page, age, stale in (
        (None, None, timedelta(hours=47), 0),
        (None, None, timedelta(hours=49), 1),
        (weekdays, None, timedelta(hours=23), 0),
        (weekdays, None, timedelta(hours=73), 1),
        (None, Schedule(every_minutes=60), timedelta(hours=3), 1),
        (None, Schedule(every_minutes=60), timedelta(hours=2), 0),
    ):
        async with system.database.transaction() as session:
            await session.execute(update(Domain).values(schedule=of_domain))
            await session.execute(update(Page).values(last_check_at=now - age, schedule=of_page))
        state = await health(system)
        assert state["stale"]["total"] == stale, (of_domain, of_page, age)
        assert state["neverChecked"]["total"] == 0
    assert (await health(system, limit=1))["stale"]["pages"] == []
    async with await system.another_organisation() as stranger:
        foreign = await stranger.get("/api/health/watching")
        assert foreign.json()["data"]["watched"] == 0
        domain_id = (await system.api.get(f"/api/pages/{page_id}")).json()["data"]["domainId"]
        refused = await stranger.get(f"/api/health/watching?domainId={domain_id}")
        assert refused.status_code == 404


async def test_a_site_that_asks_for_a_proof_of_a_human_is_told_at_the_first_check(
    system: System, site: FakeSite
) -> None:
    site.page("/", links("/old"))
    site.page("/old", "<p>words</p>")
    async with system.worker():
        domain_id, _ = await first(system, site)
        _, wall = WALLS["characters"]
        site.page("/", wall)
        site.page("/old", wall)
        pages = await system.pages(domain_id)
        for page_id in pages.values():
            assert await crawl(system, page_id) is JobState.FAILED
        [of_page] = await told(system)
        discovery = await system.ask(f"/api/domains/{domain_id}/discover", maxAttempts=1)
        assert (await system.finished(discovery)).state is JobState.FAILED
        _, of_domain = await told(system)
    for told_of, about in ((of_page, str(next(iter(pages.values())))), (of_domain, None)):
        assert (told_of["changeType"], told_of["pageId"]) == ("watch_broken", about)
        assert "The site asks for a proof of a human" in told_of["summary"]
