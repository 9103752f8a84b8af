"""Alerts: a list, and a form that creates, changes and previews them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from api.deps import AlertIdDep, DatabaseDep, DeliveryDep
from api.routes import alerts as rest
from api.web.forms import Form, body_of, sparse
from api.web.offers import (
    channel_names,
    domain_choices,
    domain_names,
    ids_of,
    offered,
    page_urls,
)
from api.web.paging import links, requested
from api.web.rendering import page
from api.web.session import SIGNED_IN, FormDep, OnceDep, OwnerDep
from core.alerts.rules import SEVERITY_ORDER, AlertRule, PriceDirection
from core.alerts.timing import Digest
from core.changes.events import EVENTS, Event
from core.changes.rules import ChangeType
from core.errors import NotFound, RequestError
from core.web.page_types import PageType
from store.db.engine import Database

router = APIRouter(prefix="/alerts", dependencies=SIGNED_IN)

PREVIEW_DAYS: Final = (1, 7, 30, 90)

CHANGES_OF_TEXT: Final = tuple(kind for kind in ChangeType if kind not in EVENTS)
"""The types of the event `change`."""

NEW_ALERT: Final = Form.of({"enabled": True})


@dataclass(frozen=True)
class ShownAlert:
    """An alert as the list shows it."""

    alert: rest.AlertView
    about: list[str]
    channels: list[str]


@router.get("")
async def list_alerts(request: Request, owner: OwnerDep, database: DatabaseDep) -> Response:
    """The alerts, newest first."""
    paging = requested(request)
    found = await rest.list_all(owner, paging, database)
    told = {channel for each in found.data for channel in each.channel_ids}
    channels = await channel_names(database, owner, told)
    about = {domain for each in found.data for domain in each.on.domain_ids or ()}
    domains = domain_names(await domain_choices(database, owner, about))
    return page(
        request,
        "alerts.html",
        title="Alerts",
        alerts=[
            ShownAlert(
                alert=each,
                about=in_words(each.on, domains),
                channels=[channels.get(channel, "a channel") for channel in each.channel_ids],
            )
            for each in found.data
        ],
        links=links(request, paging, found.meta.total, len(found.data)),
        has_channels=bool(channels),
    )


@router.get("/new")
async def new_alert(request: Request, owner: OwnerDep, database: DatabaseDep) -> Response:
    """The form of a new alert. The query may name the domain or the page that it is about."""
    given = {name: request.query_params.get(name, "") for name in ("domain", "page")}
    values = Form([*given.items(), ("enabled", "1")])
    return await _form(request, owner, database, values)


@router.post("")
async def add_alert(
    request: Request, fields: FormDep, owner: OwnerDep, database: DatabaseDep, once: OnceDep
) -> Response:
    """Add an alert, or preview it."""
    if "preview" in fields:
        return await _preview(request, owner, database, fields)
    try:
        body = body_of(rest.AlertBody, {**_values(fields), "channelIds": fields.all("channel")})
        added = await rest.add(body, owner, once)
    except RequestError as error:
        return await _form(request, owner, database, fields, error=error)
    return RedirectResponse(f"/alerts/{added.data.id}?notice=alert-added", 303)


@router.get("/{alert_id}")
async def one_alert(
    request: Request, alert_id: AlertIdDep, owner: OwnerDep, database: DatabaseDep
) -> Response:
    """One alert, as a form."""
    alert = (await rest.get(alert_id, owner, database)).data
    return await _form(request, owner, database, _fields_of(alert), alert=alert)


@router.post("/{alert_id}")
async def change_alert(
    request: Request,
    alert_id: AlertIdDep,
    fields: FormDep,
    owner: OwnerDep,
    database: DatabaseDep,
) -> Response:
    """Change an alert, or preview what it would be."""
    alert = (await rest.get(alert_id, owner, database)).data
    if "preview" in fields:
        return await _preview(request, owner, database, fields, alert)
    try:
        values = {**_values(fields), "channelIds": fields.all("channel")}
        body = body_of(rest.ChangeAlertBody, {"on": {}, "quietHours": None, **values})
        await rest.change(alert_id, body, owner, database)
    except NotFound:
        raise
    except RequestError as error:
        return await _form(request, owner, database, fields, alert=alert, error=error)
    return RedirectResponse(f"/alerts/{alert_id}?notice=alert-saved", 303)


@router.post("/{alert_id}/switch")
async def switch_alert(
    alert_id: AlertIdDep, fields: FormDep, owner: OwnerDep, database: DatabaseDep
) -> Response:
    """Turn an alert on or off."""
    on = "on" in fields
    await rest.change(alert_id, rest.ChangeAlertBody(enabled=on), owner, database)
    return RedirectResponse(f"/alerts?notice=alert-{'on' if on else 'off'}", 303)


@router.post("/{alert_id}/remove")
async def remove_alert(
    alert_id: AlertIdDep,
    _: FormDep,
    owner: OwnerDep,
    database: DatabaseDep,
    delivery: DeliveryDep,
) -> Response:
    """Delete an alert."""
    await rest.delete(alert_id, owner, database, delivery)
    return RedirectResponse("/alerts?notice=alert-removed", 303)


def in_words(rule: AlertRule, domains: Mapping[UUID, str]) -> list[str]:
    """What a rule lets pass, filter by filter."""
    words: list[str] = []

    def either(values: tuple[object, ...] | None, form: str) -> None:
        if values:
            words.append(form.format(", ".join(str(each).replace("_", " ") for each in values)))

    either(rule.domain_ids and tuple(domains.get(i, "a domain") for i in rule.domain_ids), "{}")
    if rule.page_ids:
        words.append(f"{len(rule.page_ids)} page{'' if len(rule.page_ids) == 1 else 's'}")
    either(rule.tags, "tagged {}")
    either(rule.page_types, "{} pages")
    either(rule.events, "{}")
    either(rule.change_types, "{}")
    if rule.min_severity:
        worse = rule.min_severity is SEVERITY_ORDER[-1]
        words.append(f"{rule.min_severity}" + ("" if worse else " or more severe"))
    if rule.min_confidence is not None:
        words.append(f"confidence {rule.min_confidence:.0%} or more")
    if rule.is_about_prices:
        way = {PriceDirection.UP: "rises", PriceDirection.DOWN: "falls"}
        least = f" by {rule.price_percent:g} % or more" if rule.price_percent else ""
        moves = way.get(rule.price_direction or PriceDirection.ANY, "moves")
        words.append(f"a price {moves}{least}")
    if rule.words:
        both = rule.words.appear == rule.words.vanish
        either(rule.words.appear, "“{}” appears or vanishes" if both else "“{}” appears")
        either(() if both else rule.words.vanish, "“{}” vanishes")
    return words or ["every change"]


def _values(fields: Form) -> dict[str, object]:
    """The fields as a body of the REST API, without channels."""
    confidence = fields.number("confidence")
    words = sparse({"appear": fields.lines("appear"), "vanish": fields.lines("vanish")})
    on = sparse(
        {
            "domainIds": fields.all("domain"),
            "pageIds": fields.all("page"),
            "tags": fields.parts("tags"),
            "pageTypes": fields.all("page_type"),
            "events": fields.all("event"),
            "changeTypes": fields.all("change_type"),
            "minSeverity": fields.text("severity"),
            "minConfidence": confidence / 100 if isinstance(confidence, float) else confidence,
            "pricePercent": fields.number("price_percent"),
            "priceDirection": fields.text("price_direction"),
            "words": words or None,
        }
    )
    quiet = [fields.get(name, "") for name in ("quiet_from", "quiet_to", "quiet_zone")]
    values: dict[str, object] = {
        "name": fields.get("name", ""),
        "enabled": "enabled" in fields,
        "on": on,
        "digest": fields.text("digest") or Digest.NONE,
    }
    if quiet[0] or quiet[1]:
        values["quietHours"] = dict(zip(("from", "to", "timeZone"), quiet, strict=True))
    return values


def _fields_of(alert: rest.AlertView) -> Form:
    """An alert as the fields of its form."""
    rule, quiet = alert.on, alert.quiet_hours
    words = rule.words
    return Form.of(
        {
            "name": alert.name,
            "enabled": alert.enabled,
            "channel": alert.channel_ids,
            "domain": rule.domain_ids,
            "page": rule.page_ids,
            "tags": ", ".join(rule.tags or ()),
            "page_type": rule.page_types,
            "event": rule.events,
            "change_type": rule.change_types,
            "severity": rule.min_severity,
            "confidence": None if rule.min_confidence is None else f"{rule.min_confidence * 100:g}",
            "price_percent": None if rule.price_percent is None else f"{rule.price_percent:g}",
            "price_direction": rule.price_direction,
            "appear": "\n".join(words.appear) if words else None,
            "vanish": "\n".join(words.vanish) if words else None,
            "digest": alert.digest,
            "quiet_from": quiet.from_ if quiet else None,
            "quiet_to": quiet.to if quiet else None,
            "quiet_zone": quiet.time_zone if quiet else None,
        }
    )


async def _preview(
    request: Request,
    owner: OwnerDep,
    database: Database,
    fields: Form,
    alert: rest.AlertView | None = None,
) -> Response:
    request.state.reads_only = True  # for the audit log: the form is posted, and changes nothing
    values = sparse({**_values(fields), "name": fields.text("name"), "days": fields.whole("days")})
    if channels := fields.all("channel"):
        values["channelIds"] = channels
    try:
        found = await rest.preview(body_of(rest.PreviewBody, values), owner, database)
    except RequestError as error:
        return await _form(request, owner, database, fields, alert=alert, error=error)
    return await _form(request, owner, database, fields, alert=alert, preview=found.data)


async def _form(
    request: Request,
    owner: OwnerDep,
    database: Database,
    values: Form,
    *,
    alert: rest.AlertView | None = None,
    preview: rest.Preview | None = None,
    error: RequestError | None = None,
) -> Response:
    channels, domains, pages = (values.all(name) for name in ("channel", "domain", "page"))
    named = domain_names(await domain_choices(database, owner, ids_of(domains)))
    told = await channel_names(database, owner, ids_of(channels))
    return page(
        request,
        "alert.html",
        title=alert.name if alert else "New alert",
        status=error.http_status if error else 200,
        alert=alert,
        values=values,
        preview=preview,
        error=error,
        faults=(error.details if error else None) or {},
        channels=offered(told, channels, "channel"),
        domains=offered(named, domains, "domain"),
        pages=offered(await page_urls(database, owner, ids_of(pages)), pages, "page"),
        page_types=list(PageType),
        events=list(Event),
        change_types=CHANGES_OF_TEXT,
        severities=SEVERITY_ORDER,
        directions=list(PriceDirection),
        digests=list(Digest),
        preview_days=PREVIEW_DAYS,
    )
