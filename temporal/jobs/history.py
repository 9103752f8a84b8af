"""The attempts of a job, reduced from the history and the description of its workflow.

This is the only place that folds Temporal's records into attempts. Temporal writes the start of an
attempt to the history when its activity closes. Until then the description has the attempt, as the
pending activity, and the signals that attempts send (`AttemptReport`) show the ones before it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from pydantic import BaseModel, JsonValue
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import PendingWorkflowTaskState, RetryState, TimeoutType
from temporalio.api.failure.v1 import Failure
from temporalio.api.history.v1 import (
    ActivityTaskScheduledEventAttributes,
    ActivityTaskTimedOutEventAttributes,
    HistoryEvent,
)
from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.client import (
    WorkflowExecution,
    WorkflowExecutionDescription,
    WorkflowExecutionStatus,
)
from temporalio.converter import DataConverter

from core.errors import JobCancelled
from core.jobs.contract import (
    CANCELLED,
    PROMOTE_SIGNAL,
    QUICK_LOOK_LIMIT,
    REPORT_SIGNAL,
    ActivityName,
    AttemptReport,
    FinalReport,
    MemoKey,
    Outcome,
    Progress,
    Subject,
    attempts_before,
)
from core.jobs.losses import lost_attempt, next_attempt
from temporal.jobs.status import LiveAttempt
from temporal.jobs.untrusted import read_memo, read_payloads

LOCAL_ACTIVITY_DATA: Final = "data"
LOCAL_ACTIVITY_RESULT: Final = "result"
"""The details of the marker that the SDK records for a local activity."""

LONGEST_QUICK_LOOK: Final = timedelta(seconds=2 * QUICK_LOOK_LIMIT)
"""Age of a workflow task after which no quick look takes place in it any more."""

LOST: Final = "The worker stopped answering in the middle of the attempt."

UNTOUCHED_HISTORY_LENGTH: Final = 3
"""Events of a workflow whose first workflow task has not completed: execution started, workflow
task scheduled, workflow task started."""


class AttemptOutcome(StrEnum):
    """How an attempt went."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    RELEASED = "handed_back"  # its worker stopped; another worker resumes it
    DEFERRED = "put_off"  # it resumes later
    LOST = "lost"  # its worker died


RESUMABLE: Final = (AttemptOutcome.RELEASED, AttemptOutcome.DEFERRED)


@dataclass(frozen=True)
class JobAttempt:
    """One attempt. Times and worker are None if the worker died before it reported them."""

    number: int
    started_at: datetime | None = None
    worker: str | None = None
    outcome: AttemptOutcome = AttemptOutcome.LOST
    ended_at: datetime | None = None
    reason: str | None = LOST


class _LocalActivity(BaseModel):
    """What the marker of a local activity says of it, as far as it is read here."""

    activity_type: str


