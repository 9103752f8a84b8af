"""What jobs have seen of pages once, until they see it again."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.changes.detection import SeenPage
from core.text.packing import pack, unpack
from store.db.upsert import upsert
from store.tables.pending_confirmations import Sighting


@dataclass(frozen=True)
class EarlierLook:
    """What a job saw of a page when it looked last, None where the page was gone. The next look is
    due at `due_at`; `number` counts the job's looks.
    """

    number: int
    due_at: datetime
    seen: SeenPage | None


async def earlier_look(session: AsyncSession, page_id: UUID, job_id: str) -> EarlierLook | None:
    """The job's last look at the page; None when it has not looked, or has done with it."""
    row = await session.get(Sighting, (page_id, job_id))
    if row is None:
        return None
    seen = None
    if row.url is not None and row.text is not None:
        seen = SeenPage(row.url, row.title, unpack(row.text))
    return EarlierLook(row.look, row.due_at, seen)


async def remember_look(
    session: AsyncSession, page_id: UUID, job_id: str, look: EarlierLook
) -> datetime:
    """Store the look, unless one of that number is there already; when the next one is due."""
    await session.execute(
        delete(Sighting).where(
            Sighting.page_id == page_id, Sighting.job_id == job_id, Sighting.look < look.number
        )
    )
    await session.execute(
        upsert(session, Sighting)
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
    due = select(Sighting.due_at).where(Sighting.page_id == page_id, Sighting.job_id == job_id)
    return (await session.scalars(due)).one()


async def forget_look(session: AsyncSession, page_id: UUID, job_id: str) -> None:
    """The job has done with the page."""
    await session.execute(
        delete(Sighting).where(Sighting.page_id == page_id, Sighting.job_id == job_id)
    )
