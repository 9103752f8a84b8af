"""The Jobs API against a real Temporal server, a real worker and a real web site."""

import re
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest
from temporalio.client import Client, WorkflowExecutionCount
from temporalio.service import RPCError, RPCStatusCode

from core.jobs.states import JobState
from tests.eventually import eventually
from tests.site import FakeSite
from tests.system import System

ROW_KEYS = [
    "id", "name", "type", "url", "domainId", "pageId", "state", "progress", "attemptsMade",
    "createdAt", "processedAt", "finishedAt", "failedReason",
]  # fmt: skip
DETAIL_KEYS = [*ROW_KEYS, "maxAttempts", "returnValue", "nextAttemptAt"]
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


async def known_page(system: System, site: FakeSite, path: str = "/") -> UUID:
    """The id of a page of the site, discovered by a worker that is gone again."""
    site.page("/", f"<p>Welcome.</p> <a href='{path}'>Prices</a>")
    site.page(path, "<title>Prices</title><p>Pro costs $99 a month.</p>")
    async with system.worker():
        domain = await system.add_domain(site.origin)
        await system.finished(domain.discovery_job_id)
    await system.forget_baselines()
    return (await system.pages(domain.id))[site.url(path)]


async def test_a_job_asked_for_just_now_is_found_and_waits(system: System, site: FakeSite) -> None:
    domain = await system.add_domain(site.origin)
    job = await system.job(domain.discovery_job_id)
    assert (job.state, job.attempts_made, job.progress) == (JobState.WAITING, 0, 0)
    assert job.processed_at is None
    assert job.finished_at is None
    assert job.failed_reason is None
    assert job.return_value is None


async def test_a_finished_discovery_looks_as_documented(system: System, site: FakeSite) -> None:
    site.page("/", '<a href="/pricing">Prices</a> and more')
    site.page("/pricing", "<p>Pro costs $99 a month.</p>")
    async with system.worker():
        domain = await system.add_domain(site.origin)
        await system.finished(domain.discovery_job_id)
    answer = await system.api.get(f"/api/jobs/{domain.discovery_job_id}")
    assert list(answer.json()) == ["data"]
    job = answer.json()["data"]
    assert sorted(job) == sorted(DETAIL_KEYS)
    assert job["id"] == domain.discovery_job_id
    assert job["name"] == "discover.pages"
    assert job["type"] == "discover"
    assert job["url"] is None
    assert job["domainId"] == str(domain.id)
    assert job["pageId"] is None
    assert job["state"] == "completed"
    assert job["progress"] == 100
    assert job["attemptsMade"] == 1
    assert job["maxAttempts"] == 3
    assert all(TIME.fullmatch(job[key]) for key in ("createdAt", "processedAt", "finishedAt"))
    assert job["createdAt"] <= job["processedAt"] <= job["finishedAt"]
    assert job["failedReason"] is None
    assert job["returnValue"]["pagesDiscovered"] == 2
    assert job["returnValue"]["pagesAdded"] == 2


async def test_a_finished_crawl_looks_as_documented(system: System, site: FakeSite) -> None:
    page_id = await known_page(system, site)
    async with system.worker():
        job_id = await system.ask(f"/api/pages/{page_id}/crawl")
        await system.finished(job_id)
        listed = await eventually(
            lambda: system.jobs(type="crawl", status="completed"),
            lambda answer: answer.meta.total == 1,
        )
    answer = await system.api.get("/api/jobs", params={"type": "crawl"})
    assert sorted(answer.json()) == ["data", "meta"]
    assert answer.json()["meta"] == {
        "total": 1,
        "page": 1,
        "pageSize": 20,
        "nextCursor": None,
    }
    [job] = answer.json()["data"]
    assert sorted(job) == sorted(ROW_KEYS)
    assert (job["id"], job["name"], job["type"]) == (job_id, "crawl.page", "crawl")
    assert job["url"] == site.url("/")
    assert job["domainId"] == str(listed.data[0].domain_id)
    assert job["pageId"] == str(page_id)
    assert (job["state"], job["progress"], job["attemptsMade"]) == ("completed", 100, 1)
    assert job["failedReason"] is None
    found = (await system.job(job_id)).return_value
    assert isinstance(found, dict)
    UUID(str(found.pop("snapshotId")))
    assert found == {"changed": False, "statusCode": 200, "baseline": True, "changeId": None}


