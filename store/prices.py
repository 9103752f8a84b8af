"""Queries and writes for the prices of pages."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, cast
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, CursorResult, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from core.changes.detection import SeenPage, prices_of
from core.changes.diff import TextDifference
from core.changes.price_list import ListedPrice, PriceMove, PricePeriod, price_moves
from core.changes.prices import price_changes
from store.db.engine import Database
from store.db.paging import Paged, PageRequest, paged
from store.snapshots import WITH_TEXT
from store.tables.changes import Change
from store.tables.pages import Page, PageStatus
from store.tables.prices import Price
from store.tables.snapshots import Snapshot

MAX_READ_SNAPSHOTS: Final = 20
"""Number of snapshots, the newest, whose prices are read of a page that none were stored of."""

ROWS_AT_ONCE: Final = 500

STORED_DIFFERENCE = TypeAdapter(TextDifference)

PriceKey = tuple[str | None, Decimal, str | None, PricePeriod | None]


@dataclass(frozen=True)
class PriceFilter:
    """Which prices are wanted: None lets all through. `held` is whether they still hold."""

    domain_id: UUID | None = None
    page_id: UUID | None = None
    plan: str | None = None
    held: bool | None = None

    def conditions(self) -> Iterator[ColumnElement[bool]]:
        """The conditions of the fields that are set."""
        if self.domain_id is not None:
            yield Price.domain_id == self.domain_id
        if self.page_id is not None:
            yield Price.page_id == self.page_id
        if self.plan is not None:
            yield Price.plan == self.plan
        if self.held is not None:
            gone = select(Page.id).where(Page.id == Price.page_id, Page.status == PageStatus.GONE)
            holds = Price.ended_at.is_(None) & ~gone.exists()
            yield holds if self.held else ~holds


@dataclass(frozen=True)
class PricedPage:
    """The page of a price."""

    url: str
    is_gone: bool
    last_check_at: datetime | None


async def list_prices(
    session: AsyncSession, request: PageRequest, wanted: PriceFilter
) -> Paged[Price]:
    """The prices that match the filter, those that were seen first most recently first."""
    rows = select(Price).where(*wanted.conditions())
    return await paged(session, rows, Price.first_seen_at, Price.id, request)


async def all_prices(
    database: Database, wanted: PriceFilter
) -> AsyncIterator[tuple[Sequence[Price], dict[UUID, PricedPage]]]:
    """The prices that match the filter in parts, oldest first, with their pages by id."""
    last: Price | None = None
    while True:
        rows = select(Price).where(*wanted.conditions())
        if last is not None:
            rows = rows.where(tuple_(Price.first_seen_at, Price.id) > (last.first_seen_at, last.id))
        async with database.reading() as session:
            found = (
                await session.scalars(
                    rows.order_by(Price.first_seen_at, Price.id).limit(ROWS_AT_ONCE)
                )
            ).all()
            pages = await priced_pages(session, found)
        if not found:
            return
        yield found, pages
        last = found[-1]


async def priced_pages(session: AsyncSession, prices: Sequence[Price]) -> dict[UUID, PricedPage]:
    """The pages of the prices, by id."""
    rows = await session.execute(
        select(Page.id, Page.url, Page.status, Page.last_check_at).where(
            Page.id.in_({each.page_id for each in prices})
        )
    )
    return {
        page_id: PricedPage(url, status is PageStatus.GONE, last_check_at)
        for page_id, url, status, last_check_at in rows
    }


@dataclass(frozen=True)
class DatedPrices:
    """The prices that a stored version of a page lists, and when it was stored."""

    at: datetime
    listed: tuple[ListedPrice, ...]


async def stored_prices(database: Database, page: Page) -> list[DatedPrices]:
    """The prices of the stored versions of a page, oldest first, if they are still to be recorded:
    an older release has stored them. It takes time, and is no part of a transaction that writes.
    """
    if page.prices_read:
        return []
    async with database.reading() as session:
        rows = await session.execute(
            select(Snapshot)
            .options(WITH_TEXT)
            .where(Snapshot.page_id == page.id)
            .order_by(Snapshot.created_at.desc(), Snapshot.id.desc())
            .limit(MAX_READ_SNAPSHOTS)
        )
        versions = [
            (each.created_at, SeenPage(each.url, each.title, each.text)) for each in rows.scalars()
        ]
    return [
        DatedPrices(at, await asyncio.to_thread(prices_of, seen)) for at, seen in versions[::-1]
    ]


async def record_prices(
    session: AsyncSession,
    page: Page,
    stored: Sequence[DatedPrices],
    listed: Sequence[ListedPrice],
    at: datetime,
) -> None:
    """Store that the page shows these prices from now on, and no others, after those of its
    `stored` versions.

    `page` is as it was before the check. The caller has stored the version, which only one job can.
    """
    await record_stored_prices(session, page, stored)
    seen_at = None if page.status is PageStatus.GONE else page.last_check_at
    await _replace(session, page, listed, seen_at=seen_at, at=at)


async def record_stored_prices(
    session: AsyncSession, page: Page, stored: Sequence[DatedPrices]
) -> None:
    """Store the prices of the `stored_prices` of a page, once."""
    if page.prices_read or not await _claim_reading(session, page):
        return
    seen_at: datetime | None = None
    for each in stored:
        await _replace(session, page, each.listed, seen_at=seen_at, at=each.at)
        seen_at = each.at


async def record_first_prices(
    session: AsyncSession,
    domain_id: UUID,
    listed: Mapping[str, Sequence[ListedPrice]],
    at: datetime,
) -> None:
    """Store the prices that pages show, by their URLs, which this transaction has added."""
    rows = select(Page.url, Page.id).where(Page.domain_id == domain_id, Page.url.in_(listed))
    pages = {row.url: row.id for row in await session.execute(rows)}
    for url, page_id in pages.items():
        session.add_all(_price(domain_id, page_id, each, at) for each in listed[url])
    await session.execute(
        update(Page), [{"id": each, "prices_read": True} for each in pages.values()]
    )


async def end_sightings(session: AsyncSession, page: Page) -> None:
    """Record when the prices of a page that is gone were seen last; it may come back with them."""
    if page.status is not PageStatus.GONE:
        await session.execute(
            update(Price)
            .where(Price.page_id == page.id, Price.ended_at.is_(None))
            .values(last_seen_at=page.last_check_at)
        )


async def _claim_reading(session: AsyncSession, page: Page) -> bool:
    """Whether it is for the caller to record the prices of the stored versions of the page."""
    claimed = await session.execute(
        update(Page)
        .where(Page.id == page.id, Page.prices_read.is_(False))
        .values(prices_read=True)
        .execution_options(synchronize_session=False)
    )
    return cast("CursorResult[object]", claimed).rowcount > 0


async def _replace(
    session: AsyncSession,
    page: Page,
    listed: Sequence[ListedPrice],
    *,
    seen_at: datetime | None,
    at: datetime,
) -> None:
    held = (
        await session.scalars(
            select(Price).where(Price.page_id == page.id, Price.ended_at.is_(None))
        )
    ).all()
    shown: dict[PriceKey, ListedPrice] = {each.key: each for each in listed}
    for price in held:
        if shown.pop((price.plan, price.amount, price.currency, price.period), None) is None:
            price.ended_at = at
            # A page that was gone knows when it showed the price last.
            last_seen_at = seen_at or price.last_seen_at or price.first_seen_at
            price.last_seen_at = max(price.first_seen_at, last_seen_at)
    session.add_all(_price(page.domain_id, page.id, each, at) for each in shown.values())
    await session.flush()


def _price(domain_id: UUID, page_id: UUID, listed: ListedPrice, at: datetime) -> Price:
    return Price(
        domain_id=domain_id,
        page_id=page_id,
        plan=listed.plan,
        amount=listed.amount,
        currency=listed.currency,
        period=listed.period,
        first_seen_at=at,
    )


async def moves_of(
    session: AsyncSession, changes: Sequence[Change]
) -> dict[UUID, tuple[PriceMove, ...]]:
    """The prices that changed, by the id of the change.

    Changes that older releases have stored tell them by their differences.
    """
    found = {each.id: each.prices for each in changes if each.prices is not None}
    older = [each.id for each in changes if each.prices is None]
    if older:
        rows = await session.execute(select(Change.id, Change.diff).where(Change.id.in_(older)))
        for change_id, diff in rows.all():
            found[change_id] = _moves_in(STORED_DIFFERENCE.validate_python(diff))
    return found


def _moves_in(difference: TextDifference) -> tuple[PriceMove, ...]:
    lines = "\n".join(each.after for each in difference.blocks if each.after)
    changed = [price for block in difference.blocks for price in price_changes(block)]
    return price_moves(changed, lines)
