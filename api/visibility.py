"""The questions the API asks of Temporal's visibility.

Filters are text there. Nothing but enums, UUIDs and moments that we write ourselves goes into
them, and the clause of the organisation comes first.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID

from temporalio.client import WorkflowExecutionStatus

from core.attributes import Attribute
from core.jobs import JobName, JobState, JobType

FAILED = (
    WorkflowExecutionStatus.FAILED,
    WorkflowExecutionStatus.CANCELED,
    WorkflowExecutionStatus.TERMINATED,
    WorkflowExecutionStatus.TIMED_OUT,
)
STATUS_NAMES = {
    WorkflowExecutionStatus.RUNNING: "Running",
    WorkflowExecutionStatus.COMPLETED: "Completed",
    WorkflowExecutionStatus.FAILED: "Failed",
    WorkflowExecutionStatus.CANCELED: "Canceled",
    WorkflowExecutionStatus.TERMINATED: "Terminated",
    WorkflowExecutionStatus.TIMED_OUT: "TimedOut",
}


@dataclass(frozen=True)
class JobFilter:
    """Which jobs of one organisation are asked for."""

    org_id: UUID
    state: JobState | None = None
    type: JobType | None = None
    domain_id: UUID | None = None
    page_id: UUID | None = None
    batch_id: UUID | None = None

    def in_state(self, state: JobState | None) -> "JobFilter":
        """The same jobs, of `state` alone where it is given."""
        return replace(self, state=state)

    def query(self, now: datetime) -> str:
        """The filter in the language of visibility, for the moment `now`."""
        clauses = [f"{Attribute.ORG.name} = '{self.org_id}'", self._names()]
        for attribute, value in (
            (Attribute.DOMAIN, self.domain_id),
            (Attribute.PAGE, self.page_id),
            (Attribute.BATCH, self.batch_id),
        ):
            if value is not None:
                clauses.append(f"{attribute.name} = '{value}'")
        if self.state is not None:
            clauses.append(_state_clause(self.state, now))
        return " AND ".join(f"({clause})" for clause in clauses)

    def _names(self) -> str:
        names = list(JobName) if self.type is None else [self.type.job_name]
        return f"WorkflowType IN ({', '.join(repr(name.value) for name in names)})"


def _state_clause(state: JobState, now: datetime) -> str:
    """A job published as delayed is waiting from the moment it was delayed to."""
    running = f"ExecutionStatus = '{STATUS_NAMES[WorkflowExecutionStatus.RUNNING]}'"
    published = Attribute.STATE.name
    moment = now.astimezone(UTC).isoformat().replace("+00:00", "Z")
    due = f"{Attribute.DUE.name} {{}} '{moment}'"
    match state:
        case JobState.COMPLETED:
            return f"ExecutionStatus = '{STATUS_NAMES[WorkflowExecutionStatus.COMPLETED]}'"
        case JobState.FAILED:
            return " OR ".join(f"ExecutionStatus = '{STATUS_NAMES[each]}'" for each in FAILED)
        case JobState.ACTIVE:
            return f"{running} AND {published} = '{JobState.ACTIVE}'"
        case JobState.DELAYED:
            return f"{running} AND {published} = '{JobState.DELAYED}' AND {due.format('>')}"
        case JobState.WAITING:
            return (
                f"{running} AND ({published} = '{JobState.WAITING}' OR "
                f"({published} = '{JobState.DELAYED}' AND {due.format('<=')}))"
            )
