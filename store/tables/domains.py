"""The table of domains."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID, uuid4

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from core.tags import NO_TAGS, Tags
from core.web.crawl_settings import CrawlSettings
from store.db.base import Base


class DomainStatus(StrEnum):
    """Whether the schedule of a domain runs."""

    ACTIVE = "active"
    PAUSED = "paused"


class Domain(Base):
    """A site that an organisation watches.

    `discovery_lock_holder` is the attempt that holds the discovery lock (`store.discovery_lock`).
    """

    __tablename__ = "domains"
    __table_args__ = (UniqueConstraint("org_id", "domain"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("organisations.id", ondelete="CASCADE"))
    domain: Mapped[str]
    origin: Mapped[str]
    display_name: Mapped[str]
    status: Mapped[DomainStatus] = mapped_column(default=DomainStatus.ACTIVE)
    check_frequency_hours: Mapped[int]
    crawl_settings: Mapped[CrawlSettings | None]
    tags: Mapped[Tags] = mapped_column(default=NO_TAGS, server_default="")
    discovery_job_id: Mapped[str | None]
    discovery_lock_holder: Mapped[str | None] = mapped_column("walked_by")
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
