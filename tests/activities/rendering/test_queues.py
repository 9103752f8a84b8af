"""Workers that do one kind of work each: what needs a browser is handed on to one that has one."""

from functools import partial

import pytest
from temporalio.api.enums.v1 import EventType

from activities.rendering.renderer import Renderer, RenderingLimits
from core.jobs.queues import Queue
from core.jobs.states import JobState
from tests.activities.discoveries import result
from tests.activities.discovery.test_rendered_discovery import be_an_application
from tests.eventually import HANG, eventually
from tests.site import FakeSite
from tests.system import System


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No page is too slow, and no browser: a machine that does other work is no fault."""
    limits = RenderingLimits(settle=HANG, deadline=HANG)
    monkeypatch.setattr("worker.Renderer", partial(Renderer, limits=limits))
    monkeypatch.setattr("activities.rendering.browser.BROWSER_START_TIMEOUT", HANG)


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
    assert (job.state, job.failed_reason, job.attempts_made) == (JobState.COMPLETED, None, 1)
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
