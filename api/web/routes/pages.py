"""One page: what it is, and what it showed."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from api.deps import ClientDep, DatabaseDep, DeliveryDep, PageIdDep
from api.paging import Paging
from api.routes import changes as rest_changes
from api.routes import domains as rest_domains
from api.routes import muting as rest_muting
from api.routes import pages as rest
from api.routes import prices as rest_prices
from api.routes import snapshots as rest_snapshots
from api.web.charts import PriceChart, price_charts
from api.web.rendering import page
from api.web.session import SIGNED_IN, FormDep, OwnerDep
from store.db.engine import Database
from store.db.paging import PageRequest
from store.prices import PriceFilter, list_prices, priced_pages

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


async def shown_prices(database: Database, wanted: PriceFilter) -> ShownPrices:
    """The newest prices of a page or domain that the caller owns, as the REST API shows them."""
    async with database.reading() as session:
        found = await list_prices(session, PageRequest(limit=MAX_PRICES), wanted)
        pages = await priced_pages(session, found.rows)
    drawn = [rest_prices.price_view(each, pages[each.page_id]) for each in found.rows]
    return ShownPrices(drawn, found.total)
