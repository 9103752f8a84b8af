"""The tables of hosts: slots, turns of waiting jobs, robots.txt, kept responses."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import JSON, Index, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from store.db.base import Base


class HostSlot(Base):
    """The time of a host's next free slot, in seconds since 1970."""

    __tablename__ = "host_slots"

    host: Mapped[str] = mapped_column(primary_key=True)
    next_at: Mapped[float]


class HostTurn(Base):
    """The time at which a job that waits for a host may retry, in seconds since 1970.

    `page_id` is the page of a job that a batch has started.
    """

    __tablename__ = "host_turns"
    __table_args__ = (Index("ix_host_turns_due", "host", "due_at"),)

    host: Mapped[str] = mapped_column(primary_key=True)
    job_id: Mapped[str] = mapped_column(primary_key=True)
    due_at: Mapped[float]
    page_id: Mapped[UUID | None] = mapped_column(index=True)


class KeptAnswer(Base):
    """A response that an attempt received before it was deferred.

    `body` is compressed (zlib), and `location` is the target of a redirect.
    """

    __tablename__ = "kept_answers"

    job_id: Mapped[str] = mapped_column(primary_key=True)
    url: Mapped[str] = mapped_column(primary_key=True)
    status: Mapped[int]
    content_type: Mapped[str | None]
    etag: Mapped[str | None]
    last_modified: Mapped[str | None]
    location: Mapped[str | None]
    body: Mapped[bytes] = mapped_column(LargeBinary)
    set_cookies: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    kept_at: Mapped[datetime]


class RobotsRecord(Base):
    """The response for a site's robots.txt."""

    __tablename__ = "robots"

    origin: Mapped[str] = mapped_column(primary_key=True)
    status: Mapped[int]
    body: Mapped[bytes] = mapped_column(LargeBinary)
    fetched_at: Mapped[datetime]
