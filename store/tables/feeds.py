"""The table of feeds."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID, uuid4

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from store.db.base import Base


class FeedKind(StrEnum):
    """What a feed is of."""

    ORGANISATION = "organisation"
    DOMAIN = "domain"
    TAG = "tag"
    ALERT = "alert"


class Feed(Base):
    """A feed at an address with a token, which is stored as its SHA-256 hash.

    It has one of `domain_id`, `tag` and `alert_id`, or none if it is of the organisation.
    """

    __tablename__ = "feeds"
    __table_args__ = (Index("ix_feeds_by_org", "org_id", "created_at", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("organisations.id", ondelete="CASCADE"))
    name: Mapped[str]
    kind: Mapped[FeedKind]
    domain_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("domains.id", ondelete="CASCADE"), index=True
    )
    alert_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("alerts.id", ondelete="CASCADE"), index=True
    )
    tag: Mapped[str | None]
    token_hash: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime]
