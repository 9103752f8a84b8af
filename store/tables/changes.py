"""The table of changes."""

from datetime import datetime
from uuid import UUID, uuid4

from pydantic import JsonValue
from sqlalchemy import JSON, Double, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from core.changes.events import Event
from core.changes.price_list import PriceMove
from store.db.base import Base
from store.db.types import PriceMoves


class Change(Base):
    """A change of a page between two snapshots; `after_id` is None if the page is gone.

    An `event` of another kind (`core.changes.events`) has no snapshot before it, and one after it
    only if it is about a new page that was read. One about a whole domain has no page.

    `prices` are the prices that changed; None for a change of a release that stored none.
    `org_id` is the organisation of the domain, for the index. `diff` is loaded only by queries that
    ask for it, and raises an error otherwise.
    """

    __tablename__ = "changes"
    __table_args__ = (
        UniqueConstraint("page_id", "job_id", "event"),
        Index("ix_changes_newest", "domain_id", "created_at", "id"),
        Index("ix_changes_by_org", "org_id", "created_at", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("organisations.id", ondelete="CASCADE"))
    domain_id: Mapped[UUID] = mapped_column(ForeignKey("domains.id", ondelete="CASCADE"))
    page_id: Mapped[UUID | None] = mapped_column(ForeignKey("pages.id", ondelete="CASCADE"))
    job_id: Mapped[str]
    before_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("snapshots.id", ondelete="CASCADE"), index=True
    )
    after_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("snapshots.id", ondelete="CASCADE"), index=True
    )
    event: Mapped[Event] = mapped_column(default=Event.CHANGE, server_default=Event.CHANGE)
    change_type: Mapped[str]
    severity: Mapped[str]
    confidence: Mapped[float] = mapped_column(Double)
    summary: Mapped[str]
    prices: Mapped[tuple[PriceMove, ...] | None] = mapped_column(PriceMoves())
    diff: Mapped[JsonValue] = mapped_column(
        JSON, nullable=False, deferred=True, deferred_raiseload=True
    )
    created_at: Mapped[datetime] = mapped_column(index=True)
    acknowledged_at: Mapped[datetime | None]
    acknowledged_by: Mapped[str | None]
