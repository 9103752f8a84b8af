"""The rows of the outbox: messages that a transaction writes or withdraws."""

from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

from pydantic import ValidationError
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.outbox import JobMessage, Message, MessageKind
from store.db.upsert import upsert
from store.tables.domains import Domain
from store.tables.requests import OutboxMessage

MESSAGE_LEASE: Final = timedelta(seconds=20)
"""Time for which the process that wrote or took a message holds it: longer than a request."""


async def put(session: AsyncSession, message: Message) -> None:
    """Write a message; it replaces the one of the same kind and subject."""
    written = {
        "message": message.model_dump(mode="json", by_alias=True),
        "version": uuid4(),
        "due_at": datetime.now(UTC) + MESSAGE_LEASE,
    }
    await session.execute(
        upsert(session, OutboxMessage)
        .values(
            subject_id=message.subject_id,
            kind=message.kind,
            domain_id=message.domain_id,
            **written,
        )
        .on_conflict_do_update(
            index_elements=[OutboxMessage.subject_id, OutboxMessage.kind], set_=written
        )
    )


async def withdraw(
    session: AsyncSession, subject_id: UUID, kind: MessageKind | None = None
) -> None:
    """Remove the messages of a subject, or only the one of a kind."""
    rows = delete(OutboxMessage).where(OutboxMessage.subject_id == subject_id)
    await session.execute(rows if kind is None else rows.where(OutboxMessage.kind == kind))


async def withdraw_domain(session: AsyncSession, domain_id: UUID) -> None:
    """Remove all messages of a domain that is deleted, except those that delete the schedules of
    pages that were deleted before it.
    """
    await session.execute(
        delete(OutboxMessage).where(
            OutboxMessage.domain_id == domain_id, OutboxMessage.kind != MessageKind.PAGE_SCHEDULE
        )
    )


async def is_pending(session: AsyncSession, subject_id: UUID, kind: MessageKind) -> bool:
    """Whether the subject has a message of this kind."""
    return await session.get(OutboxMessage, (subject_id, kind)) is not None


async def pending_jobs(session: AsyncSession, org_id: UUID) -> list[str]:
    """The ids of the single jobs of the organisation that requests have accepted, and that may not
    be started yet.
    """
    domains = select(Domain.id).where(Domain.org_id == org_id)
    rows = await session.scalars(
        select(OutboxMessage).where(
            OutboxMessage.kind == MessageKind.JOB.value, OutboxMessage.domain_id.in_(domains)
        )
    )
    return [_job_id(row) for row in rows]


def _job_id(row: OutboxMessage) -> str:
    try:
        return JobMessage.model_validate(row.message).job_id
    except ValidationError:  # a newer version wrote it
        return str(row.subject_id)
