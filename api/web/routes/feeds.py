"""Feeds: a list, and a form whose answer shows the address of a new feed, this once."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from api.deps import DatabaseDep, FeedIdDep, SettingsDep
from api.routes import feeds as rest
from api.web.forms import Form, body_of, sparse
from api.web.offers import alert_names, domain_choices, domain_names, ids_of, offered
from api.web.paging import links, requested
from api.web.rendering import page
from api.web.session import SIGNED_IN, FormDep, OwnerDep, SessionOnceDep
from core.errors import RequestError
from store.db.engine import Database

router = APIRouter(prefix="/feeds", dependencies=SIGNED_IN)

EMPTY = Form()


@router.get("")
async def list_feeds(request: Request, owner: OwnerDep, database: DatabaseDep) -> Response:
    """The feeds, newest first, and the form that adds one."""
    return await _list(request, owner, database)


@router.post("")
async def add_feed(
    request: Request,
    fields: FormDep,
    owner: OwnerDep,
    database: DatabaseDep,
    settings: SettingsDep,
    once: SessionOnceDep,
) -> Response:
    """Add a feed. The answer shows its address."""
    values = {
        "name": fields.get("name", ""),
        **sparse(
            {
                "domainId": fields.text("domain"),
                "tag": fields.text("tag"),
                "alertId": fields.text("alert"),
            }
        ),
    }
    try:
        added = (await rest.add(body_of(rest.AddFeedBody, values), owner, settings, once)).data
    except RequestError as error:
        return await _list(request, owner, database, fields, error=error)
    return await _list(request, owner, database, added=added)


@router.post("/{feed_id}/remove")
async def remove_feed(
    feed_id: FeedIdDep, _: FormDep, owner: OwnerDep, database: DatabaseDep
) -> Response:
    """Delete a feed: its address answers nothing any more."""
    await rest.delete(feed_id, owner, database)
    return RedirectResponse("/feeds?notice=feed-removed", 303)


async def _list(
    request: Request,
    owner: OwnerDep,
    database: Database,
    values: Form = EMPTY,
    *,
    added: rest.FeedWithUrl | None = None,
    error: RequestError | None = None,
) -> Response:
    paging = requested(request)
    found = await rest.list_all(owner, paging, database)
    domain, alert = values.all("domain"), values.all("alert")
    named = [*ids_of(domain), *(each.domain_id for each in found.data)]
    domains = domain_names(await domain_choices(database, owner, named))
    named = [*ids_of(alert), *(each.alert_id for each in found.data)]
    alerts = await alert_names(database, owner, named)
    return page(
        request,
        "feeds.html",
        title="Feeds",
        status=error.http_status if error else 200,
        feeds=found.data,
        links=links(request, paging, found.meta.total, len(found.data)),
        domains=offered(domains, domain, "domain"),
        alerts=offered(alerts, alert, "alert"),
        names=domains | alerts,
        added=added,
        values=values,
        error=error,
        faults=(error.details if error else None) or {},
    )
