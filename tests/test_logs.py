"""Lines of jobs: what they name, wherever in a worker they are written."""

import asyncio
import io
import json
import logging
from datetime import timedelta
from typing import Any
from uuid import uuid4

from temporalio import activity, workflow
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from core.jobs.contract import Owner
from core.jobs.states import JobState
from core.logs.context import logging_about
from core.logs.service import service_log
from core.settings import LogFormat, LogLevel, Settings
from temporal.log_fields import job_fields
from tests.site import FakeSite
from tests.system import System
from workflows.search_attributes import attributes_of

LOG = Settings(log_format=LogFormat.JSON, log_level=LogLevel.INFO)
OWNER = Owner(org_id=uuid4(), domain_id=uuid4(), page_id=None, url=None, host="site.example")

log = logging.getLogger("activities.anything")


def lines(stream: io.StringIO, logger: str) -> list[dict[str, Any]]:
    """The lines of that logger."""
    written = [json.loads(line) for line in stream.getvalue().splitlines()]
    return [line for line in written if line["logger"] == logger]


async def test_the_lines_of_a_job_name_it_and_its_owner(system: System, site: FakeSite) -> None:
    page_id = await system.lone_page(site)
    stream = io.StringIO()
    with service_log(LOG, "worker", [job_fields], stream):
        async with system.worker():
            job_id = await system.ask(f"/api/pages/{page_id}/crawl")
            await system.finished(job_id)
    [attempt] = [
        line for line in lines(stream, "activities.reporting") if line["activity"] == "crawl"
    ]
    page = (await system.api.get(f"/api/pages/{page_id}")).json()["data"]
    assert attempt["job_id"] == job_id
    assert (attempt["workflow"], attempt["attempt"]) == ("crawl.page", 1)
    assert attempt["domain_id"] == page["domainId"]
    assert len(attempt["org_id"]) == 36
    assert attempt["outcome"] == "completed"
    # A request of a client and an attempt of a worker share nothing.
    assert "request_id" not in attempt


@workflow.defn(name="logging")
class Logging:
    """Logs in a workflow, and in an activity and a thread of it."""

    @workflow.run
    async def run(self) -> None:
        """Log."""
        log.warning("in a workflow")
        await workflow.execute_activity("logging", schedule_to_close_timeout=timedelta(seconds=10))


@activity.defn(name="logging")
async def log_in_activity() -> None:
    """Log."""
    logging_about(org_id=OWNER.org_id)
    await asyncio.to_thread(log.warning, "in an activity")


async def test_lines_of_workflows_and_activities_name_them(system: System) -> None:
    stream = io.StringIO()
    queue, job_id = f"logging-{uuid4().hex}", f"logging-{uuid4().hex}"
    worker = Worker(
        system.client,
        task_queue=queue,
        workflows=[Logging],
        activities=[log_in_activity],
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    with service_log(LOG, "worker", [job_fields], stream):
        async with worker:
            await system.client.execute_workflow(
                "logging",
                id=job_id,
                task_queue=queue,
                search_attributes=attributes_of(OWNER, JobState.WAITING),
            )
        log.warning("in neither")
    in_workflow, in_activity, in_neither = lines(stream, log.name)
    assert in_workflow["job_id"] == in_activity["job_id"] == job_id
    assert in_workflow["workflow"] == in_activity["workflow"] == "logging"
    assert (in_workflow["org_id"], in_workflow["domain_id"]) == (
        str(OWNER.org_id),
        str(OWNER.domain_id),
    )
    assert (in_activity["activity"], in_activity["attempt"]) == ("logging", 1)
    assert in_activity["org_id"] == str(OWNER.org_id)
    assert not {"job_id", "org_id"} & in_neither.keys()


def test_what_the_sdk_tells_of_an_activity_becomes_the_same_fields() -> None:
    told = {"activity_type": "crawl", "workflow_id": "w-1", "attempt": 2, "namespace": "x"}
    assert job_fields({"temporal_activity": told}) == {
        "job_id": "w-1",
        "activity": "crawl",
        "attempt": 2,
    }
    assert job_fields({"temporal_workflow": "none"}) == {}
