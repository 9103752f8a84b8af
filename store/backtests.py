"""Queries and writes for backtests: progress and reports."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast
from uuid import UUID, uuid4

from sqlalchemy import CursorResult, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core.changes.backtest import ReportedChange, Verdict
from core.changes.events import Event
from core.errors import NotFound, SubjectGone
from store.db.paging import Paged, PageRequest, paged
from store.db.upsert import ROWS_PER_STATEMENT, upsert
from store.tables.backtests import Backtest, BacktestChange
from store.tables.changes import Change
from store.tables.domains import Domain
from store.tables.pages import Page
from store.tables.snapshots import Snapshot


@dataclass(frozen=True)
class StoredVersion:
    """A snapshot without its contents, and the fingerprint of its crawl settings."""

    id: UUID
    created_at: datetime
    settings_fingerprint: str | None = None


@dataclass(frozen=True)
class Finding:
    """An entry of a report; `confidence` is that of the expected change."""

    verdict: Verdict
    detected_at: datetime
    change_id: UUID | None
    before_id: UUID
    after_id: UUID | None
    reported: ReportedChange | None
    expected: ReportedChange | None
    confidence: float | None


async def add_backtest(
    session: AsyncSession, domain_id: UUID, backtest_id: UUID, at: datetime
) -> None:
    """Add a backtest of the domain's pages that have a snapshot; idempotent by `backtest_id`."""
    pages = await session.scalar(
        select(func.count()).where(Page.domain_id == domain_id, Page.snapshot_id.is_not(None))
    )
    counts = dict.fromkeys(("pages_done", "snapshots", *Verdict), 0)
    await session.execute(
        upsert(session, Backtest)
        .values(id=backtest_id, domain_id=domain_id, created_at=at, pages=pages or 0, **counts)
        .on_conflict_do_nothing()
    )


async def backtest_by_id(session: AsyncSession, backtest_id: UUID) -> Backtest:
    """The backtest of any organisation. Raises SubjectGone if it does not exist."""
    backtest = await session.get(Backtest, backtest_id)
    if backtest is None:
        raise SubjectGone("The backtest does not exist here any more.")
    return backtest


async def get_backtest(session: AsyncSession, org_id: UUID, backtest_id: UUID) -> Backtest:
    """The organisation's backtest. Raises NotFound if there is none with this id."""
    backtest = await session.scalar(
        select(Backtest)
        .join(Domain, Backtest.domain_id == Domain.id)
        .where(Backtest.id == backtest_id, Domain.org_id == org_id)
    )
    if backtest is None:
        raise NotFound("Backtest not found.")
    return backtest


async def list_backtests(
    session: AsyncSession, domain_id: UUID, request: PageRequest
) -> Paged[Backtest]:
    """The domain's backtests, newest first."""
    rows = select(Backtest).where(Backtest.domain_id == domain_id)
    return await paged(session, rows, Backtest.created_at, Backtest.id, request)


async def delete_backtest(session: AsyncSession, backtest_id: UUID) -> None:
    """Delete a backtest and its report, if it exists."""
    await session.execute(delete(Backtest).where(Backtest.id == backtest_id))


async def list_findings(
    session: AsyncSession,
    backtest_id: UUID,
    request: PageRequest,
    *,
    verdict: Verdict | None = None,
    page_id: UUID | None = None,
) -> Paged[BacktestChange]:
    """The report, newest change first, optionally of one verdict or one page."""
    rows = select(BacktestChange).where(BacktestChange.backtest_id == backtest_id)
    if verdict is not None:
        rows = rows.where(BacktestChange.verdict == verdict)
    if page_id is not None:
        rows = rows.where(BacktestChange.page_id == page_id)
    return await paged(session, rows, BacktestChange.detected_at, BacktestChange.id, request)


async def urls_of(session: AsyncSession, page_ids: set[UUID]) -> dict[UUID, str]:
    """The URLs of pages by page id."""
    rows = await session.execute(select(Page.id, Page.url).where(Page.id.in_(page_ids)))
    return {row.id: row.url for row in rows}