class JobHistory:
    """A state machine over the events of a job's workflow.

    `live` is the attempt that runs or comes next, None before the first one. Without a pending
    activity it is the last attempt: it counts as running until the workflow closes, unless it was
    released or deferred. `partial` is set if only the events show what the last attempt did, and
    they were not given.
    """

    def __init__(self, converter: DataConverter) -> None:
        self.live: LiveAttempt | None = None
        self.partial = False
        self._converter = converter
        self._attempts: dict[int, JobAttempt] = {}
        self._latest = 0
        self._first_started_at: datetime | None = None
        self._continued: AttemptReport | None = None
        self._last_report: AttemptReport | None = None
        self._repeats = 0
        self._max_attempts = 0
        self._report: FinalReport | None = None

    @classmethod
    async def read(
        cls, execution: WorkflowExecution, events: Sequence[HistoryEvent] = ()
    ) -> "JobHistory":
        """The history of the job that `execution` lists or describes.

        Without `events` it shows the live attempt and the final report, unless it is `partial`.
        """
        history = cls(execution.data_converter)
        await history._read_ending(execution)
        if events:
            history.partial = False
            for event in _up_to(execution, events):
                await history._read_event(event)
        await history._read_memo(execution, alone=not events)
        if isinstance(execution, WorkflowExecutionDescription):
            await history._read_pending(execution)
        return history

    @property
    def attempts(self) -> list[JobAttempt]:
        """The attempts that have begun, in order. Complete only if the events were given."""
        numbers = range(1, self._latest + 1)
        return [self._attempts.get(number) or JobAttempt(number) for number in numbers]

    @property
    def final_report(self) -> FinalReport | None:
        """The report on the end of the job; None if nothing wrote one.

        It includes the last attempt that Temporal knows of, which its author may have missed.
        """
        if self._report is None or self.live is None:
            return self._report
        return self._report.model_copy(
            update={
                "attempts_made": max(self._report.attempts_made, self.live.begun),
                "processed_at": self._first_started_at
                or self._report.processed_at
                or self.live.first_started_at,
                "percent": max(self._report.percent, self.live.percent),
            }
        )

    async def _read_memo(self, execution: WorkflowExecution, *, alone: bool) -> None:
        """Apply what the workflow has published of its attempts: all that is known of them without
        the events, and the only trace of a quick look that failed.
        """
        released = await read_memo(execution, MemoKey.RELEASED, AttemptReport)
        if alone:
            self._continued = released
        for report in (released, await read_memo(execution, MemoKey.REPORT, AttemptReport)):
            if report is None:
                continue
            self._began(report.first_started_at)
            if report.attempt > self._latest:
                self._begin(report.attempt, report.started_at, report.worker)

    async def _read_ending(self, execution: WorkflowExecution) -> None:
        """Take the final report of the workflow, and decide whether the events are needed."""
        self._report = await read_memo(execution, MemoKey.ENDING, FinalReport)
        match execution.status:
            case WorkflowExecutionStatus.RUNNING:
                self.partial = (
                    isinstance(execution, WorkflowExecutionDescription)
                    and not _has_published(execution)
                    and execution.history_length > UNTOUCHED_HISTORY_LENGTH
                )
            case WorkflowExecutionStatus.TERMINATED:
                self.partial = True
            case _:
                self.partial = self._report is not None and self._report.attempts_uncertain

    async def _read_event(self, event: HistoryEvent) -> None:
        """Apply the next event."""
        at = event.event_time.ToDatetime(tzinfo=UTC)
        match event.WhichOneof("attributes"):
            case "workflow_execution_signaled_event_attributes":
                signal = event.workflow_execution_signaled_event_attributes
                payloads = signal.input.payloads
                if signal.signal_name == REPORT_SIGNAL:
                    self._reported(
                        await read_payloads(self._converter, payloads, AttemptReport), at
                    )
                elif signal.signal_name == PROMOTE_SIGNAL:
                    self._promoted(await read_payloads(self._converter, payloads, datetime))
            case "activity_task_scheduled_event_attributes":
                await self._scheduled(event.activity_task_scheduled_event_attributes)
            case "activity_task_started_event_attributes":
                started = event.activity_task_started_event_attributes
                number = attempts_before(self._continued) + started.attempt
                self._begin(number, at, started.identity or None)
                self._began(at)
                self.live = LiveAttempt(number, at, None, first_started_at=self._first_started_at)
            case "activity_task_completed_event_attributes":
                payloads = event.activity_task_completed_event_attributes.result.payloads
                outcome = await read_payloads(self._converter, payloads, Outcome[JsonValue])
                self._completed(outcome, at)
            case "activity_task_failed_event_attributes":
                failure: Failure = event.activity_task_failed_event_attributes.failure
                cancelled = failure.application_failure_info.type == JobCancelled.code
                self._end(
                    AttemptOutcome.CANCELLED if cancelled else AttemptOutcome.FAILED,
                    at,
                    failure.message,
                )
            case "activity_task_timed_out_event_attributes":
                self._end(AttemptOutcome.LOST, at, LOST)
                await self._lost(event.activity_task_timed_out_event_attributes)
            case "activity_task_canceled_event_attributes":
                self._end(AttemptOutcome.CANCELLED, at, CANCELLED)
            case "marker_recorded_event_attributes":
                details = event.marker_recorded_event_attributes.details
                if LOCAL_ACTIVITY_DATA in details and LOCAL_ACTIVITY_RESULT in details:
                    await self._read_local_activity(
                        details[LOCAL_ACTIVITY_DATA].payloads,
                        details[LOCAL_ACTIVITY_RESULT].payloads,
                        at,
                    )
            case "workflow_execution_canceled_event_attributes":
                self._closed(at)
            case "workflow_execution_terminated_event_attributes":
                self._closed(at)
                terminated = event.workflow_execution_terminated_event_attributes
                if terminated.reason == CANCELLED:  # an operator may give anything as details
                    payloads = terminated.details.payloads
                    report = await read_payloads(self._converter, payloads, FinalReport)
                    self._report = report or self._report

    async def _read_local_activity(
        self, data: Sequence[Payload], result: Sequence[Payload], at: datetime
    ) -> None:
        """Apply the record of a local activity, if it is the quick look of the first attempt."""
        named = await read_payloads(self._converter, data, _LocalActivity)
        if named is None or named.activity_type != ActivityName.QUICK_LOOK:
            return
        outcome = await read_payloads(self._converter, result, Outcome[JsonValue])
        if outcome is None:
            return
        report = outcome.attempt
        begun_at = report.started_at or report.first_started_at
        self._begin(report.attempt, begun_at, report.worker)
        self.live = LiveAttempt(
            report.attempt, begun_at, None, first_started_at=report.first_started_at
        )
        self._completed(outcome, at)

    async def _read_quick_look(self, described: WorkflowExecutionDescription) -> None:
        """Apply the workflow task in which a quick look takes place.

        The first task of such a job is its first attempt from the moment at which a worker has it.
        If that worker dies, another one repeats the task, as the same attempt.
        """
        if self.live is not None or described.status is not WorkflowExecutionStatus.RUNNING:
            return
        if not described.raw_description.HasField("pending_workflow_task"):
            return
        task = described.raw_description.pending_workflow_task
        started = task.state == PendingWorkflowTaskState.PENDING_WORKFLOW_TASK_STATE_STARTED
        if not started and task.attempt <= 1:
            return
        subject = await read_memo(described, MemoKey.SUBJECT, Subject)
        if subject is None or not subject.quick_look:
            return
        began = task.started_time if task.attempt <= 1 else task.original_scheduled_time
        first_started_at = began.ToDatetime(tzinfo=UTC)
        started_at = task.started_time.ToDatetime(tzinfo=UTC) if started else None
        if started_at is not None and datetime.now(UTC) - started_at > LONGEST_QUICK_LOOK:
            started_at = None  # no worker does it any more, which Temporal will soon notice
        self.live = LiveAttempt(
            1, started_at, None, released=started_at is None, first_started_at=first_started_at
        )
        outcome = AttemptOutcome.RUNNING if started_at else AttemptOutcome.LOST
        self._begin(1, first_started_at, None, outcome)

    async def _read_pending(self, described: WorkflowExecutionDescription) -> None:
        """Apply the pending activity, which is newer than all events.

        Temporal may forget that an attempt has begun: it keeps that apart from the history until
        the activity closes. A report of the attempt proves that it began. Temporal then starts the
        same attempt again, and it is told as one that its worker handed back.
        """
        if not described.raw_description.pending_activities:
            await self._read_quick_look(described)
            if self.live is None and self._latest > 0:
                self.live = LiveAttempt(
                    self._latest, None, None, released=True, first_started_at=self._first_started_at
                )
                self._begins_again(self._latest)
            return
        activity = described.raw_description.pending_activities[0]
        heartbeat = activity.heartbeat_details.payloads
        progress = await read_payloads(self._converter, heartbeat, Progress)
        number = attempts_before(self._continued) + activity.attempt
        started_at = _moment(activity, "last_started_time")
        first_started_at = progress.first_started_at if progress else self._first_started_at
        self.live = LiveAttempt(
            number,
            started_at,
            due_at=_moment(activity, "scheduled_time"),  # of the next attempt, during a pause
            released=number <= self._latest,
            reported=self._latest,
            percent=percent_of(number, progress, self._continued),
            first_started_at=first_started_at or started_at,
            last_error=None if started_at else _error(activity) or self._error_before(number),
        )
        if started_at is None:
            self._latest = max(self._latest, self.live.begun)
            self._begins_again(number)
            return
        worker = activity.last_worker_identity or None
        self._begin(number, started_at, worker, AttemptOutcome.RUNNING)
        if described.close_time is not None:  # terminated while a worker had the attempt
            self._end(AttemptOutcome.CANCELLED, described.close_time, CANCELLED)

    def _error_before(self, number: int) -> str | None:
        """Why the attempt before failed or was lost, as far as its report says."""
        before = self._continued
        return before.reason if before and before.attempt < number else None

    def _begins_again(self, number: int) -> None:
        """The attempt has no worker, and is not used up: it begins again under its number."""
        known = self._attempts.get(number)
        if known is not None and known.outcome is AttemptOutcome.LOST:
            self._attempts[number] = replace(known, outcome=AttemptOutcome.RELEASED, reason=None)

    def _begin(
        self,
        number: int,
        at: datetime | None,
        worker: str | None,
        outcome: AttemptOutcome = AttemptOutcome.LOST,
    ) -> None:
        """The attempt runs. It is lost unless something shows its end, or that it still runs."""
        known = self._attempts.get(number)
        if known is not None and known.started_at is not None:
            at = known.started_at  # it was released or reported
        reason = LOST if outcome is AttemptOutcome.LOST else None
        self._attempts[number] = JobAttempt(number, at, worker, outcome, reason=reason)
        self._latest = max(self._latest, number)

    def _began(self, at: datetime) -> None:
        """The first attempt began at `at`, or before."""
        self._first_started_at = min(self._first_started_at or at, at)

    def _end(self, outcome: AttemptOutcome, at: datetime, reason: str | None = None) -> None:
        if latest := self._attempts.get(self._latest):
            self._attempts[self._latest] = replace(
                latest, outcome=outcome, ended_at=at, reason=reason
            )

    def _reported(self, report: AttemptReport | None, at: datetime) -> None:
        if report is None:
            return
        self._last_report = report
        if report.attempt < self._latest or self._is_over(report.attempt):
            return
        self._began(report.first_started_at)
        self._begin(report.attempt, report.started_at, report.worker)
        if report.next_at is not None:
            self._end(AttemptOutcome.FAILED, at, report.reason)

    def _completed(self, outcome: Outcome[JsonValue] | None, at: datetime) -> None:
        if outcome is None:  # somebody else's activity
            self._end(AttemptOutcome.COMPLETED, at)
            return
        report = outcome.attempt
        self._began(report.first_started_at)
        if self.live is not None:
            self.live = replace(
                self.live,
                number=report.attempt,
                percent=report.percent,
                first_started_at=self._first_started_at,
            )
        if outcome.result is not None:
            self._end(AttemptOutcome.COMPLETED, at)
            return
        self._continued = report
        deferred = report.next_at is not None
        self._end(AttemptOutcome.DEFERRED if deferred else AttemptOutcome.RELEASED, at)
        if self.live is not None:
            self.live = replace(self.live, started_at=None, due_at=report.next_at, released=True)

    async def _scheduled(self, activity: ActivityTaskScheduledEventAttributes) -> None:
        """An activity begins from what the workflow passes to it."""
        self._continued = await read_payloads(
            self._converter, activity.input.payloads[1:], AttemptReport
        )
        self._last_report = None
        left = activity.retry_policy.maximum_attempts
        self._max_attempts = attempts_before(self._continued) + left

    async def _lost(self, activity: ActivityTaskTimedOutEventAttributes) -> None:
        """The last attempt was lost. If its heartbeats stopped, and Temporal does not retry it, the
        workflow decides what follows, by the same rule as here.
        """
        failure = activity.failure.timeout_failure_info
        if (
            failure.timeout_type != TimeoutType.TIMEOUT_TYPE_HEARTBEAT
            or activity.retry_state != RetryState.RETRY_STATE_NON_RETRYABLE_FAILURE
        ):
            return
        heartbeat = failure.last_heartbeat_details.payloads
        progress = await read_payloads(self._converter, heartbeat, Progress)
        loss = lost_attempt(self._continued, self._last_report, progress)
        following = next_attempt(loss, repeats=self._repeats, max_attempts=self._max_attempts)
        if following is None or self.live is None:
            return
        again = following == loss.number
        self._repeats += again
        self.live = replace(
            self.live,
            number=following,
            started_at=None,
            released=again,
            last_error=None if again else LOST,
        )
        if again:
            self._begins_again(following)

    def _promoted(self, due_at: datetime | None) -> None:
        if self.live is not None and self.live.released and self.live.due_at == due_at:
            self.live = replace(self.live, due_at=None)

    def _closed(self, at: datetime) -> None:
        latest = self._attempts.get(self._latest)
        if latest and (latest.ended_at is None or latest.outcome in RESUMABLE):
            self._end(AttemptOutcome.CANCELLED, at, CANCELLED)

    def _is_over(self, number: int) -> bool:
        """Whether the attempt has ended for good: a signal may arrive after that."""
        known = self._attempts.get(number)
        return known is not None and known.ended_at is not None and known.outcome not in RESUMABLE


