"""Snapshots: what pages showed."""

from uuid import UUID

from fastapi import APIRouter

from api.deps import DatabaseDep, PageIdDep, PrincipalDep, SnapshotIdDep
from api.errors import documented_errors
from api.paging import ListMeta, PagingDep
from core.model import Model, UtcTime
from store.pages import get_page
from store.snapshots import get_snapshot, list_snapshots
from store.tables import Snapshot

router = APIRouter(prefix="/api", tags=["snapshots"])


class SnapshotRow(Model):
    """A snapshot as lists show it; `url` is where redirects led."""

    id: UUID
    page_id: UUID
    job_id: str
    url: str
    status_code: int
    title: str | None
    created_at: UtcTime
    text_hash: str


class SnapshotDetail(SnapshotRow):
    """A snapshot by itself: the content that a reader saw (`docs/changes.md`), and what a
    library takes for the article, which may miss parts of it.
    """

    text: str
    main_text: str


class SnapshotListAnswer(Model):
    """A page of snapshots."""

    data: list[SnapshotRow]
    meta: ListMeta


class SnapshotAnswer(Model):
    """One snapshot."""

    data: SnapshotDetail


def snapshot_row(snapshot: Snapshot) -> SnapshotRow:
    """The row that shows `snapshot`."""
    return SnapshotRow(
        id=snapshot.id,
        page_id=snapshot.page_id,
        job_id=snapshot.job_id,
        url=snapshot.url,
        status_code=snapshot.status_code,
        title=snapshot.title,
        created_at=snapshot.created_at,
        text_hash=snapshot.text_hash,
    )


@router.get("/pages/{page_id}/snapshots", responses=documented_errors(400, 404))
async def list_of_page(
    page_id: PageIdDep, principal: PrincipalDep, paging: PagingDep, database: DatabaseDep
) -> SnapshotListAnswer:
    """The snapshots of a page, newest first."""
    async with database.reading() as session:
        page = await get_page(session, principal.org_id, page_id)
        found = await list_snapshots(session, page.id, paging.request)
    return SnapshotListAnswer(
        data=[snapshot_row(each) for each in found.rows], meta=paging.meta(found)
    )


@router.get("/snapshots/{snapshot_id}", responses=documented_errors(404))
async def get(
    snapshot_id: SnapshotIdDep, principal: PrincipalDep, database: DatabaseDep
) -> SnapshotAnswer:
    """One snapshot, with its text."""
    async with database.reading() as session:
        snapshot = await get_snapshot(session, principal.org_id, snapshot_id)
    detail = SnapshotDetail(
        **dict(snapshot_row(snapshot)), text=snapshot.text, main_text=snapshot.main_text
    )
    return SnapshotAnswer(data=detail)
