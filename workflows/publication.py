"""The published state of a job: search attributes for filters, and a memo for lists."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime

from pydantic import JsonValue
from temporalio import workflow
from temporalio.common import Priority

from core.jobs.contract import AttemptReport, FinalReport, MemoKey, Owner, Subject
from core.jobs.states import JobState
from workflows.search_attributes import Attribute, attributes_of


class Publication:
    """Publishes the state of one job; each job workflow has its own."""

    def __init__(self) -> None:
        self._latest: AttemptReport | None = None
        self._reported: AttemptReport | None = None
        self._adopted: Owner | None = None
        self._promoted: datetime | None = None

    @property
    def has_owner(self) -> bool:
        """Whether the workflow started with the search attributes of an owner.

        A child workflow starts without any.
        """
        return workflow.info().typed_search_attributes.get(Attribute.ORG) is not None

    @property
    def priority(self) -> Priority:
        """The priority of the attempts.

        Default if the workflow started with an owner, and so with its host's fairness key; a child
        would inherit its parent's key.
        """
        if self._adopted is None:
            return Priority.default
        return Priority(fairness_key=self._adopted.fairness_key)

    @property
    def subject(self) -> str:
        """The URL or host of the job, for the Temporal web UI; empty if the memo is not ours."""
        subject = _subject()
        return (subject.url or subject.host) if subject else ""

    @property
    def looks_quickly(self) -> bool:
        """Whether the job was started to begin with a quick look."""
        subject = _subject()
        return subject is not None and subject.quick_look

    def adopt(self, owner: Owner, max_attempts: int) -> None:
        """Publish the owner of a job that started without one."""
        self._adopted = owner
        attributes = attributes_of(owner, JobState.WAITING)
        workflow.upsert_search_attributes([pair.key.value_set(pair.value) for pair in attributes])
        workflow.upsert_memo({MemoKey.SUBJECT: Subject.of(owner, max_attempts)})

    @property
    def reported(self) -> AttemptReport | None:
        """The last report from the present activity; None if there is none."""
        return self._reported

    def begin(self) -> None:
        """An activity begins, which has reported nothing yet."""
        self._reported = None

    def report(self, report: AttemptReport) -> None:
        """Publish the state of the attempt: active, or delayed until `report.next_at`."""
        self._latest = self._reported = report
        _publish(JobState.ACTIVE, report.next_at)
        workflow.upsert_memo({MemoKey.REPORT: report})

    def promote(self, due: datetime | None) -> None:
        """Publish that the job is waiting for a worker, and no longer delayed until `due`."""
        self._promoted = due
        workflow.upsert_search_attributes([Attribute.STATE.value_set(JobState.WAITING)])

    def release(self, report: AttemptReport) -> None:
        """Publish that the attempt that was released, or that follows a lost one, is waiting, or
        delayed until `report.next_at`.

        The signal that promotes a deferred attempt may arrive before the attempt's result.
        """
        self._latest = report
        _publish(JobState.WAITING, None if report.next_at == self._promoted else report.next_at)
        workflow.upsert_memo({MemoKey.RELEASED: report})

    def go_on(self, report: AttemptReport) -> None:
        """Publish that the attempt goes on after its quick look: it is waiting, as before."""
        self._latest = report
        workflow.upsert_memo({MemoKey.RELEASED: report})

    async def wait_until_due(self, moment: datetime) -> None:
        """Return at `moment`, or as soon as the job is promoted."""
        with suppress(asyncio.TimeoutError):
            await workflow.wait_condition(
                lambda: self._promoted == moment,
                timeout=moment - workflow.now(),
                timeout_summary="Until the deferred attempt resumes",
            )

    def complete(self, final: AttemptReport, return_value: JsonValue) -> None:
        """Publish the end of a successful job."""
        self._end(final, None, return_value, attempts_uncertain=False)

    def fail(
        self, final: AttemptReport | None, reason: str, *, attempts_uncertain: bool = False
    ) -> None:
        """Publish the end of a failed job; `final` is the last attempt, None if it is unknown."""
        self._end(final or self._latest, reason, None, attempts_uncertain=attempts_uncertain)

    def _end(
        self,
        final: AttemptReport | None,
        reason: str | None,
        return_value: JsonValue,
        *,
        attempts_uncertain: bool,
    ) -> None:
        report = FinalReport(
            attempts_made=final.attempt if final else 0,
            processed_at=final.first_started_at if final else None,
            percent=final.percent if final else 0,
            failed_reason=reason,
            return_value=return_value,
            attempts_uncertain=attempts_uncertain,
        )
        workflow.upsert_memo({MemoKey.ENDING: report})


def _subject() -> Subject | None:
    """The subject of the running workflow; None if its memo has none of ours."""
    try:
        return workflow.memo_value(MemoKey.SUBJECT, None, type_hint=Subject)
    except Exception:
        # A converter may raise any exception for a memo value that is not ours.
        return None


def _publish(state: JobState, due: datetime | None) -> None:
    """Publish `state`, or the state delayed if `due` is set."""
    if due is None:
        workflow.upsert_search_attributes([Attribute.STATE.value_set(state)])
        return
    workflow.upsert_search_attributes(
        [
            Attribute.STATE.value_set(JobState.DELAYED),
            Attribute.DUE.value_set(due.astimezone(UTC)),
        ]
    )
