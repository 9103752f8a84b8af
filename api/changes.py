"""Changes: how pages differ from what they showed before."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import TypeAdapter
from sqlalchemy.ext.asyncio import AsyncSession

from api.deps import ChangeIdDep, DatabaseDep, PrincipalDep
from api.errors import documented_errors
from api.paging import ListMeta, PagingDep
from core.differences import BlockChange, ChangeStats, TextDifference
from core.model import Model, UtcTime
from store.changes import get_change, list_changes, page_urls
from store.snapshots import snapshot_by_id
from store.tables import Change

router = APIRouter(prefix="/api/changes", tags=["changes"])

STORED_DIFFERENCE = TypeAdapter(TextDifference)


class ChangeRow(Model):
    """A change as lists show it."""

    id: UUID
    domain_id: UUID
    page_id: UUID
    job_id: str
    url: str
    change_type: str
    summary: str
    detected_at: UtcTime
    before_snapshot_id: UUID
    after_snapshot_id: UUID


class DiffData(Model):
    """The whole text `before` and `after`, and the blocks that differ."""

    before: str
    after: str
    stats: ChangeStats
    blocks: tuple[BlockChange, ...]


class ChangeDetail(ChangeRow):
    """A change as it is shown by itself."""

    diff_data: DiffData


class ChangeListAnswer(Model):
    """A page of changes."""

    data: list[ChangeRow]
    meta: ListMeta


class ChangeAnswer(Model):
    """One change."""

    data: ChangeDetail


async def change_rows(session: AsyncSession, changes: list[Change]) -> list[ChangeRow]:
    """The rows that show `changes`, in their order."""
    urls = await page_urls(session, changes)
    return [
        ChangeRow(
            id=change.id,
            domain_id=change.domain_id,
            page_id=change.page_id,
            job_id=change.job_id,
            url=urls[change.page_id],
            change_type=change.change_type,
            summary=change.summary,
            detected_at=change.created_at,
            before_snapshot_id=change.before_id,
            after_snapshot_id=change.after_id,
        )
        for change in changes
    ]


@router.get("", responses=documented_errors(400))
async def list_all(
    principal: PrincipalDep,
    paging: PagingDep,
    database: DatabaseDep,
    domain_id: Annotated[UUID | None, Query(alias="domainId")] = None,
    page_id: Annotated[UUID | None, Query(alias="pageId")] = None,
) -> ChangeListAnswer:
    """The changes, newest first; of one domain or one page where asked."""
    async with database.reading() as session:
        found = await list_changes(
            session, principal.org_id, paging.request, domain_id=domain_id, page_id=page_id
        )
        return ChangeListAnswer(
            data=await change_rows(session, found.rows), meta=paging.meta(found)
        )


@router.get("/{change_id}", responses=documented_errors(404))
async def get(
    change_id: ChangeIdDep, principal: PrincipalDep, database: DatabaseDep
) -> ChangeAnswer:
    """One change, with both texts and what differs between them."""
    async with database.reading() as session:
        change = await get_change(session, principal.org_id, change_id)
        [row] = await change_rows(session, [change])
        before = await snapshot_by_id(session, change.before_id)
        after = await snapshot_by_id(session, change.after_id)
    difference = STORED_DIFFERENCE.validate_python(change.diff)
    diff_data = DiffData(
        before=before.text, after=after.text, stats=difference.stats, blocks=difference.blocks
    )
    return ChangeAnswer(data=ChangeDetail(**dict(row), diff_data=diff_data))
