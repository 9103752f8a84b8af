"""Queries and writes for the audit log: what keys did."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from store.db.paging import Paged, PageRequest, paged
from store.tables.accounts import ApiKey
from store.tables.audit import AuditLine


@dataclass(frozen=True)
class AuditFilter:
    """A selection of the lines of one organisation. None matches everything."""

    key_id: UUID | None = None
    subject_id: str | None = None
    method: str | None = None
    since: datetime | None = None
    until: datetime | None = None


async def list_audit(
    session: AsyncSession, org_id: UUID, wanted: AuditFilter, request: PageRequest
) -> Paged[AuditLine]:
    """The organisation's lines that match, newest first: at `since` or later, before `until`."""
    rows = select(AuditLine).where(AuditLine.org_id == org_id)
    for column, value in (
        (AuditLine.key_id, wanted.key_id),
        (AuditLine.subject_id, wanted.subject_id),
        (AuditLine.method, wanted.method),
    ):
        if value is not None:
            rows = rows.where(column == value)
    if wanted.since is not None:
        rows = rows.where(AuditLine.at >= wanted.since)
    if wanted.until is not None:
        rows = rows.where(AuditLine.at < wanted.until)
    return await paged(session, rows, AuditLine.at, AuditLine.id, request)


async def names_of_keys(
    session: AsyncSession, org_id: UUID, key_ids: Sequence[UUID]
) -> dict[UUID, str | None]:
    """The names of those keys of the organisation."""
    rows = select(ApiKey.id, ApiKey.name).where(ApiKey.org_id == org_id, ApiKey.id.in_(key_ids))
    return {row.id: row.name for row in await session.execute(rows)}
