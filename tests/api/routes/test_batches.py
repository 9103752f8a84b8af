"""Cancelling a batch."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest
from sqlalchemy import select
from temporalio.client import (
    Client,
    Interceptor,
    OutboundInterceptor,
    StartWorkflowInput,
    WorkflowHandle,
)
from temporalio.testing import ActivityEnvironment

from activities.batches import BatchActivities
from core.jobs.contract import StartBatch
from core.jobs.states import JobState
from store.tables.job_ends import ClaimedEnd, JobEnd
from temporal.jobs.reader import JobReader
from tests.eventually import eventually
from tests.pauses import unpaced
from tests.site import FakeSite
from tests.system import System


async def crawl_in_batch(system: System, domain_id: object, **body: object) -> str:
    """The id of a batch of all pages of the domain."""
    answer = await system.api.post(f"/api/domains/{domain_id}/crawl", json=body)
    assert answer.status_code == 202, answer.text
    batch_id: str = answer.json()["data"]["batchId"]
    return batch_id


async def cancel_batch(system: System, batch_id: str) -> int:
    """How many jobs the cancellation of the batch ended."""
    answer = await system.api.post(f"/api/batches/{batch_id}/cancel")
    assert answer.status_code == 200, answer.text
    assert answer.json()["data"]["batchId"] == batch_id
    ended: int = answer.json()["data"]["jobsCancelled"]
    return ended


async def site_of_three(system: System, site: FakeSite) -> UUID:
    """The domain of a site of three pages, which are known."""
    site.page("/", "<a href='/a'>a</a> <a href='/b'>b</a>")
    site.page("/a", "<p>A</p>")
    site.page("/b", "<p>B</p>")
    async with system.worker():
        domain = await system.add_domain(site.origin)
        assert (await system.finished(domain.discovery_job_id)).state is JobState.COMPLETED
    return domain.id


async def test_a_batch_is_cancelled_without_a_worker(system: System, site: FakeSite) -> None:
    domain_id = await site_of_three(system, site)
    async with system.worker():
        batch_id = await crawl_in_batch(system, domain_id, delaySeconds=3600)
        await eventually(lambda: system.stats(batchId=batch_id), lambda stats: stats.delayed == 3)
    assert await cancel_batch(system, batch_id) == 3
    await eventually(
        lambda: system.stats(batchId=batch_id), lambda stats: (stats.failed, stats.total) == (3, 0)
    )
    rows = (await system.jobs(batchId=batch_id)).data
    assert {row.failed_reason for row in rows} == {"The job was cancelled."}
    assert await cancel_batch(system, batch_id) == 0


async def fan_out(system: System, batch_id: str) -> Any:
    """The result of the workflow that starts the jobs of a batch."""
    return await system.client.get_workflow_handle(await system.fan_out_id(batch_id)).result()


async def test_a_batch_that_is_cancelled_before_it_began_starts_nothing(
    system: System, site: FakeSite
) -> None:
    domain_id = await site_of_three(system, site)
    batch_id = await crawl_in_batch(system, domain_id)
    assert await cancel_batch(system, batch_id) == 0
    async with system.worker():
        result = await fan_out(system, batch_id)
    assert result["jobsQueued"] == 0
    assert (await system.jobs(batchId=batch_id)).meta.total == 0


async def test_what_a_cancelled_batch_has_finished_stays_and_what_runs_is_stopped(
    system: System, site: FakeSite
) -> None:
    domain_id = await site_of_three(system, site)
    site.hold("/a")
    async with system.worker():
        batch_id = await crawl_in_batch(system, domain_id)
        await eventually(
            lambda: system.stats(batchId=batch_id),
            lambda stats: (stats.completed, stats.active) == (2, 1),
        )
        assert await cancel_batch(system, batch_id) == 1
        await eventually(
            lambda: system.stats(batchId=batch_id),
            lambda stats: (stats.completed, stats.failed) == (2, 1),
        )


class Meanwhile(Interceptor):
    """Cancels the batch before the first job of it is started; `ended` is what that ended."""

    def __init__(self, cancel: Callable[[], Awaitable[int]]) -> None:
        super().__init__()
        self._cancel = cancel
        self._lock = asyncio.Lock()
        self.ended: list[int] = []

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:
        meanwhile = self

        class Starting(OutboundInterceptor):
            async def start_workflow(self, input: StartWorkflowInput) -> WorkflowHandle[Any, Any]:
                async with meanwhile._lock:
                    if not meanwhile.ended:
                        meanwhile.ended.append(await meanwhile._cancel())
                return await super().start_workflow(input)

        return Starting(next)


async def test_jobs_that_a_fan_out_started_while_its_batch_was_cancelled_are_ended(
    system: System, site: FakeSite
) -> None:
    """The fan-out had read that the batch is on before it was cancelled: what it starts then, the
    canceller cannot see.
    """
    domain_id = await site_of_three(system, site)
    batch_id = await crawl_in_batch(system, domain_id, delaySeconds=3600)
    meanwhile = Meanwhile(partial(cancel_batch, system, batch_id))
    client = Client(
        system.client.service_client,
        data_converter=system.client.data_converter,
        interceptors=[meanwhile],
    )
    batch = StartBatch(
        domain_id=domain_id,
        batch_id=UUID(batch_id),
        create=False,
        not_before=datetime.now(UTC) + timedelta(hours=1),
        max_attempts=1,
    )
    fan_out = BatchActivities(system.database, client, unpaced)
    result = await ActivityEnvironment().run(fan_out.start_batch, batch)
    assert result.jobs_queued == 3
    assert meanwhile.ended == [0]
    await eventually(
        lambda: system.stats(batchId=batch_id), lambda stats: (stats.failed, stats.total) == (3, 0)
    )
    async with system.database.reading() as session:
        assert (await session.scalars(select(ClaimedEnd.what))).all() == [JobEnd.CANCELLED] * 3


async def test_another_organisations_batch_cannot_be_cancelled(
    system: System, site: FakeSite
) -> None:
    domain_id = await site_of_three(system, site)
    batch_id = await crawl_in_batch(system, domain_id)
    async with await system.another_organisation() as other:
        foreign = await other.post(f"/api/batches/{batch_id}/cancel")
    for unknown in (str(uuid4()), "no-id"):
        answer = await system.api.post(f"/api/batches/{unknown}/cancel")
        assert (answer.status_code, answer.json()) == (404, foreign.json())
    assert foreign.status_code == 404
    async with system.worker():
        await eventually(lambda: system.stats(batchId=batch_id), lambda stats: stats.completed == 3)


async def site_that_fails(system: System, site: FakeSite) -> tuple[UUID, str]:
    """The domain of a site of three pages, and a batch of which two have failed."""
    domain_id = await site_of_three(system, site)
    for path in ("/a", "/b"):
        site.page(path, "no", status=500)
    async with system.worker():
        batch_id = await crawl_in_batch(system, domain_id, maxAttempts=1)
        await eventually(
            lambda: system.stats(batchId=batch_id),
            lambda stats: (stats.failed, stats.completed) == (2, 1),
        )
    for path in ("/a", "/b"):
        site.page(path, "<p>here</p>")
    return domain_id, batch_id


async def test_the_failed_jobs_of_a_batch_are_run_again_as_a_batch(
    system: System, site: FakeSite
) -> None:
    """felixmosh/bull-board#1262."""
    _, batch_id = await site_that_fails(system, site)
    headers = {"Idempotency-Key": "once"}
    first = await system.api.post(f"/api/batches/{batch_id}/retry", headers=headers)
    assert first.status_code == 202, first.text
    assert first.json()["data"]["jobsQueued"] == 2
    repeated = await system.api.post(f"/api/batches/{batch_id}/retry", headers=headers)
    assert repeated.json() == first.json()
    new_id = first.json()["data"]["batchId"]
    assert new_id != batch_id
    async with system.worker():
        stats = await eventually(
            lambda: system.stats(batchId=new_id), lambda stats: stats.completed == 2
        )
    assert (stats.failed, stats.total) == (0, 0)
    nothing = await system.api.post(f"/api/batches/{new_id}/retry")
    assert nothing.status_code == 409
    assert nothing.json()["error"] == "No job of the batch has failed."


