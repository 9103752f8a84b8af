"""The table of pages."""

from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID, uuid4

from sqlalchemy import ForeignKey, Index, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column

from core.schedules import Schedule
from core.tags import NO_TAGS, Tags
from core.web.crawl_settings import CrawlSettings
from store.db.base import Base

FAILING: Final = text("failed_checks > 0")


class PageStatus(StrEnum):
    """The status of a page at its last check."""

    PENDING = "pending"  # never checked
    ACTIVE = "active"  # read by the last check
    GONE = "gone"  # the site answered that it does not exist


class Page(Base):
    """A page of a domain, with the results of its last check.

    `settings_fingerprint` is that of the last check's settings. `snapshot_at` is the time of the
    newest snapshot. `found_same` is set if the last check found the page as it was by a 304 or by
    the same bytes. `not_modified_count` is the number of 304s since the last response with a body;
    `validators_mislead` is set once a changed page came with the validators of before.

    `schedule` is the page's own. `found_at` is when a discovery last found the page, `unlinked_at`
    when one did not. `found_by` is the discovery that found it as a new page, until that is told.
    `failed_checks` counts the failed checks since the last one that worked; the last of them was of
    the job `failed_job`, at `failed_at`, with the error `problem`. `broken_since` is when that was
    told. `prices_read` says that the prices of its stored versions are stored.
    """

    __tablename__ = "pages"
    __table_args__ = (
        UniqueConstraint("domain_id", "url"),
        Index("ix_pages_newest", "domain_id", "snapshot_at"),
        Index("ix_pages_by_creation", "domain_id", "created_at", "id"),
        Index("ix_pages_failing", "domain_id", sqlite_where=FAILING, postgresql_where=FAILING),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    domain_id: Mapped[UUID] = mapped_column(ForeignKey("domains.id", ondelete="CASCADE"))
    url: Mapped[str]
    page_type: Mapped[str]
    title: Mapped[str | None]
    status: Mapped[PageStatus] = mapped_column(default=PageStatus.PENDING)
    monitoring_enabled: Mapped[bool] = mapped_column(default=True)
    schedule: Mapped[Schedule | None]
    found_at: Mapped[datetime | None]
    found_by: Mapped[str | None]
    unlinked_at: Mapped[datetime | None]
    failed_checks: Mapped[int] = mapped_column(default=0, server_default="0")
    failed_job: Mapped[str | None]
    failed_at: Mapped[datetime | None]
    problem: Mapped[str | None]
    broken_since: Mapped[datetime | None]
    prices_read: Mapped[bool] = mapped_column(default=False, server_default=false())
    crawl_settings: Mapped[CrawlSettings | None]
    tags: Mapped[Tags] = mapped_column(default=NO_TAGS, server_default="")
    etag: Mapped[str | None]
    last_modified: Mapped[str | None]
    body_hash: Mapped[str | None]
    text_hash: Mapped[str | None]
    settings_fingerprint: Mapped[str | None] = mapped_column("seen_under")
    found_same: Mapped[bool] = mapped_column(default=False, server_default=false())
    snapshot_id: Mapped[UUID | None]
    snapshot_at: Mapped[datetime | None]
    crawl_count: Mapped[int] = mapped_column("crawls", default=0, server_default="0")
    not_modified_count: Mapped[int] = mapped_column(default=0, server_default="0")
    validators_mislead: Mapped[bool] = mapped_column(default=False, server_default=false())
    last_check_at: Mapped[datetime | None]
    last_change_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
