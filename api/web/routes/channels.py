"""Channels: a list, and one with its tests, its secret and what it was told."""

from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from api.deps import ChannelIdDep, DatabaseDep, DeliveryDep, SecretKeyDep, SettingsDep
from api.paging import Paging
from api.routes import channels as rest
from api.routes import deliveries as rest_deliveries
from api.web.filters import chosen
from api.web.forms import Form, body_of
from api.web.paging import links, requested
from api.web.rendering import page
from api.web.routes.deliveries import shown_deliveries
from api.web.session import SIGNED_IN, FormDep, OnceDep, OwnerDep, SessionOnceDep
from core.errors import InvalidRequest, NotFound, RequestError
from store.db.engine import Database
from store.tables.alerts import ChannelKind

router = APIRouter(prefix="/channels", dependencies=SIGNED_IN)

SHOWN_DELIVERIES: Final = 10

BODIES: Final[dict[ChannelKind, type[rest.AddChannelBody]]] = {
    ChannelKind.WEBHOOK: rest.AddWebhookBody,
    ChannelKind.EMAIL: rest.AddEmailBody,
    ChannelKind.SIGNAL: rest.AddSignalBody,
}


@router.get("")
async def list_channels(request: Request, owner: OwnerDep, database: DatabaseDep) -> Response:
    """The channels, newest first."""
    paging = requested(request)
    found = await rest.list_all(owner, paging, database)
    return page(
        request,
        "channels.html",
        title="Channels",
        channels=found.data,
        links=links(request, paging, found.meta.total, len(found.data)),
    )


@router.get("/new")
async def new_channel(request: Request, settings: SettingsDep) -> Response:
    """The form of a new channel of the kind that the query names, or else a webhook."""
    kind = chosen(request, "kind", ChannelKind) or ChannelKind.WEBHOOK
    return _form(request, kind, Form(), mail=bool(settings.smtp_host and settings.smtp_from))


def _form(
    request: Request,
    kind: ChannelKind,
    values: Form,
    *,
    mail: bool,
    error: RequestError | None = None,
) -> Response:
    return page(
        request,
        "channel_new.html",
        title="New channel",
        status=error.http_status if error else 200,
        kind=kind,
        kinds=list(ChannelKind),
        mail=mail,
        values=values,
        error=error,
        faults=(error.details if error else None) or {},
    )


@router.post("")
async def add_channel(
    request: Request,
    fields: FormDep,
    owner: OwnerDep,
    database: DatabaseDep,
    settings: SettingsDep,
    secret_key: SecretKeyDep,
    once: SessionOnceDep,
) -> Response:
    """Add a channel. The answer shows the secret of a webhook, this once."""
    try:
        kind = ChannelKind(fields.get("kind", ""))
    except ValueError:
        raise InvalidRequest("There is no channel of this kind.") from None
    values = {"kind": kind, "name": fields.get("name", ""), **_target(kind, fields)}
    try:
        body = body_of(BODIES[kind], values)
        added = (await rest.add(body, owner, settings, secret_key, once)).data
    except RequestError as error:
        mail = bool(settings.smtp_host and settings.smtp_from)
        return _form(request, kind, fields, mail=mail, error=error)
    if kind is not ChannelKind.WEBHOOK:
        return RedirectResponse(f"/channels/{added.id}?notice=channel-added", 303)
    return await _channel(request, owner, database, added, secret=added.secret, fresh=True)


@router.get("/{channel_id}")
async def one_channel(
    request: Request, channel_id: ChannelIdDep, owner: OwnerDep, database: DatabaseDep
) -> Response:
    """One channel, with its newest deliveries."""
    channel = (await rest.get(channel_id, owner, database)).data
    return await _channel(request, owner, database, channel)


async def _channel(
    request: Request,
    owner: OwnerDep,
    database: Database,
    channel: rest.ChannelView,
    *,
    secret: str | None = None,
    fresh: bool = False,
    values: Form | None = None,
    error: RequestError | None = None,
) -> Response:
    newest = await rest_deliveries.list_all(
        owner, Paging(SHOWN_DELIVERIES, 1, None), database, channel_id=channel.id
    )
    return page(
        request,
        "channel.html",
        title=channel.name,
        status=error.http_status if error else 200,
        channel=channel,
        deliveries=await shown_deliveries(owner, database, newest.data),
        more=newest.meta.total > len(newest.data),
        secret=secret,
        fresh=fresh,
        values=values or _fields_of(channel),
        error=error,
        faults=(error.details if error else None) or {},
    )


