"""The tables of requests with an Idempotency-Key, and of the outbox."""

from datetime import datetime
from uuid import UUID

from pydantic import JsonValue
from sqlalchemy import JSON, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from store.db.base import Base


class KeyedRequest(Base):
    """A request with an Idempotency-Key, written in the transaction that processes it.

    `seed` determines the ids of what the request creates. `answer` is None until it is processed.
    """

    __tablename__ = "keyed_requests"

    org_id: Mapped[UUID] = mapped_column(
        ForeignKey("organisations.id", ondelete="CASCADE"), primary_key=True
    )
    key: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[str]
    seed: Mapped[UUID]
    answer: Mapped[JsonValue | None] = mapped_column(JSON(none_as_null=True))
    created_at: Mapped[datetime] = mapped_column(index=True)


class OutboxMessage(Base):
    """A message of `core.outbox`; until `due_at` the process that wrote or took it holds it.

    `domain_id` is not a foreign key, because a message outlives its domain to delete the schedule.
    `kind` is not an enumeration, because a newer version may have written other kinds.
    """

    __tablename__ = "outbox"

    subject_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(20), primary_key=True)
    domain_id: Mapped[UUID] = mapped_column(index=True)
    message: Mapped[JsonValue] = mapped_column(JSON, nullable=False)
    version: Mapped[UUID]
    due_at: Mapped[datetime] = mapped_column(index=True)
