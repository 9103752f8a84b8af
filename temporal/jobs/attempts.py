"""Every attempt of a job, told from the history of its workflow."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from pydantic import JsonValue
from temporalio.api.failure.v1 import Failure
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowExecutionDescription
from temporalio.converter import DataConverter

from core.errors import JobCancelled
from core.jobs.contract import CANCELLED, REPORT_SIGNAL, AttemptReport, Outcome
from temporal.jobs.live_attempt import live_attempt
from temporal.jobs.untrusted import read_payloads

LOST: Final = "The worker stopped answering in the middle of the attempt."


class AttemptOutcome(StrEnum):
    """How an attempt went."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    RELEASED = "handed_back"  # its worker was stopped; another one goes on with it
    DEFERRED = "put_off"  # it goes on later: what it found is to be seen a second time
    LOST = "lost"  # its worker died


@dataclass(frozen=True)
class JobAttempt:
    """One attempt. What a worker that died could not say is None."""

    number: int
    started_at: datetime | None
    ended_at: datetime | None
    outcome: AttemptOutcome
    reason: str | None
    worker: str | None


async def attempts_of(
    described: WorkflowExecutionDescription, history: Iterable[HistoryEvent]
) -> list[JobAttempt]:
    """The attempts that were begun, first to last."""
    story = _History(described.data_converter)
    for event in history:
        await story.read(event)
    live = await live_attempt(described)
    if live is not None and live.pending.started_at is not None:
        worker = described.raw_description.pending_activities[0].last_worker_identity or None
        story.begin(live.pending.number, live.pending.started_at, worker)
        if described.close_time is not None:  # it was ended over the worker's head
            story.end(AttemptOutcome.CANCELLED, described.close_time, CANCELLED)
    elif live is not None:
        story.reach(live.pending.begun)
    return story.told(running=live is not None and live.pending.started_at is not None)


class _History:
    """What the events so far say; each later one corrects the ones before."""

    def __init__(self, converter: DataConverter) -> None:
        self._converter = converter
        self._attempts: dict[int, JobAttempt] = {}
        self._before = 0
        self._current = 0

    def begin(self, number: int, at: datetime | None, worker: str | None) -> None:
        """The attempt runs; one that was handed back began earlier."""
        known = self._attempts.get(number)
        self._current = number
        self._attempts[number] = JobAttempt(
            number=number,
            started_at=known.started_at if known and known.started_at else at,
            ended_at=None,
            outcome=AttemptOutcome.RUNNING,
            reason=None,
            worker=worker,
        )

    def end(self, outcome: AttemptOutcome, at: datetime, reason: str | None = None) -> None:
        """The attempt that runs has ended."""
        if running := self._attempts.get(self._current):
            self._attempts[self._current] = replace(
                running, outcome=outcome, ended_at=at, reason=reason
            )

    def reach(self, number: int) -> None:
        """So many attempts were begun, also where nobody lived to tell."""
        self._current = max(self._current, number)

    def told(self, *, running: bool) -> list[JobAttempt]:
        """Every attempt; those that nobody told of, or that no worker is at, were lost."""
        found = [self._attempts.get(number) for number in range(1, self._current + 1)]
        lost = JobAttempt(0, None, None, AttemptOutcome.LOST, LOST, None)
        last = self._current if running else 0
        return [
            replace(attempt or lost, number=number, outcome=AttemptOutcome.LOST, reason=LOST)
            if attempt is None or (attempt.outcome is AttemptOutcome.RUNNING and number != last)
            else attempt
            for number, attempt in enumerate(found, 1)
        ]

    async def read(self, event: HistoryEvent) -> None:
        """One event."""
        at = event.event_time.ToDatetime(tzinfo=UTC)
        match event.WhichOneof("attributes"):
            case "workflow_execution_signaled_event_attributes":
                signal = event.workflow_execution_signaled_event_attributes
                if signal.signal_name == REPORT_SIGNAL:
                    said = signal.input.payloads
                    self._report(await read_payloads(self._converter, said, AttemptReport), at)
            case "activity_task_started_event_attributes":
                started = event.activity_task_started_event_attributes
                self.begin(self._before + started.attempt, at, started.identity or None)
            case "activity_task_completed_event_attributes":
                said = event.activity_task_completed_event_attributes.result.payloads
                self._complete(await read_payloads(self._converter, said, Outcome[JsonValue]), at)
            case "activity_task_failed_event_attributes":
                failure: Failure = event.activity_task_failed_event_attributes.failure
                cancelled = failure.application_failure_info.type == JobCancelled.code
                outcome = AttemptOutcome.CANCELLED if cancelled else AttemptOutcome.FAILED
                self.end(outcome, at, failure.message)
            case "activity_task_timed_out_event_attributes":
                self.end(AttemptOutcome.LOST, at, LOST)
            case "activity_task_canceled_event_attributes":
                self.end(AttemptOutcome.CANCELLED, at, CANCELLED)
            case (
                "workflow_execution_terminated_event_attributes"
                | "workflow_execution_canceled_event_attributes"
            ):
                if self._is(AttemptOutcome.RUNNING) or self._is(AttemptOutcome.DEFERRED):
                    self.end(AttemptOutcome.CANCELLED, at, CANCELLED)

    def _report(self, report: AttemptReport | None, at: datetime) -> None:
        if report is None or report.attempt < self._current:
            return
        self.begin(report.attempt, report.started_at, report.worker)
        if report.next_at is not None:
            self.end(AttemptOutcome.FAILED, at, report.reason)

    def _complete(self, outcome: Outcome[JsonValue] | None, at: datetime) -> None:
        if outcome is None or outcome.result is not None:
            self.end(AttemptOutcome.COMPLETED, at)
            return
        deferred = outcome.attempt.next_at is not None
        self.end(AttemptOutcome.DEFERRED if deferred else AttemptOutcome.RELEASED, at)
        self._before = outcome.attempt.attempt - 1

    def _is(self, outcome: AttemptOutcome) -> bool:
        current = self._attempts.get(self._current)
        return current is not None and current.outcome is outcome
