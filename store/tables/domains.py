"""The table of domains."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID, uuid4

from sqlalchemy import ForeignKey, UniqueConstraint, true
from sqlalchemy.orm import Mapped, mapped_column

from core.schedules import Schedule
from core.tags import NO_TAGS, Tags
from core.web.crawl_settings import CrawlSettings
from core.web.watch_rules import WatchRules
from store.db.base import Base


class DomainStatus(StrEnum):
    """Whether the schedule of a domain runs."""

    ACTIVE = "active"
    PAUSED = "paused"


class Domain(Base):
    """A site that an organisation watches.

    `discovery_lock_holder` is the attempt that holds the discovery lock (`store.discovery_lock`).

    `schedule` replaces `check_frequency_hours` if it is set. `discovered_at` is when the last
    discovery ended, None before the first one of the whole site; `discovered_pages` is the number
    of pages that it found, and `discovery_complete` whether it saw all of them.

    `failed_discoveries` in a row failed, the last of which was `failed_discovery`, and
    `low_discoveries` found hardly any page. The two `broken_since` are when it was told that the
    discovery or the checks of most pages do not work.
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
    schedule: Mapped[Schedule | None]
    discover_frequency_hours: Mapped[int] = mapped_column(default=24, server_default="24")
    watch: Mapped[WatchRules | None]
    discovered_at: Mapped[datetime | None]
    discovered_pages: Mapped[int | None]
    discovery_complete: Mapped[bool] = mapped_column(default=True, server_default=true())
    failed_discoveries: Mapped[int] = mapped_column(default=0, server_default="0")
    failed_discovery: Mapped[str | None]
    low_discoveries: Mapped[int] = mapped_column(default=0, server_default="0")
    discovery_broken_since: Mapped[datetime | None]
    discovery_problem: Mapped[str | None]
    checks_broken_since: Mapped[datetime | None]
    checks_problem: Mapped[str | None]
    crawl_settings: Mapped[CrawlSettings | None]
    tags: Mapped[Tags] = mapped_column(default=NO_TAGS, server_default="")
    discovery_job_id: Mapped[str | None]
    discovery_lock_holder: Mapped[str | None] = mapped_column("walked_by")
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
