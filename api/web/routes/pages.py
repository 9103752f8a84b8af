"""One page: what it is, what it showed, and the choice of what of it is compared."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic_core import PydanticCustomError

from api.deps import ClientDep, DatabaseDep, DeliveryDep, PageIdDep
from api.paging import Paging
from api.routes import changes as rest_changes
from api.routes import domains as rest_domains
from api.routes import muting as rest_muting
from api.routes import pages as rest
from api.routes import prices as rest_prices
from api.routes import snapshots as rest_snapshots
from api.web.charts import PriceChart, price_charts
from api.web.rendering import RENDERING_HEADERS, asset_url, page
from api.web.session import SIGNED_IN, FormDep, OwnerDep
from core.errors import NotFound
from core.web.selection import MAX_HTML, Selection, inert, selection_of, selector_of
from core.web.selectors import check_selector
from store.db.engine import Database
from store.db.paging import PageRequest
from store.prices import PriceFilter, list_prices, priced_pages
from store.snapshots import get_snapshot

router = APIRouter(dependencies=SIGNED_IN)

SHOWN_ROWS: Final = 10
MAX_PRICES: Final = 500
"""Prices of which a chart is drawn, the newest."""

MAX_PRICE_ROWS: Final = 50
"""Prices that the table below the charts has, the newest: all of them would weigh more than the
whole page.
"""


@dataclass(frozen=True)
class ShownPrices:
    """The newest prices: those that are drawn, those in the table, and how many there are."""

    drawn: list[rest_prices.PriceView]
    total: int

    @property
    def rows(self) -> list[rest_prices.PriceView]:
        """The prices in the table."""
        return self.drawn[:MAX_PRICE_ROWS]

    @property
    def charts(self) -> list[PriceChart]:
        """The charts of the prices up to now."""
        return price_charts(self.drawn, datetime.now(UTC))


@router.get("/pages/{page_id}")
async def one_page(
    request: Request,
    page_id: PageIdDep,
    owner: OwnerDep,
    database: DatabaseDep,
    client: ClientDep,
) -> Response:
    """One page: its state, its prices, its changes and its snapshots."""
    found = (await rest.get(page_id, owner, database, client)).data
    domain = (await rest_domains.get(found.domain_id, owner, database, client)).data
    few = Paging(SHOWN_ROWS, 1, None)
    changes = await rest_changes.list_all(owner, few, database, page_id=page_id)
    snapshots = await rest_snapshots.list_of_page(page_id, owner, few, database)
    prices = await shown_prices(database, PriceFilter(page_id=page_id))
    return page(
        request,
        "page.html",
        title=found.url,
        page=found,
        domain=domain,
        changes=changes.data,
        all_changes=changes.meta.total,
        snapshots=snapshots.data,
        prices=prices,
        muted=(await rest_muting.list_of_page(page_id, owner, database)).data,
    )


@router.post("/pages/{page_id}/unmute")
async def unmute(
    page_id: PageIdDep, _: FormDep, owner: OwnerDep, database: DatabaseDep
) -> Response:
    """Report changes of every line of the page again."""
    await rest_muting.reset(page_id, owner, database)
    return RedirectResponse(f"/pages/{page_id}?notice=unmuted", 303)


@router.post("/pages/{page_id}/remove")
async def remove(
    page_id: PageIdDep,
    _: FormDep,
    owner: OwnerDep,
    database: DatabaseDep,
    client: ClientDep,
    delivery: DeliveryDep,
) -> Response:
    """Delete a page with everything that it has."""
    found = (await rest.get(page_id, owner, database, client)).data
    await rest.delete(page_id, owner, database, delivery)
    return RedirectResponse(f"/domains/{found.domain_id}?notice=page-removed", 303)


@router.get("/pages/{page_id}/select")
async def select(
    request: Request,
    page_id: PageIdDep,
    owner: OwnerDep,
    database: DatabaseDep,
    client: ClientDep,
) -> Response:
    """What a selector matches in the newest snapshot, and the choice of an element by a click.

    The query has a `selector`, or the number of the `element` that was clicked.
    """
    found = (await rest.get(page_id, owner, database, client)).data
    html = await _newest_html(owner, database, page_id)
    selector = request.query_params.get("selector", "").strip()
    if selector == "" and found.crawl_settings.watch_selector:
        selector = found.crawl_settings.watch_selector
    number = request.query_params.get("element", "")
    if html and number.isascii() and number.isdigit() and len(number) < 8:
        clicked = await asyncio.to_thread(selector_of, html, int(number))
        selector = clicked or ""
    selection: Selection | None = None
    problem = None
    if selector and html:
        try:
            check_selector(selector)
        except PydanticCustomError as error:
            problem = f"{error.message()}."
        else:
            selection = await asyncio.to_thread(selection_of, html, selector)
    return page(
        request,
        "select.html",
        title="What is compared",
        status=400 if problem else 200,
        page=found,
        has_html=html is not None,
        selector=selector,
        selection=selection,
        problem=problem,
    )


@router.get("/pages/{page_id}/rendering")
async def rendering(
    request: Request, page_id: PageIdDep, owner: OwnerDep, database: DatabaseDep
) -> Response:
    """The newest snapshot without anything that runs or loads, with the matches of a selector
    marked, for a sandboxed frame.
    """
    html = await _newest_html(owner, database, page_id)
    if html is None:
        raise NotFound("There is nothing at this address.")
    selector: str | None = request.query_params.get("selector", "")
    try:
        check_selector(selector or "")
    except PydanticCustomError:
        selector = None
    text = await asyncio.to_thread(inert, html, selector, asset_url("rendering.css"))
    return HTMLResponse(text, headers={**RENDERING_HEADERS, "Cache-Control": "no-store"})


async def _newest_html(owner: OwnerDep, database: Database, page_id: UUID) -> str | None:
    """The HTML of the newest snapshot; None if there is none, or it is too large to choose from."""
    newest = await rest_snapshots.list_of_page(page_id, owner, Paging(1, 1, None), database)
    if not newest.data:
        return None
    async with database.reading() as session:
        html = (await get_snapshot(session, owner.org_id, newest.data[0].id)).html
    return html if html and len(html) <= MAX_HTML else None


async def shown_prices(database: Database, wanted: PriceFilter) -> ShownPrices:
    """The newest prices of a page or domain that the caller owns, as the REST API shows them."""
    async with database.reading() as session:
        found = await list_prices(session, PageRequest(limit=MAX_PRICES), wanted)
        pages = await priced_pages(session, found.rows)
    drawn = [rest_prices.price_view(each, pages[each.page_id]) for each in found.rows]
    return ShownPrices(drawn, found.total)
