"""Worker versioning: a changed workflow is deployed while jobs run."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio import workflow
from temporalio.api.enums.v1 import EventType
from temporalio.api.workflowservice.v1 import (
    SetWorkerDeploymentCurrentVersionRequest,
)
from temporalio.service import RPCError

from cli.embedded import EmbeddedTemporal
from core.jobs.contract import CrawlPageInput, CrawlPageResult
from core.jobs.states import TASK_QUEUE, JobName, JobState
from core.settings import Settings
from tests.eventually import eventually
from tests.ports import free_port
from tests.site import FakeSite
from tests.system import System, running_system
from worker import WORKFLOWS
from workflows.crawl_page import CrawlPage


@workflow.defn(name=JobName.CRAWL_PAGE)
class ChangedCrawlPage(CrawlPage):
    """The next version of the workflow, whose commands fit no history of the present one."""

    @workflow.run
    async def run(self, job: CrawlPageInput) -> CrawlPageResult:
        """Wait first, and then do as before."""
        await workflow.sleep(timedelta(milliseconds=1))
        return await super().run(job)


@pytest.fixture
async def system(settings: Settings, tmp_path: Path) -> AsyncIterator[System]:
    """A system with a Temporal server of its own, whose current version nobody else follows."""
    server = EmbeddedTemporal(
        database=tmp_path / "temporal.db", port=free_port(), ui_port=None, log=tmp_path / "log"
    )
    await server.start()
    try:
        own = settings.model_copy(update={"temporal_address": server.address})
        async with running_system(own) as system:
            yield system
    finally:
        await server.stop()


def of_version(system: System, version: str) -> System:
    """The same system, whose workers are of that version."""
    return replace(system, settings=system.settings.model_copy(update={"worker_version": version}))


async def make_current(system: System, version: str) -> None:
    """Let the workflows that begin from now on run on that version, once its worker is known."""
    request = SetWorkerDeploymentCurrentVersionRequest(
        namespace=system.client.namespace, deployment_name=TASK_QUEUE, build_id=version
    )

    async def made() -> bool:
        try:
            await system.client.workflow_service.set_worker_deployment_current_version(request)
        except RPCError:
            return False
        return True

    await eventually(made, bool)


async def events_of(system: System, job_id: str) -> list[int]:
    """The types of the events of the job so far."""
    history = await system.client.get_workflow_handle(job_id).fetch_history()
    return [each.event_type for each in history.events]


async def test_jobs_end_with_the_version_that_they_began_with(
    system: System, site: FakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where only workers of the next version run for a while."""
    page_id = await system.lone_page(site)
    site.hold("/")
    async with of_version(system, "1").worker():
        await make_current(system, "1")
        early = await system.ask(f"/api/pages/{page_id}/crawl")
        await site.arrived("/")
    changed = [ChangedCrawlPage if each is CrawlPage else each for each in WORKFLOWS]
    monkeypatch.setattr("worker.WORKFLOWS", changed)
    async with of_version(system, "2").worker():
        await make_current(system, "2")
        late = await system.ask(f"/api/pages/{page_id}/crawl")
        await site.arrived("/", 2)
        site.release("/")
        ended = await system.finished(late)
        monkeypatch.setattr("worker.WORKFLOWS", WORKFLOWS)
        async with of_version(system, "1").worker():
            continued = await system.finished(early)
    assert [job.state for job in (ended, continued)] == [JobState.COMPLETED] * 2
    assert continued.attempts_made == 1
    told = [await events_of(system, job_id) for job_id in (early, late)]
    timer, failed = EventType.EVENT_TYPE_TIMER_STARTED, EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED
    assert [timer in events for events in told] == [False, True]
    assert not any(failed in events for events in told)
