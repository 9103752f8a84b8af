"""Watching a job without hammering: `wait`, `ETag`, Server-Sent Events."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID, uuid4

import httpx2
import pytest
from temporalio.client import WorkflowHandle

from api.deps import services_of
from core.jobs.states import JobState
from tests.eventually import HANG, eventually
from tests.site import FakeSite
from tests.system import System


async def test_wait_holds_the_answer_until_the_job_has_finished(
    system: System, site: FakeSite
) -> None:
    page_id = await system.lone_page(site)
    job_id = await system.ask(f"/api/pages/{page_id}/crawl")
    waiting = asyncio.create_task(system.api.get(f"/api/jobs/{job_id}?wait=60"))
    async with system.worker():
        job = (await waiting).json()["data"]
    assert job["state"] == "completed"


async def test_wait_ends_when_the_time_is_up_and_at_once_for_a_job_that_is_not_there(
    system: System, site: FakeSite
) -> None:
    domain = await system.add_domain(site.origin)
    waiting = asyncio.create_task(system.api.get(f"/api/jobs/{domain.discovery_job_id}?wait=1"))
    answer = await system.api.get(f"/api/jobs/crawl-{uuid4().hex}?wait=60")
    assert answer.status_code == 404
    assert not waiting.done()
    assert (await waiting).json()["data"]["state"] == "waiting"


@pytest.mark.parametrize("wait", ["-1", "61", "ten", "1.5", ""])
async def test_a_bad_wait_is_refused(system: System, wait: str) -> None:
    answer = await system.api.get(f"/api/jobs/crawl-{uuid4().hex}?wait={wait}")
    assert answer.status_code == 400
    assert "wait" in answer.json()["details"]


async def test_a_look_that_fails_is_not_the_last(
    system: System,
    site: FakeSite,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The SDK cannot read a list with a status that it does not know."""
    domain = await system.add_domain(site.origin)
    watch = services_of(system.app).watch
    looks = 0
    look = watch._owners

    async def failing(query: str, limit: int | None = None) -> dict[str, str | None]:
        nonlocal looks
        looks += 1
        if looks == 1:
            raise ValueError("8 is not a valid WorkflowExecutionStatus")
        return await look(query, limit)

    async def seen() -> int:
        return looks

    monkeypatch.setattr(watch, "_owners", failing)
    target = f"/api/jobs/{domain.discovery_job_id}"
    waiting = asyncio.create_task(system.api.get(f"{target}?wait=60"))
    await eventually(seen, lambda looks: looks > 1)
    await system.api.post(f"{target}/cancel")
    assert (await waiting).json()["data"]["state"] == "failed"
    assert [each.levelname for each in caplog.records if each.name == "temporal.jobs.watch"] == [
        "ERROR"
    ]


MANY: Final = 1_000


async def test_many_waiters_share_one_look(
    system: System, site: FakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    domain = await system.add_domain(site.origin)
    services = services_of(system.app)
    described = 0
    describe = WorkflowHandle.describe

    async def counted(handle: WorkflowHandle[Any, Any], **options: Any) -> Any:
        nonlocal described
        described += handle.id == domain.discovery_job_id
        return await describe(handle, **options)

    monkeypatch.setattr(WorkflowHandle, "describe", counted)
    org_id = UUID((await system.api.get(f"/api/domains/{domain.id}")).json()["data"]["orgId"])
    waiters = [
        asyncio.create_task(services.watch.finished(org_id, domain.discovery_job_id, HANG))
        for _ in range(MANY)
    ]

    async def reads() -> int:
        return described

    await eventually(reads, lambda seen: seen > 0)
    await eventually(system.stats, lambda stats: stats.waiting == 1)
    at_first = described
    assert at_first <= 2, "one for the first who asked, and one for all others"
    await system.api.post(f"/api/jobs/{domain.discovery_job_id}/cancel")
    jobs = await asyncio.gather(*waiters)
    assert {job.state for job in jobs} == {JobState.FAILED}
    assert described <= at_first + 4, "two when the watch is woken; the cancellation looks as well"


@pytest.mark.parametrize("path", ["/api/jobs", "/api/jobs/stats", "/api/jobs/{id}"])
async def test_an_answer_that_the_client_has_is_not_sent_again(
    system: System, site: FakeSite, path: str
) -> None:
    domain = await system.add_domain(site.origin)
    await eventually(system.stats, lambda stats: stats.total == 1)
    url = path.format(id=domain.discovery_job_id)
    first = await system.api.get(url)
    etag = first.headers["ETag"]
    for known in (etag, f'"other", W/{etag}', "*"):
        again = await system.api.get(url, headers={"If-None-Match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["ETag"] == etag
    await system.api.post(f"/api/jobs/{domain.discovery_job_id}/cancel")

    async def fresh() -> int:
        answer = await system.api.get(url, headers={"If-None-Match": etag})
        return answer.status_code

    await eventually(fresh, lambda status: status == 200)


@dataclass(frozen=True)
class Event:
    """A Server-Sent Event."""

    id: str
    kind: str
    data: dict[str, Any]


async def events(answer: httpx2.Response) -> AsyncIterator[Event]:
    """The events of a stream (HTML standard, 9.2.6)."""
    fields: dict[str, str] = {}
    async for line in answer.aiter_lines():
        name, _, value = line.partition(":")
        if line:
            fields[name] = value.removeprefix(" ")
        elif "data" in fields:
            yield Event(fields["id"], fields["event"], json.loads(fields["data"]))
            fields = {}


async def test_events_tell_state_attempt_and_progress_until_the_end(
    system: System, site: FakeSite
) -> None:
    page_id = await system.lone_page(site)
    site.failing("/", [503], then="<p>Pro costs $99 a month.</p>")
    job_id = await system.ask(f"/api/pages/{page_id}/crawl", maxAttempts=2)
    stream = asyncio.create_task(system.api.get(f"/api/jobs/{job_id}/events"))
    async with system.worker():
        answer = await stream
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    told = [event async for event in events(answer)]
    assert len({event.id for event in told}) == len(told), "nothing is told twice in a row"
    assert (told[0].kind, told[0].data["state"]) == ("state", "waiting")
    assert told[-1].data == (await system.api.get(f"/api/jobs/{job_id}")).json()["data"]
    states = [event.data["state"] for event in told if event.kind == "state"]
    assert states[-1] == "completed"
    assert "delayed" in states
    again = await system.api.get(
        f"/api/jobs/{job_id}/events", headers={"Last-Event-ID": told[-1].id}
    )
    assert [event async for event in events(again)] == []


async def test_events_of_a_job_that_is_not_there_are_404(system: System) -> None:
    answer = await system.api.get(f"/api/jobs/crawl-{uuid4().hex}/events")
    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")


async def test_a_stopping_api_lets_waiters_go(system: System, site: FakeSite) -> None:
    domain = await system.add_domain(site.origin)
    waiting = asyncio.create_task(system.api.get(f"/api/jobs/{domain.discovery_job_id}?wait=60"))
    services = services_of(system.app)

    async def waiters() -> bool:
        return services.watch.busy

    await eventually(waiters, bool)
    services.watch.close()
    assert (await waiting).json()["data"]["state"] == "waiting"