async def test_failed_jobs_are_run_again_by_the_filters_of_the_list(
    system: System, site: FakeSite
) -> None:
    domain_id, batch_id = await site_that_fails(system, site)
    [failed] = (await system.jobs(batchId=batch_id, status="failed", limit=1)).data
    repeated = {}
    for query, expected in (
        (f"pageId={failed.page_id}&type=crawl", 1),
        (f"domainId={domain_id}&status=failed", 2),
        (f"batchId={batch_id}", 2),
        (f"batchId={batch_id}&pageId={failed.page_id}", 1),
        ("type=crawl", 2),
    ):
        answer = await system.api.post(f"/api/jobs/retry?{query}")
        assert answer.status_code == 202, answer.text
        data = answer.json()["data"]
        assert (data["jobsQueued"], data["jobIds"]) == (expected, [])
        repeated[data["batchId"]] = expected
    async with system.worker():
        for each, expected in repeated.items():
            await eventually(
                partial(system.stats, batchId=each),
                partial(lambda expected, stats: stats.completed == expected, expected),
            )


async def test_cancelled_jobs_of_a_batch_are_run_again_but_for_pages_that_are_gone(
    system: System, site: FakeSite
) -> None:
    domain_id = await site_of_three(system, site)
    pages = await system.pages(domain_id)
    async with system.worker():
        batch_id = await crawl_in_batch(system, domain_id, delaySeconds=3600)
        await eventually(lambda: system.stats(batchId=batch_id), lambda stats: stats.delayed == 3)
        assert await cancel_batch(system, batch_id) == 3
        await system.api.delete(f"/api/pages/{pages[site.url('/a')]}")
        again = await system.api.post(f"/api/batches/{batch_id}/retry", json={"maxAttempts": 1})
        assert again.json()["data"]["jobsQueued"] == 2
        again_id = again.json()["data"]["batchId"]
        await eventually(lambda: system.stats(batchId=again_id), lambda stats: stats.completed == 2)


