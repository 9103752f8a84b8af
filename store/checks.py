"""The writes of a check; all of them are idempotent by the id of the job."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, cast
from uuid import UUID, uuid4

from sqlalchemy import (
    Boolean,
    ColumnElement,
    CursorResult,
    Table,
    and_,
    bindparam,
    case,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession

from core.changes.detection import DetectedChange
from core.changes.events import Event
from core.text.packing import Packed, pack
from store.changes import record_event
from store.contents import keep
from store.tables.changes import Change
from store.tables.pages import Page, PageStatus
from store.tables.snapshots import Snapshot

WORKS: Final = {"failed_checks": 0, "failed_job": None, "failed_at": None, "problem": None}
"""The columns of a page whose last check worked."""

_PAGES: Final = Page.__table__

UNCHANGED: Final = (
    update(cast(Table, _PAGES))
    .where(
        _PAGES.c.id == bindparam("page"),
        _PAGES.c.snapshot_id.is_not_distinct_from(bindparam("version_read")),
        _PAGES.c.status == bindparam("status_read"),
    )
    .values(
        status=PageStatus.ACTIVE,
        crawls=_PAGES.c.crawls + 1,
        not_modified_count=case(
            (bindparam("not_modified", type_=Boolean()), _PAGES.c.not_modified_count + 1), else_=0
        ),
        **WORKS,
    )
)
"""The statement of `record_unchanged`. To build it takes longer than to execute it."""


@dataclass(frozen=True)
class PageVersion:
    """A version of a page to store; `html` is None if the document is not kept."""

    url: str
    status_code: int
    title: str | None
    text: str
    html: Packed | None
    text_hash: str
    body_hash: str
    etag: str | None
    last_modified: str | None
    settings_fingerprint: str | None = None
    validators_mislead: bool = False


@dataclass(frozen=True)
class EarlierCheck:
    """The result that an earlier attempt of the same job stored.

    `gone` is the reason if the page no longer exists, else None.
    """

    snapshot_id: UUID
    status_code: int
    change_id: UUID | None
    gone: str | None = None


async def check_of_job(session: AsyncSession, page_id: UUID, job_id: str) -> EarlierCheck | None:
    """The result that the job has already stored for the page; None if there is none.

    The removal of a page, and its return without a difference, have a change but no snapshot.
    """
    own = and_(Change.page_id == page_id, Change.job_id == job_id, Change.event == Event.CHANGE)
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
    not_modified: bool = False,
    found_same: bool = False,
) -> bool:
    """Record a check without a change, and return whether it was recorded.

    It is not recorded if another job has stored a version, a removal or a return of the page since
    the caller read `page`: the validators of an older version would hide a return to it.
    `text_hash` is set if the hash algorithm has changed, None to keep the stored one.
    `not_modified` is set for a 304, and `found_same` if a 304 or the same bytes said that the page
    is as it was.
    """
    recorded = await session.execute(
        UNCHANGED,
        {
            "page": page.id,
            "version_read": page.snapshot_id,
            "status_read": page.status,
            "not_modified": not_modified,
            "last_check_at": at,
            "etag": etag,
            "last_modified": last_modified,
            "body_hash": body_hash,
            "text_hash": text_hash or page.text_hash,
            "seen_under": settings_fingerprint,
            "found_same": found_same,
        },
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
    """Store a new version of the page and return the id of its snapshot.

    Returns None and stores nothing if another job has stored one since the caller read `page`, so
    that two jobs never report the same change. A version that is not a change is a new baseline.
    """
    snapshot_id = uuid4()
    moved = await session.execute(
        update(Page)
        .where(_as_read(page))
        .values(
            **columns_of(version, snapshot_id, at),
            not_modified_count=0,
            validators_mislead=version.validators_mislead,
            found_same=False,
            crawl_count=Page.crawl_count + 1,
            last_change_at=at if is_change else page.last_change_at,
            **WORKS,
        )
    )
    if cast("CursorResult[object]", moved).rowcount == 0:
        return None
    text = pack(version.text)
    await keep(session, [text, version.html] if version.html else [text])
    session.add(snapshot_of(page.id, job_id, version, snapshot_id, at, text.key))
    await session.flush()
    return snapshot_id


def columns_of(version: PageVersion, snapshot_id: UUID, at: datetime) -> dict[str, object]:
    """The columns of a page whose newest version is `version`, stored at that moment."""
    return {
        "snapshot_id": snapshot_id,
        "snapshot_at": at,
        "status": PageStatus.ACTIVE,
        "title": version.title,
        "etag": version.etag,
        "last_modified": version.last_modified,
        "body_hash": version.body_hash,
        "text_hash": version.text_hash,
        "settings_fingerprint": version.settings_fingerprint,
        "last_check_at": at,
    }


def snapshot_of(
    page_id: UUID, job_id: str, version: PageVersion, snapshot_id: UUID, at: datetime, text_key: str
) -> Snapshot:
    """The snapshot of a version whose contents are stored, the text under `text_key`."""
    return Snapshot(
        id=snapshot_id,
        page_id=page_id,
        job_id=job_id,
        url=version.url,
        status_code=version.status_code,
        title=version.title,
        text_key=text_key,
        html_key=version.html.key if version.html else None,
        text_hash=version.text_hash,
        body_hash=version.body_hash,
        settings_fingerprint=version.settings_fingerprint,
        created_at=at,
    )


async def record_baselines(
    session: AsyncSession, domain_id: UUID, job_id: str, versions: Mapping[str, PageVersion]
) -> None:
    """Store the first versions of pages that this transaction has added, by their URLs."""
    if not versions:
        return
    at = datetime.now(UTC)
    rows = select(Page.url, Page.id).where(Page.domain_id == domain_id, Page.url.in_(versions))
    pages = {row.url: row.id for row in await session.execute(rows)}
    texts = {url: pack(version.text) for url, version in versions.items()}
    documents = [version.html for version in versions.values() if version.html is not None]
    await keep(session, [*texts.values(), *documents])
    updates: list[dict[str, object]] = []
    for url, version in versions.items():
        snapshot_id = uuid4()
        session.add(snapshot_of(pages[url], job_id, version, snapshot_id, at, texts[url].key))
        columns = columns_of(version, snapshot_id, at)
        updates.append({"id": pages[url], "crawl_count": 1, **columns})
    await session.execute(update(Page), updates)


async def baselines_of(session: AsyncSession, domain_id: UUID, job_id: str) -> int:
    """The number of pages of the domain whose first version a discovery has stored."""
    rows = (
        select(func.count())
        .select_from(Page)
        .join(Snapshot, and_(Snapshot.page_id == Page.id, Snapshot.job_id == job_id))
        .where(Page.domain_id == domain_id)
    )
    return await session.scalar(rows) or 0


def is_baseline(page: Page, settings_fingerprint: str | None) -> bool:
    """Whether a version under these settings would be the first one, and so not comparable."""
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
    """Store a change between two snapshots and return its id.

    `after_id` is None if the page is gone.
    """
    return await record_event(
        session,
        page,
        page.id,
        job_id,
        detected,
        before_id=before_id,
        after_id=after_id,
        at=at,
    )


async def record_gone(session: AsyncSession, page: Page, at: datetime) -> bool:
    """Record that the page no longer exists, and return whether that is a change.

    Nothing is recorded if another job has read the page since the caller read `page`: a delayed
    response must not override a newer one.
    """
    was_there = page.status is not PageStatus.GONE
    recorded = await session.execute(
        update(Page)
        .where(_as_read(page), Page.crawl_count == page.crawl_count)
        .values(status=PageStatus.GONE, last_check_at=at, found_same=False, **WORKS)
    )
    return was_there and cast("CursorResult[object]", recorded).rowcount > 0


def _as_read(page: Page) -> ColumnElement[bool]:
    """The condition that the page has the same version and status as when the caller read it.

    The status matters because only one of two jobs that find the page restored may report it.
    """
    return and_(
        Page.id == page.id,
        Page.snapshot_id.is_not_distinct_from(page.snapshot_id),
        Page.status == page.status,
    )
