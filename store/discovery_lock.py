"""Whose turn it is to walk a domain: one attempt of one discovery does at a time."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Self
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core.errors import AlreadyDiscovering, SubjectGone
from store.tables.domains import Domain

LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Walker:
    """An attempt of a discovery. Of two attempts of one job the later one began later, by the clock
    of Temporal.
    """

    job_id: str
    began_at: datetime

    def __str__(self) -> str:
        return f"{self.began_at.astimezone(UTC).isoformat(timespec='microseconds')} {self.job_id}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The attempt that `text` stands for. An older version wrote the id of the job alone: that
        is an attempt before any other.
        """
        moment, _, job_id = text.partition(" ")
        try:
            began_at = datetime.fromisoformat(moment)
        except ValueError:
            return cls(text, LONG_AGO)
        return cls(job_id, began_at) if job_id and began_at.tzinfo else cls(text, LONG_AGO)

    def follows(self, other: "Walker") -> bool:
        """Whether it is the same attempt, or a later one of the same job."""
        return self.job_id == other.job_id and self.began_at >= other.began_at


async def take_turn(
    session: AsyncSession, domain_id: UUID, walker: Walker, *, instead_of: Walker | None = None
) -> Walker | None:
    """Let the attempt walk the domain, also in the place of an earlier one of its job; the attempt
    whose turn it is when that is another one.

    `instead_of` is an attempt that is known not to walk any more, though it never gave its turn
    back.
    """
    domain = await session.scalar(
        select(Domain).where(Domain.id == domain_id).with_for_update(key_share=True)
    )
    if domain is None:
        return None
    holder = Walker.parse(domain.discovery_lock_holder) if domain.discovery_lock_holder else None
    if holder is None or holder == instead_of or walker.follows(holder):
        domain.discovery_lock_holder = str(walker)
        return None
    return holder


async def hold_turn(session: AsyncSession, domain_id: UUID, walker: Walker) -> None:
    """Return where it is the attempt's turn, and keep it until the transaction ends.

    Raises AlreadyDiscovering when the turn was taken from it, and SubjectGone when the domain does
    not exist any more.
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


async def give_turn_back(session: AsyncSession, domain_id: UUID, walker: Walker) -> None:
    """The attempt does not walk the domain any more."""
    await session.execute(
        update(Domain)
        .where(Domain.id == domain_id, Domain.discovery_lock_holder == str(walker))
        .values(discovery_lock_holder=None)
    )
