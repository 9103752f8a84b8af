"""What jobs have seen of pages once, until they see it again."""

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
    """What a job saw of a page when it looked last, None where the page was gone. The next look is
    due at `due_at`; `number` counts the job's looks.
    """

    number: int
    due_at: datetime
    seen: SeenPage | None


async def previous_fetch(session: AsyncSession, page_id: UUID, job_id: str) -> PreviousFetch | None:
    """The job's last look at the page; None when it has not looked, or has done with it."""
    row = await session.get(PendingConfirmation, (page_id, job_id))
    if row is None:
        return None
    seen = None
    if row.url is not None and row.text is not None:
        seen = SeenPage(row.url, row.title, unpack(row.text))
    return PreviousFetch(row.look, row.due_at, seen)


async def store_pending_confirmation(
    session: AsyncSession, page_id: UUID, job_id: str, look: PreviousFetch
) -> datetime:
    """Store the look, unless one of that number is there already; when the next one is due."""
    await session.execute(
        delete(PendingConfirmation).where(
            PendingConfirmation.page_id == page_id,
            PendingConfirmation.job_id == job_id,
            PendingConfirmation.look < look.number,
        )
    )
    await session.execute(
        upsert(session, PendingConfirmation)
        .values(
            page_id=page_id,
            job_id=job_id,
            look=look.number,
            due_at=look.due_at,
            url=look.seen.url if look.seen else None,
            title=look.seen.title if look.seen else None,
            text=pack(look.seen.text).data if look.seen else None,
        )
        .on_conflict_do_nothing()
    )
    due = select(PendingConfirmation.due_at).where(
        PendingConfirmation.page_id == page_id, PendingConfirmation.job_id == job_id
    )
    return (await session.scalars(due)).one()


async def delete_pending_confirmation(session: AsyncSession, page_id: UUID, job_id: str) -> None:
    """The job has done with the page."""
    await session.execute(
        delete(PendingConfirmation).where(
            PendingConfirmation.page_id == page_id, PendingConfirmation.job_id == job_id
        )
    )
