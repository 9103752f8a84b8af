"""The tables of batches."""

from datetime import datetime
from typing import Final
from uuid import UUID, uuid4

from sqlalchemy import ForeignKey, Index, false, text
from sqlalchemy.orm import Mapped, mapped_column

from store.db.base import Base

BEFORE_ALL: Final = UUID(int=0)
"""An id that sorts before all others in both databases."""

OPEN_BATCHES: Final = text("fanned_out_at IS NULL AND cancelled_at IS NULL")
"""The condition of batches that may still have jobs to start: always few."""


class Batch(Base):
    """A set of pages that are crawled together. No more jobs of a cancelled batch start.

    Jobs start in the order of the page ids. Temporal lists the jobs of all pages up to `listed_to`,
    may list those up to `starting_to`, and has no job of a later page. After `fanned_out_at` no job
    is left to start. `passed_over` is the number of pages skipped because their last crawl had not
    ended, and `over_quota` of those skipped because the organisation had no check left.
    `workflow_id` is the workflow that created the batch, None if a client did. Batches of earlier
    versions have no `readable_ids` (`core.jobs.ids`).

    A request about several domains makes a batch for each, all with its `group_id`: clients follow
    them under that id as one batch (decision 0037).
    """

    __tablename__ = "batches"
    __table_args__ = (
        Index(
            "ix_batches_open",
            "org_id",
            "domain_id",
            sqlite_where=OPEN_BATCHES,
            postgresql_where=OPEN_BATCHES,
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("organisations.id", ondelete="CASCADE"))
    domain_id: Mapped[UUID] = mapped_column(
        ForeignKey("domains.id", ondelete="CASCADE"), index=True
    )
    size: Mapped[int]
    passed_over: Mapped[int] = mapped_column(default=0, server_default="0")
    over_quota: Mapped[int] = mapped_column(default=0, server_default="0")
    workflow_id: Mapped[str | None]
    group_id: Mapped[UUID | None] = mapped_column(index=True)
    readable_ids: Mapped[bool] = mapped_column(default=False, server_default=false())
    starting_to: Mapped[UUID] = mapped_column(default=BEFORE_ALL, server_default=BEFORE_ALL.hex)
    listed_to: Mapped[UUID] = mapped_column(default=BEFORE_ALL, server_default=BEFORE_ALL.hex)
    fanned_out_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(index=True)
    cancelled_at: Mapped[datetime | None]


class BatchPage(Base):
    """A member of a batch."""

    __tablename__ = "batch_pages"

    batch_id: Mapped[UUID] = mapped_column(
        ForeignKey("batches.id", ondelete="CASCADE"), primary_key=True
    )
    page_id: Mapped[UUID] = mapped_column(
        ForeignKey("pages.id", ondelete="CASCADE"), primary_key=True, index=True
    )
