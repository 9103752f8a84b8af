"""The tables of discoveries and their frontiers."""

from datetime import UTC, datetime
from enum import StrEnum
from uuid import UUID

from pydantic import JsonValue
from sqlalchemy import JSON, ForeignKey, Index, false
from sqlalchemy.orm import Mapped, mapped_column

from store.db.base import Base


class FrontierState(StrEnum):
    """The state of a URL of the frontier."""

    PENDING = "pending"
    PAGE_ADDED = "page_added"
    PAGE_KNOWN = "page_known"
    LEFT_OUT = "left_out"
    MISSING = "missing"  # a known page that the walk did not find, to be visited
    UNLINKED = "unlinked"  # such a page, which still answers
    NOT_THERE = "not_there"  # such a page, which does not


class Discovery(Base):
    """A discovery. Its `result` is stored so that a repeated activity returns the same.

    `rows_to_visit` and `rows_left_out` are the numbers of frontier rows to visit and of rows
    excluded without a visit. `without_row` counts further excluded URLs by reason. `checkpoint` is
    the rest of its state (`core.jobs.checkpoint`).
    """

    __tablename__ = "discoveries"

    job_id: Mapped[str] = mapped_column(primary_key=True)
    domain_id: Mapped[UUID] = mapped_column(
        ForeignKey("domains.id", ondelete="CASCADE"), index=True
    )
    created_at: Mapped[datetime] = mapped_column(default=lambda: datetime.now(UTC))
    finished_at: Mapped[datetime | None]
    result: Mapped[JsonValue | None] = mapped_column(JSON(none_as_null=True))
    rows_to_visit: Mapped[int] = mapped_column(default=0, server_default="0")
    rows_left_out: Mapped[int] = mapped_column(default=0, server_default="0")
    without_row: Mapped[dict[str, int] | None] = mapped_column(JSON(none_as_null=True))
    checkpoint: Mapped[JsonValue | None] = mapped_column(JSON(none_as_null=True))


class FrontierUrl(Base):
    """A URL that a running discovery has seen; deleted once the discovery has its result.

    URLs to visit have a `position`, in the order in which they were found. `uses_budget` is set if
    the URL counts towards the limit of a trap (`core.web.traps`).
    """

    __tablename__ = "frontier_urls"
    __table_args__ = (Index("ix_frontier_urls_waiting", "job_id", "state", "depth", "position"),)

    job_id: Mapped[str] = mapped_column(
        ForeignKey("discoveries.job_id", ondelete="CASCADE"), primary_key=True
    )
    url: Mapped[str] = mapped_column(primary_key=True)
    depth: Mapped[int]
    position: Mapped[int | None]
    uses_budget: Mapped[bool] = mapped_column(default=False, server_default=false())
    state: Mapped[FrontierState]
    reason: Mapped[str | None]
