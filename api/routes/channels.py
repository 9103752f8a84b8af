"""Channels: where an organisation is told of changes."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Literal
from uuid import UUID

from fastapi import APIRouter, Body
from pydantic import AfterValidator, Field
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError
from sqlalchemy.ext.asyncio import AsyncSession

from api.deps import ChannelIdDep, DatabaseDep, DeliveryDep, PrincipalDep, SecretKeyDep, SettingsDep
from api.errors import documented_errors
from api.idempotency import IdempotencyDep
from api.limits import JsonBody, example
from api.paging import ListMeta, PagingDep
from api.routes.deliveries import DeliveryAnswer, DeliveryView, delivery_view
from core.alerts.attempts import ChannelState
from core.alerts.signal_targets import NOT_ALLOWED, SignalTargets
from core.alerts.signing import new_secret
from core.errors import Conflict, InvalidAddress, InvalidRequest, RateLimited, Unavailable
from core.model import Model, UtcTime
from core.outbox import ChannelMessage
from core.settings import MAIL_ADDRESS, Settings
from core.web.addresses import is_public, literal_address
from core.web.secrets import SecretBox
from core.web.urls import MAX_URL_LENGTH, host_of, origin_of, verbatim_url
from store.channels import delete_channel, get_channel, list_channels, rotate
from store.deliveries import add_test, turn_off, turn_on
from store.outbox_rows import put, withdraw_domain
from store.tables.alerts import Channel, ChannelKind

router = APIRouter(prefix="/api/channels", tags=["channels"])

MAX_OVERLAP_HOURS: Final = 168
DEFAULT_OVERLAP_HOURS: Final = 24
MAX_RECIPIENTS: Final = 20


def _own_signal(name: str) -> str:
    if name.startswith("__temporal"):
        raise PydanticCustomError("reserved", "Temporal keeps names like this one for itself")
    return name


ChannelName = Annotated[str, Field(min_length=1, max_length=200)]
WebhookUrl = Annotated[str, Field(min_length=1, max_length=MAX_URL_LENGTH)]
Address = Annotated[str, Field(max_length=254, pattern=MAIL_ADDRESS)]
Recipients = Annotated[list[Address], Field(min_length=1, max_length=MAX_RECIPIENTS)]
WorkflowId = Annotated[str, Field(min_length=1, max_length=200)]
SignalName = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_own_signal)]

NOT_ENCRYPTED: Final = "The URL is http: whoever is on the way reads what is sent."


class ChannelView(Model):
    """A channel. Of a webhook's URL only the origin is shown: the rest may be a secret.

    `state` is `paused` while the channel fails for long; it is tried again now and then, next at
    `nextAttemptAt`. `previousSecretUntil` is set while two secrets sign.
    """

    id: UUID
    kind: ChannelKind
    name: str
    target: dict[str, list[str]]
    state: ChannelState
    reason: str | None
    failing_since: UtcTime | None
    next_attempt_at: UtcTime | None
    last_answer: str | None
    last_delivered_at: UtcTime | None
    previous_secret_until: UtcTime | None
    created_at: UtcTime
    updated_at: UtcTime
    warnings: list[str] = Field(default_factory=list)


class ChannelWithSecret(ChannelView):
    """A channel and the secret of its signatures, which is shown this once; null if the request was
    a repetition.
    """

    secret: str | None = Field(default=None, repr=False)


class ChannelAnswer(Model):
    """One channel."""

    data: ChannelView


class ChannelSecretAnswer(Model):
    """One channel, with its new secret."""

    data: ChannelWithSecret


class ChannelListAnswer(Model):
    """A page of channels."""

    data: list[ChannelView]
    meta: ListMeta


class AddWebhookBody(JsonBody):
    """A webhook by the Standard Webhooks specification, at an http(s) URL."""

    model_config = example(kind="webhook", name="ops", url="https://hooks.example/diffy")

    kind: Literal["webhook"]
    name: ChannelName
    url: WebhookUrl = Field(repr=False)


class AddEmailBody(JsonBody):
    """E-mail to up to 20 addresses, through the mail server of the operator."""

    model_config = example(kind="email", name="sales", to=["sales@shop.example"])

    kind: Literal["email"]
    name: ChannelName
    to: Recipients


class AddSignalBody(JsonBody):
    """A signal to a workflow in the same Temporal namespace, in any SDK language."""

    model_config = example(
        kind="signal", name="orders", workflowId="order-17", signalName="pricesChanged"
    )

    kind: Literal["signal"]
    name: ChannelName
    workflow_id: WorkflowId
    signal_name: SignalName


AddChannelBody = Annotated[
    AddWebhookBody | AddEmailBody | AddSignalBody, Field(discriminator="kind")
]


class ChangeChannelBody(JsonBody):
    """The mutable fields of a channel. Omitted fields stay.

    `active` ends a pause, or turns the channel on again; `off` turns it off: nothing more is
    delivered, and what is pending fails.
    """

    model_config = example(name="Sales", state="active")

    name: ChannelName | None = None
    url: WebhookUrl | None = Field(default=None, repr=False)
    to: Recipients | None = None
    workflow_id: WorkflowId | None = None
    signal_name: SignalName | None = None
    state: Literal["active", "off"] | None = None


class RotateBody(JsonBody):
    """How long the present secret signs beside the new one, in hours; 0 not at all."""

    model_config = example(overlapHours=48)

    overlap_hours: Annotated[int, Field(ge=0, le=MAX_OVERLAP_HOURS)] | None = None


def channel_view(channel: Channel, warnings: list[str] | None = None) -> ChannelView:
    """A channel as the API shows it."""
    now = datetime.now(UTC)
    held = channel.held_until if channel.held_until and channel.held_until > now else None
    previous = channel.previous_until
    return ChannelView(
        id=channel.id,
        kind=channel.kind,
        name=channel.name,
        target=channel.target,
        state=channel.state,
        reason=_reason(channel),
        failing_since=channel.failing_since,
        next_attempt_at=held,
        last_answer=channel.last_answer,
        last_delivered_at=channel.last_delivered_at,
        previous_secret_until=previous if previous and previous > now else None,
        created_at=channel.created_at,
        updated_at=channel.updated_at,
        warnings=warnings or [],
    )


def _reason(channel: Channel) -> str | None:
    match channel.state:
        case ChannelState.OFF:
            return channel.off_reason
        case ChannelState.PAUSED:
            return f"It has failed {channel.failures} times in a row: {channel.last_answer}"
        case _:
            return None


@router.get("", responses=documented_errors(400))
async def list_all(
    principal: PrincipalDep, paging: PagingDep, database: DatabaseDep
) -> ChannelListAnswer:
    """The channels, newest first."""
    async with database.reading() as session:
        found = await list_channels(session, principal.org_id, paging.request)
    data = [channel_view(each) for each in found.rows]
    return ChannelListAnswer(data=data, meta=paging.meta(found))


@router.post("", status_code=201, responses=documented_errors(400, 409, 413))
async def add(
    body: AddChannelBody,
    principal: PrincipalDep,
    settings: SettingsDep,
    secret_key: SecretKeyDep,
    idempotency: IdempotencyDep,
) -> ChannelSecretAnswer:
    """Add a channel. The answer has the secret of a webhook, this once: neither the channel nor a
    repetition of the request shows it again.
    """
    url = _webhook_url(body.url, settings) if isinstance(body, AddWebhookBody) else None
    if isinstance(body, AddEmailBody) and not (settings.smtp_host and settings.smtp_from):
        raise Conflict("E-mail cannot be sent here: DIFFY_SMTP_HOST or DIFFY_SMTP_FROM is not set.")
    if isinstance(body, AddSignalBody):
        _check_target(body.workflow_id, settings)
    secret: str | None = None

    async def accept(session: AsyncSession, seed: UUID) -> ChannelView:
        nonlocal secret
        now = datetime.now(UTC)
        channel = Channel(
            id=seed,
            org_id=principal.org_id,
            kind=ChannelKind(body.kind),
            name=body.name,
            state=ChannelState.ACTIVE,
            failures=0,
            created_at=now,
            updated_at=now,
        )
        match body:
            case AddWebhookBody():
                box, secret = secret_key.for_sealing(), new_secret()
                channel.secret = box.seal(secret)
                assert url is not None
                _direct(channel, url, box)
            case AddEmailBody():
                channel.target = {"to": list(dict.fromkeys(body.to))}
            case AddSignalBody():
                channel.target = _signal_target(body.workflow_id, body.signal_name)
        session.add(channel)
        await session.flush()
        return channel_view(channel, _warnings(url or ""))

    # Answers are kept for a week: what is kept has no secret.
    view = await idempotency.once(accept, ChannelView)
    return ChannelSecretAnswer(data=ChannelWithSecret(**dict(view), secret=secret))


@router.get("/{channel_id}", responses=documented_errors(404))
async def get(
    channel_id: ChannelIdDep, principal: PrincipalDep, database: DatabaseDep
) -> ChannelAnswer:
    """One channel."""
    async with database.reading() as session:
        return ChannelAnswer(
            data=channel_view(await get_channel(session, principal.org_id, channel_id))
        )


@router.patch("/{channel_id}", responses=documented_errors(400, 404, 409, 413))
async def change(
    channel_id: ChannelIdDep,
    body: ChangeChannelBody,
    principal: PrincipalDep,
    settings: SettingsDep,
    database: DatabaseDep,
    delivery: DeliveryDep,
    secret_key: SecretKeyDep,
) -> ChannelAnswer:
    """Change a channel, turn it off or on again."""
    warnings: list[str] = []
    async with database.transaction() as session:
        channel = await get_channel(session, principal.org_id, channel_id, lock=True)
        _check_fields(body, channel.kind)
        if body.to is not None:
            channel.target = {"to": list(dict.fromkeys(body.to))}
        if body.workflow_id is not None or body.signal_name is not None:
            [workflow_id], [signal_name] = channel.target.values()
            _check_target(body.workflow_id or workflow_id, settings)
            channel.target = _signal_target(
                body.workflow_id or workflow_id, body.signal_name or signal_name
            )
        if body.url is not None:
            url = _webhook_url(body.url, settings)
            _direct(channel, url, secret_key.for_sealing())
            warnings = _warnings(url)
        if body.name is not None:
            channel.name = body.name
        if body.state == "active":
            turn_on(channel)
            await put(session, ChannelMessage.of(channel.id))
        elif body.state == "off":
            await turn_off(session, channel)
        if body.model_fields_set:
            channel.updated_at = datetime.now(UTC)
    # The channel is on. If this fails, the reconciler has what is pending delivered.
    with suppress(Unavailable, RateLimited):
        await delivery.deliver(channel_id)
    return ChannelAnswer(data=channel_view(channel, warnings))


@router.delete("/{channel_id}", status_code=204, responses=documented_errors(404))
async def delete(channel_id: ChannelIdDep, principal: PrincipalDep, database: DatabaseDep) -> None:
    """Delete a channel, with its deliveries. Alerts lose it."""
    async with database.transaction() as session:
        await delete_channel(session, principal.org_id, channel_id)
        await withdraw_domain(session, channel_id)


@router.post("/{channel_id}/rotate", responses=documented_errors(400, 404, 409, 413))
async def rotate_secret(
    channel_id: ChannelIdDep,
    body: Annotated[RotateBody, Body(default_factory=RotateBody)],
    principal: PrincipalDep,
    database: DatabaseDep,
    secret_key: SecretKeyDep,
) -> ChannelSecretAnswer:
    """Give a webhook a new secret, which the answer has. Both secrets sign for a while, a day
    unless the body says otherwise.
    """
    now = datetime.now(UTC)
    hours = DEFAULT_OVERLAP_HOURS if body.overlap_hours is None else body.overlap_hours
    secret = new_secret()
    async with database.transaction() as session:
        channel = await get_channel(session, principal.org_id, channel_id, lock=True)
        if channel.kind is not ChannelKind.WEBHOOK:
            raise InvalidRequest("Only a webhook has a secret.")
        rotate(channel, secret_key.for_sealing().seal(secret), now + timedelta(hours=hours))
        channel.updated_at = now
    view = channel_view(channel)
    return ChannelSecretAnswer(data=ChannelWithSecret(**dict(view), secret=secret))


@router.post("/{channel_id}/test", status_code=202, responses=documented_errors(400, 404, 409, 413))
async def test(
    channel_id: ChannelIdDep,
    principal: PrincipalDep,
    delivery: DeliveryDep,
    idempotency: IdempotencyDep,
) -> DeliveryAnswer:
    """Send a test to a channel, also a paused one. The answer is the delivery, which tells how it
    went. It has one attempt.
    """

    async def accept(session: AsyncSession, seed: UUID) -> DeliveryView:
        test = await add_test(session, principal.org_id, channel_id, seed, datetime.now(UTC))
        await put(session, ChannelMessage.of(channel_id, seed))
        return delivery_view(test)

    view = await idempotency.once(accept, DeliveryView)
    # The test is stored. If this fails, the reconciler has it sent.
    with suppress(Unavailable, RateLimited):
        await delivery.deliver(view.id)
    return DeliveryAnswer(data=view)


FIELDS_OF_KIND: Final = {
    "url": ChannelKind.WEBHOOK,
    "to": ChannelKind.EMAIL,
    "workflow_id": ChannelKind.SIGNAL,
    "signal_name": ChannelKind.SIGNAL,
}


def _check_fields(body: ChangeChannelBody, kind: ChannelKind) -> None:
    """Raises InvalidRequest for a field that a channel of this kind does not have."""
    for name, owner in FIELDS_OF_KIND.items():
        if getattr(body, name) is not None and owner is not kind:
            field, sentence = to_camel(name), f"Only a channel of kind {owner} has this."
            raise InvalidRequest(f"{field}: {sentence}", {field: sentence})


def _check_target(workflow_id: str, settings: Settings) -> None:
    """Raises Conflict if nothing may be signalled here, InvalidRequest if this workflow may not."""
    targets = SignalTargets(settings.signal_targets)
    if targets.is_empty:
        raise Conflict("Workflows cannot be signalled here: DIFFY_SIGNAL_TARGETS is not set.")
    if not targets.allow(workflow_id, None):
        raise InvalidRequest(NOT_ALLOWED, {"workflowId": NOT_ALLOWED})


def _signal_target(workflow_id: str, signal_name: str) -> dict[str, list[str]]:
    return {"workflowId": [workflow_id], "signalName": [signal_name]}


def _webhook_url(text: str, settings: Settings) -> str:
    """The normalised URL. Raises InvalidRequest if nothing can be sent there."""
    try:
        url = verbatim_url(text)
    except InvalidAddress as error:
        raise InvalidRequest(error.message, {"url": error.message}) from None
    host = host_of(url)
    address = literal_address(host)
    private = _is_local(host) if address is None else not is_public(address)
    if private and not settings.allow_private_networks:
        sentence = f"{host} is not on the public internet."
        raise InvalidRequest(sentence, {"url": sentence})
    return url


NEVER_PUBLIC: Final = frozenset(
    {"corp", "home", "internal", "invalid", "lan", "local", "localdomain", "localhost", "onion"}
    | {"test"}
)
"""Top-level names that the public DNS has none of: reserved ones (RFC 6761, 6762, 7686; `internal`
by ICANN), and those that local networks use.
"""


def _is_local(name: str) -> bool:
    """Whether a host name is never one of the public internet; `home.arpa` by RFC 8375."""
    labels = name.rstrip(".").split(".")
    return len(labels) < 2 or labels[-1] in NEVER_PUBLIC or labels[-2:] == ["home", "arpa"]


def _direct(channel: Channel, url: str, box: SecretBox) -> None:
    channel.address = box.seal(url)
    channel.target = {"url": [origin_of(url)]}


def _warnings(url: str) -> list[str]:
    return [NOT_ENCRYPTED] if url.startswith("http:") else []
