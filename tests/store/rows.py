"""Rows for tests, and the crawls that change them."""

import string
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID, uuid4

from sqlalchemy import text as sql
from sqlalchemy.ext.asyncio import AsyncSession

from core.changes.detection import DetectedChange, SeenPage, detect_change
from core.changes.events import watch_broken
from core.text.packing import pack
from store.changes import record_event
from store.checks import PageVersion, record_change, record_version
from store.db.engine import Database
from store.domains import add_domain
from store.keys import create_key, organisation_of
from store.pages import NewPage, add_pages, page_by_id
from store.tables.alerts import Channel, ChannelKind, Delivery
from store.tables.domains import Domain
from store.tables.pages import Page

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HALF_SECOND = timedelta(seconds=0.5)


def minutes(count: float) -> datetime:
    """That many minutes after noon."""
    return NOON + timedelta(minutes=count)


async def new_organisation(session: AsyncSession) -> UUID:
    """An organisation of its own."""
    made = await create_key(session, f"org-{uuid4().hex}")
    return (await organisation_of(session, made.key)).id


async def new_domain(session: AsyncSession, org_id: UUID, name: str = "shop.example") -> Domain:
    """A domain without pages."""
    return await add_domain(
        session,
        org_id,
        domain=name,
        origin=f"https://{name}",
        display_name=name,
        check_frequency_hours=24,
    )


async def new_pages(session: AsyncSession, domain_id: UUID, *paths: str) -> list[UUID]:
    """Pages that were never crawled, in the order of `paths`."""
    return [(await new_page(session, domain_id, path)).id for path in paths]


async def new_page(session: AsyncSession, domain_id: UUID, path: str = "/") -> Page:
    """A page that was never crawled."""
    found = NewPage(f"https://shop.example{path}", "other")
    [page_id] = (await add_pages(session, domain_id, [found])).added
    return await page_by_id(session, page_id)


async def new_channel(
    session: AsyncSession, org_id: UUID, kind: ChannelKind = ChannelKind.SIGNAL, **fields: object
) -> Channel:
    """A channel to deliver to."""
    given = {"name": "a", "target": {}, "created_at": NOON, "updated_at": NOON, **fields}
    channel = Channel(org_id=org_id, kind=kind, **given)
    session.add(channel)
    await session.flush()
    return channel


async def new_delivery(
    session: AsyncSession,
    channel: Channel,
    about: Page | Domain,
    at: datetime,
    *,
    digest_id: UUID | None = None,
) -> UUID:
    """A change of a page or domain at that moment, with a delivery that is due: its id."""
    page_id = about.id if isinstance(about, Page) else None
    change_id = await record_event(
        session, about, page_id, f"job at {at}", watch_broken("It broke."), at=at
    )
    delivery = Delivery(
        id=uuid4(),
        org_id=channel.org_id,
        channel_id=channel.id,
        change_id=change_id,
        page_id=page_id,
        changed_at=at,
        due_at=at,
        next_attempt_at=at,
        is_digest=digest_id is not None,
        digest_id=digest_id,
        created_at=at,
    )
    session.add(delivery)
    await session.flush()
    return delivery.id


def version(text: str) -> PageVersion:
    """What a page shows when its text is `text`."""
    return PageVersion(
        url="https://shop.example/",
        status_code=200,
        title=f"Title of {text}",
        text=text,
        html=pack(f"<p>{text}</p>"),
        text_hash=f"text of {text}",
        body_hash=f"body of {text}",
        etag=f'"{text}"',
        last_modified="Sun, 01 Mar 2026 12:00:00 GMT",
    )


def detected(before: str, after: str, path: str = "/") -> DetectedChange:
    """The change between two texts."""
    url = f"https://shop.example{path}"
    found = detect_change(SeenPage(url, None, before), SeenPage(url, None, after))
    assert found is not None
    return found


NEWS = detected("a", "b")


async def read(database: Database, page_id: UUID) -> Page:
    """The page as it is now."""
    async with database.reading() as session:
        return await page_by_id(session, page_id)


async def stored(
    database: Database, page_id: UUID, job_id: str, text: str, at: datetime = NOON
) -> UUID:
    """A crawl that finds `text`, new or changed: the snapshot's id."""
    page = await read(database, page_id)
    is_change = page.snapshot_id is not None
    async with database.transaction() as session:
        snapshot_id = await record_version(
            session, page, job_id, version(text), at=at, is_change=is_change
        )
        assert snapshot_id is not None
        if page.snapshot_id is not None:
            await changed(session, page, job_id, page.snapshot_id, snapshot_id, at)
        return snapshot_id


async def changed(
    session: AsyncSession, page: Page, job_id: str, before: UUID, after: UUID, at: datetime
) -> UUID:
    """A change between two snapshots."""
    return await record_change(
        session,
        page=page,
        job_id=job_id,
        before_id=before,
        after_id=after,
        detected=NEWS,
        at=at,
    )


def incompressible(length: int) -> str:
    """A URL of that many characters that no index can make shorter."""
    start = "https://shop.example/"
    letters = Random(length).choices(string.ascii_letters + string.digits, k=length - len(start))
    return start + "".join(letters)


async def waiting(session: AsyncSession) -> int:
    """How many sessions of PostgreSQL wait for another one's transaction."""
    return (
        await session.scalar(sql("SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted")) or 0
    )
