"""Domains and their pages: add, look at, crawl, discover, pause."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import ValidationError

from api.deps import (
    ClientDep,
    DatabaseDep,
    DeliveryDep,
    DomainIdDep,
    LauncherDep,
    PageIdDep,
    ReaderDep,
    SecretKeyDep,
    SettingsDep,
)
from api.discover_body import DiscoverBody
from api.limits import JobBody
from api.routes import domains as rest
from api.routes import pages as rest_pages
from api.routes import watching as rest_watching
from api.web.filters import usable_tag, usable_text
from api.web.paging import links, requested
from api.web.rendering import page
from api.web.routes.pages import shown_prices
from api.web.session import SIGNED_IN, FormDep, OnceDep, OwnerDep
from core.errors import Conflict, InvalidAddress, InvalidRequest
from core.jobs.states import JobState
from store.prices import PriceFilter
from store.tables.domains import DomainStatus
from store.watch_health import problems_of
from temporal.jobs.visibility import JobFilter

router = APIRouter(dependencies=SIGNED_IN)

SHOWN_FAILURES = 5
SHOWN_CHECKS = (1, 6, 12, 24, 168)
"""Hours between two checks that the form offers."""


@router.get("/domains")
async def list_domains(
    request: Request, owner: OwnerDep, database: DatabaseDep, client: ClientDep
) -> Response:
    """The domains, newest first, and the form that adds one."""
    return await _list(request, owner, database, client, None, "")


async def _list(
    request: Request,
    owner: OwnerDep,
    database: DatabaseDep,
    client: ClientDep,
    error: str | None,
    value: str,
) -> Response:
    paging = requested(request)
    tag = usable_tag(request)
    found = await rest.list_all(owner, paging, database, client, tag)
    async with database.reading() as session:
        problems = await problems_of(session, [each.id for each in found.data])
    return page(
        request,
        "domains.html",
        title="Domains",
        status=400 if error else 200,
        domains=found.data,
        problems=problems,
        tag=tag,
        links=links(request, paging, found.meta.total, len(found.data)),
        checks=SHOWN_CHECKS,
        error=error,
        value=value,
    )


@router.post("/domains")
async def add_domain(
    request: Request,
    fields: FormDep,
    owner: OwnerDep,
    database: DatabaseDep,
    client: ClientDep,
    settings: SettingsDep,
    launcher: LauncherDep,
    secret_key: SecretKeyDep,
    once: OnceDep,
) -> Response:
    """Register a site, which starts its discovery."""
    address = fields.get("domain", "")
    try:
        hours = fields.get("hours", "")
        body = rest.AddDomainBody.model_validate(
            {
                "domain": _without_path(address),
                "checkFrequencyHours": int(hours) if hours.isdecimal() else None,
            }
        )
        added = await rest.add(
            body,
            owner,
            settings,
            client,
            launcher,
            secret_key,
            once,
        )
    except ValidationError:
        sentence = "Write the address of a site, such as competitor.com."
        return await _list(request, owner, database, client, sentence, address)
    except (InvalidRequest, InvalidAddress, Conflict) as error:
        return await _list(request, owner, database, client, error.message, address)
    return RedirectResponse(f"/domains/{added.data.id}?notice=added", 303)


def _without_path(address: str) -> str:
    """The address as a person copies it from a browser, without a last slash."""
    return address.strip().removesuffix("/")


@router.get("/domains/{domain_id}")
async def one_domain(
    request: Request,
    domain_id: DomainIdDep,
    owner: OwnerDep,
    database: DatabaseDep,
    client: ClientDep,
    reader: ReaderDep,
) -> Response:
    """One domain: its pages, its newest changes, its work, and what fails and why."""
    domain = (await rest.get(domain_id, owner, database, client)).data
    paging = requested(request)
    tag = usable_tag(request)
    text = usable_text(request)
    pages = await rest_pages.list_of_domain(domain_id, owner, paging, database, client, tag, text)
    wanted = JobFilter(owner.org_id, domain_id=domain_id)
    failed = await reader.list(
        wanted.in_state(JobState.FAILED), limit=SHOWN_FAILURES, page=1, cursor=None
    )
    jobs = await reader.list(wanted, limit=SHOWN_FAILURES, page=1, cursor=None)
    health = await rest_watching.get(owner, database, domain_id, SHOWN_FAILURES)
    prices = await shown_prices(database, PriceFilter(domain_id=domain_id))
    return page(
        request,
        "domain.html",
        title=domain.display_name,
        domain=domain,
        pages=pages.data,
        links=links(request, paging, pages.meta.total, len(pages.data)),
        failed=failed,
        jobs=[job for job in jobs.rows if not job.state.finished],
        stats=await reader.stats(wanted),
        health=health.data,
        tag=tag,
        text=text,
        prices=prices,
        error=None,
        value="",
    )


@router.post("/domains/{domain_id}/discover")
async def discover(
    domain_id: DomainIdDep,
    _: FormDep,
    owner: OwnerDep,
    launcher: LauncherDep,
    once: OnceDep,
) -> Response:
    """Start a discovery, and show its job."""
    started = await rest.discover(domain_id, DiscoverBody(), owner, launcher, once)
    return RedirectResponse(f"/jobs/{started.data.job_id}?notice=discovering", 303)


@router.post("/domains/{domain_id}/crawl")
async def crawl(
    domain_id: DomainIdDep,
    _: FormDep,
    owner: OwnerDep,
    launcher: LauncherDep,
    once: OnceDep,
) -> Response:
    """Start a crawl of every monitored page."""
    await rest_pages.crawl_of_domain(domain_id, rest_pages.CrawlBody(), owner, launcher, once)
    return RedirectResponse(f"/domains/{domain_id}?notice=crawling", 303)


@router.post("/domains/{domain_id}/pause")
async def pause(
    domain_id: DomainIdDep,
    fields: FormDep,
    owner: OwnerDep,
    database: DatabaseDep,
    client: ClientDep,
    delivery: DeliveryDep,
    secret_key: SecretKeyDep,
) -> Response:
    """Pause the schedule of a domain, or resume it."""
    status = DomainStatus.ACTIVE if "resume" in fields else DomainStatus.PAUSED
    body = rest.ChangeDomainBody.model_validate({"status": status})
    await rest.change(domain_id, body, owner, database, client, delivery, secret_key)
    notice = "resumed" if status is DomainStatus.ACTIVE else "paused"
    return RedirectResponse(f"/domains/{domain_id}?notice={notice}", 303)


@router.post("/domains/{domain_id}/remove")
async def remove(
    domain_id: DomainIdDep,
    _: FormDep,
    owner: OwnerDep,
    database: DatabaseDep,
    delivery: DeliveryDep,
) -> Response:
    """Remove a domain with everything that it has."""
    await rest.delete(domain_id, owner, database, delivery)
    return RedirectResponse("/domains?notice=removed", 303)


@router.post("/domains/{domain_id}/pages")
async def add_page(
    domain_id: DomainIdDep,
    fields: FormDep,
    owner: OwnerDep,
    client: ClientDep,
    secret_key: SecretKeyDep,
    launcher: LauncherDep,
    once: OnceDep,
) -> Response:
    """Add a page that discovery has not found."""
    try:
        body = rest_pages.AddPageBody.model_validate({"url": fields.get("url", "")})
    except ValidationError:
        raise InvalidRequest("Write the address of a page.") from None
    await rest_pages.add(domain_id, body, owner, client, secret_key, launcher, once)
    return RedirectResponse(f"/domains/{domain_id}?notice=page-added", 303)


@router.post("/pages/{page_id}/crawl")
async def crawl_page(
    page_id: PageIdDep,
    _: FormDep,
    owner: OwnerDep,
    launcher: LauncherDep,
    once: OnceDep,
) -> Response:
    """Start a crawl of one page, and show its job."""
    started = await rest_pages.crawl(page_id, JobBody(), owner, launcher, once)
    return RedirectResponse(f"/jobs/{started.data.job_id}?notice=crawling", 303)


@router.post("/pages/{page_id}/pause")
async def pause_page(
    page_id: PageIdDep,
    fields: FormDep,
    owner: OwnerDep,
    database: DatabaseDep,
    client: ClientDep,
    delivery: DeliveryDep,
    secret_key: SecretKeyDep,
) -> Response:
    """Leave a page out of the crawls of its domain, or take it in again."""
    on = "resume" in fields
    body = rest_pages.PageChoices.model_validate({"monitoringEnabled": on})
    changed = (
        await rest_pages.change(page_id, body, owner, database, client, delivery, secret_key)
    ).data
    notice = "page-resumed" if on else "page-paused"
    return RedirectResponse(f"/domains/{changed.domain_id}?notice={notice}", 303)
