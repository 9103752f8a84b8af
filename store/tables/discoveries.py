"""Discoveries and their frontiers."""

from datetime import UTC, datetime
from enum import StrEnum
from uuid import UUID

from pydantic import JsonValue
from sqlalchemy import JSON, ForeignKey, Index, false
from sqlalchemy.orm import Mapped, mapped_column

from store.db.base import Base


class FrontierState(StrEnum):
    """What became of a URL that a discovery saw."""

    PENDING = "pending"
    PAGE_ADDED = "page_added"
    PAGE_KNOWN = "page_known"
    LEFT_OUT = "left_out"


class Discovery(Base):
    """A discovery, with its result once it has one: a repeated activity answers the same.

    Of its frontier it counts the rows to visit, and those that are left out without a visit;
    `without_row` says how many more were left out, by reason. `checkpoint` is what
    an attempt needs besides to go on (`core.jobs.checkpoint`).
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
    """A URL that a running discovery has seen. The rows go when it has its result.

    Those to visit have a `position`, in the order they were found; `uses_budget` says that the URL
    counts towards the limit of a trap (`core.web.traps`).
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
