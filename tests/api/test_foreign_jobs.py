"""Workflows of others that pass for jobs: no list, no job and no count fails because of them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Final
from uuid import uuid4

import httpx2
import pytest
from temporalio import activity, workflow
from temporalio.api.common.v1 import Payload
from temporalio.client import (
    Client,
    FetchWorkflowHistoryEventsInput,
    Interceptor,
    OutboundInterceptor,
    WorkflowHandle,
    WorkflowHistoryEventAsyncIterator,
)
from temporalio.common import (
    RawValue,
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
)
from temporalio.worker import Worker

from core.jobs.contract import CANCELLED, REPORT_SIGNAL, CrawlPageInput, MemoKey
from core.jobs.states import TASK_QUEUE, JobName, JobState
from temporal.inputs import DATA_CONVERTER
from tests.eventually import eventually
from tests.site import FakeSite
from tests.system import System
from workflows.search_attributes import Attribute

LONG_AGO: Final = "0001-01-01T00:00:00+14:00"
GARBAGE: Final[dict[str, object]] = {
    "a number": 5,
    "nothing": None,
    "text": "x",
    "a list": [],
    "an empty object": {},
    "an end that is not sure": {"unsure": True},
    "other types": {"url": 7, "maxAttempts": "x", "attempt": "x", "attemptsMade": {}},
    "numbers too small": {
        "url": None,
        "maxAttempts": -3,
        "attempt": -3,
        "attemptsMade": -3,
        "percent": -1,
        "firstStartedAt": "2026-01-01T00:00:00Z",
        "processedAt": None,
    },
    "numbers too large": {
        "url": "x" * 10_000,
        "maxAttempts": 10**30,
        "attempt": 10**12,
        "attemptsMade": 10**30,
        "percent": 10**9,
        "firstStartedAt": "2026-01-01T00:00:00Z",
        "processedAt": None,
    },
    "a moment before all others": {
        "url": None,
        "maxAttempts": 1,
        "attempt": 1,
        "attemptsMade": 1,
        "firstStartedAt": LONG_AGO,
        "processedAt": LONG_AGO,
    },
    "an unknown encoding": RawValue(Payload(metadata={"encoding": b"sealed"}, data=b"\xff")),
    "no encoding": RawValue(Payload(data=b"\x00")),
    "broken JSON": RawValue(Payload(metadata={"encoding": b"json/plain"}, data=b'{"\xff')),
    "endless JSON": RawValue(
        Payload(metadata={"encoding": b"json/plain"}, data=b"[" * 10_000 + b"]" * 10_000)
    ),
}
KEYS: Final = (MemoKey.SUBJECT, MemoKey.REPORT, MemoKey.RELEASED, MemoKey.ENDING)


@workflow.defn(name=JobName.CRAWL_PAGE, sandboxed=False)
class Impostor:
    """Takes the name of a job; with `work` it has an activity."""

    @workflow.run
    async def run(self, garbage: RawValue, work: bool) -> RawValue:
        """The garbage."""
        if work:
            await workflow.execute_activity(
                "impostor", garbage, start_to_close_timeout=timedelta(seconds=60)
            )
        return garbage


@activity.defn(name="impostor")
async def impose(garbage: RawValue) -> None:
    """Heartbeats the garbage, and goes on until it is told to end."""
    activity.heartbeat(garbage)
    await asyncio.Event().wait()


class Others:
    """Another team, whose workflows say that they are an organisation's jobs."""

    def __init__(self, client: Client, org_id: str) -> None:
        self.queue: Final = f"others-{uuid4().hex}"
        self._client = client
        self.org_id: Final = org_id

    @asynccontextmanager
    async def worker(self) -> AsyncIterator[None]:
        """Their worker, for the length of the block."""
        async with Worker(
            self._client, task_queue=self.queue, workflows=[Impostor], activities=[impose]
        ):
            yield

    async def start(self, garbage: object, *, work: bool = False) -> WorkflowHandle[Any, Any]:
        """A workflow with `garbage` in all the places that we read."""
        return await self.start_with(garbage, work, (Attribute.DOMAIN, str(uuid4())))

    async def start_with(
        self, garbage: object, work: bool, *attributes: tuple[SearchAttributeKey[str], str]
    ) -> WorkflowHandle[Any, Any]:
        """The same, with these attributes beside the one of the organisation."""
        return await self._client.start_workflow(
            JobName.CRAWL_PAGE,
            args=[garbage, work],
            id=f"theirs-{uuid4().hex}",
            task_queue=self.queue,
            result_type=RawValue,
            memo=dict.fromkeys(KEYS, garbage),
            search_attributes=TypedSearchAttributes(
                [
                    SearchAttributePair(Attribute.ORG, self.org_id),
                    SearchAttributePair(Attribute.STATE, JobState.ACTIVE),
                    *(SearchAttributePair(key, value) for key, value in attributes),
                ]
            ),
        )


@pytest.fixture
async def others(system: System) -> Others:
    """Another team in the namespace of the system."""
    added = await system.api.post("/api/domains", json={"domain": "competitor.com"})
    client = await Client.connect(system.settings.temporal_address or "")
    return Others(client, added.json()["data"]["orgId"])