async def test_failed_jobs_of_several_domains_are_run_again_as_one_batch(
    system: System, site: FakeSite
) -> None:
    """felixmosh/bull-board#1262, by filter."""
    await site_that_fails(system, site)
    async with FakeSite() as other:
        other.page("/", "no", status=403)
        async with system.worker():
            domain = await system.add_domain(other.origin)
            assert (await system.finished(domain.discovery_job_id)).state is JobState.FAILED
            added = await system.api.post(
                f"/api/domains/{domain.id}/pages", json={"url": other.url("/a")}
            )
            other.page("/a", "no", status=403)
            page_id = added.json()["data"]["id"]
            await system.finished(await system.ask(f"/api/pages/{page_id}/crawl"))
            await eventually(lambda: system.stats(), lambda stats: stats.failed == 4)
        once = {"Idempotency-Key": "once"}
        answer = await system.api.post("/api/jobs/retry", headers=once)
        assert answer.status_code == 202, answer.text
        data = answer.json()["data"]
        batch_id, [discovery] = data["batchId"], data["jobIds"]
        assert data["jobsQueued"] == 4
        assert (await system.api.post("/api/jobs/retry", headers=once)).json()["data"] == data
        waiting = await system.stats(batchId=batch_id)
        assert (waiting.waiting, waiting.total) == (4, 4)
        for foreign in ("cancel", "retry"):
            async with await system.another_organisation() as stranger:
                refused = await stranger.post(f"/api/batches/{batch_id}/{foreign}")
            assert refused.status_code == 404
        other.page("/a", "<p>here</p>")
        async with system.worker():
            await eventually(
                lambda: system.stats(batchId=batch_id),
                lambda stats: (stats.completed, stats.failed) == (3, 1),
            )
            rows = (await system.jobs(batchId=batch_id)).data
            assert {row.id for row in rows if row.state is JobState.FAILED} == {discovery}
            later = {"delaySeconds": 3600}
            again = await system.api.post(f"/api/batches/{batch_id}/retry", json=later)
            assert again.json()["data"]["jobsQueued"] == 1
            again_id = again.json()["data"]["batchId"]
            await eventually(
                lambda: system.stats(batchId=again_id), lambda stats: stats.delayed == 1
            )
        assert await cancel_batch(system, again_id) == 1
        crawls = await system.api.post("/api/jobs/retry?type=crawl")
        assert crawls.json()["data"]["jobsQueued"] == 3
        await cancel_batch(system, crawls.json()["data"]["batchId"])
        assert (await system.stats(batchId=crawls.json()["data"]["batchId"])).total == 0


async def test_only_what_fits_can_be_run_again_or_cancelled_or_promoted(system: System) -> None:
    for path, status in (
        ("retry?status=completed", 400),
        ("retry?status=nonsense", 400),
        (f"retry?domainId={uuid4()}", 409),
        ("retry", 409),
        ("cancel?status=failed", 400),
        ("cancel?pageId=x", 400),
        ("promote?status=waiting", 400),
        ("promote?pageId=x", 400),
    ):
        assert (await system.api.post(f"/api/jobs/{path}")).status_code == status, path
    nothing = await system.api.post(f"/api/jobs/cancel?domainId={uuid4()}")
    assert nothing.json() == {"data": {"jobsCancelled": 0, "jobIds": [], "batchIds": []}}
    nothing = await system.api.post(f"/api/jobs/promote?domainId={uuid4()}")
    assert nothing.json() == {"data": {"jobsPromoted": 0}}