def _up_to(execution: WorkflowExecution, events: Sequence[HistoryEvent]) -> Sequence[HistoryEvent]:
    """The events that had happened when `execution` was described, which was before they were read.

    The later ones may tell of an attempt that the description does not know yet.
    """
    if not isinstance(execution, WorkflowExecutionDescription):
        return events
    return [event for event in events if event.event_id <= execution.history_length]


def _has_published(described: WorkflowExecutionDescription) -> bool:
    """Whether the memo and the pending activity show what the attempts did.

    A workflow publishes a report in a workflow task. Until that, only the events have it.
    """
    raw = described.raw_description
    if not raw.pending_activities:
        return False
    started = raw.pending_activities[0].HasField("last_started_time")
    return started or not raw.HasField("pending_workflow_task")


def percent_of(number: int, progress: Progress | None, released: AttemptReport | None) -> int:
    """The percent that attempt `number` has reached. Figures of earlier attempts do not count."""
    if progress is not None and progress.attempt == number:
        return progress.percent
    return released.percent if released and released.attempt == number else 0


def _error(activity: PendingActivityInfo) -> str | None:
    if not activity.HasField("last_failure"):
        return None
    failure: Failure = activity.last_failure
    return LOST if failure.HasField("timeout_failure_info") else failure.message


def _moment(activity: PendingActivityInfo, field: str) -> datetime | None:
    if not activity.HasField(field):  # type: ignore[arg-type]
        return None
    moment: datetime = getattr(activity, field).ToDatetime(tzinfo=UTC)
    return moment