async def assert_readable(system: System, job_id: str) -> None:
    """Whatever is asked about the job, it is answered."""
    for method, path, statuses in (
        ("GET", "", {200}),
        ("GET", "/attempts", {200}),
        ("POST", "/retry", {409}),
        ("POST", "/promote", {409}),
    ):
        answer = await system.api.request(method, f"/api/jobs/{job_id}{path}")
        assert answer.status_code in statuses, (path, answer.text)


async def test_garbage_in_a_memo_a_signal_a_heartbeat_or_a_result_fails_no_answer(
    system: System, others: Others
) -> None:
    ids = []
    async with others.worker():
        for name, garbage in GARBAGE.items():
            working = await others.start(garbage, work=True)
            for signal in (REPORT_SIGNAL, "promote"):
                await working.signal(signal, garbage)
            done = await others.start(garbage)
            await done.result()
            ended = await others.start(garbage, work=True)
            await ended.terminate(garbage, reason=CANCELLED)
            ids += [working.id, done.id, ended.id]
            for job_id in ids[-3:]:
                await assert_readable(system, job_id)
            job = await system.job(working.id)
            assert job.state in (JobState.ACTIVE, JobState.WAITING), name
    found = await eventually(
        lambda: system.jobs(limit=100),
        lambda answer: set(ids) <= {row.id for row in answer.data},
    )
    assert len(found.data) == len(ids) + 1  # and the discovery
    for state in JobState:
        await system.jobs(status=state)
    stats = await system.stats()
    assert stats.total + stats.completed + stats.failed == len(ids) + 1
    for job_id in ids[::3]:
        answer = await system.api.post(f"/api/jobs/{job_id}/cancel")
        assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("domain", [None, "x", "' OR 1=1", ""])
async def test_who_names_an_organisation_and_no_domain_has_no_job(
    system: System, others: Others, domain: str | None
) -> None:
    given = [] if domain is None else [(Attribute.DOMAIN, domain)]
    theirs = await others.start_with(None, False, *given)
    ours = (await system.jobs()).data
    try:
        query = f"{Attribute.ORG.name} = '{others.org_id}' AND ExecutionStatus = 'Running'"
        await eventually(
            lambda: system.client.count_workflows(query), lambda found: found.count == 2
        )
        found = await system.jobs()
        assert [row.id for row in found.data] == [row.id for row in ours]
        assert found.meta.total == 1
        await system.stats()
        assert (await system.api.get(f"/api/jobs/{theirs.id}")).status_code == 404
    finally:
        await theirs.terminate()


class Forgetful(Interceptor):
    """Asks for the history of runs that there are not."""

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:
        """The calls, the one for histories changed."""
        return _ForgetfulCalls(next)


class _ForgetfulCalls(OutboundInterceptor):
    def fetch_workflow_history_events(
        self, input: FetchWorkflowHistoryEventsInput
    ) -> WorkflowHistoryEventAsyncIterator:
        input.run_id = str(uuid4())
        return super().fetch_workflow_history_events(input)


async def test_a_history_that_temporal_has_just_forgotten_fails_no_answer(
    system: System, others: Others
) -> None:
    """Temporal deletes a history a moment before it stops to list the workflow."""
    ended = await others.start(None)
    await ended.terminate(reason=CANCELLED)
    client = await Client.connect(
        system.settings.temporal_address or "",
        data_converter=DATA_CONVERTER,
        interceptors=[Forgetful()],
    )
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=system.another_app(client, system.database)),
        base_url="http://diffy.test",
        headers=system.api.headers,
    ) as api:
        shown = await api.get(f"/api/jobs/{ended.id}")
        assert (shown.status_code, shown.json()["data"]["failedReason"]) == (200, CANCELLED)
        for method, path in (("GET", "attempts"), ("POST", "retry")):
            answer = await api.request(method, f"/api/jobs/{ended.id}/{path}")
            assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")
        await eventually(lambda: system.jobs(status="failed"), lambda found: found.meta.total == 1)
        listed = await api.get("/api/jobs?status=failed")
        assert [row["id"] for row in listed.json()["data"]] == [ended.id]


async def test_a_real_job_with_garbage_for_a_memo_runs_to_its_end(
    system: System, site: FakeSite
) -> None:
    page_id = await system.lone_page(site)
    page = (await system.api.get(f"/api/pages/{page_id}")).json()["data"]
    domain = (await system.api.get(f"/api/domains/{page['domainId']}")).json()["data"]
    owned = TypedSearchAttributes(
        [
            SearchAttributePair(Attribute.ORG, domain["orgId"]),
            SearchAttributePair(Attribute.DOMAIN, domain["id"]),
        ]
    )
    jobs = [
        await system.client.start_workflow(
            JobName.CRAWL_PAGE,
            CrawlPageInput(page_id=page_id),
            id=f"garbage-{uuid4().hex}",
            task_queue=TASK_QUEUE,
            search_attributes=owned,
            memo={MemoKey.SUBJECT: garbage},
        )
        for garbage in GARBAGE.values()
    ]
    async with system.worker():
        for job in jobs:
            assert (await system.finished(job.id)).state is JobState.COMPLETED
