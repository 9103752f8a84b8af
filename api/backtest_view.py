"""A backtest as the API shows it: how far it is says the store, its state Temporal."""

from datetime import UTC, datetime
from uuid import UUID

from temporalio.client import (
    Client,
    WorkflowExecutionDescription,
    WorkflowExecutionStatus,
)

from core.changes.backtest import Verdict
from core.changes.rules import ChangeType, Severity
from core.jobs.states import JobState
from core.model import Model, UtcTime
from core.outbox import MessageKind
from store.backtests import get_backtest
from store.db.engine import Database
from store.outbox import is_pending
from store.tables.backtests import Backtest, BacktestChange
from temporal.jobs.backtests import described_backtest
from temporal.jobs.history import JobHistory
from temporal.jobs.status import status_of
from temporal.jobs.view import UNEXPLAINED

NEVER_HEARD_OF = "Temporal knows nothing of it any more; ask for another one."


class BacktestView(Model):
    """A backtest: its state as that of a job, how far it is, and how many changes have met with
    each verdict so far.
    """

    id: UUID
    domain_id: UUID
    state: JobState
    progress: int
    created_at: UtcTime
    finished_at: UtcTime | None
    failed_reason: str | None
    pages: int
    pages_done: int
    snapshots: int
    same: int
    different: int
    new: int
    gone: int


class Report(Model):
    """What a change says; `confidence` is known of what would be reported alone."""

    change_type: ChangeType
    severity: Severity
    summary: str
    confidence: float | None = None


class BacktestChangeView(Model):
    """A change: what was `reported` then, and what is `expected` of the rules of today."""

    id: UUID
    page_id: UUID
    url: str
    verdict: Verdict
    detected_at: UtcTime
    change_id: UUID | None
    before_snapshot_id: UUID
    after_snapshot_id: UUID | None
    reported: Report | None
    expected: Report | None


async def backtest_view(
    database: Database, client: Client, org_id: UUID, backtest: Backtest
) -> BacktestView:
    """What the API shows of `backtest`, whose state is Temporal's until its report is whole.

    Raises NotFound when it is deleted meanwhile.
    """
    described, pending = None, False
    if backtest.finished_at is None:
        # First: a message that is gone by then has been carried out.
        async with database.reading() as session:
            pending = await is_pending(session, backtest.id, MessageKind.BACKTEST)
        described = await described_backtest(client, backtest.id)
        if described is None or described.status is not WorkflowExecutionStatus.RUNNING:
            # It may have come to its end since it was read.
            async with database.reading() as session:
                backtest = await get_backtest(session, org_id, backtest.id)
    state, reason = await _state(described, backtest, pending)
    percent = 100 * backtest.pages_done // backtest.pages if backtest.pages else 0
    return BacktestView(
        id=backtest.id,
        domain_id=backtest.domain_id,
        state=state,
        progress=100 if state is JobState.COMPLETED else min(percent, 99),
        created_at=backtest.created_at,
        finished_at=backtest.finished_at,
        failed_reason=reason,
        pages=backtest.pages,
        pages_done=backtest.pages_done,
        snapshots=backtest.snapshots,
        same=backtest.same,
        different=backtest.different,
        new=backtest.new,
        gone=backtest.gone,
    )


async def _state(
    described: WorkflowExecutionDescription | None, backtest: Backtest, pending: bool
) -> tuple[JobState, str | None]:
    """The state, and why it failed or had to be tried again. A report that is whole stays so when
    Temporal has forgotten its workflow; one that is `pending` Temporal is still to be told of.
    """
    if backtest.finished_at is not None:
        return JobState.COMPLETED, None
    if described is None and pending:
        return JobState.WAITING, None
    if described is None:
        return JobState.FAILED, NEVER_HEARD_OF
    history = await JobHistory.read(described)
    if described.status is not WorkflowExecutionStatus.RUNNING:
        ending = history.final_report
        unexplained = UNEXPLAINED.get(
            described.status or WorkflowExecutionStatus.FAILED, NEVER_HEARD_OF
        )
        return JobState.FAILED, (ending.failed_reason if ending else None) or unexplained
    if history.live is None:
        return JobState.ACTIVE if history.partial else JobState.WAITING, None
    now = datetime.now(UTC)
    stand = status_of(described.status, described.start_time, history.live, now)
    return stand.state, history.live.last_error


def finding_view(change: BacktestChange, url: str) -> BacktestChangeView:
    """What the API shows of a line of a report, of the page at `url`."""
    return BacktestChangeView(
        id=change.id,
        page_id=change.page_id,
        url=url,
        verdict=change.verdict,
        detected_at=change.detected_at,
        change_id=change.change_id,
        before_snapshot_id=change.before_id,
        after_snapshot_id=change.after_id,
        reported=_report(
            change.reported_type, change.reported_severity, change.reported_summary, None
        ),
        expected=_report(
            change.expected_type,
            change.expected_severity,
            change.expected_summary,
            change.expected_confidence,
        ),
    )


def _report(
    change_type: str | None, severity: str | None, summary: str | None, confidence: float | None
) -> Report | None:
    if change_type is None or severity is None or summary is None:
        return None
    return Report(
        change_type=ChangeType(change_type),
        severity=Severity(severity),
        summary=summary,
        confidence=confidence,
    )
