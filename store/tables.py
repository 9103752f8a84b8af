"""The tables."""

from datetime import UTC, datetime
from enum import StrEnum
from uuid import UUID, uuid4

from pydantic import JsonValue
from sqlalchemy import (
    JSON,
    Double,
    ForeignKey,
    Index,
    LargeBinary,
    UniqueConstraint,
    false,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from core.crawlsettings import CrawlSettings
from core.packing import unpack
from store.base import Base


class DomainStatus(StrEnum):
    """Whether a domain is crawled at its frequency."""

    ACTIVE = "active"
    PAUSED = "paused"


class PageStatus(StrEnum):
    """What is known of a page."""

    PENDING = "pending"  # found, never crawled
    ACTIVE = "active"  # the last crawl read it
    GONE = "gone"  # the site said that it does not exist


class FrontierState(StrEnum):
    """What became of a URL that a discovery saw."""

    PENDING = "pending"
    PAGE_ADDED = "page_added"
    PAGE_KNOWN = "page_known"
    LEFT_OUT = "left_out"


class Organisation(Base):
    """Who owns domains and jobs."""

    __tablename__ = "organisations"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    name: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime]


class ApiKey(Base):
    """A key of an organisation, as a SHA-256 hash."""

    __tablename__ = "api_keys"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("organisations.id", ondelete="CASCADE"))
    key_hash: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class Domain(Base):
    """A site that an organisation watches; `walked_by` is the attempt that walks it now
    (`store.turns`).
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
    discovery_job_id: Mapped[str | None]
    walked_by: Mapped[str | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Page(Base):
    """A page of a domain, with what the next crawl needs of the last one.

    `seen_under` is the fingerprint of the settings that the last crawl used, `snapshot_at` when its
    newest snapshot was made.
    """

    __tablename__ = "pages"
    __table_args__ = (
        UniqueConstraint("domain_id", "url"),
        Index("ix_pages_newest", "domain_id", "snapshot_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    domain_id: Mapped[UUID] = mapped_column(ForeignKey("domains.id", ondelete="CASCADE"))
    url: Mapped[str]
    page_type: Mapped[str]
    title: Mapped[str | None]
    status: Mapped[PageStatus] = mapped_column(default=PageStatus.PENDING)
    monitoring_enabled: Mapped[bool] = mapped_column(default=True)
    crawl_settings: Mapped[CrawlSettings | None]
    etag: Mapped[str | None]
    last_modified: Mapped[str | None]
    body_hash: Mapped[str | None]
    text_hash: Mapped[str | None]
    seen_under: Mapped[str | None]
    snapshot_id: Mapped[UUID | None]
    snapshot_at: Mapped[datetime | None]
    crawls: Mapped[int] = mapped_column(default=0, server_default="0")
    last_check_at: Mapped[datetime | None]
    last_change_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class Content(Base):
    """A text that snapshots hold, once however many do, as `core.packing` packs it."""

    __tablename__ = "contents"

    key: Mapped[str] = mapped_column(primary_key=True)
    data: Mapped[bytes] = mapped_column(LargeBinary)

    @property
    def text(self) -> str:
        """The text."""
        return unpack(self.data)


class Snapshot(Base):
    """What a page showed when a job found it new or different.

    Its contents are read only where a query asks for them: `store.snapshots`.
    """

    __tablename__ = "snapshots"
    __table_args__ = (
        UniqueConstraint("page_id", "job_id"),
        Index("ix_snapshots_newest", "page_id", "created_at", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    page_id: Mapped[UUID] = mapped_column(ForeignKey("pages.id", ondelete="CASCADE"))
    job_id: Mapped[str]
    url: Mapped[str]
    status_code: Mapped[int]
    title: Mapped[str | None]
    text_key: Mapped[str] = mapped_column(ForeignKey("contents.key"), index=True)
    main_text_key: Mapped[str] = mapped_column(ForeignKey("contents.key"), index=True)
    html_key: Mapped[str | None] = mapped_column(ForeignKey("contents.key"), index=True)
    text_hash: Mapped[str]
    body_hash: Mapped[str]
    seen_under: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(index=True)

    text_content: Mapped[Content] = relationship(foreign_keys=text_key, lazy="raise", viewonly=True)
    main_text_content: Mapped[Content] = relationship(
        foreign_keys=main_text_key, lazy="raise", viewonly=True
    )
    html_content: Mapped[Content | None] = relationship(
        foreign_keys=html_key, lazy="raise", viewonly=True
    )

    @property
    def text(self) -> str:
        """The content that a reader saw."""
        return self.text_content.text

    @property
    def main_text(self) -> str:
        """What a library takes for the article."""
        return self.main_text_content.text

    @property
    def html(self) -> str | None:
        """The document, where it was kept."""
        return self.html_content.text if self.html_content else None


class Change(Base):
    """How a page differs from what it showed before; without `after_id` it is gone."""

    __tablename__ = "changes"
    __table_args__ = (
        UniqueConstraint("page_id", "job_id"),
        Index("ix_changes_newest", "domain_id", "created_at", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    domain_id: Mapped[UUID] = mapped_column(ForeignKey("domains.id", ondelete="CASCADE"))
    page_id: Mapped[UUID] = mapped_column(ForeignKey("pages.id", ondelete="CASCADE"))
    job_id: Mapped[str]
    before_id: Mapped[UUID] = mapped_column(
        ForeignKey("snapshots.id", ondelete="CASCADE"), index=True
    )
    after_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("snapshots.id", ondelete="CASCADE"), index=True
    )
    change_type: Mapped[str]
    severity: Mapped[str]
    confidence: Mapped[float] = mapped_column(Double)
    summary: Mapped[str]
    diff: Mapped[JsonValue] = mapped_column(JSON, nullable=False)
    created_at: Mapped[datetime] = mapped_column(index=True)
    acknowledged_at: Mapped[datetime | None]
    acknowledged_by: Mapped[str | None]


class Discovery(Base):
    """A discovery, with its result once it has one: a repeated activity answers the same.

    Of its frontier it counts the rows to visit, and those that are left out without a visit;
    `without_row` says how many more were left out, by reason. `checkpoint` is what
    an attempt needs besides to go on (`core.checkpoint`).
    """

    __tablename__ = "discoveries"

    job_id: Mapped[str] = mapped_column(primary_key=True)
    domain_id: Mapped[UUID] = mapped_column(
        ForeignKey("domains.id", ondelete="CASCADE"), index=True
    )
    created_at: Mapped[datetime] = mapped_column(default=lambda: datetime.now(UTC))
    finished_at: Mapped[datetime | None]
    result: Mapped[JsonValue | None] = mapped_column(JSON(none_as_null=True))
    rows_to_visit: Mapped[int] = mapped_column(default=0, server_default="0")
    rows_left_out: Mapped[int] = mapped_column(default=0, server_default="0")
    without_row: Mapped[dict[str, int] | None] = mapped_column(JSON(none_as_null=True))
    checkpoint: Mapped[JsonValue | None] = mapped_column(JSON(none_as_null=True))


class FrontierUrl(Base):
    """A URL that a running discovery has seen. The rows go when it has its result.

    Those to visit have a `position`, in the order they were found; `uses_budget` says that the URL
    counts towards the limit of a trap (`core.traps`).
    """

    __tablename__ = "frontier_urls"
    __table_args__ = (Index("ix_frontier_urls_waiting", "job_id", "state", "depth", "position"),)

    job_id: Mapped[str] = mapped_column(
        ForeignKey("discoveries.job_id", ondelete="CASCADE"), primary_key=True
    )
    url: Mapped[str] = mapped_column(primary_key=True)
    depth: Mapped[int]
    position: Mapped[int | None]
    uses_budget: Mapped[bool] = mapped_column(default=False, server_default=false())
    state: Mapped[FrontierState]
    reason: Mapped[str | None]


class HostSlot(Base):
    """When the next request to a host may be made, in seconds since 1970."""

    __tablename__ = "host_slots"

    host: Mapped[str] = mapped_column(primary_key=True)
    next_at: Mapped[float]


class HostTurn(Base):
    """When a job that had to wait for a host comes back to its gate, in seconds since 1970."""

    __tablename__ = "host_turns"
    __table_args__ = (Index("ix_host_turns_due", "host", "due_at"),)

    host: Mapped[str] = mapped_column(primary_key=True)
    job_id: Mapped[str] = mapped_column(primary_key=True)
    due_at: Mapped[float]


class KeptAnswer(Base):
    """An answer of a site that an attempt got before it was deferred; `body` is compressed (zlib).

    `location` is the target of a redirect.
    """

    __tablename__ = "kept_answers"

    job_id: Mapped[str] = mapped_column(primary_key=True)
    url: Mapped[str] = mapped_column(primary_key=True)
    status: Mapped[int]
    content_type: Mapped[str | None]
    etag: Mapped[str | None]
    last_modified: Mapped[str | None]
    location: Mapped[str | None]
    body: Mapped[bytes] = mapped_column(LargeBinary)
    kept_at: Mapped[datetime]


class RobotsRecord(Base):
    """What a site's robots.txt answered."""

    __tablename__ = "robots"

    origin: Mapped[str] = mapped_column(primary_key=True)
    status: Mapped[int]
    body: Mapped[bytes] = mapped_column(LargeBinary)
    fetched_at: Mapped[datetime]
