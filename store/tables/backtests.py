"""The tables of backtests."""

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import Double, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from core.changes.backtest import Verdict
from store.db.base import Base


class Backtest(Base):
    """A backtest of a domain: its progress, and the number of changes for each verdict.

    Pages are examined in the order of their ids; `last_page_id` is the last one done.
    """

    __tablename__ = "backtests"
    __table_args__ = (Index("ix_backtests_newest", "domain_id", "created_at", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    domain_id: Mapped[UUID] = mapped_column(ForeignKey("domains.id", ondelete="CASCADE"))
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    pages: Mapped[int]
    pages_done: Mapped[int]
    snapshots: Mapped[int]
    same: Mapped[int]
    different: Mapped[int]
    new: Mapped[int]
    gone: Mapped[int]
    last_page_id: Mapped[UUID | None]


class BacktestChange(Base):
    """An entry of a report: a reported change, an expected one, or both.

    The ids of the change and the snapshots are not foreign keys, so that these can be removed.
    """

    __tablename__ = "backtest_changes"
    __table_args__ = (Index("ix_backtest_changes_newest", "backtest_id", "detected_at", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    backtest_id: Mapped[UUID] = mapped_column(ForeignKey("backtests.id", ondelete="CASCADE"))
    page_id: Mapped[UUID] = mapped_column(ForeignKey("pages.id", ondelete="CASCADE"), index=True)
    verdict: Mapped[Verdict]
    detected_at: Mapped[datetime]
    change_id: Mapped[UUID | None]
    before_id: Mapped[UUID]
    after_id: Mapped[UUID | None]
    reported_type: Mapped[str | None]
    reported_severity: Mapped[str | None]
    reported_summary: Mapped[str | None]
    expected_type: Mapped[str | None]
    expected_severity: Mapped[str | None]
    expected_summary: Mapped[str | None]
    expected_confidence: Mapped[float | None] = mapped_column(Double)
