"""The choice of what is compared: what a selector matches in stored pages, and one by a click."""

import asyncio
from dataclasses import dataclass
from typing import Final, Self
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from pydantic_core import PydanticCustomError

from api.deps import ClientDep, DatabaseDep, DomainIdDep, PageIdDep
from api.paging import Paging
from api.routes import domains as rest_domains
from api.routes import pages as rest
from api.routes import snapshots as rest_snapshots
from api.web.filters import usable_text
from api.web.rendering import RENDERING_HEADERS, asset_url, page
from api.web.session import SIGNED_IN, OwnerDep
from core.errors import NotFound
from core.web.selection import MAX_HTML, Selection, inert, is_found, selection_of, selector_of
from core.web.selectors import check_selector
from store.db.engine import Database
from store.snapshots import PageWithHtml, get_snapshot, html_of, pages_with_html

router = APIRouter(dependencies=SIGNED_IN)

OFFERED_PAGES: Final = 100
"""Pages of a domain of which one can be picked, those that were checked last."""

SAMPLED_PAGES: Final = 20
"""Pages of a domain in which a selector is tried, those that were checked last."""

MAX_SAMPLED_HTML: Final = 10_000_000
"""Characters of their documents together."""


@dataclass(frozen=True)
class Wanted:
    """The selector that the query asks for, and what it matches in a stored document.

    The query has a `selector`, or the number of the `element` that was clicked.
    """

    selector: str
    selection: Selection | None = None
    problem: str | None = None

    @classmethod
    async def of(cls, request: Request, html: str | None, present: str | None) -> Self:
        """What is asked for of `html`; without a query, what the `present` selector matches."""
        selector = request.query_params.get("selector", "").strip() or present or ""
        number = request.query_params.get("element", "")
        if html and number.isascii() and number.isdigit() and len(number) < 8:
            clicked = await asyncio.to_thread(selector_of, html, int(number))
            selector = clicked or ""
        if not selector:
            return cls("")
        try:
            check_selector(selector)
        except PydanticCustomError as error:
            return cls(selector, problem=f"{error.message()}.")
        if html is None:
            return cls(selector)
        return cls(selector, await asyncio.to_thread(selection_of, html, selector))


@dataclass(frozen=True)
class Sample:
    """In how many of the pages that were checked last a selector matches something."""

    size: int
    without: list[PageWithHtml]

    @property
    def matching(self) -> int:
        """Number of pages in which it does."""
        return self.size - len(self.without)


@router.get("/pages/{page_id}/select")
async def select(
    request: Request,
    page_id: PageIdDep,
    owner: OwnerDep,
    database: DatabaseDep,
    client: ClientDep,
) -> Response:
    """What a selector matches in the newest snapshot, and the choice of an element by a click."""
    found = (await rest.get(page_id, owner, database, client)).data
    html = await _newest_html(owner, database, page_id)
    wanted = await Wanted.of(request, html, found.crawl_settings.watch_selector)
    return page(
        request,
        "select.html",
        title="What is compared",
        status=400 if wanted.problem else 200,
        page=found,
        domain=None,
        has_html=html is not None,
        wanted=wanted,
        sample=None,
    )


@router.get("/domains/{domain_id}/select")
async def select_of_domain(
    request: Request,
    domain_id: DomainIdDep,
    owner: OwnerDep,
    database: DatabaseDep,
    client: ClientDep,
) -> Response:
    """What a selector matches in one of the pages of a domain, by default the one that was checked
    last, and in how many of its pages it matches something.

    The query has the `page`, and a text (`q`) that the addresses of the offered pages contain.
    """
    domain = (await rest_domains.get(domain_id, owner, database, client)).data
    text = usable_text(request)
    async with database.reading() as session:
        offered = await pages_with_html(session, domain_id, OFFERED_PAGES + 1, text)
    found = await _picked(request, domain_id, offered, owner, database, client)
    html = await _newest_html(owner, database, found.id) if found else None
    wanted = await Wanted.of(request, html, domain.crawl_settings.watch_selector)
    sample = None
    if wanted.selector and not wanted.problem:
        sample = await _sample(database, domain_id, wanted.selector)
    return page(
        request,
        "select.html",
        title="What is compared",
        status=400 if wanted.problem else 200,
        page=found,
        domain=domain,
        offered=offered[:OFFERED_PAGES],
        more=len(offered) > OFFERED_PAGES,
        text=text,
        has_html=html is not None,
        wanted=wanted,
        sample=sample,
    )


async def _picked(
    request: Request,
    domain_id: UUID,
    offered: list[PageWithHtml],
    owner: OwnerDep,
    database: Database,
    client: ClientDep,
) -> rest.PageView | None:
    """The page of the query, or else the first that is offered. Raises NotFound if it is of another
    domain.
    """
    text = request.query_params.get("page", "")
    try:
        page_id = UUID(text) if text else offered[0].page_id if offered else None
    except ValueError:
        raise NotFound("Page not found.") from None
    if page_id is None:
        return None
    found = (await rest.get(page_id, owner, database, client)).data
    if found.domain_id != domain_id:
        raise NotFound("Page not found.")
    return found


async def _sample(database: Database, domain_id: UUID, selector: str) -> Sample:
    async with database.reading() as session:
        pages = await pages_with_html(session, domain_id, SAMPLED_PAGES)
        documents = await html_of(session, pages)

    def tried() -> Sample:
        size, total, without = 0, 0, []
        for each in pages:
            html = documents[each.snapshot_id].text if each.snapshot_id in documents else ""
            total += len(html)
            if total > MAX_SAMPLED_HTML:
                break
            size += 1
            if not is_found(html, selector):
                without.append(each)
        return Sample(size, without)

    return await asyncio.to_thread(tried)


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
