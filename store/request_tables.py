"""The table of requests that may come again."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from store.base import Base


class KeyedRequest(Base):
    """A request that its client may send again, and the seed of the ids of what it made."""

    __tablename__ = "keyed_requests"

    org_id: Mapped[UUID] = mapped_column(
        ForeignKey("organisations.id", ondelete="CASCADE"), primary_key=True
    )
    key: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[str]
    seed: Mapped[UUID]
    created_at: Mapped[datetime] = mapped_column(index=True)
