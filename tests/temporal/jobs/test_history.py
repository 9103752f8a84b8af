"""The attempts of a job, reduced from the events of its workflow."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.api.failure.v1 import ApplicationFailureInfo, Failure
from temporalio.api.history.v1 import (
    ActivityTaskCompletedEventAttributes,
    ActivityTaskFailedEventAttributes,
    ActivityTaskStartedEventAttributes,
    ActivityTaskTimedOutEventAttributes,
    HistoryEvent,
    WorkflowExecutionSignaledEventAttributes,
    WorkflowExecutionTerminatedEventAttributes,
)
from temporalio.api.workflow.v1 import PendingActivityInfo, WorkflowExecutionInfo
from temporalio.api.workflowservice.v1 import DescribeWorkflowExecutionResponse
from temporalio.client import (
    WorkflowExecution,
    WorkflowExecutionDescription,
    WorkflowExecutionStatus,
)

from core.jobs.contract import (
    CANCELLED,
    PROMOTE_SIGNAL,
    REPORT_SIGNAL,
    AttemptReport,
    FinalReport,
    MemoKey,
    Outcome,
    Progress,
)
from core.jobs.states import JobState
from temporal.inputs import DATA_CONVERTER
from temporal.jobs.history import LOST, JobHistory, percent_of
from temporal.jobs.status import status_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


def progress(attempt: int, percent: int) -> Progress:
    """A heartbeat."""
    return Progress(attempt=attempt, percent=percent, first_started_at=NOW)


def test_the_progress_of_an_attempt_is_what_its_own_heartbeats_say() -> None:
    assert percent_of(2, progress(2, 30), None) == 30


def test_an_attempt_that_has_not_said_anything_is_not_as_far_as_the_one_before() -> None:
    assert percent_of(2, progress(1, 70), None) == 0
    assert percent_of(1, None, None) == 0


def test_an_attempt_that_was_handed_back_goes_on_from_where_it_was() -> None:
    released = AttemptReport(attempt=2, first_started_at=NOW, percent=40)
    assert percent_of(2, None, released) == 40
    assert percent_of(2, progress(2, 50), released) == 50
    assert percent_of(3, progress(2, 50), released) == 0


def report(attempt: int, next_at: datetime | None = None) -> AttemptReport:
    """What attempt `attempt` of a job reports whose first one started at `NOW`."""
    reason = None if next_at is None else "broken"
    return AttemptReport(
        attempt=attempt, first_started_at=NOW, started_at=NOW, next_at=next_at, reason=reason
    )


async def signalled(name: str, value: object) -> HistoryEvent:
    """A signal."""
    attributes = WorkflowExecutionSignaledEventAttributes(signal_name=name)
    attributes.input.payloads.extend(await DATA_CONVERTER.encode([value]))
    return HistoryEvent(workflow_execution_signaled_event_attributes=attributes)


def started(attempt: int, at: datetime = NOW) -> HistoryEvent:
    """The last start of an activity."""
    event = HistoryEvent(
        activity_task_started_event_attributes=ActivityTaskStartedEventAttributes(
            attempt=attempt, identity="worker"
        )
    )
    event.event_time.FromDatetime(at)
    return event


async def completed(attempt: AttemptReport, result: str | None = None) -> HistoryEvent:
    """The end of an activity that has not failed."""
    attributes = ActivityTaskCompletedEventAttributes()
    outcome = Outcome[str](attempt=attempt, result=result)
    attributes.result.payloads.extend(await DATA_CONVERTER.encode([outcome]))
    return HistoryEvent(activity_task_completed_event_attributes=attributes)


def failed(message: str) -> HistoryEvent:
    """The end of an activity whose last attempt failed."""
    failure = Failure(message=message, application_failure_info=ApplicationFailureInfo(type="X"))
    return HistoryEvent(
        activity_task_failed_event_attributes=ActivityTaskFailedEventAttributes(failure=failure)
    )


def timed_out() -> HistoryEvent:
    """The end of an activity whose worker died."""
    return HistoryEvent(
        activity_task_timed_out_event_attributes=ActivityTaskTimedOutEventAttributes()
    )


async def terminated(details: FinalReport, reason: str) -> HistoryEvent:
    """The end of a workflow that was terminated."""
    attributes = WorkflowExecutionTerminatedEventAttributes(reason=reason)
    attributes.details.payloads.extend(await DATA_CONVERTER.encode([details]))
    return HistoryEvent(workflow_execution_terminated_event_attributes=attributes)


async def history_of(*events: HistoryEvent) -> JobHistory:
    """The history of a listed workflow that has no memo."""
    info = WorkflowExecutionInfo()
    listed = WorkflowExecution._from_raw_info(info, "default", DATA_CONVERTER)
    return await JobHistory.read(listed, events)


def outcomes(history: JobHistory) -> Sequence[tuple[int, str, str | None]]:
    """Number, outcome and reason of each attempt."""
    return [(each.number, each.outcome, each.reason) for each in history.attempts]


async def test_attempts_that_nobody_reported_are_lost() -> None:
    history = await history_of(started(3), timed_out())
    assert outcomes(history) == [(1, "lost", LOST), (2, "lost", LOST), (3, "lost", LOST)]
    assert history.attempts[0].started_at is None
    assert history.attempts[2].started_at == NOW


async def test_a_job_starts_with_its_first_attempt_also_where_the_last_one_was_lost() -> None:
    failure = await signalled(REPORT_SIGNAL, report(1, next_at=NOW))
    history = await history_of(failure, started(2, LATER), timed_out())
    assert outcomes(history) == [(1, "failed", "broken"), (2, "lost", LOST)]
    assert history.live is not None
    assert (history.live.begun, history.live.first_started_at) == (2, NOW)


async def test_a_report_that_arrives_after_the_end_of_its_attempt_changes_nothing() -> None:
    end = await completed(report(1), "result")
    late = await signalled(REPORT_SIGNAL, report(1))
    assert outcomes(await history_of(started(1), end, late)) == [(1, "completed", None)]
    failure = await signalled(REPORT_SIGNAL, report(1, next_at=LATER))
    assert outcomes(await history_of(failure, late)) == [(1, "failed", "broken")]


async def test_attempts_after_a_release_are_counted_from_it() -> None:
    released = await completed(report(2))
    history = await history_of(started(2), released, started(2), failed("no"))
    assert outcomes(history) == [(1, "lost", LOST), (2, "handed_back", None), (3, "failed", "no")]
    resumed = await history_of(started(2), released, started(1), await completed(report(2), "ok"))
    assert outcomes(resumed)[1:] == [(2, "completed", None)]


@pytest.mark.parametrize(("moment", "due"), [(LATER, None), (NOW, LATER)])
async def test_a_deferred_attempt_is_due_at_its_time_or_once_it_is_promoted(
    moment: datetime, due: datetime | None
) -> None:
    deferred = await completed(report(1, next_at=LATER))
    history = await history_of(started(1), deferred, await signalled(PROMOTE_SIGNAL, moment))
    assert outcomes(history) == [(1, "put_off", None)]
    assert history.live is not None
    assert (history.live.released, history.live.started_at) == (True, None)
    assert history.live.due_at == due


async def test_the_final_report_of_a_terminated_job_has_its_last_attempt() -> None:
    before = FinalReport(failed_reason=CANCELLED)
    ended = await history_of(started(1), await terminated(before, CANCELLED))
    assert ended.final_report == before.model_copy(update={"attempts_made": 1, "processed_at": NOW})
    assert outcomes(ended) == [(1, "cancelled", CANCELLED)]
    by_operator = await history_of(started(1), await terminated(before, "in the way"))
    assert by_operator.final_report is None


async def described(
    *events: HistoryEvent, next_attempt: int, published: AttemptReport | None = None
) -> WorkflowExecutionDescription:
    """A running workflow whose history has `events`, and whose activity waits for a worker to
    begin its attempt `next_attempt`. `published` is in its memo; without it, a workflow task waits.
    """
    description = DescribeWorkflowExecutionResponse()
    info = description.workflow_execution_info
    info.status = int(WorkflowExecutionStatus.RUNNING)  # type: ignore[assignment]
    info.history_length = 10
    for number, event in enumerate(events):
        event.event_id = info.history_length - len(events) + 1 + number
    pending = PendingActivityInfo(attempt=next_attempt)
    pending.scheduled_time.FromDatetime(NOW)
    description.pending_activities.append(pending)
    if published is not None:
        [payload] = await DATA_CONVERTER.encode([published])
        info.memo.fields[MemoKey.REPORT].CopyFrom(payload)
    else:
        description.pending_workflow_task.attempt = 1
    return await WorkflowExecutionDescription._from_raw_description(
        description, "default", DATA_CONVERTER
    )


def attempts_made(history: JobHistory) -> tuple[JobState, int]:
    """The state of the running job, and how many attempts it is told to have had."""
    status = status_of(WorkflowExecutionStatus.RUNNING, NOW, history.live, LATER)
    return status.state, status.attempts_made


async def test_an_attempt_that_was_reported_has_begun_also_where_temporal_forgot_its_start() -> (
    None
):
    event = await signalled(REPORT_SIGNAL, report(1))
    shown = await described(event, next_attempt=1, published=report(1))
    by_memo = await JobHistory.read(shown)
    by_events = await JobHistory.read(shown, [event])
    assert not by_memo.partial
    assert attempts_made(by_memo) == attempts_made(by_events) == (JobState.WAITING, 1)
    assert by_memo.live is not None
    assert by_memo.live.first_started_at == NOW
    # It is not used up: the same attempt begins again.
    assert outcomes(by_events) == [(1, "handed_back", None)]


async def test_attempts_that_were_reported_are_not_taken_back() -> None:
    events = [
        await signalled(REPORT_SIGNAL, report(1, next_at=NOW)),
        await signalled(REPORT_SIGNAL, report(2)),
    ]
    shown = await described(*events, next_attempt=1, published=report(2))
    by_events = await JobHistory.read(shown, events)
    assert attempts_made(await JobHistory.read(shown)) == (JobState.WAITING, 2)
    assert attempts_made(by_events) == (JobState.WAITING, 2)
    assert len(by_events.attempts) == 2


async def test_the_events_are_needed_while_no_worker_has_published_the_report() -> None:
    event = await signalled(REPORT_SIGNAL, report(1))
    shown = await described(event, next_attempt=1)
    assert (await JobHistory.read(shown)).partial
    assert attempts_made(await JobHistory.read(shown, [event])) == (JobState.WAITING, 1)


async def test_what_happened_after_the_description_is_not_told_with_it() -> None:
    earlier = await signalled(PROMOTE_SIGNAL, LATER)
    shown = await described(earlier, next_attempt=1)
    later = await signalled(REPORT_SIGNAL, report(1))
    later.event_id = shown.history_length + 1
    history = await JobHistory.read(shown, [earlier, later])
    assert attempts_made(history) == (JobState.WAITING, 0)
    assert outcomes(history) == []


async def test_the_next_attempt_is_not_the_one_that_was_reported() -> None:
    event = await signalled(REPORT_SIGNAL, report(1))
    shown = await described(event, next_attempt=2, published=report(1))
    history = await JobHistory.read(shown, [event])
    assert attempts_made(await JobHistory.read(shown)) == (JobState.WAITING, 1)
    assert attempts_made(history) == (JobState.WAITING, 1)
    assert outcomes(history) == [(1, "lost", LOST)]