@router.post("/{channel_id}")
async def change_channel(
    request: Request,
    channel_id: ChannelIdDep,
    fields: FormDep,
    owner: OwnerDep,
    settings: SettingsDep,
    database: DatabaseDep,
    delivery: DeliveryDep,
    secret_key: SecretKeyDep,
) -> Response:
    """Change where a channel leads, and its name."""
    channel = (await rest.get(channel_id, owner, database)).data
    target = _target(channel.kind, fields)
    if not fields.text("url"):
        target.pop("url", None)  # an empty field keeps the URL, which is not shown
    try:
        body = body_of(rest.ChangeChannelBody, {"name": fields.get("name", ""), **target})
        await rest.change(channel_id, body, owner, settings, database, delivery, secret_key)
    except NotFound:
        raise
    except RequestError as error:
        return await _channel(request, owner, database, channel, values=fields, error=error)
    return RedirectResponse(f"/channels/{channel_id}?notice=channel-saved", 303)


@router.post("/{channel_id}/switch")
async def switch_channel(
    channel_id: ChannelIdDep,
    fields: FormDep,
    owner: OwnerDep,
    settings: SettingsDep,
    database: DatabaseDep,
    delivery: DeliveryDep,
    secret_key: SecretKeyDep,
) -> Response:
    """Turn a channel off, or on again; also one that is paused."""
    on = "on" in fields
    body = rest.ChangeChannelBody(state="active" if on else "off")
    await rest.change(channel_id, body, owner, settings, database, delivery, secret_key)
    return RedirectResponse(f"/channels/{channel_id}?notice=channel-{'on' if on else 'off'}", 303)


@router.post("/{channel_id}/test")
async def send_test(
    channel_id: ChannelIdDep, _: FormDep, owner: OwnerDep, delivery: DeliveryDep, once: OnceDep
) -> Response:
    """Send a test, and show the channel, which tells how it went."""
    await rest.test(channel_id, owner, delivery, once)
    return RedirectResponse(f"/channels/{channel_id}?notice=testing", 303)


@router.post("/{channel_id}/rotate")
async def rotate_secret(
    request: Request,
    channel_id: ChannelIdDep,
    fields: FormDep,
    owner: OwnerDep,
    database: DatabaseDep,
    secret_key: SecretKeyDep,
) -> Response:
    """Give a webhook a new secret, which the answer shows, this once."""
    hours = {"overlapHours": fields.whole("hours")}
    body = body_of(rest.RotateBody, hours)
    rotated = (await rest.rotate_secret(channel_id, body, owner, database, secret_key)).data
    return await _channel(request, owner, database, rotated, secret=rotated.secret)


@router.post("/{channel_id}/remove")
async def remove_channel(
    channel_id: ChannelIdDep, _: FormDep, owner: OwnerDep, database: DatabaseDep
) -> Response:
    """Delete a channel, with what it was told."""
    await rest.delete(channel_id, owner, database)
    return RedirectResponse("/channels?notice=channel-removed", 303)


def _target(kind: ChannelKind, fields: Form) -> dict[str, object]:
    """Where a channel leads, as fields of the REST API."""
    match kind:
        case ChannelKind.WEBHOOK:
            return {"url": fields.get("url", "")}
        case ChannelKind.EMAIL:
            return {"to": fields.parts("to")}
        case ChannelKind.SIGNAL:
            return {
                "workflowId": fields.get("workflow", ""),
                "signalName": fields.get("signal", ""),
            }


def _fields_of(channel: rest.ChannelView) -> Form:
    """A channel as the fields of its form."""
    target = channel.target
    return Form.of(
        {
            "name": channel.name,
            "to": "\n".join(target.get("to", [])),
            "workflow": target.get("workflowId", []),
            "signal": target.get("signalName", []),
        }
    )
