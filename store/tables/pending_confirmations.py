"""The table of what was seen of pages once."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from store.db.base import Base


class PendingConfirmation(Base):
    """What a page showed when a job found news that is to be seen again at `due_at`, with the text
    as `core.text.packing` packs it; `url` and `text` are None where the page was gone.

    `look` counts the job's looks at the page, this one among them.
    """

    __tablename__ = "sightings"

    page_id: Mapped[UUID] = mapped_column(
        ForeignKey("pages.id", ondelete="CASCADE"), primary_key=True
    )
    job_id: Mapped[str] = mapped_column(primary_key=True)
    look: Mapped[int]
    due_at: Mapped[datetime]
    url: Mapped[str | None]
    title: Mapped[str | None]
    text: Mapped[bytes | None] = mapped_column(LargeBinary)
