"""The attempt that an unfinished job is at, from Temporal's raw messages."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import JsonValue
from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.client import WorkflowExecution, WorkflowExecutionDescription

from core.jobs.contract import (
    CANCELLED,
    PROMOTE_SIGNAL,
    AttemptReport,
    FinalReport,
    MemoKey,
    Outcome,
    Progress,
    attempts_before,
)
from temporal.jobs.status import PendingAttempt
from temporal.jobs.untrusted import read_memo, read_payloads

UNBEGUN_EVENTS = 3
"""Events of a workflow of which no worker has completed a task: started, scheduled, begun."""


@dataclass(frozen=True)
class LiveAttempt:
    """The attempt that runs or comes next, and what is known of the ones so far.

    `percent` is that of this attempt, `first_started_at` when the first one began, `last_error`
    why the one before failed.
    """

    pending: PendingAttempt
    percent: int
    first_started_at: datetime | None
    last_error: str | None = None


async def live_attempt(described: WorkflowExecutionDescription) -> LiveAttempt | None:
    """The attempt of the job's pending activity; None when there is none."""
    activities = described.raw_description.pending_activities
    if not activities:
        return None
    activity = activities[0]
    released = await read_memo(described, MemoKey.RELEASED, AttemptReport)
    heartbeat = activity.heartbeat_details.payloads
    progress = await read_payloads(described.data_converter, heartbeat, Progress)
    goes_on = released is not None and activity.attempt == 1
    pending = PendingAttempt(
        number=attempts_before(released) + activity.attempt,
        started_at=_moment(activity, "last_started_time"),
        # During a pause, the moment of the next attempt.
        due_at=_moment(activity, "scheduled_time"),
        released=goes_on,
    )
    begun = progress or released or await read_memo(described, MemoKey.REPORT, AttemptReport)
    running = pending.started_at is not None
    return LiveAttempt(
        pending=pending,
        percent=percent_of(pending.number, progress, released),
        first_started_at=begun.first_started_at if begun else pending.started_at,
        last_error=_sentence(activity) if not running else None,
    )


def percent_of(number: int, progress: Progress | None, released: AttemptReport | None) -> int:
    """How far the attempt of that number is; what an earlier one reached says nothing of it."""
    if progress is not None and progress.attempt == number:
        return progress.percent
    return released.percent if released and released.attempt == number else 0


def between_tasks(described: WorkflowExecutionDescription) -> bool:
    """Whether the job's last attempt may be over without its workflow having heard of it."""
    raw = described.raw_description
    return not raw.pending_activities and described.history_length > UNBEGUN_EVENTS


async def ended_attempt(
    described: WorkflowExecution, history: Iterable[HistoryEvent]
) -> LiveAttempt | None:
    """The attempt that is over, or put off, though its job is not over; None when none was begun.

    It counts as running until its workflow closes, unless it was handed back. One that was put off
    and promoted is due at once.
    """
    started: HistoryEvent | None = None
    ended: HistoryEvent | None = None
    promotions: list[Sequence[Payload]] = []
    for event in history:
        if event.HasField("activity_task_started_event_attributes"):
            started = event
        elif event.HasField("activity_task_completed_event_attributes"):
            ended, promotions = event, []
        elif event.HasField("workflow_execution_signaled_event_attributes"):
            signal = event.workflow_execution_signaled_event_attributes
            if signal.signal_name == PROMOTE_SIGNAL:
                promotions.append(signal.input.payloads)
    if started is None:
        return None
    begun_at = started.event_time.ToDatetime(tzinfo=UTC)
    number = started.activity_task_started_event_attributes.attempt
    released = await read_memo(described, MemoKey.RELEASED, AttemptReport)
    if ended is None or ended.event_id < started.event_id:
        number += attempts_before(released)
        return LiveAttempt(PendingAttempt(number, begun_at, None), 0, begun_at)
    payloads = ended.activity_task_completed_event_attributes.result.payloads
    outcome = await read_payloads(described.data_converter, payloads, Outcome[JsonValue])
    if outcome is None:
        return LiveAttempt(PendingAttempt(number, begun_at, None), 0, begun_at)
    report = outcome.attempt
    is_back = outcome.result is None
    promoted = [
        await read_payloads(described.data_converter, each, datetime) for each in promotions
    ]
    return LiveAttempt(
        PendingAttempt(
            number=report.attempt,
            started_at=None if is_back else begun_at,
            due_at=report.next_at if is_back and report.next_at not in promoted else None,
            released=is_back,
        ),
        report.percent,
        report.first_started_at,
    )


async def terminated_report(
    described: WorkflowExecutionDescription, history: Sequence[HistoryEvent]
) -> FinalReport | None:
    """What was said of the job when its workflow was terminated; None when an operator did it,
    who may have said anything.

    A worker may have begun an attempt, and even ended it, after the last look at the job. Temporal
    still knows it.
    """
    said = history[-1].workflow_execution_terminated_event_attributes
    if said.reason != CANCELLED:
        return None
    ending = await read_payloads(described.data_converter, said.details.payloads, FinalReport)
    if ending is None:
        return None
    return with_last_attempt(
        ending, await live_attempt(described) or await ended_attempt(described, history)
    )


def with_last_attempt(ending: FinalReport, attempt: LiveAttempt | None) -> FinalReport:
    """The ending with the last attempt that Temporal knows of, and whoever wrote it did not."""
    if attempt is None:
        return ending
    return ending.model_copy(
        update={
            "attempts_made": max(ending.attempts_made, attempt.pending.begun),
            "processed_at": ending.processed_at or attempt.first_started_at,
            "percent": max(ending.percent, attempt.percent),
        }
    )


def _sentence(activity: PendingActivityInfo) -> str | None:
    if not activity.HasField("last_failure"):
        return None
    failure: Failure = activity.last_failure
    if failure.HasField("timeout_failure_info"):
        return "The worker stopped answering in the middle of the attempt."
    return failure.message


def _moment(activity: PendingActivityInfo, field: str) -> datetime | None:
    if not activity.HasField(field):  # type: ignore[arg-type]
        return None
    moment: datetime = getattr(activity, field).ToDatetime(tzinfo=UTC)
    return moment