async def test_a_job_that_has_ended_is_read_while_temporal_cannot_write(
    system: System, site: FakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    page_id = await known_page(system, site)
    async with system.worker():
        ended = await system.ask(f"/api/pages/{page_id}/crawl")
        job = await system.finished(ended)
    waiting = await system.ask(f"/api/pages/{page_id}/crawl")
    await eventually(system.jobs, lambda answer: {waiting} < {each.id for each in answer.data})
    service = system.client.service_client
    call = service._rpc_call

    async def cannot_write(**asked: Any) -> Any:
        """The calls for which a server has to own the history of a workflow."""
        if asked["rpc"] in ("describe_workflow_execution", "get_workflow_execution_history"):
            raise RPCError("shard status unknown", RPCStatusCode.UNAVAILABLE, b"")
        return await call(**asked)

    monkeypatch.setattr(service, "_rpc_call", cannot_write)
    assert await system.job(ended) == job
    stranger = await system.another_organisation()
    for api, job_id in ((system.api, waiting), (stranger, ended), (system.api, "crawl:none")):
        answer = await api.get(f"/api/jobs/{job_id}")
        assert (answer.status_code, answer.json()["code"]) == (503, "UNAVAILABLE"), job_id


async def test_statistics_look_as_documented(system: System, site: FakeSite) -> None:
    await system.add_domain(site.origin)
    stats = await eventually(system.stats, lambda stats: stats.waiting == 1)
    assert stats.model_dump() == {
        "waiting": 1,
        "active": 0,
        "completed": 0,
        "failed": 0,
        "delayed": 0,
        "total": 1,
    }


async def test_statistics_add_up_where_a_job_begins_between_two_counts(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    domain = await system.add_domain("competitor.com")
    await system.ask(f"/api/domains/{domain.id}/discover", delaySeconds=3600)
    await eventually(system.stats, lambda stats: stats.delayed == 1)
    count = Client.count_workflows

    async def counted(client: Client, query: str) -> WorkflowExecutionCount:
        early = "GROUP BY" in query
        return WorkflowExecutionCount(0, []) if early else await count(client, query)

    monkeypatch.setattr(Client, "count_workflows", counted)
    stats = await eventually(system.stats, lambda stats: stats.waiting == 0)
    assert (stats.delayed, stats.total) == (1, 1)


async def test_an_active_job_shows_its_progress(system: System, site: FakeSite) -> None:
    page_id = await known_page(system, site)
    site.hold("/")
    async with system.worker():
        job_id = await system.ask(f"/api/pages/{page_id}/crawl")
        await site.arrived("/")
        job = await system.job_when(job_id, lambda job: job.state is JobState.ACTIVE)
        assert (job.attempts_made, job.finished_at) == (1, None)
        assert job.processed_at is not None
        assert 0 <= job.progress < 100
        listed = await eventually(
            lambda: system.jobs(status="active"), lambda answer: answer.meta.total == 1
        )
        assert listed.data[0].id == job_id
        stats = await eventually(system.stats, lambda stats: stats.active == 1)
        assert stats.total == 1
        site.release("/")
        assert (await system.finished(job_id)).state is JobState.COMPLETED


async def test_a_job_between_attempts_is_delayed_with_its_last_error(
    system: System, site: FakeSite
) -> None:
    page_id = await known_page(system, site)
    site.failing("/", [500], then="<p>Pro costs $99 a month.</p>")
    async with system.worker():
        job_id = await system.ask(f"/api/pages/{page_id}/crawl")
        job = await system.job_when(job_id, lambda job: job.state is JobState.DELAYED)
        assert job.attempts_made == 1
        assert job.failed_reason is not None
        assert "500" in job.failed_reason
        assert job.next_attempt_at is not None
        listed = await eventually(
            lambda: system.jobs(status="delayed"), lambda answer: answer.meta.total == 1
        )
        assert listed.data[0].id == job_id
        done = await system.finished(job_id)
    assert (done.state, done.attempts_made, done.failed_reason) == (JobState.COMPLETED, 2, None)


async def test_a_job_asked_for_later_is_delayed(system: System, site: FakeSite) -> None:
    page_id = await known_page(system, site)
    job_id = await system.ask(f"/api/pages/{page_id}/crawl", delaySeconds=3600)
    job = await system.job(job_id)
    assert (job.state, job.attempts_made) == (JobState.DELAYED, 0)
    stats = await eventually(system.stats, lambda stats: stats.delayed == 1)
    assert (stats.waiting, stats.total) == (0, 1)


async def test_a_delay_that_is_over_is_waiting_without_a_worker(
    system: System, site: FakeSite
) -> None:
    page_id = await known_page(system, site)
    job_id = await system.ask(f"/api/pages/{page_id}/crawl", delaySeconds=1)
    await system.job_when(job_id, lambda job: job.state is JobState.WAITING)
    listed = await eventually(
        lambda: system.jobs(status="waiting"), lambda answer: answer.meta.total == 1
    )
    assert listed.data[0].id == job_id
    assert (await system.stats()).waiting == 1


@pytest.mark.parametrize(
    ("path", "words"),
    [("/missing", "404"), ("/forbidden", "403"), ("/picture", "not")],
)
async def test_a_permanent_error_fails_at_once_in_plain_words(
    system: System, site: FakeSite, path: str, words: str
) -> None:
    page_id = await known_page(system, site, path)
    site.page("/missing", "gone", status=404)
    site.page("/forbidden", "no", status=403)
    site.page("/picture", "\x89PNG", headers={"Content-Type": "image/png"})
    async with system.worker():
        job = await system.finished(await system.ask(f"/api/pages/{page_id}/crawl"))
    assert (job.state, job.attempts_made) == (JobState.FAILED, 1)
    assert job.failed_reason is not None
    assert words in job.failed_reason
    assert job.processed_at is not None
    assert job.return_value is None


async def test_attempts_end_at_max_attempts(system: System, site: FakeSite) -> None:
    page_id = await known_page(system, site)
    site.failing("/", [503, 503, 503, 503], then="<p>back</p>")
    async with system.worker():
        job_id = await system.ask(f"/api/pages/{page_id}/crawl", maxAttempts=2)
        job = await system.finished(job_id)
    assert (job.state, job.attempts_made, job.max_attempts) == (JobState.FAILED, 2, 2)
    assert job.failed_reason is not None
    assert "503" in job.failed_reason


async def test_pages_of_a_list_hold_every_job_once(system: System, site: FakeSite) -> None:
    domain = await system.add_domain(site.origin)
    asked = [domain.discovery_job_id] + [
        await system.ask(f"/api/domains/{domain.id}/discover") for _ in range(6)
    ]
    await eventually(system.stats, lambda stats: stats.total == 7)
    by_page = [job.id for page in (1, 2, 3) for job in (await system.jobs(limit=3, page=page)).data]
    assert by_page == list(reversed(asked))
    assert (await system.jobs(limit=3, page=4)).data == []
    by_cursor: list[str] = []
    answer = await system.jobs(limit=3)
    while True:
        assert answer.meta.total == 7
        by_cursor += [job.id for job in answer.data]
        if answer.meta.next_cursor is None:
            break
        answer = await system.jobs(limit=3, cursor=answer.meta.next_cursor)
    assert by_cursor == by_page


async def test_a_full_last_page_has_no_cursor(system: System, site: FakeSite) -> None:
    await system.add_domain(site.origin)
    await eventually(system.stats, lambda stats: stats.total == 1)
    assert (await system.jobs(limit=1)).meta.next_cursor is None


async def test_filters_choose(system: System, site: FakeSite) -> None:
    page_id = await known_page(system, site)
    crawl = await system.ask(f"/api/pages/{page_id}/crawl")
    await eventually(system.stats, lambda stats: stats.waiting == 1)
    domain_id = (await system.job(crawl)).domain_id
    for query, total in (
        ({"type": "crawl"}, 1),
        ({"type": "discover"}, 1),
        ({"status": "waiting"}, 1),
        ({"status": "completed"}, 1),
        ({"status": "failed"}, 0),
        ({"domainId": domain_id}, 2),
        ({"pageId": page_id}, 1),
        ({"pageId": uuid4()}, 0),
        ({"batchId": uuid4()}, 0),
        ({"nonsense": "ignored"}, 2),
    ):
        answer = await system.jobs(**query)
        assert (answer.meta.total, len(answer.data)) == (total, total), query
    assert (await system.stats(type="discover")).completed == 1
    assert (await system.stats(type="crawl")).completed == 0


@pytest.mark.parametrize(
    "query",
    [
        "limit=0", "limit=101", "limit=-1", "limit=ten", "page=0", "page=x",
        "status=running", "status=", "type=scrape", "domainId=1", "pageId=' OR 1=1",
        "batchId=%00", "cursor=nonsense",
    ],
)  # fmt: skip
async def test_bad_parameters_are_refused(system: System, query: str) -> None:
    answer = await system.api.get(f"/api/jobs?{query}")
    assert answer.status_code == 400, answer.text
    assert answer.json()["code"] == "VALIDATION_ERROR"
    assert query.split("=")[0] in answer.json()["details"]


async def test_a_cursor_of_another_list_is_refused(system: System, site: FakeSite) -> None:
    domain = await system.add_domain(site.origin)
    await system.ask(f"/api/domains/{domain.id}/discover")
    await eventually(system.stats, lambda stats: stats.total == 2)
    cursor = (await system.jobs(limit=1)).meta.next_cursor
    answer = await system.api.get("/api/jobs", params={"cursor": cursor, "type": "crawl"})
    assert answer.status_code == 400


async def test_another_organisation_sees_nothing(system: System, site: FakeSite) -> None:
    domain = await system.add_domain(site.origin)
    await eventually(system.stats, lambda stats: stats.total == 1)
    async with await system.another_organisation() as stranger:
        assert (await stranger.get("/api/jobs")).json()["meta"]["total"] == 0
        assert (await stranger.get("/api/jobs/stats")).json()["data"]["total"] == 0
        foreign = await stranger.get(f"/api/jobs/{domain.discovery_job_id}")
        unknown = await stranger.get(f"/api/jobs/discover-{uuid4().hex}")
    assert foreign.status_code == unknown.status_code == 404
    assert foreign.json() == unknown.json()
    assert foreign.json()["code"] == "NOT_FOUND"


@pytest.mark.parametrize("job_id", ["x" * 201, "%00", "..%2f..", "' OR 1=1 --", "😀"])
async def test_a_malformed_id_is_not_found(system: System, job_id: str) -> None:
    answer = await system.api.get(f"/api/jobs/{job_id}")
    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")


async def test_a_workflow_that_is_no_job_is_not_found(system: System, site: FakeSite) -> None:
    await known_page(system, site)
    [domain] = (await system.api.get("/api/domains")).json()["data"]
    batch = (await system.api.post(f"/api/domains/{domain['id']}/crawl", json={})).json()["data"]
    workflow_id = await system.fan_out_id(batch["batchId"])
    assert await system.client.get_workflow_handle(workflow_id).describe()
    assert (await system.api.get(f"/api/jobs/{workflow_id}")).status_code == 404


async def test_a_batch_can_be_followed(system: System, site: FakeSite) -> None:
    site.page("/", '<a href="/a">a</a> <a href="/b">b</a>')
    site.page("/a", "<p>page a</p>")
    site.page("/b", "<p>page b</p>")
    async with system.worker():
        domain = await system.add_domain(site.origin)
        await system.finished(domain.discovery_job_id)
        answer = await system.api.post(f"/api/domains/{domain.id}/crawl", json={})
        batch = answer.json()["data"]
        assert (answer.status_code, batch["jobsQueued"]) == (202, 3)
        stats = await eventually(
            lambda: system.stats(batchId=batch["batchId"]), lambda stats: stats.completed == 3
        )
        assert (stats.total, stats.failed) == (0, 0)
    jobs = await system.jobs(batchId=batch["batchId"])
    assert {job.url for job in jobs.data} == {site.url("/"), site.url("/a"), site.url("/b")}


async def test_no_key_no_answer(system: System) -> None:
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=system.app), base_url="http://diffy.test"
    ) as stranger:
        for path in ("/api/jobs", "/api/jobs/stats", "/api/jobs/x"):
            answer = await stranger.get(path)
            assert answer.status_code == 401
            assert answer.headers["WWW-Authenticate"] == "Bearer"
            assert answer.json()["code"] == "UNAUTHORIZED"