async def test_unfinished_jobs_are_cancelled_by_the_filters_of_the_list(
    system: System, site: FakeSite
) -> None:
    domain_id = await site_of_three(system, site)
    pages = await system.pages(domain_id)
    later = [
        await system.ask(f"/api/pages/{page_id}/crawl", delaySeconds=3600)
        for page_id in pages.values()
    ]
    await eventually(lambda: system.stats(), lambda stats: stats.delayed == 3)
    one = await system.api.post(f"/api/jobs/cancel?pageId={pages[site.url('/a')]}")
    assert one.json()["data"]["jobsCancelled"] == 1
    none = await system.api.post(f"/api/jobs/cancel?domainId={domain_id}&status=waiting")
    assert none.json()["data"]["jobsCancelled"] == 0
    async with await system.another_organisation() as stranger:
        foreign = await stranger.post(f"/api/jobs/cancel?domainId={domain_id}")
        assert foreign.json()["data"]["jobsCancelled"] == 0
    await eventually(lambda: system.stats(), lambda stats: stats.delayed == 2)
    rest = await system.api.post(f"/api/jobs/cancel?domainId={domain_id}&status=delayed")
    assert rest.json()["data"]["jobsCancelled"] == 2
    told = [*one.json()["data"]["jobIds"], *rest.json()["data"]["jobIds"]]
    assert sorted(told) == sorted(later)
    assert {(await system.job(job_id)).failed_reason for job_id in later} == {
        "The job was cancelled."
    }


async def test_delayed_jobs_are_promoted_by_the_filters_of_the_list(
    system: System, site: FakeSite
) -> None:
    domain_id = await site_of_three(system, site)
    pages = await system.pages(domain_id)
    asked = {
        url: await system.ask(f"/api/pages/{page_id}/crawl", delaySeconds=3600)
        for url, page_id in pages.items()
    }
    await eventually(lambda: system.stats(), lambda stats: stats.delayed == 3)

    async def promoted(api: httpx2.AsyncClient, query: str) -> object:
        answer = await api.post(f"/api/jobs/promote?{query}")
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]["jobsPromoted"]

    async with await system.another_organisation() as stranger:
        assert await promoted(stranger, f"domainId={domain_id}") == 0
    assert await promoted(system.api, "type=discover") == 0
    assert await promoted(system.api, f"pageId={pages[site.url('/a')]}") == 1
    now = await system.job(asked[site.url("/a")])
    assert (now.state, now.next_attempt_at) == (JobState.WAITING, None)
    assert await promoted(system.api, f"domainId={domain_id}&status=delayed") == 2
    async with system.worker():
        for job_id in asked.values():
            assert (await system.finished(job_id)).state is JobState.COMPLETED


async def test_what_began_or_ended_meanwhile_is_not_counted_as_promoted(
    system: System, site: FakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    page_id = await system.lone_page(site)
    later, ended, begun = [
        await system.ask(f"/api/pages/{page_id}/crawl", delaySeconds=3600) for _ in range(3)
    ]
    for job_id, action in ((ended, "cancel"), (begun, "promote")):
        assert (await system.api.post(f"/api/jobs/{job_id}/{action}")).status_code == 200

    # The list of jobs lags: it has them as they were.
    async def listed(*_: object) -> Sequence[str]:
        return [ended, later, begun]

    monkeypatch.setattr(JobReader, "ids", listed)
    answer = await system.api.post("/api/jobs/promote")
    assert answer.json() == {"data": {"jobsPromoted": 1}}
    states = [(await system.job(each)).state for each in (later, ended, begun)]
    assert states == [JobState.WAITING, JobState.FAILED, JobState.WAITING]


async def test_a_batch_that_has_not_begun_is_cancelled_by_the_filters(
    system: System, site: FakeSite
) -> None:
    domain_id = await site_of_three(system, site)
    batch_id = await crawl_in_batch(system, domain_id)
    await system.api.post(f"/api/jobs/cancel?domainId={domain_id}")
    async with system.worker():
        result = await fan_out(system, batch_id)
    assert result["jobsQueued"] == 0
