"""How a job makes itself known to visibility: search attributes to filter by, a memo to show."""

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
    """What a job has published of itself. One in each job's workflow."""

    def __init__(self) -> None:
        self._latest: AttemptReport | None = None
        self._adopted: Owner | None = None
        self._promoted: datetime | None = None

    @property
    def owned(self) -> bool:
        """Whether whoever started the workflow gave it its owner; a child workflow has none."""
        return workflow.info().typed_search_attributes.get(Attribute.ORG) is not None

    @property
    def turn(self) -> Priority:
        """Where the attempts queue. Whoever starts a job gives it its host's turn, a child has
        that of its parent.
        """
        if self._adopted is None:
            return Priority.default
        return Priority(fairness_key=self._adopted.fairness_key)

    @property
    def about(self) -> str:
        """What the job asks, as the Temporal web UI tells it: the URL of a page, or a host;
        nothing where its starter wrote a memo that is none of ours.
        """
        try:
            subject = workflow.memo_value(MemoKey.SUBJECT, None, type_hint=Subject)
        except Exception:
            # Whatever a converter raises for what somebody else wrote under our key.
            return ""
        return (subject.url or subject.host) if subject else ""

    def adopt(self, owner: Owner, max_attempts: int) -> None:
        """Publish the owner of a job that was started without one."""
        self._adopted = owner
        attributes = attributes_of(owner, JobState.WAITING)
        workflow.upsert_search_attributes([pair.key.value_set(pair.value) for pair in attributes])
        workflow.upsert_memo({MemoKey.SUBJECT: Subject.of(owner, max_attempts)})

    def report(self, report: AttemptReport) -> None:
        """Publish what the attempt says: that it runs, or that the next one is due later."""
        self._latest = report
        _publish(JobState.ACTIVE, report.next_at)
        workflow.upsert_memo({MemoKey.REPORT: report})

    def promote(self, due: datetime | None) -> None:
        """Publish that the job waits for nothing but a worker, no more for the moment `due`."""
        self._promoted = due
        workflow.upsert_search_attributes([Attribute.STATE.value_set(JobState.WAITING)])

    def hand_back(self, report: AttemptReport) -> None:
        """Publish that the attempt waits for another worker to go on with it, or for its time.

        Who promotes it may be told of that time before the workflow is.
        """
        self._latest = report
        _publish(JobState.WAITING, None if report.next_at == self._promoted else report.next_at)
        workflow.upsert_memo({MemoKey.RELEASED: report})

    async def due(self, moment: datetime) -> None:
        """Return at that moment, or once the job need not wait for it."""
        with suppress(asyncio.TimeoutError):
            await workflow.wait_condition(
                lambda: self._promoted == moment,
                timeout=moment - workflow.now(),
                timeout_summary="Until the next look",
            )

    def complete(self, final: AttemptReport, return_value: JsonValue) -> None:
        """Publish the end of a job that has a result."""
        self._end(final, None, return_value, attempts_uncertain=False)

    def fail(
        self, final: AttemptReport | None, reason: str, *, attempts_uncertain: bool = False
    ) -> None:
        """Publish the end of a job that has none; `final` is the last attempt where it is known.

        Who is `attempts_uncertain` has not heard how the last attempt ended.
        """
        self._end(final or self._latest, reason, None, attempts_uncertain=attempts_uncertain)

    def _end(
        self,
        final: AttemptReport | None,
        reason: str | None,
        return_value: JsonValue,
        *,
        attempts_uncertain: bool,
    ) -> None:
        ending = FinalReport(
            attempts_made=final.attempt if final else 0,
            processed_at=final.first_started_at if final else None,
            percent=final.percent if final else 0,
            failed_reason=reason,
            return_value=return_value,
            attempts_uncertain=attempts_uncertain,
        )
        workflow.upsert_memo({MemoKey.ENDING: ending})


def _publish(state: JobState, due: datetime | None) -> None:
    """The state, or that the job is delayed where it is `due` later."""
    if due is None:
        workflow.upsert_search_attributes([Attribute.STATE.value_set(state)])
        return
    workflow.upsert_search_attributes(
        [
            Attribute.STATE.value_set(JobState.DELAYED),
            Attribute.DUE.value_set(due.astimezone(UTC)),
        ]
    )
