"""The implementation of `core.outbox` in the database."""

import logging
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import delete, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.outbox import (
    Entry,
    Message,
    MessageKind,
    RecurringCrawl,
    RecurringDiscovery,
    RecurringPageCrawl,
)
from core.schedules import Schedule, every_hours
from core.web.watch_rules import WATCH_ALL
from store.batches import batch_pages
from store.channels import channel_names
from store.db.engine import Database
from store.deliveries import neglected_channels
from store.job_ends import claim_ends
from store.matching import match_change
from store.outbox_rows import MESSAGE_LEASE, is_pending, put, withdraw, withdraw_domain
from store.owners import owner_of
from store.rule_indexes import RuleIndexes
from store.tables.domains import Domain, DomainStatus
from store.tables.job_ends import JobEnd
from store.tables.pages import Page
from store.tables.requests import OutboxMessage

PAGES_PER_READ: Final = 50

__all__ = [
    "MESSAGE_LEASE",
    "DatabaseOutbox",
    "is_pending",
    "put",
    "withdraw",
    "withdraw_domain",
]

ANY_MESSAGE: Final[TypeAdapter[Message]] = TypeAdapter(Message)
MESSAGE_ORDER: Final = list(MessageKind)

log = logging.getLogger(__name__)


def crawl_schedule_of(domain: Domain) -> Schedule:
    """When the domain is crawled."""
    return domain.schedule or every_hours(domain.check_frequency_hours)


async def oldest_due(session: AsyncSession) -> datetime | None:
    """The time since which the oldest message waits for a reconciler; None if there is none."""
    return await session.scalar(select(func.min(OutboxMessage.due_at)))


class DatabaseOutbox:
    """The outbox of a database; each method runs in its own transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._indexes = RuleIndexes()

    async def of_subject(self, subject_id: UUID) -> list[Entry]:
        """See `Outbox.of_subject`."""
        async with self._database.reading() as session:
            rows = await session.scalars(
                select(OutboxMessage).where(OutboxMessage.subject_id == subject_id)
            )
            return sorted(_entries(rows), key=lambda entry: MESSAGE_ORDER.index(entry.message.kind))

    async def take_due(self, limit: int) -> list[Entry]:
        """See `Outbox.take_due`."""
        due = select(OutboxMessage).order_by(OutboxMessage.due_at).limit(limit)
        now = datetime.now(UTC)
        # No lease is longer: it was written while the clock was ahead.
        outlasts = OutboxMessage.due_at > now + 2 * MESSAGE_LEASE
        due = due.where(or_(OutboxMessage.due_at <= now, outlasts))
        async with self._database.reading() as session:
            # Usually there is none, and a write transaction would wait for others.
            if await session.scalar(due.limit(1)) is None:
                return []
        async with self._database.transaction() as session:
            rows = (await session.scalars(due.with_for_update(skip_locked=True))).all()
            for row in rows:
                row.due_at = datetime.now(UTC) + MESSAGE_LEASE
        return _entries(rows)

    async def remove(self, entry: Entry) -> None:
        """See `Outbox.remove`."""
        async with self._database.transaction() as session:
            await session.execute(
                delete(OutboxMessage).where(
                    OutboxMessage.subject_id == entry.message.subject_id,
                    OutboxMessage.kind == entry.message.kind,
                    OutboxMessage.version == entry.version,
                )
            )

    async def recurring_crawl(self, domain_id: UUID) -> RecurringCrawl | None:
        """See `Outbox.recurring_crawl`."""
        async with self._database.reading() as session:
            domain = await session.get(Domain, domain_id)
        if domain is None:
            return None
        return RecurringCrawl(
            domain_id=domain.id,
            name=domain.domain,
            fairness_key=owner_of(domain).fairness_key,
            schedule=crawl_schedule_of(domain),
            since=domain.created_at,
            paused=domain.status is DomainStatus.PAUSED,
        )

    async def recurring_discovery(self, domain_id: UUID) -> RecurringDiscovery | None:
        """As `Outbox.recurring_discovery` says."""
        async with self._database.reading() as session:
            domain = await session.get(Domain, domain_id)
        if domain is None or not domain.discover_frequency_hours:
            return None
        return RecurringDiscovery(
            owner=owner_of(domain),
            schedule=every_hours(domain.discover_frequency_hours),
            since=domain.created_at,
            paused=domain.status is DomainStatus.PAUSED,
            max_pages=(domain.watch or WATCH_ALL).max_pages,
        )

    async def recurring_page_crawl(self, page_id: UUID) -> RecurringPageCrawl | None:
        """As `Outbox.recurring_page_crawl` says."""
        async with self._database.reading() as session:
            page = await session.get(Page, page_id)
            domain = None if page is None else await session.get(Domain, page.domain_id)
        if page is None or domain is None or page.schedule is None:
            return None
        return RecurringPageCrawl(
            owner=owner_of(domain, page),
            schedule=page.schedule,
            since=page.created_at,
            paused=domain.status is DomainStatus.PAUSED or not page.monitoring_enabled,
        )

    async def batch_jobs(self, batch_id: UUID, after: UUID | None) -> Sequence[tuple[UUID, str]]:
        """See `Outbox.batch_jobs`."""
        async with self._database.reading() as session:
            members = await batch_pages(session, batch_id, after, PAGES_PER_READ)
        return [(each.page_id, each.job_id) for each in members]

    async def claim_cancelled(self, run_id: str) -> bool:
        """See `Outbox.claim_cancelled`."""
        async with self._database.transaction() as session:
            ends = await claim_ends(session, [run_id], JobEnd.CANCELLED)
        return ends[run_id] is JobEnd.CANCELLED

    async def match_change(self, change_id: UUID) -> Sequence[UUID]:
        """As `Outbox.match_change` says."""
        async with self._database.transaction() as session:
            return await match_change(session, change_id, datetime.now(UTC), self._indexes)

    async def neglected_channels(self) -> Sequence[UUID]:
        """As `Outbox.neglected_channels` says."""
        async with self._database.reading() as session:
            return await neglected_channels(session, datetime.now(UTC))

    async def channel_names(self, channel_ids: Collection[UUID]) -> dict[UUID, str]:
        """As `Outbox.channel_names` says."""
        async with self._database.reading() as session:
            return await channel_names(session, channel_ids)


def _entries(rows: Iterable[OutboxMessage]) -> list[Entry]:
    entries = []
    for row in rows:
        try:
            entries.append(Entry(ANY_MESSAGE.validate_python(row.message), row.version))
        except ValidationError:
            # A newer version wrote it, and its processes will deliver it.
            log.warning("cannot read the %s message of %s", row.kind, row.subject_id)
    return entries
