"""The table of changing lines of pages."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import JSON, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from store.db.base import Base


class PageLine(Base):
    """A changing line of a page, identified by its stable words (`core.changes.muting`).

    `crawls` are the numbers of the latest crawls in which it changed, and `changed_at` is the time
    of the last one. `muted_at` is None if it is not muted.
    """

    __tablename__ = "page_regions"

    page_id: Mapped[UUID] = mapped_column(
        ForeignKey("pages.id", ondelete="CASCADE"), primary_key=True
    )
    key: Mapped[str] = mapped_column(primary_key=True)
    section: Mapped[str | None]
    words: Mapped[str]
    crawls: Mapped[list[int]] = mapped_column(JSON)
    changed_at: Mapped[datetime]
    muted_at: Mapped[datetime | None]
