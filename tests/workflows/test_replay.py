"""Every recorded history replays: this version goes on with the jobs of the versions before it.

The worker runs workflows without a sandbox. Here the sandbox imports our modules anew for each
workflow, and so notices what they do at import, keep between two workflows, or ask of the machine.
"""

import json
import socket
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import TracerProvider
from temporalio import workflow
from temporalio.client import WorkflowHistory
from temporalio.contrib.opentelemetry import TracingInterceptor
from temporalio.worker import Interceptor, Replayer
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner
from temporalio.workflow import NondeterminismError

from core.jobs.contract import CrawlPageInput
from core.jobs.states import JobName
from temporal.inputs import DATA_CONVERTER, InputGuard
from tests.workflows.record import COURSES, HISTORIES, scrubbed
from worker import WORKFLOWS


def path_of(case: str) -> Path:
    """Where the history of a case is."""
    return HISTORIES / f"{case}.json"


def history_of(case: str) -> WorkflowHistory:
    """The recorded history of a case."""
    recorded = json.loads(path_of(case).read_text())
    return WorkflowHistory.from_json(recorded.pop("id"), recorded)


def replayer(*workflows: type, interceptors: Sequence[Interceptor] = ()) -> Replayer:
    """What replays `workflows`."""
    return Replayer(
        workflows=workflows,
        data_converter=DATA_CONVERTER,
        interceptors=[*interceptors, InputGuard()],
        workflow_runner=SandboxedWorkflowRunner(),
    )


@pytest.mark.parametrize("case", COURSES)
async def test_a_recorded_history_replays(case: str) -> None:
    await replayer(*WORKFLOWS).replay_workflow(history_of(case))


@pytest.mark.parametrize("case", COURSES)
async def test_a_recorded_history_replays_while_it_is_traced(case: str) -> None:
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("test")
    traced = replayer(*WORKFLOWS, interceptors=[TracingInterceptor(tracer)])
    await traced.replay_workflow(history_of(case))


def test_every_workflow_the_worker_serves_has_a_history_and_every_history_a_case() -> None:
    served = {workflow._Definition.must_from_class(cls).name for cls in WORKFLOWS}
    assert {case.split("/")[0] for case in COURSES} == served
    recorded = {path.relative_to(HISTORIES).with_suffix("") for path in HISTORIES.rglob("*.json")}
    assert {str(path) for path in recorded} == set(COURSES)


@pytest.mark.parametrize("case", COURSES)
def test_a_history_is_of_its_case_and_of_no_machine(case: str) -> None:
    text = path_of(case).read_text()
    history = json.loads(text)
    started = history["events"][0]["workflowExecutionStartedEventAttributes"]
    assert started["workflowType"]["name"] == case.split("/")[0]
    assert scrubbed(history) == history
    assert socket.gethostname() not in text
    assert "/site-packages/" not in text


@workflow.defn(name=JobName.CRAWL_PAGE, sandboxed=False)
class AnotherCrawlPage:
    """A version that does something else first."""

    @workflow.run
    async def run(self, job: CrawlPageInput) -> None:
        """Sleep."""
        await workflow.sleep(timedelta(hours=1))


async def test_a_workflow_that_takes_another_course_is_noticed() -> None:
    with pytest.raises(NondeterminismError):
        await replayer(AnotherCrawlPage).replay_workflow(history_of("crawl.page/completed"))
