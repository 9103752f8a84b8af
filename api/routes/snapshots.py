"""Snapshots of pages."""

import asyncio
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from api.deps import DatabaseDep, MainTextsDep, PageIdDep, PrincipalDep, SnapshotIdDep
from api.errors import documented_errors
from api.paging import ListMeta, PagingDep
from api.routes.changes import DiffData
from core.changes.detection import SeenPage, detect_change
from core.changes.diff import difference_of
from core.changes.rules import ChangeType, Severity
from core.errors import InvalidRequest
from core.model import Model, UtcTime
from core.text.stored_text import display_form
from store.pages import get_page
from store.snapshots import get_snapshot, list_snapshots, snapshot_before
from store.tables.snapshots import Snapshot

router = APIRouter(prefix="/api", tags=["snapshots"])


class SnapshotRow(Model):
    """A snapshot as lists show it; `url` is the address after redirects."""

    id: UUID
    page_id: UUID
    job_id: str
    url: str
    status_code: int
    title: str | None
    created_at: UtcTime
    text_hash: str


class SnapshotDetail(SnapshotRow):
    """A snapshot as it is shown alone.

    `text` is the visible text, `main_text` the extracted article, which may miss parts of it, and
    `html` the document as the site sent it. `html` is null if it is over 1 MiB when compressed.
    `main_text` is the visible text if `html` is null, if only a part of the page is watched, or if
    the page has other crawl settings now.
    """

    text: str
    main_text: str
    html: str | None


class SnapshotDifference(Model):
    """The difference between two snapshots of a page, by today's rules.

    Type, severity and confidence are null if there is only noise.
    """

    before_snapshot_id: UUID
    after_snapshot_id: UUID
    change_type: ChangeType | None
    severity: Severity | None
    confidence: float | None
    summary: str
    diff_data: DiffData


class SnapshotListAnswer(Model):
    """A page of snapshots."""

    data: list[SnapshotRow]
    meta: ListMeta


class SnapshotAnswer(Model):
    """One snapshot."""

    data: SnapshotDetail


class SnapshotDifferenceAnswer(Model):
    """The difference of two snapshots."""

    data: SnapshotDifference


def snapshot_row(snapshot: Snapshot) -> SnapshotRow:
    """A snapshot as lists show it."""
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
    snapshot_id: SnapshotIdDep,
    principal: PrincipalDep,
    database: DatabaseDep,
    main_texts: MainTextsDep,
) -> SnapshotAnswer:
    """One snapshot, with its text and its HTML."""
    async with database.reading() as session:
        snapshot = await get_snapshot(session, principal.org_id, snapshot_id)
    detail = SnapshotDetail(
        **dict(snapshot_row(snapshot)),
        text=display_form(snapshot.text),
        main_text=await main_texts.of(snapshot),
        html=snapshot.html,
    )
    return SnapshotAnswer(data=detail)


@router.get("/snapshots/{snapshot_id}/diff", responses=documented_errors(400, 404))
async def difference(
    snapshot_id: SnapshotIdDep,
    principal: PrincipalDep,
    database: DatabaseDep,
    against: Annotated[
        UUID | None,
        Query(description="Another snapshot of the page; by default the one before it."),
    ] = None,
) -> SnapshotDifferenceAnswer:
    """The difference between this snapshot of a page and an earlier one, or `against`."""
    async with database.reading() as session:
        after = await get_snapshot(session, principal.org_id, snapshot_id)
        before_id = against or await snapshot_before(session, after)
        if before_id is None:
            raise _unusable("This is the page's first snapshot: say what to compare it with.")
        before = await get_snapshot(session, principal.org_id, before_id)
    if before.page_id != after.page_id:
        raise _unusable("This is a snapshot of another page.")
    detected = await asyncio.to_thread(detect_change, _seen(before), _seen(after))
    found = detected.difference.for_display() if detected else difference_of((), identical=True)
    return SnapshotDifferenceAnswer(
        data=SnapshotDifference(
            before_snapshot_id=before.id,
            after_snapshot_id=after.id,
            change_type=detected.change_type if detected else None,
            severity=detected.severity if detected else None,
            confidence=detected.confidence if detected else None,
            summary=detected.summary if detected else found.summary,
            diff_data=DiffData(
                before=display_form(before.text),
                after=display_form(after.text),
                stats=found.stats,
                blocks=found.blocks,
            ),
        )
    )


def _seen(snapshot: Snapshot) -> SeenPage:
    return SeenPage(snapshot.url, snapshot.title, snapshot.text)


def _unusable(sentence: str) -> InvalidRequest:
    return InvalidRequest(f"against: {sentence}", {"against": sentence})
