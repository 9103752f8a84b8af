"""A job as the API shows it, from the description or the listing of its workflow."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field, JsonValue
from temporalio.client import (
    WorkflowExecution,
    WorkflowExecutionDescription,
    WorkflowExecutionStatus,
)
from temporalio.common import SearchAttributeKey, TypedSearchAttributes

from core.jobs.contract import CANCELLED, AttemptReport, FinalReport, MemoKey, Subject
from core.jobs.states import JobName, JobState, JobType
from core.model import Model, UtcTime
from temporal.jobs.history import JobHistory
from temporal.jobs.status import JobStatus, status_of
from temporal.jobs.untrusted import read_memo
from workflows.search_attributes import Attribute

UNEXPLAINED = {
    WorkflowExecutionStatus.CANCELED: CANCELLED,
    WorkflowExecutionStatus.TERMINATED: CANCELLED,
    WorkflowExecutionStatus.TIMED_OUT: "The job took longer than it may.",
}
"""Reason of a failed job whose workflow wrote none, by the status of the workflow."""


class JobRow(Model):
    """A job as lists show it."""

    id: str
    name: JobName
    type: JobType
    url: str | None
    domain_id: UUID
    page_id: UUID | None
    state: JobState
    progress: Annotated[int, Field(ge=0, le=100)]
    attempts_made: Annotated[int, Field(ge=0)]
    created_at: UtcTime
    processed_at: UtcTime | None
    finished_at: UtcTime | None
    failed_reason: str | None


class JobDetail(JobRow):
    """A job as it is shown alone."""

    max_attempts: int
    next_attempt_at: UtcTime | None
    return_value: JsonValue


def owner_org(execution: WorkflowExecution) -> str | None:
    """The id of the organisation that owns the job; None if the workflow is not a job.

    A workflow without the id of a domain is not ours: other teams may write our attributes.
    """
    attributes = execution.typed_search_attributes
    if execution.workflow_type not in list(JobName) or _id(attributes, Attribute.DOMAIN) is None:
        return None
    return attributes.get(Attribute.ORG)


def _id(attributes: TypedSearchAttributes, key: SearchAttributeKey[str]) -> UUID | None:
    try:
        return UUID(attributes.get(key))
    except (TypeError, ValueError):
        return None


async def job_of(execution: WorkflowExecution, history: JobHistory, now: datetime) -> JobDetail:
    """The job of a workflow: of a running one, exact at `now`, from its description; of a closed
    one from its listing too.
    """
    if isinstance(execution, WorkflowExecutionDescription) and (
        execution.status is WorkflowExecutionStatus.RUNNING
    ):
        return await _unfinished_job(execution, history, now)
    return await _finished_job(execution, history)


async def _unfinished_job(
    described: WorkflowExecutionDescription, history: JobHistory, now: datetime
) -> JobDetail:
    status = status_of(WorkflowExecutionStatus.RUNNING, _runnable_at(described), history.live, now)
    begun = history.live if status.attempts_made > 0 else None
    return await _job(
        described,
        status,
        percent=begun.percent if begun else 0,
        processed_at=begun.first_started_at if begun else None,
        failed_reason=begun.last_error if begun else None,
        return_value=None,
    )


def _runnable_at(described: WorkflowExecutionDescription) -> datetime:
    """When a worker may begin. A pending workflow task is due at once, although a start delay has
    not passed: the job was promoted.
    """
    if described.execution_time is None or described.raw_description.HasField(
        "pending_workflow_task"
    ):
        return described.start_time
    return described.execution_time


async def _finished_job(execution: WorkflowExecution, history: JobHistory) -> JobDetail:
    status = execution.status or WorkflowExecutionStatus.FAILED
    report = history.final_report or await _unwritten_report(execution, status)
    completed = status is WorkflowExecutionStatus.COMPLETED
    return await _job(
        execution,
        JobStatus(JobState.COMPLETED if completed else JobState.FAILED, report.attempts_made),
        percent=100 if completed else report.percent,
        processed_at=report.processed_at,
        failed_reason=report.failed_reason,
        return_value=report.return_value,
    )


async def _unwritten_report(
    execution: WorkflowExecution, status: WorkflowExecutionStatus
) -> FinalReport:
    """The final report of a job whose workflow could not write one."""
    report = await read_memo(execution, MemoKey.REPORT, AttemptReport)
    return FinalReport(
        attempts_made=report.attempt if report else 0,
        processed_at=report.first_started_at if report else None,
        percent=report.percent if report else 0,
        failed_reason=UNEXPLAINED.get(status, "The job failed; the Temporal web UI shows why."),
    )


async def _job(
    execution: WorkflowExecution,
    status: JobStatus,
    *,
    percent: int,
    processed_at: datetime | None,
    failed_reason: str | None,
    return_value: JsonValue,
) -> JobDetail:
    attributes = execution.typed_search_attributes
    domain_id = _id(attributes, Attribute.DOMAIN)
    assert domain_id is not None, "jobs without an owner are not shown"
    name = JobName(execution.workflow_type)
    subject = await read_memo(execution, MemoKey.SUBJECT, Subject)
    return JobDetail(
        id=execution.id,
        name=name,
        type=name.type,
        url=subject.url if subject else None,
        domain_id=domain_id,
        page_id=_id(attributes, Attribute.PAGE),
        state=status.state,
        progress=percent,
        attempts_made=status.attempts_made,
        created_at=execution.start_time,
        processed_at=processed_at,
        finished_at=execution.close_time,
        failed_reason=failed_reason,
        max_attempts=subject.max_attempts if subject else 0,
        next_attempt_at=status.next_attempt_at,
        return_value=return_value,
    )
