"""The questions the API asks of Temporal's visibility.

Filters are text there. Nothing but enums, UUIDs, moments that we write ourselves and ids of plain
characters goes into them, and the clause of the organisation comes first.
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


MOST_IDS = 200
"""Ids that one filter names."""

PLAIN_ID = re.compile(r"[A-Za-z0-9_.-]{1,200}")
"""Ids that mean nothing in a filter. Other people's workflows may give their children any."""


@dataclass(frozen=True)
class StaleActiveJobs:
    """Jobs that are published as active and are not, because their worker is gone: their ids, by
    the state they are in.
    """

    waiting: frozenset[str] = frozenset()
    delayed: frozenset[str] = frozenset()


NO_STALE_JOBS = StaleActiveJobs()


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

    def query(self, now: datetime, stale: StaleActiveJobs = NO_STALE_JOBS) -> str:
        """The filter in the language of visibility, for the moment `now`."""
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
    """The jobs, of whatever organisation, that have ended since `moment`."""
    return f"{_OF_ALL_NAMES} AND CloseTime >= '{_written(moment)}'"


def active_jobs() -> str:
    """The jobs, of whatever organisation, that are published as active."""
    return f"{_OF_ALL_NAMES} AND {_RUNNING} AND {Attribute.STATE.name} = '{JobState.ACTIVE}'"


def delayed_jobs(ids: Iterable[str]) -> str:
    """Those of the jobs, `MOST_IDS` at most, that are published as delayed."""
    delayed = f"{_RUNNING} AND {Attribute.STATE.name} = '{JobState.DELAYED}'"
    return f"{delayed} AND {_one_of(islice(ids, MOST_IDS))}"


def _names(names: Iterable[JobName]) -> str:
    return f"WorkflowType IN ({', '.join(repr(name.value) for name in names)})"


_OF_ALL_NAMES = _names(JobName)
_RUNNING = f"ExecutionStatus = '{STATUS_NAMES[WorkflowExecutionStatus.RUNNING]}'"


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _state_clause(state: JobState, now: datetime, stale: StaleActiveJobs) -> str:
    """A job published as delayed is waiting from the moment it was delayed to."""
    published = Attribute.STATE.name
    due = f"{Attribute.DUE.name} {{}} '{_written(now)}'"
    match state:
        case JobState.COMPLETED:
            return f"ExecutionStatus = '{STATUS_NAMES[WorkflowExecutionStatus.COMPLETED]}'"
        case JobState.FAILED:
            return " OR ".join(f"ExecutionStatus = '{STATUS_NAMES[each]}'" for each in FAILED)
        case JobState.ACTIVE:
            astray = _one_of(stale.waiting | stale.delayed)
            return f"{_RUNNING} AND {published} = '{JobState.ACTIVE}' AND NOT ({astray})"
        case JobState.DELAYED:
            delayed = f"{published} = '{JobState.DELAYED}' AND {due.format('>')}"
            return f"{_RUNNING} AND (({delayed}) OR {_one_of(stale.delayed)})"
        case JobState.WAITING:
            waiting = f"{published} = '{JobState.WAITING}'"
            over = f"{published} = '{JobState.DELAYED}' AND {due.format('<=')}"
            return f"{_RUNNING} AND ({waiting} OR ({over}) OR {_one_of(stale.waiting)})"


def _one_of(ids: Iterable[str]) -> str:
    """A clause for the jobs of these ids; for none of them, one that is never true."""
    plain = sorted(each for each in ids if PLAIN_ID.fullmatch(each))
    return f"WorkflowId IN ({', '.join(repr(each) for each in plain or [''])})"
