"""Walks that are stopped in the middle, slow or without end, through the whole system."""

from datetime import UTC, datetime

from core.jobs import JobState
from store.turns import Walker, take_turn
from tests.activities.discoveries import result
from tests.activities.test_discover import links
from tests.site import FakeSite
from tests.system import System


async def test_an_attempt_that_was_taken_for_lost_writes_nothing_more(
    system: System, site: FakeSite
) -> None:
    """Its worker lives, and does not know: a later attempt of the job has taken its turn."""
    site.page("/", links("/1"))
    site.page("/1", "<p>words</p>")
    site.hold("/")
    async with system.worker():
        domain = await system.add_domain(site.origin)
        await site.arrived("/")
        async with system.database.transaction() as session:
            following = Walker(domain.discovery_job_id, datetime.now(UTC))
            assert await take_turn(session, domain.id, following) is None
        site.release("/")
        job = await system.job_when(
            domain.discovery_job_id, lambda job: job.state is JobState.DELAYED
        )
        assert job.failed_reason == (
            "This attempt was taken for lost, and another one discovers the pages of this domain."
        )
        assert await system.pages(domain.id) == {}
        await system.api.post(f"/api/jobs/{job.id}/promote")
        job = await system.finished(job.id)
    assert (result(job).pages_added, job.attempts_made) == (2, 2)
    assert [len(site.requests_for(path)) for path in ("/", "/1")] == [2, 1]
