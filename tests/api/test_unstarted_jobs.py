"""Jobs of a batch count from the answer on, before they are started."""

from uuid import uuid4

import pytest

from core.jobs.states import JobState
from tests.api.routes.test_batches import cancel_batch, crawl_in_batch, site_of_three
from tests.eventually import eventually
from tests.site import FakeSite
from tests.system import System


async def test_jobs_of_a_batch_count_as_waiting_from_the_answer_on(
    system: System, site: FakeSite
) -> None:
    domain_id = await site_of_three(system, site)
    pages = await system.pages(domain_id)
    batch_id = await crawl_in_batch(system, domain_id)
    for query, count in (
        ({}, 3),
        ({"batchId": batch_id}, 3),
        ({"domainId": domain_id}, 3),
        ({"pageId": pages[site.url("/a")]}, 1),
        ({"type": "crawl"}, 3),
        ({"type": "discover"}, 0),
        ({"batchId": batch_id, "pageId": uuid4()}, 0),
        ({"batchId": uuid4()}, 0),
        ({"domainId": uuid4()}, 0),
    ):
        stats = await system.stats(**query)
        assert (stats.waiting, stats.total) == (count, count), query
        for state in JobState:
            listed = await system.jobs(**query, status=state)
            expected = count if state is JobState.WAITING else getattr(stats, state)
            assert listed.meta.total == expected, (query, state)
    whole = await system.jobs(batchId=batch_id)
    assert (whole.data, whole.meta.total, whole.meta.next_cursor) == ([], 3, None)
    assert (await system.jobs(batchId=batch_id, page=2)).meta.total == 3
    assert (await system.jobs()).meta.total == 4, "and the discovery"
    async with await system.another_organisation() as stranger:
        for path in (f"/api/jobs?batchId={batch_id}", "/api/jobs"):
            assert (await stranger.get(path)).json()["meta"]["total"] == 0
        for path in (f"/api/jobs/stats?batchId={batch_id}", "/api/jobs/stats"):
            assert (await stranger.get(path)).json()["data"]["total"] == 0


async def test_jobs_of_a_batch_for_later_wait_until_they_are_started_and_delayed(
    system: System, site: FakeSite
) -> None:
    domain_id = await site_of_three(system, site)
    batch_id = await crawl_in_batch(system, domain_id, delaySeconds=3600)
    stats = await system.stats(batchId=batch_id)
    assert (stats.waiting, stats.delayed, stats.total) == (3, 0, 3)
    async with system.worker():
        await eventually(
            lambda: system.stats(batchId=batch_id),
            lambda stats: (stats.waiting, stats.delayed, stats.total) == (0, 3, 3),
        )


async def test_a_poller_sees_no_end_of_a_batch_before_its_end(
    system: System, site: FakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("activities.batches.JOBS_PER_CHUNK", 1)
    domain_id = await site_of_three(system, site)
    async with system.worker():
        batch_id = await crawl_in_batch(system, domain_id)
        while True:
            stats = await system.stats(batchId=batch_id)
            assert stats.total + stats.completed >= 3, stats
            assert (await system.jobs(batchId=batch_id)).meta.total >= 3
            if stats.total == 0:
                break
    assert stats.completed == 3


async def test_a_cancelled_batch_has_no_jobs_to_start(system: System, site: FakeSite) -> None:
    domain_id = await site_of_three(system, site)
    batch_id = await crawl_in_batch(system, domain_id)
    await cancel_batch(system, batch_id)
    assert (await system.stats(batchId=batch_id)).total == 0
    assert (await system.stats()).total == 0


async def test_what_is_deleted_has_no_jobs_to_start(system: System, site: FakeSite) -> None:
    domain_id = await site_of_three(system, site)
    batch_id = await crawl_in_batch(system, domain_id)
    page_id = (await system.pages(domain_id))[site.url("/a")]
    fan_out_id = await system.fan_out_id(batch_id)
    assert (await system.api.delete(f"/api/pages/{page_id}")).status_code == 204
    assert (await system.stats(batchId=batch_id)).total == 2
    assert (await system.api.delete(f"/api/domains/{domain_id}")).status_code == 204
    assert (await system.stats()).total == 0
    async with system.worker():
        fan_out = system.client.get_workflow_handle(fan_out_id)
        await eventually(fan_out.describe, lambda described: described.close_time is not None)
    assert (await system.stats()).total == 0
