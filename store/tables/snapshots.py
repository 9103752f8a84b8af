"""The tables of snapshots and their contents."""

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import ForeignKey, Index, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from core.text.packing import unpack
from store.db.base import Base


class Content(Base):
    """A packed text (`core.text.packing`), shared by all snapshots that have it."""

    __tablename__ = "contents"

    key: Mapped[str] = mapped_column(primary_key=True)
    data: Mapped[bytes] = mapped_column(LargeBinary)

    @property
    def text(self) -> str:
        """The unpacked text."""
        return unpack(self.data)


class Snapshot(Base):
    """A version of a page, stored by the job that found it. Its main text is read when somebody
    asks for it.

    Its contents are loaded only by queries that ask for them (`store.snapshots`).
    """

    __tablename__ = "snapshots"
    __table_args__ = (
        UniqueConstraint("page_id", "job_id"),
        Index("ix_snapshots_newest", "page_id", "created_at", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    page_id: Mapped[UUID] = mapped_column(ForeignKey("pages.id", ondelete="CASCADE"))
    job_id: Mapped[str]
    url: Mapped[str]
    status_code: Mapped[int]
    title: Mapped[str | None]
    text_key: Mapped[str] = mapped_column(ForeignKey("contents.key"), index=True)
    main_text_key: Mapped[str | None] = mapped_column(ForeignKey("contents.key"), index=True)
    html_key: Mapped[str | None] = mapped_column(ForeignKey("contents.key"), index=True)
    text_hash: Mapped[str]
    body_hash: Mapped[str]
    settings_fingerprint: Mapped[str | None] = mapped_column("seen_under")
    created_at: Mapped[datetime] = mapped_column(index=True)

    text_content: Mapped[Content] = relationship(foreign_keys=text_key, lazy="raise", viewonly=True)
    main_text_content: Mapped[Content | None] = relationship(
        foreign_keys=main_text_key, lazy="raise", viewonly=True
    )
    html_content: Mapped[Content | None] = relationship(
        foreign_keys=html_key, lazy="raise", viewonly=True
    )

    @property
    def text(self) -> str:
        """The compared text, in stored form (`core.text.stored_text`)."""
        return self.text_content.text

    @property
    def main_text(self) -> str | None:
        """The article part of the page, as the extraction library finds it; None if it was not read
        yet.
        """
        return self.main_text_content.text if self.main_text_content else None

    @property
    def html(self) -> str | None:
        """The HTML document; None if it was not kept."""
        return self.html_content.text if self.html_content else None
