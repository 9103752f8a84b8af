"""What the workflows of all jobs share: whose they are, and the signals that they hear."""

from datetime import datetime
from uuid import UUID

from temporalio import workflow

from core.jobs.contract import PROMOTE_SIGNAL, REPORT_SIGNAL, AttemptReport, Owner
from workflows.failures import typed_failures
from workflows.policies import LOOKUP_TIMEOUT
from workflows.publication import Publication


class JobWorkflow:
    """The base of a job's workflow."""

    def __init__(self) -> None:
        self._publication = Publication()

    async def _find_owner(self, identify: str, subject_id: UUID, max_attempts: int) -> None:
        """Look up by the activity `identify` whose job this is, unless its starter has said so."""
        if self._publication.owned:
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
        """The running attempt says how it goes."""
        self._publication.report(report)

    @workflow.signal(name=PROMOTE_SIGNAL)
    def promote(self, due: datetime | None = None) -> None:
        """The job need not wait for its time any more, which is `due` where it has begun."""
        self._publication.promote(due)
