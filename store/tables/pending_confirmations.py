"""The table of fetches that need confirmation."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from store.db.base import Base


class PendingConfirmation(Base):
    """A fetch of a page that found a change, which a second fetch at `due_at` confirms.

    `fetch_number` counts the job's fetches of the page, from 1. `text` is packed
    (`core.text.packing`); `url` and `text` are None if the page was gone.
    """

    __tablename__ = "sightings"

    page_id: Mapped[UUID] = mapped_column(
        ForeignKey("pages.id", ondelete="CASCADE"), primary_key=True
    )
    job_id: Mapped[str] = mapped_column(primary_key=True)
    fetch_number: Mapped[int] = mapped_column("look")
    due_at: Mapped[datetime]
    url: Mapped[str | None]
    title: Mapped[str | None]
    text: Mapped[bytes | None] = mapped_column(LargeBinary)
