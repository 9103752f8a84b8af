"""The prices of pages: what they are, what they were, and when they were seen."""

import csv
import io
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse
from starlette.responses import Response

from api.deps import DatabaseDep, DomainIdDep, PageIdDep, PrincipalDep
from api.errors import documented_errors
from api.negotiation import prefers
from api.paging import ListMeta, PagingDep
from api.texts import Text
from core.changes.price_list import PricePeriod
from core.model import Model, UtcTime, utc_text
from store.db.engine import Database
from store.domains import get_domain
from store.pages import get_page
from store.prices import (
    PricedPage,
    PriceFilter,
    all_prices,
    list_prices,
    priced_pages,
)
from store.tables.prices import Price

router = APIRouter(prefix="/api", tags=["prices"])

CSV: Final = "text/csv"
COLUMNS: Final = (
    "pageId", "url", "plan", "currency", "amount", "period", "current",
    "firstSeenAt", "lastSeenAt", "endedAt",
)  # fmt: skip
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""What spreadsheets read as the start of a formula."""

AS_CSV: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "content": {CSV: {"schema": {"type": "string"}}},
        "description": "The prices. With `Accept: text/csv` all of them, oldest first, as CSV.",
    }
}


class PriceView(Model):
    """A price that a page shows or has shown.

    `plan` is what it is for: its row and column, the name in its line, or the heading above; null
    if the page does not say. `currency` is an ISO 4217 code if the page is clear about it,
    otherwise the sign that it writes. `period` is null if it names none. `lastSeenAt` is the last
    check that found it, and `endedAt` the first that found the page without it; it is `current`
    while the page exists and shows it.
    """

    id: UUID
    page_id: UUID
    url: str
    plan: str | None
    currency: str | None
    amount: float
    period: PricePeriod | None
    current: bool
    first_seen_at: UtcTime
    last_seen_at: UtcTime
    ended_at: UtcTime | None


class PriceListAnswer(Model):
    """A page of prices."""

    data: list[PriceView]
    meta: ListMeta


CurrentQuery = Annotated[
    bool | None, Query(description="Whether to list those that hold, or those that do not.")
]
PlanQuery = Annotated[Text | None, Query(description="The plan, as the list names it.")]


def price_view(price: Price, page: PricedPage) -> PriceView:
    """A price as the API shows it."""
    current = price.ended_at is None and not page.is_gone
    seen_at = page.last_check_at if current else price.last_seen_at
    return PriceView(
        id=price.id,
        page_id=price.page_id,
        url=page.url,
        plan=price.plan,
        currency=price.currency,
        amount=float(price.amount),
        period=price.period,
        current=current,
        first_seen_at=price.first_seen_at,
        last_seen_at=max(seen_at or price.first_seen_at, price.first_seen_at),
        ended_at=price.ended_at,
    )


@router.get(
    "/pages/{page_id}/prices",
    response_model=PriceListAnswer,
    responses={**AS_CSV, **documented_errors(400, 404)},
)
async def list_of_page(
    page_id: PageIdDep,
    principal: PrincipalDep,
    paging: PagingDep,
    database: DatabaseDep,
    request: Request,
    current: CurrentQuery = None,
    plan: PlanQuery = None,
) -> Response | PriceListAnswer:
    """The prices that a page shows and has shown, the newest first."""
    async with database.reading() as session:
        page = await get_page(session, principal.org_id, page_id)
    wanted = PriceFilter(page_id=page.id, held=current, plan=plan)
    return await _answer(request, database, paging, wanted)


@router.get(
    "/domains/{domain_id}/prices",
    response_model=PriceListAnswer,
    responses={**AS_CSV, **documented_errors(400, 404)},
)
async def list_of_domain(
    domain_id: DomainIdDep,
    principal: PrincipalDep,
    paging: PagingDep,
    database: DatabaseDep,
    request: Request,
    current: CurrentQuery = None,
    plan: PlanQuery = None,
) -> Response | PriceListAnswer:
    """The prices that the pages of a domain show and have shown, the newest first."""
    async with database.reading() as session:
        domain = await get_domain(session, principal.org_id, domain_id)
    wanted = PriceFilter(domain_id=domain.id, held=current, plan=plan)
    return await _answer(request, database, paging, wanted)


async def _answer(
    request: Request, database: Database, paging: PagingDep, wanted: PriceFilter
) -> Response | PriceListAnswer:
    if prefers(request.headers.get("accept"), CSV, "application/json"):
        return StreamingResponse(
            _table(database, wanted),
            media_type=f"{CSV}; charset=utf-8; header=present",
            headers={"Content-Disposition": 'attachment; filename="prices.csv"', "Vary": "Accept"},
        )
    async with database.reading() as session:
        found = await list_prices(session, paging.request, wanted)
        pages = await priced_pages(session, found.rows)
    views = [price_view(each, pages[each.page_id]) for each in found.rows]
    return PriceListAnswer(data=views, meta=paging.meta(found))


async def _table(database: Database, wanted: PriceFilter) -> AsyncIterator[bytes]:
    """The prices as CSV (RFC 4180)."""
    yield _rows([COLUMNS])
    async for prices, pages in all_prices(database, wanted):
        yield _rows(_cells(prices, pages))


def _cells(prices: Sequence[Price], pages: Mapping[UUID, PricedPage]) -> list[Sequence[object]]:
    rows: list[Sequence[object]] = []
    for price in prices:
        if price.page_id not in pages:
            continue  # deleted meanwhile
        view = price_view(price, pages[price.page_id])
        rows.append(
            (
                view.page_id,
                _plain(view.url),
                _plain(view.plan or ""),
                _plain(view.currency or ""),
                f"{price.amount:f}",
                view.period or "",
                "true" if view.current else "false",
                utc_text(view.first_seen_at),
                utc_text(view.last_seen_at),
                utc_text(view.ended_at) if view.ended_at else "",
            )
        )
    return rows


def _rows(rows: Sequence[Sequence[object]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()


def _plain(text: str) -> str:
    """`text` that no spreadsheet takes for a formula: pages choose the names of their plans."""
    return f"'{text}" if text.startswith(FORMULA) else text
