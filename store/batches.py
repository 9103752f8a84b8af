"""Batches: pages whose crawls were asked for together."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID, uuid4

from sqlalchemy import func, insert, literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.errors import NotFound
from store.tables import Batch, BatchPage, Page
from store.upsert import upsert


@dataclass(frozen=True)
class BatchMember:
    """A page of a batch."""

    page_id: UUID
    url: str


async def create_batch(
    session: AsyncSession,
    org_id: UUID,
    domain_id: UUID,
    page_ids: Sequence[UUID] | None,
    batch_id: UUID | None = None,
) -> Batch:
    """A batch of the domain's monitored pages, or of those of `page_ids` alone.

    A batch that exists is returned as it is. Raises NotFound when the domain has not got every
    page of `page_ids`.
    """
    made = await session.scalar(
        upsert(session, Batch)
        .values(
            id=batch_id or uuid4(),
            org_id=org_id,
            domain_id=domain_id,
            size=0,
            created_at=datetime.now(UTC),
        )
        .on_conflict_do_nothing()
        .returning(Batch.id)
    )
    batch = await session.get(Batch, made or batch_id)
    assert batch is not None
    if made is None:
        return batch
    members = select(literal(batch.id, BatchPage.batch_id.type), Page.id).where(
        Page.domain_id == domain_id
    )
    if page_ids is None:
        members = members.where(Page.monitoring_enabled)
    else:
        members = members.where(Page.id.in_(page_ids))
    await session.execute(insert(BatchPage).from_select(["batch_id", "page_id"], members))
    size = await session.scalar(
        select(func.count()).select_from(BatchPage).where(BatchPage.batch_id == batch.id)
    )
    batch.size = size or 0
    if page_ids is not None and batch.size != len(set(page_ids)):
        raise NotFound("Page not found.")
    return batch


async def cancel_batch(session: AsyncSession, org_id: UUID, batch_id: UUID) -> None:
    """No more jobs of the organisation's batch are to be started. Raises NotFound when it has none
    of that id.
    """
    batch = await session.get(Batch, batch_id, with_for_update=True)
    if batch is None or batch.org_id != org_id:
        raise NotFound("Batch not found.")
    batch.cancelled_at = batch.cancelled_at or datetime.now(UTC)


async def is_cancelled(session: AsyncSession, batch_id: UUID) -> bool:
    """Whether the batch was cancelled."""
    return bool(
        await session.scalar(
            select(func.count()).where(Batch.id == batch_id, Batch.cancelled_at.is_not(None))
        )
    )


async def batch_pages(
    session: AsyncSession, batch_id: UUID, after: UUID | None, limit: int
) -> list[BatchMember]:
    """The next `limit` members in the order of their ids, behind `after`."""
    rows = (
        select(Page.id, Page.url)
        .join(BatchPage, BatchPage.page_id == Page.id)
        .where(BatchPage.batch_id == batch_id)
        .order_by(Page.id)
        .limit(limit)
    )
    if after is not None:
        rows = rows.where(Page.id > after)
    return [BatchMember(page_id, url) for page_id, url in await session.execute(rows)]
