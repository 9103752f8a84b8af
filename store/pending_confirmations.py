"""Pending confirmations: fetches that found a change and wait for a second fetch."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.changes.detection import SeenPage
from core.text.packing import pack, unpack
from store.db.upsert import upsert
from store.tables.pending_confirmations import PendingConfirmation


@dataclass(frozen=True)
class PreviousFetch:
    """A job's previous fetch of a page, as number `number` (from 1).

    `seen` is the content, None if the page was gone. The next fetch is due at `due_at`.
    """

    number: int
    due_at: datetime
    seen: SeenPage | None


async def previous_fetch(session: AsyncSession, page_id: UUID, job_id: str) -> PreviousFetch | None:
    """The job's previous fetch of the page; None if no confirmation is pending."""
    row = await session.get(PendingConfirmation, (page_id, job_id))
    if row is None:
        return None
    seen = None
    if row.url is not None and row.text is not None:
        seen = SeenPage(row.url, row.title, unpack(row.text))
    return PreviousFetch(row.fetch_number, row.due_at, seen)


async def store_pending_confirmation(
    session: AsyncSession, page_id: UUID, job_id: str, fetch: PreviousFetch
) -> datetime:
    """Store a fetch that needs confirmation, and return when the next fetch is due.

    Idempotent by the number of the fetch: the first time wins.
    """
    await session.execute(
        delete(PendingConfirmation).where(
            PendingConfirmation.page_id == page_id,
            PendingConfirmation.job_id == job_id,
            PendingConfirmation.fetch_number < fetch.number,
        )
    )
    await session.execute(
        upsert(session, PendingConfirmation)
        .values(
            page_id=page_id,
            job_id=job_id,
            look=fetch.number,
            due_at=fetch.due_at,
            url=fetch.seen.url if fetch.seen else None,
            title=fetch.seen.title if fetch.seen else None,
            text=pack(fetch.seen.text).data if fetch.seen else None,
        )
        .on_conflict_do_nothing()
    )
    due = select(PendingConfirmation.due_at).where(
        PendingConfirmation.page_id == page_id, PendingConfirmation.job_id == job_id
    )
    return (await session.scalars(due)).one()


async def delete_pending_confirmation(session: AsyncSession, page_id: UUID, job_id: str) -> None:
    """Delete the job's pending confirmation of the page, if there is one."""
    await session.execute(
        delete(PendingConfirmation).where(
            PendingConfirmation.page_id == page_id, PendingConfirmation.job_id == job_id
        )
    )
