"""The base of all job workflows: their owner and their signals."""

from datetime import datetime
from uuid import UUID

from temporalio import workflow

from core.jobs.contract import PROMOTE_SIGNAL, REPORT_SIGNAL, AttemptReport, Owner
from workflows.failures import typed_failures
from workflows.policies import LOOKUP_TIMEOUT
from workflows.publication import Publication


class JobWorkflow:
    """Base of the workflows of jobs."""

    def __init__(self) -> None:
        self._publication = Publication()

    async def _find_owner(self, identify: str, subject_id: UUID, max_attempts: int) -> None:
        """Find the owner by the activity `identify`, unless the workflow started with an owner."""
        if self._publication.has_owner:
            return
        with typed_failures():
            owner = await workflow.execute_local_activity(
                identify,
                subject_id,
                result_type=Owner,
                start_to_close_timeout=LOOKUP_TIMEOUT,
            )
        self._publication.adopt(owner, max_attempts)

    @workflow.signal(name=REPORT_SIGNAL)
    def report(self, report: AttemptReport) -> None:
        """Signal from the activity: the state of the running attempt."""
        self._publication.report(report)

    @workflow.signal(name=PROMOTE_SIGNAL)
    def promote(self, due: datetime | None = None) -> None:
        """Signal to run a delayed job now; `due` is the moment a deferred attempt waits for."""
        self._publication.promote(due)
