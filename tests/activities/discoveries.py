"""Discoveries as a REST client has them."""

from uuid import UUID

from core.jobs.contract import DiscoverPagesResult
from core.jobs.states import JobState
from temporal.jobs.view import JobDetail
from tests.system import System


def result(job: JobDetail) -> DiscoverPagesResult:
    """What the discovery found; the sums are right whatever it was."""
    assert job.state is JobState.COMPLETED, job.failed_reason
    found = DiscoverPagesResult.model_validate(job.return_value)
    assert found.urls_seen == found.pages_discovered + sum(found.left_out.values())
    assert found.pages_discovered == found.pages_added + found.pages_known
    return found


async def again(system: System, domain_id: UUID, **options: object) -> DiscoverPagesResult:
    """What another discovery with `options` finds."""
    job_id = await system.ask(f"/api/domains/{domain_id}/discover", **options)
    return result(await system.finished(job_id))
