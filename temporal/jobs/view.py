"""A job as the API shows it, made of what Temporal knows of its workflow."""

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
from temporal.jobs.live_attempt import LiveAttempt
from temporal.jobs.status import JobStatus, status_of
from temporal.jobs.untrusted import read_memo
from workflows.search_attributes import Attribute

UNEXPLAINED = {
    WorkflowExecutionStatus.CANCELED: CANCELLED,
    WorkflowExecutionStatus.TERMINATED: CANCELLED,
    WorkflowExecutionStatus.TIMED_OUT: "The job took longer than it may.",
}
"""Why a job failed whose workflow could not say so itself."""


class JobRow(Model):
    """A job as lists show it: the documented keys."""

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
    """A job as it is shown by itself."""

    max_attempts: int
    next_attempt_at: UtcTime | None
    return_value: JsonValue


def owner_org(execution: WorkflowExecution) -> str | None:
    """The organisation that owns the job of `execution`, if it is a job.

    One whose attributes name no domain is none: somebody else wrote them.
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


async def of_unfinished(
    described: WorkflowExecutionDescription, attempt: LiveAttempt | None, now: datetime
) -> JobDetail:
    """The job of a running workflow, exact at `now`."""
    status = status_of(
        WorkflowExecutionStatus.RUNNING,
        _runnable_at(described),
        attempt.pending if attempt else None,
        now,
    )
    begun = attempt if status.attempts_made > 0 else None
    return await _job(
        described,
        status,
        percent=begun.percent if begun else 0,
        processed_at=begun.first_started_at if begun else None,
        failed_reason=begun.last_error if begun else None,
        return_value=None,
    )


def _runnable_at(described: WorkflowExecutionDescription) -> datetime:
    """When a worker may begin; a promoted job is offered to one before the time it was given."""
    if described.execution_time is None or described.raw_description.HasField(
        "pending_workflow_task"
    ):
        return described.start_time
    return described.execution_time


async def of_finished(
    execution: WorkflowExecution, terminated_report: FinalReport | None = None
) -> JobDetail:
    """The job of a closed workflow, from its listing or its description alike.

    `terminated_report` is what is known of a job whose workflow was ended without a last word.
    """
    status = execution.status or WorkflowExecutionStatus.FAILED
    ending = terminated_report or await _final_report(execution, status)
    completed = status is WorkflowExecutionStatus.COMPLETED
    return await _job(
        execution,
        JobStatus(JobState.COMPLETED if completed else JobState.FAILED, ending.attempts_made),
        percent=100 if completed else ending.percent,
        processed_at=ending.processed_at,
        failed_reason=ending.failed_reason,
        return_value=ending.return_value,
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


async def written_final_report(execution: WorkflowExecution) -> FinalReport | None:
    """What the job's workflow wrote of its end; None when it could not."""
    return await read_memo(execution, MemoKey.ENDING, FinalReport)


async def _final_report(
    execution: WorkflowExecution, status: WorkflowExecutionStatus
) -> FinalReport:
    if (ending := await written_final_report(execution)) is not None:
        return ending
    report = await read_memo(execution, MemoKey.REPORT, AttemptReport)
    return FinalReport(
        attempts_made=report.attempt if report else 0,
        processed_at=report.first_started_at if report else None,
        percent=report.percent if report else 0,
        failed_reason=UNEXPLAINED.get(status, "The job failed; the Temporal web UI shows why."),
    )
