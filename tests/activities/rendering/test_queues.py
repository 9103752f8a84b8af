"""Workers that do one kind of work each: what needs a browser is handed on to one that has one."""

from datetime import UTC, datetime, timedelta

import pytest
from temporalio.api.enums.v1 import EventType

from core.errors import SettingsError
from core.health import Status
from core.jobs.queues import ALL_QUEUES, Queue
from core.jobs.states import JobState
from core.settings import load_settings
from temporal.pollers import RECENT, worker_verdict, workers_of_queues, working
from tests.activities.discoveries import result
from tests.activities.discovery.test_rendered_discovery import JAVASCRIPT, SCRIPT, SHELL
from tests.eventually import eventually
from tests.site import FakeSite
from tests.system import System


def be_an_application(site: FakeSite) -> None:
    """Show nothing without a script."""
    for path in ("/", "/x1", "/x2", "/x2/deep"):
        site.page(path, SHELL)
    site.page("/app.js", SCRIPT, headers=JAVASCRIPT)
    site.page("/data.json", '{"word": "Read more"}', headers={"Content-Type": "application/json"})


async def queues_of(system: System, job_id: str) -> list[str]:
    """The queues of the job's attempts."""
    history = await system.client.get_workflow_handle(job_id).fetch_history()
    return [
        event.activity_task_scheduled_event_attributes.task_queue.name
        for event in history.events
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
    ]


@pytest.mark.usefixtures("chromium")
@pytest.mark.parametrize("render", ["auto", "always"])
async def test_a_page_that_needs_a_browser_is_handed_on_and_asked_for_once(
    system: System, site: FakeSite, render: str
) -> None:
    page_id = await system.lone_page(site)
    await system.choose(f"/api/pages/{page_id}", render=render)
    be_an_application(site)
    job_id = await system.ask(f"/api/pages/{page_id}/crawl", maxAttempts=1)
    async with system.worker("checks,reading"):
        both = [Queue.READING.task_queue, Queue.RENDERING.task_queue]
        await eventually(lambda: queues_of(system, job_id), lambda found: found == both)
        assert (await system.job(job_id)).state is JobState.WAITING
    async with system.worker("checks"), system.worker("rendering"):
        job = await system.finished(job_id)
    assert (job.state, job.attempts_made) == (JobState.COMPLETED, 1)
    assert await queues_of(system, job_id) == both
    assert len(site.requests_for("/")) == 1
    [snapshot] = (await system.api.get(f"/api/pages/{page_id}/snapshots")).json()["data"]
    shown = (await system.api.get(f"/api/snapshots/{snapshot['id']}")).json()["data"]
    assert "Read more" in shown["text"]


@pytest.mark.usefixtures("chromium")
async def test_a_discovery_that_meets_an_application_goes_on_where_there_is_a_browser(
    system: System, site: FakeSite
) -> None:
    be_an_application(site)
    async with system.worker("checks,reading"), system.worker("rendering"):
        domain = await system.add_domain(site.origin)
        discovered = result(await system.finished(domain.discovery_job_id))
    assert discovered.pages_added == 4
    assert await queues_of(system, domain.discovery_job_id) == [
        Queue.READING.task_queue,
        Queue.RENDERING.task_queue,
    ]


async def test_a_kind_of_work_that_nobody_does_is_told(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Temporal remembers the workers of other tests for minutes, so what it knows is given."""

    async def known(_: object, __: object) -> dict[Queue, set[str]]:
        return {Queue.CHECKS: {"a"}, Queue.READING: {"a", "b"}, Queue.RENDERING: set()}

    monkeypatch.setattr("temporal.pollers.workers_of_queues", known)
    verdict = await worker_verdict(system.client)
    assert verdict.status is Status.FAILED
    assert "diffy-rendering" in verdict.detail
    assert "rendering in its DIFFY_QUEUES" in verdict.advice


async def test_one_worker_does_every_kind_of_work(system: System) -> None:
    async with system.worker():
        found = await eventually(
            lambda: workers_of_queues(system.client, datetime.now(UTC)),
            lambda found: all(system.client.identity in workers for workers in found.values()),
        )
    assert set(found) == ALL_QUEUES


def test_a_worker_without_workflows_serves_while_it_polls_or_is_known_to_run() -> None:
    now = datetime.now(UTC)
    late = now - RECENT - timedelta(seconds=1)
    assert working({}, {"a": now, "b": late}, now) == {"a"}
    assert working({"b": now}, {"a": now, "b": late}, now) == {"a", "b"}


def test_the_setting_names_the_kinds_of_work() -> None:
    assert load_settings({}).served_queues == ALL_QUEUES
    chosen = load_settings({"DIFFY_QUEUES": "rendering, reading"}).served_queues
    assert chosen == {Queue.READING, Queue.RENDERING}
    for wrong in ("browser", "checks,", " "):
        with pytest.raises(SettingsError, match="DIFFY_QUEUES"):
            load_settings({"DIFFY_QUEUES": wrong})