async def next_page(session: AsyncSession, backtest: Backtest) -> UUID | None:
    """The next page to examine; None if all are done."""
    rows = (
        select(Page.id)
        .where(Page.domain_id == backtest.domain_id, Page.snapshot_id.is_not(None))
        .order_by(Page.id)
        .limit(1)
    )
    if backtest.last_page_id is not None:
        rows = rows.where(Page.id > backtest.last_page_id)
    return await session.scalar(rows)


async def versions_of(session: AsyncSession, page_id: UUID) -> list[StoredVersion]:
    """The page's snapshots, oldest first."""
    rows = await session.execute(
        select(Snapshot.id, Snapshot.created_at, Snapshot.settings_fingerprint)
        .where(Snapshot.page_id == page_id)
        .order_by(Snapshot.created_at, Snapshot.id)
    )
    return [StoredVersion(*row) for row in rows]


async def changes_of(session: AsyncSession, page_id: UUID) -> list[Change]:
    """The changes that were reported of the page, oldest first, without other events."""
    rows = (
        select(Change)
        .where(Change.page_id == page_id, Change.event == Event.CHANGE)
        .order_by(Change.created_at, Change.id)
    )
    return list((await session.scalars(rows)).all())


async def record_page(
    session: AsyncSession,
    backtest: Backtest,
    page_id: UUID,
    findings: Sequence[Finding],
    snapshots: int,
) -> bool:
    """Add the findings of the next page to the report, and return whether they were added.

    They are not added if another attempt has recorded a page since the caller read `backtest`.
    """
    counts = Counter(each.verdict for each in findings)
    moved = await session.execute(
        update(Backtest)
        .where(
            Backtest.id == backtest.id,
            Backtest.last_page_id.is_not_distinct_from(backtest.last_page_id),
            Backtest.finished_at.is_(None),
        )
        .values(
            last_page_id=page_id,
            pages_done=Backtest.pages_done + 1,
            snapshots=Backtest.snapshots + snapshots,
            same=Backtest.same + counts[Verdict.SAME],
            different=Backtest.different + counts[Verdict.DIFFERENT],
            new=Backtest.new + counts[Verdict.NEW],
            gone=Backtest.gone + counts[Verdict.GONE],
        )
        .execution_options(synchronize_session=False)
    )
    if cast("CursorResult[object]", moved).rowcount == 0:
        return False
    rows = [_row(backtest.id, page_id, each) for each in findings]
    for start in range(0, len(rows), ROWS_PER_STATEMENT):
        await session.execute(insert(BacktestChange), rows[start : start + ROWS_PER_STATEMENT])
    return True


async def finish(session: AsyncSession, backtest_id: UUID, at: datetime) -> Backtest:
    """Record the end of the backtest; idempotent: the first time wins.

    Raises SubjectGone if the backtest does not exist.
    """
    await session.execute(
        update(Backtest)
        .where(Backtest.id == backtest_id, Backtest.finished_at.is_(None))
        .values(finished_at=at)
    )
    return await backtest_by_id(session, backtest_id)


def _row(backtest_id: UUID, page_id: UUID, finding: Finding) -> dict[str, object]:
    reported, expected = finding.reported, finding.expected
    return {
        "id": uuid4(),
        "backtest_id": backtest_id,
        "page_id": page_id,
        "verdict": finding.verdict,
        "detected_at": finding.detected_at,
        "change_id": finding.change_id,
        "before_id": finding.before_id,
        "after_id": finding.after_id,
        "reported_type": reported and reported.change_type,
        "reported_severity": reported and reported.severity,
        "reported_summary": reported and reported.summary,
        "expected_type": expected and expected.change_type,
        "expected_severity": expected and expected.severity,
        "expected_summary": expected and expected.summary,
        "expected_confidence": finding.confidence,
    }
