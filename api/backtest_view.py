"""Backtests and the lines of their reports, as the API shows them."""

from uuid import UUID

from core.changes.backtest import Verdict
from core.changes.rules import ChangeType, Severity
from core.jobs.states import JobState
from core.model import Model, UtcTime
from store.tables.backtests import BacktestChange
from temporal.jobs.backtests import BacktestStatus


class BacktestView(Model):
    """A backtest: its state, which is that of a job, its progress, and its changes by verdict."""

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
    """A reported change. Only an expected one has a `confidence`."""

    change_type: ChangeType
    severity: Severity
    summary: str
    confidence: float | None = None


class BacktestChangeView(Model):
    """A change: as it was `reported`, and as today's rules are `expected` to report it."""

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


def backtest_view(status: BacktestStatus) -> BacktestView:
    """A backtest as the API shows it."""
    backtest = status.backtest
    return BacktestView(
        id=backtest.id,
        domain_id=backtest.domain_id,
        state=status.state,
        progress=status.percent,
        created_at=backtest.created_at,
        finished_at=backtest.finished_at,
        failed_reason=status.reason,
        pages=backtest.pages,
        pages_done=backtest.pages_done,
        snapshots=backtest.snapshots,
        same=backtest.same,
        different=backtest.different,
        new=backtest.new,
        gone=backtest.gone,
    )


def finding_view(change: BacktestChange, url: str) -> BacktestChangeView:
    """A line of a report as the API shows it, for the page at `url`."""
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
