"""The discovery lock of a domain: at most one attempt of one discovery holds it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Self
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core.errors import AlreadyDiscovering, SubjectGone
from store.tables.domains import Domain

BEFORE_ANY_ATTEMPT: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class LockHolder:
    """An attempt of a discovery. `began_at` is Temporal's time, which orders the attempts of a
    job.
    """

    job_id: str
    began_at: datetime

    def __str__(self) -> str:
        return f"{self.began_at.astimezone(UTC).isoformat(timespec='microseconds')} {self.job_id}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The attempt in its stored form `text`.

        Older versions stored the id of the job only: it stands for an attempt before all others.
        """
        moment, _, job_id = text.partition(" ")
        try:
            began_at = datetime.fromisoformat(moment)
        except ValueError:
            return cls(text, BEFORE_ANY_ATTEMPT)
        return (
            cls(job_id, began_at) if job_id and began_at.tzinfo else cls(text, BEFORE_ANY_ATTEMPT)
        )

    def follows(self, other: "LockHolder") -> bool:
        """Whether this is the same attempt or a later one of the same job."""
        return self.job_id == other.job_id and self.began_at >= other.began_at


async def acquire_discovery_lock(
    session: AsyncSession,
    domain_id: UUID,
    walker: LockHolder,
    *,
    instead_of: LockHolder | None = None,
) -> LockHolder | None:
    """Acquire the lock of the domain; None on success, else the attempt that holds it.

    A later attempt of the same job takes the lock over. `instead_of` is an attempt that is known to
    have ended without releasing the lock.
    """
    domain = await session.scalar(
        select(Domain).where(Domain.id == domain_id).with_for_update(key_share=True)
    )
    if domain is None:
        return None
    holder = (
        LockHolder.parse(domain.discovery_lock_holder) if domain.discovery_lock_holder else None
    )
    if holder is None or holder == instead_of or walker.follows(holder):
        domain.discovery_lock_holder = str(walker)
        return None
    return holder


async def require_discovery_lock(
    session: AsyncSession, domain_id: UUID, walker: LockHolder
) -> None:
    """Require that the attempt holds the lock, and keeps it until the end of the transaction.

    Raises AlreadyDiscovering if another attempt has taken the lock, and SubjectGone if the domain
    does not exist.
    """
    row = (
        await session.execute(
            select(Domain.discovery_lock_holder)
            .where(Domain.id == domain_id)
            .with_for_update(read=True)
        )
    ).one_or_none()
    if row is None:
        raise SubjectGone("The domain does not exist here any more.")
    if row.discovery_lock_holder != str(walker):
        raise AlreadyDiscovering(
            "This attempt was taken for lost, and another one discovers the pages of this domain."
        )


async def release_discovery_lock(
    session: AsyncSession, domain_id: UUID, walker: LockHolder
) -> None:
    """Release the lock if the attempt holds it."""
    await session.execute(
        update(Domain)
        .where(Domain.id == domain_id, Domain.discovery_lock_holder == str(walker))
        .values(discovery_lock_holder=None)
    )
