"""The tables of requests: those that may come again, and what Temporal has to be told of them."""

from datetime import datetime
from uuid import UUID

from pydantic import JsonValue
from sqlalchemy import JSON, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from store.db.base import Base


class KeyedRequest(Base):
    """A request that its client may send again, the seed of the ids of what it made, and its
    answer: written in the transaction that carries the request out in the store.
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
    """A message of `core.outbox`, left until `due_at` to whoever wrote or took it last.

    No foreign key: that a domain is gone is what one of them tells. `kind` is no enumeration: a
    newer version may have written others.
    """

    __tablename__ = "outbox"

    subject_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(20), primary_key=True)
    domain_id: Mapped[UUID] = mapped_column(index=True)
    message: Mapped[JsonValue] = mapped_column(JSON, nullable=False)
    version: Mapped[UUID]
    due_at: Mapped[datetime] = mapped_column(index=True)
