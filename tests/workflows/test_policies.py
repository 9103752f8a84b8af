"""The retry policies and timeouts that the server records of a job."""

from datetime import timedelta

from temporalio.api.history.v1 import ActivityTaskScheduledEventAttributes

from core.jobs.contract import ActivityName
from tests.site import FakeSite
from tests.system import System
from workflows.policies import HEARTBEATS_STOPPED

SOON = timedelta(seconds=15)
"""Within this time of a worker's death its workflow is told, and the next attempt begins."""


async def recorded(system: System, job_id: str) -> ActivityTaskScheduledEventAttributes:
    """The activity of a job as the server scheduled it."""
    history = await system.client.get_workflow_handle(job_id).fetch_history()
    [found] = [
        event.activity_task_scheduled_event_attributes
        for event in history.events
        if event.HasField("activity_task_scheduled_event_attributes")
    ]
    return found


async def test_a_job_has_the_attempts_that_were_asked_for_and_loses_one_soon_after_its_worker_died(
    system: System, site: FakeSite
) -> None:
    page_id = await system.lone_page(site)
    domain_id = (await system.api.get(f"/api/pages/{page_id}")).json()["data"]["domainId"]
    jobs = {
        ActivityName.CRAWL: await system.ask(f"/api/pages/{page_id}/crawl", maxAttempts=7),
        ActivityName.DISCOVER: await system.ask(
            f"/api/domains/{domain_id}/discover", maxAttempts=7
        ),
    }
    async with system.worker():
        for job_id in jobs.values():
            await system.finished(job_id)
    for name, job_id in jobs.items():
        activity = await recorded(system, job_id)
        assert activity.activity_type.name == name
        policy = activity.retry_policy
        assert policy.maximum_attempts == 7
        assert list(policy.non_retryable_error_types) == [HEARTBEATS_STOPPED]
        assert activity.heartbeat_timeout.ToTimedelta() < SOON
