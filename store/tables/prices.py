"""The table of prices."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID, uuid4

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from core.changes.price_list import PricePeriod
from store.db.base import Base
from store.db.types import DecimalText

HOLDS = text("ended_at IS NULL")


class Price(Base):
    """A price that a page shows or has shown, from `first_seen_at` on.

    `ended_at` is when a check found another version of the page without it, None while it holds;
    `last_seen_at` is the last check before that which found it, None while the page shows it.
    """

    __tablename__ = "prices"
    __table_args__ = (
        Index("ix_prices_of_page", "page_id", "first_seen_at", "id"),
        Index("ix_prices_of_domain", "domain_id", "first_seen_at", "id"),
        Index("ix_prices_held", "page_id", sqlite_where=HOLDS, postgresql_where=HOLDS),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    domain_id: Mapped[UUID] = mapped_column(ForeignKey("domains.id", ondelete="CASCADE"))
    page_id: Mapped[UUID] = mapped_column(ForeignKey("pages.id", ondelete="CASCADE"))
    plan: Mapped[str | None]
    amount: Mapped[Decimal] = mapped_column(DecimalText())
    currency: Mapped[str | None]
    period: Mapped[PricePeriod | None]
    first_seen_at: Mapped[datetime]
    last_seen_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None] = mapped_column(index=True)
