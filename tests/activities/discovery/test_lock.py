"""One discovery walks a domain at a time, through the whole system."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import UUID

import pytest

from activities.discovery.lock import (
    LOCK_RETRY_DELAY,
    MAX_LOCK_RETRY_DELAY,
    lock_retry_delay,
)
from core.jobs.states import JobState
from tests.activities.discoveries import again, result
from tests.activities.http.test_slow_hosts import slow
from tests.site import FakeSite
from tests.system import System


@pytest.fixture
async def working(system: System) -> AsyncIterator[System]:
    """The system with a worker."""
    async with system.worker():
        yield system


async def walked_by_another(working: System, site: FakeSite) -> tuple[UUID, str]:
    """A domain, and the job that walks it until the front page is released."""
    site.page("/", "<p>words</p>")
    site.hold("/")
    domain = await working.add_domain(site.origin)
    await site.arrived("/")
    return domain.id, domain.discovery_job_id


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attempts do not wait for their turn."""
    monkeypatch.setattr("activities.discovery.lock.MAX_LOCK_WAIT", 0)


@pytest.mark.usefixtures("impatient")
async def test_a_second_discovery_with_one_attempt_waits_too(
    working: System, site: FakeSite
) -> None:
    """scrapy/scrapyd#153, #228."""
    domain_id, first_id = await walked_by_another(working, site)
    second = await working.ask(f"/api/domains/{domain_id}/discover", maxAttempts=1)
    await working.job_when(second, lambda job: job.state is JobState.DELAYED)
    site.release("/")
    assert (await working.finished(first_id)).state is JobState.COMPLETED
    await working.api.post(f"/api/jobs/{second}/promote")
    job = await working.finished(second)
    assert (result(job).pages_known, job.attempts_made) == (1, 1)


async def test_an_attempt_waits_a_moment_for_the_discovery_before_it(
    working: System, site: FakeSite
) -> None:
    domain_id, first_id = await walked_by_another(working, site)
    second = await working.ask(f"/api/domains/{domain_id}/discover", maxAttempts=1)
    await working.job_when(second, lambda job: job.state is JobState.ACTIVE)
    assert len(site.requests_for("/")) == 1
    site.release("/")
    job = await working.finished(second)
    assert result(job).pages_known == 1
    assert (await working.job(first_id)).state is JobState.COMPLETED


@pytest.mark.usefixtures("impatient")
async def test_a_second_discovery_of_a_domain_waits_for_the_first_and_then_walks(
    working: System, site: FakeSite
) -> None:
    domain_id, first_id = await walked_by_another(working, site)
    second = await working.ask(f"/api/domains/{domain_id}/discover")
    delayed = await working.job_when(second, lambda job: job.state is JobState.DELAYED)
    assert delayed.next_attempt_at is not None
    assert delayed.failed_reason is None
    assert len(site.requests_for("/")) == 1
    site.release("/")
    await working.finished(first_id)
    await working.api.post(f"/api/jobs/{second}/promote")
    job = await working.finished(second)
    assert result(job).pages_known == 1
    assert job.attempts_made == 1


@pytest.mark.parametrize("is_cancelled", [False, True])
@pytest.mark.parametrize(
    "options",
    [{"include": ["/*"]}, {"maxDepth": 1, "maxPages": 2}, {"delaySeconds": 1}],
    ids=["patterns", "limits", "delayed"],
)
async def test_all_that_wait_walk_once_the_first_has_ended(
    working: System, site: FakeSite, is_cancelled: bool, options: dict[str, object]
) -> None:
    domain_id, first_id = await walked_by_another(working, site)
    path = f"/api/domains/{domain_id}/discover"
    waiting = [await working.ask(path, maxAttempts=1, **each) for each in ({}, options)]
    if is_cancelled:
        await working.api.post(f"/api/jobs/{first_id}/cancel")
    site.release("/")
    for job_id in waiting:
        job = await working.finished(job_id)
        assert result(job).pages_discovered == 1
        assert job.attempts_made == 1


def test_a_discovery_asks_less_often_the_longer_it_waits() -> None:
    delays = [lock_retry_delay(deferrals) for deferrals in (0, 6, 60, 6_000)]
    assert delays[0] == LOCK_RETRY_DELAY
    assert delays[1] == 2 * LOCK_RETRY_DELAY
    assert delays[2] < delays[3] == MAX_LOCK_RETRY_DELAY


@pytest.mark.usefixtures("impatient")
async def test_a_discovery_that_was_deferred_uses_up_no_attempt_where_another_walks(
    working: System, site: FakeSite
) -> None:
    slow(site, 3)
    site.page("/", "<p>words</p>")
    site.hold("/")
    domain = await working.add_domain(site.origin)
    await site.arrived("/sitemap.xml")
    await working.job_when(domain.discovery_job_id, lambda job: job.state is JobState.DELAYED)
    second = await working.ask(f"/api/domains/{domain.id}/discover", maxAttempts=1)
    await working.job_when(second, lambda job: job.state is JobState.DELAYED)
    await site.arrived("/")
    later = datetime.now(UTC) + LOCK_RETRY_DELAY / 2
    await working.job_when(second, lambda job: (job.next_attempt_at or later) > later)
    site.release("/")
    assert result(await working.finished(domain.discovery_job_id)).pages_added == 1
    await working.api.post(f"/api/jobs/{second}/promote")
    job = await working.finished(second)
    assert (result(job).pages_known, job.attempts_made) == (1, 1)


async def test_a_discovery_that_was_ended_does_not_keep_its_domain(
    working: System, site: FakeSite
) -> None:
    """An operator's termination leaves no time to give anything back."""
    domain_id, first_id = await walked_by_another(working, site)
    await working.client.get_workflow_handle(first_id).terminate()
    site.release("/")
    assert (await again(working, domain_id, maxAttempts=1)).pages_discovered == 1


async def test_a_discovery_that_pauses_before_a_retry_does_not_keep_its_domain(
    working: System, site: FakeSite
) -> None:
    site.failing("/", [503], then="<p>words</p>", headers={"Retry-After": "3600"})
    domain = await working.add_domain(site.origin)
    await working.job_when(domain.discovery_job_id, lambda job: job.state is JobState.DELAYED)
    assert (await again(working, domain.id, maxAttempts=1)).pages_added == 1
