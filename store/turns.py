"""Whose turn it is to walk a domain: one discovery does at a time."""

from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from store.tables import Domain


async def take_turn(
    session: AsyncSession, domain_id: UUID, job_id: str, *, instead_of: str | None = None
) -> str | None:
    """Let the job walk the domain; the id of the job whose turn it is when that is another one.

    `instead_of` is a job that is known not to walk any more, though it never gave its turn back.
    """
    domain = await session.scalar(select(Domain).where(Domain.id == domain_id).with_for_update())
    if domain is None or domain.walked_by in (None, job_id, instead_of):
        if domain is not None:
            domain.walked_by = job_id
        return None
    return domain.walked_by


async def give_turn_back(session: AsyncSession, domain_id: UUID, job_id: str) -> None:
    """The job does not walk the domain any more."""
    await session.execute(
        update(Domain)
        .where(Domain.id == domain_id, Domain.walked_by == job_id)
        .values(walked_by=None)
    )
