"""The table of what keys did."""

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from store.db.base import Base


class AuditLine(Base):
    """A request by which a key changed something, or tried to.

    `route` is the path of the route, without what stood in its place; `subject_id` is what the
    request was about, or what it made. `status` is that of the answer.
    """

    __tablename__ = "audit_lines"
    __table_args__ = (Index("ix_audit_lines_by_org", "org_id", "at", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("organisations.id", ondelete="CASCADE"))
    at: Mapped[datetime] = mapped_column(index=True)
    key_id: Mapped[UUID]
    method: Mapped[str]
    route: Mapped[str]
    subject_id: Mapped[str | None]
    status: Mapped[int]
    request_id: Mapped[str | None]
