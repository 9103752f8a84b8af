"""Visibility queries on jobs.

A query is text. To keep one organisation from the rows of another, a query contains enums, UUIDs,
formatted times and ids of plain characters only, and the clause on the organisation comes first.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from uuid import UUID

from temporalio.client import WorkflowExecutionStatus

from core.jobs.states import JobName, JobState, JobType
from workflows.search_attributes import Attribute

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


MAX_IDS_PER_QUERY = 200

PLAIN_ID = re.compile(r"[A-Za-z0-9_.:-]{1,200}")
"""Ids that need no quoting. Workflows of other teams may give their children any id."""


@dataclass(frozen=True)
class StaleActiveJobs:
    """Ids of jobs that are published as active and are not: their worker is gone.

    Grouped by the state that they are in.
    """

    waiting: frozenset[str] = frozenset()
    delayed: frozenset[str] = frozenset()


NO_STALE_JOBS = StaleActiveJobs()


@dataclass(frozen=True)
class JobFilter:
    """A selection of the jobs of one organisation. None matches everything."""

    org_id: UUID
    state: JobState | None = None
    type: JobType | None = None
    domain_id: UUID | None = None
    page_id: UUID | None = None
    batch_id: UUID | None = None

    def in_state(self, state: JobState | None) -> "JobFilter":
        """The same filter with another `state`."""
        return replace(self, state=state)

    def unfinished_query(self, now: datetime) -> str:
        """The visibility query of the jobs of the filter that have not ended."""
        return f"({self.query(now)}) AND {_RUNNING}"

    def query(self, now: datetime, stale: StaleActiveJobs = NO_STALE_JOBS) -> str:
        """The visibility query of the filter at the time `now`."""
        clauses = [
            f"{Attribute.ORG.name} = '{self.org_id}'",
            _names(JobName if self.type is None else [self.type.job_name]),
        ]
        for attribute, value in (
            (Attribute.DOMAIN, self.domain_id),
            (Attribute.PAGE, self.page_id),
            (Attribute.BATCH, self.batch_id),
        ):
            if value is not None:
                clauses.append(f"{attribute.name} = '{value}'")
        if self.state is not None:
            clauses.append(_state_clause(self.state, now, stale))
        return " AND ".join(f"({clause})" for clause in clauses)


def closed_since(moment: datetime) -> str:
    """Query for the jobs of all organisations that have ended since `moment`."""
    return f"{_ANY_JOB} AND CloseTime >= '{_timestamp(moment)}'"


def started_since(moment: datetime) -> str:
    """Query for the jobs of all organisations that were asked for since `moment`."""
    return f"{_ANY_JOB} AND StartTime >= '{_timestamp(moment)}'"


def of_organisation(org_id: UUID, query: str) -> str:
    """The part of `query` that is of one organisation."""
    return f"{Attribute.ORG.name} = '{org_id}' AND ({query})"


def any_delayed_jobs() -> str:
    """Query for the jobs of all organisations that are published as delayed."""
    return f"{_ANY_JOB} AND {_RUNNING} AND {Attribute.STATE.name} = '{JobState.DELAYED}'"


def active_jobs() -> str:
    """Query for the jobs of all organisations that are published as active."""
    return f"{_ANY_JOB} AND {_RUNNING} AND {Attribute.STATE.name} = '{JobState.ACTIVE}'"


def runs_of(job_id: str) -> str:
    """Query for the runs of one job, whoever owns it."""
    return f"{_ANY_JOB} AND {_one_of([job_id])}"


def delayed_jobs(ids: Iterable[str]) -> str:
    """Query for the jobs among `ids` that are published as delayed.

    Ids after the first `MAX_IDS_PER_QUERY` are ignored.
    """
    delayed = f"{_RUNNING} AND {Attribute.STATE.name} = '{JobState.DELAYED}'"
    return f"{delayed} AND {_one_of(islice(ids, MAX_IDS_PER_QUERY))}"


def _names(names: Iterable[JobName]) -> str:
    return f"WorkflowType IN ({', '.join(repr(name.value) for name in names)})"


_ANY_JOB = _names(JobName)
_RUNNING = f"ExecutionStatus = '{STATUS_NAMES[WorkflowExecutionStatus.RUNNING]}'"


def _timestamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _state_clause(state: JobState, now: datetime, stale: StaleActiveJobs) -> str:
    """A job published as delayed is waiting once its due time has passed."""
    published = Attribute.STATE.name
    due = f"{Attribute.DUE.name} {{}} '{_timestamp(now)}'"
    match state:
        case JobState.COMPLETED:
            return f"ExecutionStatus = '{STATUS_NAMES[WorkflowExecutionStatus.COMPLETED]}'"
        case JobState.FAILED:
            return " OR ".join(f"ExecutionStatus = '{STATUS_NAMES[each]}'" for each in FAILED)
        case JobState.ACTIVE:
            excluded = _one_of(stale.waiting | stale.delayed)
            return f"{_RUNNING} AND {published} = '{JobState.ACTIVE}' AND NOT ({excluded})"
        case JobState.DELAYED:
            delayed = f"{published} = '{JobState.DELAYED}' AND {due.format('>')}"
            return f"{_RUNNING} AND (({delayed}) OR {_one_of(stale.delayed)})"
        case JobState.WAITING:
            waiting = f"{published} = '{JobState.WAITING}'"
            over = f"{published} = '{JobState.DELAYED}' AND {due.format('<=')}"
            return f"{_RUNNING} AND ({waiting} OR ({over}) OR {_one_of(stale.waiting)})"


def _one_of(ids: Iterable[str]) -> str:
    """A clause that matches these ids; without ids, one that is never true."""
    plain = sorted(each for each in ids if PLAIN_ID.fullmatch(each))
    return f"WorkflowId IN ({', '.join(repr(each) for each in plain or [''])})"
