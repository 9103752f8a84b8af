"""Quotas over REST: what is refused, and what is left."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import select

from core.jobs.contract import CrawlPageInput
from core.jobs.states import TASK_QUEUE, JobName, JobState
from store.quotas import set_quota
from store.tables.accounts import Organisation
from temporal.jobs.schedules import crawl_schedule_id
from tests.activities.discoveries import again
from tests.activities.test_batches import scheduled
from tests.api.routes.test_batches import site_of_three
from tests.eventually import eventually
from tests.site import FakeSite
from tests.system import System


async def limit(system: System, **figures: int) -> None:
    """Set quotas of the organisation of the system."""
    async with system.database.transaction() as session:
        [name] = await session.scalars(select(Organisation.name))
        for quota, figure in figures.items():
            await set_quota(session, name, quota, figure)


async def use(system: System) -> Any:
    answer = await system.api.get("/api/quota")
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def refused(answer: httpx2.Response, quota: str) -> dict[str, str]:
    """The details of the refusal."""
    assert answer.status_code == 402, answer.text
    body = answer.json()
    assert (body["code"], body["details"]["quota"]) == ("QUOTA_EXCEEDED", quota)
    details: dict[str, str] = body["details"]
    return details


async def test_without_a_quota_nothing_is_refused_and_the_answer_says_none(
    system: System,
) -> None:
    found = await use(system)
    assert found["pages"] == {"limit": None, "used": 0}
    checks = found["checksPerDay"]
    assert (checks["limit"], checks["used"], checks["passedOver"]) == (None, 0, 0)
    frees_at = datetime.fromisoformat(checks["freesAt"])
    assert timedelta(0) < frees_at - datetime.now(UTC) <= timedelta(days=1)


async def test_a_page_over_the_quota_is_refused_and_the_answer_says_why(system: System) -> None:
    domain = await system.add_domain("shop.example")
    await limit(system, pages=1)
    path = f"/api/domains/{domain.id}/pages"
    headers = {"Idempotency-Key": "later"}
    assert (await system.api.post(path, json={"url": "https://shop.example/a"})).status_code == 201
    wanted = {"url": "https://shop.example/b"}
    answer = await system.api.post(path, json=wanted, headers=headers)
    details = refused(answer, "pages")
    assert (details["limit"], details["used"]) == ("1", "1")
    assert "frees up as pages or domains are deleted" in answer.json()["error"]
    assert (await use(system))["pages"] == {"limit": 1, "used": 1}
    known = await system.api.post(path, json={"url": "https://shop.example/a"})
    assert known.status_code == 409, "a page that is there needs no room"
    await limit(system, pages=2)
    answer = await system.api.post(path, json=wanted, headers=headers)
    assert answer.status_code == 201, "a refusal does not use up the key"


async def test_an_import_refuses_the_pages_that_are_too_many(system: System) -> None:
    await system.add_domain("shop.example")
    await limit(system, pages=2)
    pages = [{"url": f"https://shop.example/{name}"} for name in ("a", "b", "c", "c")]
    answer = await system.api.post("/api/pages/import", json={"pages": pages})
    found = answer.json()["data"]
    assert (found["added"], found["known"], found["refused"]) == (2, 0, 2)
    assert [page["verdict"] for page in found["pages"]] == ["added", "added", "refused", "refused"]
    assert "quota pages is 2" in found["pages"][2]["reason"]
    assert found["pages"][2]["pageId"] is None
    again = (await system.api.post("/api/pages/import", json={"pages": pages})).json()["data"]
    assert (again["added"], again["known"], again["refused"]) == (0, 2, 2)


async def test_a_discovery_leaves_out_pages_over_the_quota_and_says_so(
    system: System, site: FakeSite
) -> None:
    await limit(system, pages=2)
    site.page("/", "<a href='/a'>a</a> <a href='/b'>b</a>")
    site.page("/a", "<p>A</p>")
    site.page("/b", "<p>B</p>")
    async with system.worker():
        domain = await system.add_domain(site.origin)
        assert (await system.finished(domain.discovery_job_id)).state is JobState.COMPLETED
        assert len(await system.pages(domain.id)) == 2
        found = await again(system, domain.id)
        assert (found.pages_known, found.left_out) == (2, {"over_quota": 1})
        assert found.notes == (
            "1 pages were passed over: the organisation's quota of pages is used up.",
        )
        await limit(system, pages=3)
        assert (await again(system, domain.id)).pages_added == 1


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "{}"}])
async def test_crawls_over_the_quota_are_refused_whoever_asks(
    system: System, site: FakeSite, headers: dict[str, str]
) -> None:
    page_id = await system.lone_page(site)
    await limit(system, checks_per_day=3)
    numbers = iter(range(100))

    async def crawl() -> httpx2.Response:
        own = {name: value.format(next(numbers)) for name, value in headers.items()}
        return await system.api.post(f"/api/pages/{page_id}/crawl", headers=own)

    answers = await asyncio.gather(*(crawl() for _ in range(6)))
    assert sorted(each.status_code for each in answers) == [202] * 3 + [402] * 3
    details = refused(next(each for each in answers if each.status_code == 402), "checksPerDay")
    assert (details["limit"], details["used"]) == ("3", "3")
    checks = (await use(system))["checksPerDay"]
    assert details["freesAt"] == checks["freesAt"]
    assert (checks["limit"], checks["used"]) == (3, 3)
    await eventually(system.stats, lambda stats: stats.total == 3)
    domain_id = (await system.api.get(f"/api/pages/{page_id}")).json()["data"]["domainId"]
    refused(await system.api.post(f"/api/domains/{domain_id}/crawl"), "checksPerDay")
    assert (await use(system))["checksPerDay"]["used"] == 3
    discovery = await system.api.post(f"/api/domains/{domain_id}/discover")
    assert discovery.status_code == 202, "a discovery is no check"


async def test_retries_count_as_checks(system: System, site: FakeSite) -> None:
    page_id = await system.lone_page(site)
    site.page("/", "gone", status=404)
    domain_id = (await system.api.get(f"/api/pages/{page_id}")).json()["data"]["domainId"]
    answer = await system.api.post(f"/api/domains/{domain_id}/crawl", json={"maxAttempts": 1})
    batch_id = answer.json()["data"]["batchId"]
    async with system.worker():
        job_id = await system.batch_job(batch_id, page_id)
        await eventually(lambda: system.stats(batchId=batch_id), lambda stats: stats.failed == 1)
    await limit(system, checks_per_day=1)
    await system.ask(f"/api/pages/{page_id}/crawl")
    for path in (
        f"/api/jobs/{job_id}/retry",
        f"/api/batches/{batch_id}/retry",
        f"/api/jobs/retry?batchId={batch_id}",
    ):
        refused(await system.api.post(path), "checksPerDay")
    await limit(system, checks_per_day=2)
    assert (await system.api.post(f"/api/jobs/{job_id}/retry")).status_code == 202


async def test_a_schedule_passes_over_what_is_over_the_quota_and_fails_nothing(
    system: System, site: FakeSite
) -> None:
    domain_id = await site_of_three(system, site)
    await limit(system, checks_per_day=2)
    async with system.worker():
        run = await scheduled(system, domain_id)
        assert (run.jobs_queued, run.over_quota, run.passed_over) == (2, 1, 0)
        stats = await eventually(
            lambda: system.stats(batchId=run.batch_id), lambda stats: stats.completed == 2
        )
        assert (stats.failed, stats.total) == (0, 0)
    checks = (await use(system))["checksPerDay"]
    assert (checks["used"], checks["passedOver"]) == (2, 1)


async def test_what_temporal_starts_counts_and_waits_for_the_next_day(
    system: System, site: FakeSite
) -> None:
    page_id = await system.lone_page(site)
    await limit(system, checks_per_day=1)
    body = {"schedule": {"cron": "0 5 1 1 *"}}
    assert (await system.api.patch(f"/api/pages/{page_id}", json=body)).status_code == 200
    before = len(site.requests_for("/"))
    async with system.worker():
        handle = system.client.get_schedule_handle(crawl_schedule_id(UUID(str(page_id))))

        async def jobs() -> set[str]:
            return {job.id for job in (await system.jobs(pageId=page_id)).data}

        known = await jobs()
        await handle.trigger()
        [scheduled_job] = await eventually(jobs, lambda ids: bool(ids - known)) - known
        assert (await system.finished(scheduled_job)).state is JobState.COMPLETED
        asked = len(site.requests_for("/"))
        assert asked > before
        await system.client.start_workflow(
            JobName.CRAWL_PAGE,
            CrawlPageInput(page_id=page_id),
            id="check-of-another-team",
            task_queue=TASK_QUEUE,
        )
        late = await eventually(
            lambda: system.api.get("/api/jobs/check-of-another-team"),
            lambda answer: answer.status_code == 200 and answer.json()["data"]["nextAttemptAt"],
        )
        job = late.json()["data"]
        assert job["state"] == "delayed"
        checks = (await use(system))["checksPerDay"]
        assert job["nextAttemptAt"] == checks["freesAt"]
        assert (checks["used"], checks["passedOver"]) == (1, 1)
        assert len(site.requests_for("/")) == asked, "nothing was asked"


async def test_a_quota_of_another_organisation_is_not_seen(system: System) -> None:
    await limit(system, pages=1)
    async with await system.another_organisation() as other:
        answer = await other.get("/api/quota")
        assert answer.json()["data"]["pages"] == {"limit": None, "used": 0}


async def test_an_organisation_has_no_more_unfinished_jobs_than_its_quota_whoever_asks(
    system: System, site: FakeSite
) -> None:
    page_id = await system.lone_page(site)
    domain_id = (await system.api.get(f"/api/pages/{page_id}")).json()["data"]["domainId"]
    await limit(system, unfinished_jobs=3)
    crawl = f"/api/pages/{page_id}/crawl"
    answers = await asyncio.gather(*(system.api.post(crawl) for _ in range(6)))
    assert sorted(each.status_code for each in answers) == [202] * 3 + [402] * 3
    details = refused(next(each for each in answers if each.status_code == 402), "unfinishedJobs")
    assert details == {"quota": "unfinishedJobs", "limit": "3", "used": "3"}
    await eventually(system.stats, lambda stats: stats.total == 3)
    assert (await use(system))["unfinishedJobs"] == {"limit": 3, "used": 3}
    for path, body in (
        (f"/api/domains/{domain_id}/discover", {}),
        (f"/api/domains/{domain_id}/crawl", {}),
        ("/api/domains", {"domain": "other.example"}),
        ("/api/pages/import", {"domains": [{"domain": "other.example"}], "discover": True}),
    ):
        refused(await system.api.post(path, json=body), "unfinishedJobs")
    job_id = next(each for each in answers if each.status_code == 202).json()["data"]["jobId"]
    await system.api.post(f"/api/jobs/{job_id}/cancel")
    headers = {"Idempotency-Key": "again"}
    kept = await system.api.post(crawl, headers=headers)
    assert kept.status_code == 202, "a job that ended frees a place"
    assert (await system.api.post(crawl, headers=headers)).json() == kept.json()
    refused(await system.api.post(crawl), "unfinishedJobs")


async def test_a_schedule_starts_as_many_jobs_as_there_is_room_for(
    system: System, site: FakeSite
) -> None:
    domain_id = await site_of_three(system, site)
    site.hold("/")
    await limit(system, unfinished_jobs=2)
    async with system.worker():
        first = await scheduled(system, domain_id)
        assert (first.jobs_queued, first.over_quota) == (2, 1)
        await eventually(
            lambda: system.stats(batchId=first.batch_id),
            lambda stats: stats.completed + stats.active == 2,
        )
        site.release("/")
        await eventually(system.stats, lambda stats: stats.total == 0)
        second = await scheduled(system, domain_id)
        assert (second.jobs_queued, second.over_quota) == (2, 1)
