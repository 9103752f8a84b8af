"""The settings of a domain and of a page: two forms with the same parts."""

from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from api.deps import ClientDep, DatabaseDep, DeliveryDep, DomainIdDep, PageIdDep, SecretKeyDep
from api.routes import domains as rest
from api.routes import pages as rest_pages
from api.web.choices import (
    crawl_fields,
    crawl_settings_of,
    schedule_fields,
    schedule_of,
    watch_fields,
    watch_of,
)
from api.web.forms import Form, body_of
from api.web.rendering import page
from api.web.session import SIGNED_IN, FormDep, OwnerDep
from core.errors import NotFound, RequestError
from core.schedules import Day
from core.web.crawl_settings import Frames, MaskName, Render
from core.web.document_kinds import DocumentKind
from core.web.page_types import PageType

router = APIRouter(dependencies=SIGNED_IN)

CHOICES: Final = {
    "days": list(Day),
    "masks": list(MaskName),
    "page_types": list(PageType),
    "renders": list(Render),
    "frames": list(Frames),
    "document_kinds": list(DocumentKind),
}


@router.get("/domains/{domain_id}/settings")
async def domain_settings(
    request: Request,
    domain_id: DomainIdDep,
    owner: OwnerDep,
    database: DatabaseDep,
    client: ClientDep,
) -> Response:
    """The settings of a domain. The query may bring a selector that was chosen in a snapshot."""
    domain = (await rest.get(domain_id, owner, database, client)).data
    fields = {
        "name": domain.display_name,
        "tags": ", ".join(domain.tags),
        "hours": domain.check_frequency_hours,
        "discover_hours": domain.discover_frequency_hours,
        **schedule_fields(domain.schedule),
        **watch_fields(domain.watch),
        **crawl_fields(domain.crawl_settings),
    }
    chosen = _enter_chosen(request, fields)
    return _domain_form(request, domain, Form.of(fields), chosen=chosen)


@router.post("/domains/{domain_id}/settings")
async def change_domain(
    request: Request,
    domain_id: DomainIdDep,
    fields: FormDep,
    owner: OwnerDep,
    database: DatabaseDep,
    client: ClientDep,
    delivery: DeliveryDep,
    secret_key: SecretKeyDep,
) -> Response:
    """Change the settings of a domain."""
    domain = (await rest.get(domain_id, owner, database, client)).data
    try:
        schedule = schedule_of(fields)
        hours = {"checkFrequencyHours": fields.whole("hours")} if schedule is None else {}
        body = body_of(
            rest.ChangeDomainBody,
            {
                "displayName": fields.get("name", ""),
                "tags": fields.parts("tags"),
                "discoverFrequencyHours": fields.whole("discover_hours"),
                "schedule": schedule,
                "watch": watch_of(fields) or None,
                "crawlSettings": crawl_settings_of(fields),
                **hours,
            },
        )
        await rest.change(domain_id, body, owner, database, client, delivery, secret_key)
    except NotFound:
        raise
    except RequestError as error:
        return _domain_form(request, domain, fields, error)
    return RedirectResponse(f"/domains/{domain_id}?notice=settings-saved", 303)


def _enter_chosen(request: Request, fields: dict[str, object]) -> str | None:
    """The selector that the query brings, which is entered into `fields`; None without one."""
    watched = request.query_params.get("selector")
    ignored = request.query_params.get("ignore")
    if watched:
        fields["watch_selector"] = watched
    if ignored:
        present = str(fields["ignore_selectors"]).splitlines()
        fields["ignore_selectors"] = "\n".join(dict.fromkeys([*present, ignored]))
    return watched or ignored


def _domain_form(
    request: Request,
    domain: rest.DomainDetail,
    values: Form,
    error: RequestError | None = None,
    chosen: str | None = None,
) -> Response:
    return page(
        request,
        "settings.html",
        title=f"Settings of {domain.display_name}",
        status=error.http_status if error else 200,
        domain=domain,
        page=None,
        secrets=domain.crawl_settings,
        values=values,
        chosen=chosen,
        error=error,
        faults=(error.details if error else None) or {},
        **CHOICES,
    )


@router.get("/pages/{page_id}/settings")
async def page_settings(
    request: Request,
    page_id: PageIdDep,
    owner: OwnerDep,
    database: DatabaseDep,
    client: ClientDep,
) -> Response:
    """The settings of a page. The query may bring a selector that was chosen in a snapshot."""
    found = (await rest_pages.get(page_id, owner, database, client)).data
    fields: dict[str, object] = {
        "page_type": found.page_type,
        "tags": ", ".join(found.tags),
        **schedule_fields(found.schedule),
        **crawl_fields(found.crawl_settings),
    }
    chosen = _enter_chosen(request, fields)
    return _page_form(request, found, Form.of(fields), chosen=chosen)


@router.post("/pages/{page_id}/settings")
async def change_page(
    request: Request,
    page_id: PageIdDep,
    fields: FormDep,
    owner: OwnerDep,
    database: DatabaseDep,
    client: ClientDep,
    delivery: DeliveryDep,
    secret_key: SecretKeyDep,
) -> Response:
    """Change the settings of a page."""
    found = (await rest_pages.get(page_id, owner, database, client)).data
    try:
        body = body_of(
            rest_pages.PageChoices,
            {
                "pageType": fields.text("page_type"),
                "tags": fields.parts("tags"),
                "schedule": schedule_of(fields),
                "crawlSettings": crawl_settings_of(fields),
            },
        )
        await rest_pages.change(page_id, body, owner, database, client, delivery, secret_key)
    except NotFound:
        raise
    except RequestError as error:
        return _page_form(request, found, fields, error)
    return RedirectResponse(f"/pages/{page_id}?notice=settings-saved", 303)


def _page_form(
    request: Request,
    found: rest_pages.PageView,
    values: Form,
    error: RequestError | None = None,
    chosen: str | None = None,
) -> Response:
    return page(
        request,
        "settings.html",
        title="Settings of a page",
        status=error.http_status if error else 200,
        domain=None,
        page=found,
        secrets=found.crawl_settings,
        values=values,
        chosen=chosen,
        error=error,
        faults=(error.details if error else None) or {},
        **CHOICES,
    )
