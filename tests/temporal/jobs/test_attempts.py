"""Every attempt of a job is visible."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from core.jobs.states import JobState
from core.settings import Settings
from tests.site import FakeSite
from tests.system import System, running_system


async def attempts(system: System, job_id: str) -> list[dict[str, Any]]:
    """The attempts of the job."""
    answer = await system.api.get(f"/api/jobs/{job_id}/attempts")
    assert answer.status_code == 200, answer.text
    told: list[dict[str, Any]] = answer.json()["data"]
    return told


async def test_each_attempt_tells_when_how_why_and_who(system: System, site: FakeSite) -> None:
    page_id = await system.lone_page(site)
    site.failing("/", [500, 503], then="<p>Pro costs $99 a month.</p>")
    async with system.worker():
        job_id = await system.ask(f"/api/pages/{page_id}/crawl")
        await system.job_when(job_id, lambda job: job.state is JobState.DELAYED)
        [failed] = await attempts(system, job_id)
        assert (failed["number"], failed["outcome"]) == (1, "failed")
        job = await system.finished(job_id)
    told = await attempts(system, job_id)
    assert [each["number"] for each in told] == [1, 2, 3]
    assert [each["outcome"] for each in told] == ["failed", "failed", "completed"]
    assert "500" in told[0]["reason"]
    assert "503" in told[1]["reason"]
    assert told[2]["reason"] is None
    times = [each[key] for each in told for key in ("startedAt", "endedAt")]
    assert times == sorted(times)
    assert job.processed_at is not None
    assert times[0] == job.processed_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert {each["worker"] for each in told} == {system.client.identity}


async def test_a_job_that_waits_has_no_attempts(system: System, site: FakeSite) -> None:
    domain = await system.add_domain(site.origin)
    assert await attempts(system, domain.discovery_job_id) == []


async def test_a_running_attempt_has_not_ended_and_a_cancelled_one_has(
    system: System, site: FakeSite
) -> None:
    page_id = await system.lone_page(site)
    site.hold("/")
    async with system.worker():
        job_id = await system.ask(f"/api/pages/{page_id}/crawl")
        await system.job_when(job_id, lambda job: job.state is JobState.ACTIVE)
        [running] = await attempts(system, job_id)
        assert (running["outcome"], running["endedAt"]) == ("running", None)
        assert running["startedAt"] is not None
        await system.api.post(f"/api/jobs/{job_id}/cancel")
        [cancelled] = await attempts(system, job_id)
    assert (cancelled["outcome"], cancelled["reason"]) == ("cancelled", "The job was cancelled.")


async def test_an_attempt_that_was_handed_back_is_one_attempt(
    system: System, site: FakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.DRAIN", timedelta(0))
    page_id = await system.lone_page(site)
    site.hold("/")
    async with system.worker():
        job_id = await system.ask(f"/api/pages/{page_id}/crawl", maxAttempts=1)
        # Temporal says so before the worker has the attempt, and only then can it hand it back.
        await site.arrived("/")
        await system.job_when(job_id, lambda job: job.state is JobState.ACTIVE)
    [back] = await attempts(system, job_id)
    assert back["outcome"] == "handed_back"
    site.release("/")
    async with system.worker():
        await system.finished(job_id)
    [done] = await attempts(system, job_id)
    assert (done["number"], done["outcome"]) == (1, "completed")
    assert done["startedAt"] == back["startedAt"]


async def test_the_answer_links_to_the_job_in_the_temporal_web_ui(
    settings: Settings, site: FakeSite
) -> None:
    known = settings.model_copy(update={"temporal_ui_url": "https://temporal.example/"})
    async with running_system(known) as system:
        domain = await system.add_domain(site.origin)
        answer = await system.api.get(f"/api/jobs/{domain.discovery_job_id}/attempts")
        described = await system.client.get_workflow_handle(domain.discovery_job_id).describe()
    assert answer.json()["meta"] == {
        "temporalUrl": "https://temporal.example/namespaces/default/workflows/"
        f"{domain.discovery_job_id}/{described.run_id}"
    }


async def test_attempts_of_what_is_not_there_or_not_owned_are_404(
    system: System, site: FakeSite
) -> None:
    domain = await system.add_domain(site.origin)
    async with await system.another_organisation() as stranger:
        foreign = await stranger.get(f"/api/jobs/{domain.discovery_job_id}/attempts")
        unknown = await stranger.get(f"/api/jobs/crawl-{uuid4().hex}/attempts")
    assert (foreign.status_code, foreign.json()) == (404, unknown.json())
