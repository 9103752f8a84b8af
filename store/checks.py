"""What one crawl writes. Every write is keyed by its job, so that it may happen twice."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import cast
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, CursorResult, and_, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core.changes.detection import DetectedChange
from core.text.packing import Packed, pack
from store.contents import keep
from store.tables.changes import Change
from store.tables.domains import Domain
from store.tables.pages import Page, PageStatus
from store.tables.snapshots import Snapshot


@dataclass(frozen=True)
class PageVersion:
    """What a page showed; `main_text` is the part of `text` that is not around the content.

    `html` is None where the document is not kept.
    """

    url: str
    status_code: int
    title: str | None
    text: str
    main_text: str
    html: Packed | None
    text_hash: str
    body_hash: str
    etag: str | None
    last_modified: str | None
    settings_fingerprint: str | None = None


@dataclass(frozen=True)
class EarlierCheck:
    """What the same job found in an attempt whose answer was lost; of a page that was `gone`, the
    sentence that said so.
    """

    snapshot_id: UUID
    status_code: int
    change_id: UUID | None
    gone: str | None = None


async def check_of_job(session: AsyncSession, page_id: UUID, job_id: str) -> EarlierCheck | None:
    """What `job_id` stored of the page already; None when it stored nothing.

    A page that came back as it was, or that is gone, gets a change, but no snapshot of its own.
    """
    own = and_(Change.page_id == page_id, Change.job_id == job_id)
    shown = func.coalesce(Change.after_id, Change.before_id)
    row = (
        await session.execute(
            select(Snapshot.id, Snapshot.status_code, Change.id, Change.after_id, Change.summary)
            .outerjoin(Change, and_(shown == Snapshot.id, own))
            .where(
                Snapshot.page_id == page_id,
                or_(Snapshot.job_id == job_id, Change.id.is_not(None)),
            )
        )
    ).first()
    if row is None:
        return None
    snapshot_id, status_code, change_id, after_id, summary = row
    is_gone = change_id is not None and after_id is None
    return EarlierCheck(snapshot_id, status_code, change_id, summary if is_gone else None)


async def record_unchanged(
    session: AsyncSession,
    page: Page,
    *,
    at: datetime,
    etag: str | None,
    last_modified: str | None,
    body_hash: str | None,
    text_hash: str | None = None,
    settings_fingerprint: str | None = None,
) -> bool:
    """Record a check that found nothing new since the caller read the page, with the validators
    for the next one and the fingerprint of its settings; `text_hash` where the way of hashing has
    changed. Whether it was recorded.

    Nothing is recorded when another crawl has stored a new version since: validators of an older
    one would hide that the site went back to it. Nor when another has found since that it is gone,
    or there again.
    """
    recorded = await session.execute(
        update(Page)
        .where(_as_read(page))
        .values(
            status=PageStatus.ACTIVE,
            last_check_at=at,
            crawl_count=Page.crawl_count + 1,
            etag=etag,
            last_modified=last_modified,
            body_hash=body_hash,
            text_hash=text_hash or page.text_hash,
            settings_fingerprint=settings_fingerprint,
        )
    )
    return cast("CursorResult[object]", recorded).rowcount > 0


async def record_version(
    session: AsyncSession,
    page: Page,
    job_id: str,
    version: PageVersion,
    *,
    at: datetime,
    is_change: bool,
) -> UUID | None:
    """Store a new version of the page, as the caller has read it; the snapshot's id. One that is
    no change is the new baseline.

    None, and nothing stored, when another crawl has stored one since: the newer one stands, and
    two crawls cannot report the same change.
    """
    snapshot_id = uuid4()
    moved = await session.execute(
        update(Page)
        .where(_as_read(page))
        .values(
            snapshot_id=snapshot_id,
            snapshot_at=at,
            status=PageStatus.ACTIVE,
            title=version.title,
            etag=version.etag,
            last_modified=version.last_modified,
            body_hash=version.body_hash,
            text_hash=version.text_hash,
            settings_fingerprint=version.settings_fingerprint,
            last_check_at=at,
            crawl_count=Page.crawl_count + 1,
            last_change_at=at if is_change else page.last_change_at,
        )
    )
    if cast("CursorResult[object]", moved).rowcount == 0:
        return None
    text, main_text = pack(version.text), pack(version.main_text)
    await keep(session, [text, main_text] + ([version.html] if version.html else []))
    session.add(
        Snapshot(
            id=snapshot_id,
            page_id=page.id,
            job_id=job_id,
            url=version.url,
            status_code=version.status_code,
            title=version.title,
            text_key=text.key,
            main_text_key=main_text.key,
            html_key=version.html.key if version.html else None,
            text_hash=version.text_hash,
            body_hash=version.body_hash,
            settings_fingerprint=version.settings_fingerprint,
            created_at=at,
        )
    )
    await session.flush()
    return snapshot_id


def is_baseline(page: Page, settings_fingerprint: str | None) -> bool:
    """Whether a version seen under those settings is the first of its kind."""
    return page.snapshot_id is None or page.settings_fingerprint != settings_fingerprint


async def record_change(
    session: AsyncSession,
    *,
    page: Page,
    job_id: str,
    before_id: UUID,
    after_id: UUID | None,
    detected: DetectedChange,
    at: datetime,
) -> UUID:
    """Store how the page differs between two snapshots, or that it is gone; the change's id."""
    change = Change(
        id=uuid4(),
        org_id=select(Domain.org_id).where(Domain.id == page.domain_id).scalar_subquery(),
        domain_id=page.domain_id,
        page_id=page.id,
        job_id=job_id,
        before_id=before_id,
        after_id=after_id,
        change_type=detected.change_type,
        severity=detected.severity,
        confidence=detected.confidence,
        summary=detected.summary,
        diff=asdict(detected.difference.for_display()),
        created_at=at,
    )
    session.add(change)
    await session.flush()
    return change.id


async def record_gone(session: AsyncSession, page: Page, at: datetime) -> bool:
    """Record that the site says the page, as the caller has read it, does not exist; whether that
    is a new one to say.

    Nothing is recorded when another crawl has found the page since, also as it was: an answer that
    was a long time under way does not undo a newer one.
    """
    was_there = page.status is not PageStatus.GONE
    recorded = await session.execute(
        update(Page)
        .where(_as_read(page), Page.crawl_count == page.crawl_count)
        .values(status=PageStatus.GONE, last_check_at=at)
    )
    return was_there and cast("CursorResult[object]", recorded).rowcount > 0


def _as_read(page: Page) -> ColumnElement[bool]:
    """That the page has still got the version which the caller read, and is there, or gone, as it
    was then: of two that find it there again, one tells.
    """
    return and_(
        Page.id == page.id,
        Page.snapshot_id.is_not_distinct_from(page.snapshot_id),
        Page.status == page.status,
    )
