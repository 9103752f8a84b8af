"""Alerts: which changes are told to which channels, and when."""

from collections import Counter
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError
from sqlalchemy.ext.asyncio import AsyncSession

from api.deps import AlertIdDep, DatabaseDep, DeliveryDep, PrincipalDep
from api.errors import documented_errors
from api.idempotency import IdempotencyDep
from api.limits import JsonBody, example
from api.paging import ListMeta, PagingDep
from api.routes.changes import ChangeRow, change_rows
from api.tags import Tag
from core.alerts.rules import (
    MAX_CHOICES,
    MAX_WORDS_LENGTH,
    AlertRule,
    Needs,
    PriceDirection,
    Reason,
    Words,
    judge,
    warnings_of,
)
from core.alerts.timing import Digest, QuietHours, told_at
from core.changes.events import Event
from core.changes.rules import ChangeType, Severity
from core.errors import InvalidRequest, RateLimited, Unavailable
from core.model import Model, UtcTime
from core.schedules import check_zone
from core.web.page_types import PageType
from store.alerts import (
    changes_since,
    channels_of,
    delete_alert,
    get_alert,
    list_alerts,
    set_channels,
    unknown_channels,
    unknown_domains,
    unknown_pages,
)
from store.db.engine import Database
from store.matching import facts_of
from store.tables.alerts import Alert
from store.tables.changes import Change

router = APIRouter(prefix="/api/alerts", tags=["alerts"])

MAX_PREVIEW_DAYS: Final = 90
DEFAULT_PREVIEW_DAYS: Final = 7
MAX_PREVIEWED: Final = 100
"""Changes that a preview shows, the newest; it counts all."""

MAX_PREVIEW_READ: Final = 20_000
"""Changes that a preview judges, the oldest first; more are said to be left out."""


def _word(text: str) -> str:
    if not any(sign.isalnum() for sign in text):
        raise PydanticCustomError("no_word", "This has no letter and no digit")
    return text


Ids = Annotated[
    list[Annotated[UUID, Field(strict=False)]], Field(min_length=1, max_length=MAX_CHOICES)
]
ChosenTags = Annotated[list[Tag], Field(min_length=1, max_length=MAX_CHOICES)]
ChosenTypes = Annotated[
    list[Annotated[PageType, Field(strict=False)]], Field(min_length=1, max_length=MAX_CHOICES)
]
Word = Annotated[str, Field(min_length=1, max_length=MAX_WORDS_LENGTH), AfterValidator(_word)]
WordList = Annotated[list[Word], Field(max_length=MAX_CHOICES)]
Clock = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
Zone = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(check_zone)]
AlertName = Annotated[str, Field(min_length=1, max_length=200)]


class WordsBody(JsonBody):
    """Words or phrases: one of `appear` is on the page more often than before, or one of `vanish`
    less often. Case does not matter; whole words are compared.
    """

    appear: WordList | None = None
    vanish: WordList | None = None


class AlertOn(JsonBody):
    """Which changes an alert is about: those that pass all filters. An omitted filter lets
    everything pass.

    An alert without `events` also tells when watching breaks or works again, whatever its filters
    other than `domainIds`, `pageIds`, `tags` and `pageTypes`.

    `words` may also be a list: each of them may appear or vanish. A change of a page has the tags
    of the page and of its domain. `pricePercent` is the least move of a price, in per cent.
    """

    domain_ids: Ids | None = None
    page_ids: Ids | None = None
    tags: ChosenTags | None = None
    page_types: ChosenTypes | None = None
    events: Annotated[list[Annotated[Event, Field(strict=False)]], Field(min_length=1)] | None = (
        None
    )
    change_types: (
        Annotated[list[Annotated[ChangeType, Field(strict=False)]], Field(min_length=1)] | None
    ) = None
    min_severity: Annotated[Severity, Field(strict=False)] | None = None
    min_confidence: Annotated[float, Field(ge=0, le=1)] | None = None
    price_percent: Annotated[float, Field(gt=0, le=1_000_000)] | None = None
    price_direction: Annotated[PriceDirection, Field(strict=False)] | None = None
    words: WordList | WordsBody | None = None

    @property
    def rule(self) -> AlertRule:
        """The rule as it is stored."""
        fields = {name: getattr(self, name) for name in self.model_fields_set}
        if isinstance(self.words, list):
            both = tuple(self.words)
            fields["words"] = Words(appear=both, vanish=both)
        elif self.words is not None:
            fields["words"] = Words(
                appear=tuple(self.words.appear or ()), vanish=tuple(self.words.vanish or ())
            )
        return AlertRule.model_validate(fields)


class QuietHoursBody(JsonBody):
    """Nothing is told from one local time to another, `HH:MM`: it is held until then.

    `timeZone` is a name of the IANA database, such as Europe/Berlin.
    """

    from_: Clock = Field(alias="from")
    to: Clock
    time_zone: Zone

    @property
    def hours(self) -> QuietHours:
        """The quiet hours as they are stored. Raises InvalidRequest if they never end."""
        if self.from_ == self.to:
            sentence = "Quiet hours that end when they begin would be none, or never end."
            raise InvalidRequest(sentence, {"quietHours": sentence})
        return QuietHours(
            start=time.fromisoformat(self.from_),
            end=time.fromisoformat(self.to),
            time_zone=self.time_zone,
        )


class QuietHoursView(Model):
    """Quiet hours."""

    from_: str = Field(alias="from")
    to: str
    time_zone: str


class AlertBody(JsonBody):
    """An alert: which changes, when, and to which channels."""

    model_config = example(
        name="Prices fall",
        channelIds=["0b5c1f6e-6d0c-4f7e-9a52-3d8f4f1c2a10"],
        on={"tags": ["rivals"], "priceDirection": "down", "pricePercent": 5},
        digest="daily",
        quietHours={"from": "22:00", "to": "07:00", "timeZone": "Europe/Berlin"},
    )

    name: AlertName
    channel_ids: Ids
    on: AlertOn | None = None
    digest: Annotated[Digest, Field(strict=False)] | None = None
    quiet_hours: QuietHoursBody | None = None
    enabled: bool | None = None


class ChangeAlertBody(JsonBody):
    """The mutable fields of an alert. Omitted fields stay; `on` is replaced as a whole. Null in
    `quietHours` removes them.
    """

    model_config = example(
        name="Prices rise", on={"priceDirection": "up"}, digest="hourly", enabled=True
    )

    name: AlertName | None = None
    channel_ids: Ids | None = None
    on: AlertOn | None = None
    digest: Annotated[Digest, Field(strict=False)] | None = None
    quiet_hours: QuietHoursBody | None = None
    enabled: bool | None = None


class PreviewBody(JsonBody):
    """An alert, which need not exist or be complete, and the number of days to look back."""

    model_config = example(on={"minSeverity": "high", "words": ["sold out"]}, days=30)

    name: AlertName | None = None
    channel_ids: Ids | None = None
    on: AlertOn | None = None
    digest: Annotated[Digest, Field(strict=False)] | None = None
    quiet_hours: QuietHoursBody | None = None
    enabled: bool | None = None
    days: Annotated[int, Field(ge=1, le=MAX_PREVIEW_DAYS)] | None = None


class AlertView(Model):
    """An alert. `warnings` are sentences about what is odd in it."""

    id: UUID
    name: str
    channel_ids: list[UUID]
    on: AlertRule
    digest: Digest
    quiet_hours: QuietHoursView | None
    enabled: bool
    created_at: UtcTime
    updated_at: UtcTime
    warnings: list[str]


class AlertAnswer(Model):
    """One alert."""

    data: AlertView


class AlertListAnswer(Model):
    """A page of alerts."""

    data: list[AlertView]
    meta: ListMeta


class PreviewedChange(ChangeRow):
    """A change that the alert would have told, and when."""

    told_at: UtcTime


class Preview(Model):
    """What an alert would have told since then.

    `examined` changes were judged; `matched` passed, of which `changes` has the newest, and
    `messages` is how many messages a channel would have had. `passedOver` counts the others by the
    filter that they did not pass. `complete` is false if there were more changes than are judged.
    """

    since: UtcTime
    examined: int
    matched: int
    messages: int
    passed_over: dict[Reason, int]
    complete: bool
    changes: list[PreviewedChange]
    warnings: list[str]


class PreviewAnswer(Model):
    """What an alert would have told."""

    data: Preview


def alert_view(alert: Alert, channel_ids: list[UUID]) -> AlertView:
    """An alert as the API shows it."""
    quiet = alert.quiet_hours
    warnings = warnings_of(alert.rule)
    if not channel_ids:
        warnings.append("Nobody is told: the channels of the alert were deleted.")
    return AlertView(
        id=alert.id,
        name=alert.name,
        channel_ids=channel_ids,
        on=alert.rule,
        digest=alert.digest,
        quiet_hours=None
        if quiet is None
        else QuietHoursView(
            from_=f"{quiet.start:%H:%M}", to=f"{quiet.end:%H:%M}", time_zone=quiet.time_zone
        ),
        enabled=alert.enabled,
        created_at=alert.created_at,
        updated_at=alert.updated_at,
        warnings=warnings,
    )


@router.get("", responses=documented_errors(400))
async def list_all(
    principal: PrincipalDep, paging: PagingDep, database: DatabaseDep
) -> AlertListAnswer:
    """The alerts, newest first."""
    async with database.reading() as session:
        found = await list_alerts(session, principal.org_id, paging.request)
        channels = await channels_of(session, found.rows)
    data = [alert_view(each, channels[each.id]) for each in found.rows]
    return AlertListAnswer(data=data, meta=paging.meta(found))


@router.post("", status_code=201, responses=documented_errors(400, 409, 413))
async def add(body: AlertBody, principal: PrincipalDep, idempotency: IdempotencyDep) -> AlertAnswer:
    """Add an alert, for the changes that are found from now on."""
    rule = body.on.rule if body.on else AlertRule()
    quiet = body.quiet_hours.hours if body.quiet_hours else None

    async def accept(session: AsyncSession, seed: UUID) -> AlertView:
        await _check_names(session, principal.org_id, body.channel_ids, rule)
        now = datetime.now(UTC)
        alert = Alert(
            id=seed,
            org_id=principal.org_id,
            name=body.name,
            rule=rule,
            digest=body.digest or Digest.NONE,
            quiet_hours=quiet,
            enabled=body.enabled is not False,
            created_at=now,
            updated_at=now,
        )
        session.add(alert)
        await session.flush()
        await set_channels(session, alert.id, body.channel_ids)
        return await _view(session, alert)

    return AlertAnswer(data=await idempotency.once(accept, AlertView))


@router.post("/preview", responses=documented_errors(400, 413))
async def preview(
    body: PreviewBody, principal: PrincipalDep, database: DatabaseDep
) -> PreviewAnswer:
    """What an alert would have told over the last days, from the changes that are stored. Nothing
    is sent. Page types and tags are those of today.
    """
    rule = body.on.rule if body.on else AlertRule()
    quiet = body.quiet_hours.hours if body.quiet_hours else None
    since = datetime.now(UTC) - timedelta(days=body.days or DEFAULT_PREVIEW_DAYS)
    async with database.reading() as session:
        await _check_names(session, principal.org_id, body.channel_ids or [], rule)
    data = await _previewed(
        database, principal.org_id, rule, body.digest or Digest.NONE, quiet, since
    )
    return PreviewAnswer(data=data)


async def _previewed(
    database: Database,
    org_id: UUID,
    rule: AlertRule,
    digest: Digest,
    quiet: QuietHours | None,
    since: datetime,
) -> Preview:
    reasons: Counter[Reason] = Counter()
    matched: list[Change] = []
    moments: set[datetime] = set()
    last: Change | None = None
    examined = 0
    complete = False
    while examined < MAX_PREVIEW_READ:
        # One transaction for each part: a preview of many changes keeps nobody waiting.
        async with database.reading() as session:
            changes = await changes_since(session, org_id, since, last)
            facts = await facts_of(session, changes, Needs.of([rule]))
        if not changes:
            complete = True
            break
        for change in changes:
            verdict = judge(rule, facts[change.id])
            reasons[verdict.reason] += 1
            if verdict.matches:
                matched.append(change)
                moments.add(told_at(change.created_at, digest, quiet))
        examined, last = examined + len(changes), changes[-1]
    shown = matched[-MAX_PREVIEWED:][::-1]
    async with database.reading() as session:
        rows = await change_rows(session, shown)
    count = reasons.pop(Reason.MATCHES, 0)
    return Preview(
        since=since,
        examined=examined,
        matched=count,
        messages=count if digest is Digest.NONE else len(moments),
        passed_over=dict(reasons),
        complete=complete,
        changes=[
            PreviewedChange(**dict(row), told_at=told_at(row.detected_at, digest, quiet))
            for row in rows
        ],
        warnings=warnings_of(rule),
    )


@router.get("/{alert_id}", responses=documented_errors(404))
async def get(alert_id: AlertIdDep, principal: PrincipalDep, database: DatabaseDep) -> AlertAnswer:
    """One alert."""
    async with database.reading() as session:
        alert = await get_alert(session, principal.org_id, alert_id)
        return AlertAnswer(data=await _view(session, alert))


@router.patch("/{alert_id}", responses=documented_errors(400, 404, 409, 413))
async def change(
    alert_id: AlertIdDep, body: ChangeAlertBody, principal: PrincipalDep, database: DatabaseDep
) -> AlertAnswer:
    """Change an alert, for the changes that are found from now on."""
    async with database.transaction() as session:
        alert = await get_alert(session, principal.org_id, alert_id, lock=True)
        rule = body.on.rule if body.on else None
        await _check_names(session, principal.org_id, body.channel_ids or [], rule)
        if body.name is not None:
            alert.name = body.name
        if rule is not None:
            alert.rule = rule
        if body.digest is not None:
            alert.digest = body.digest
        if "quiet_hours" in body.model_fields_set:
            alert.quiet_hours = body.quiet_hours.hours if body.quiet_hours else None
        if body.enabled is not None:
            alert.enabled = body.enabled
        if body.channel_ids is not None:
            await set_channels(session, alert.id, body.channel_ids)
        if body.model_fields_set:
            alert.updated_at = datetime.now(UTC)
        return AlertAnswer(data=await _view(session, alert))


@router.delete("/{alert_id}", status_code=204, responses=documented_errors(404))
async def delete(
    alert_id: AlertIdDep, principal: PrincipalDep, database: DatabaseDep, delivery: DeliveryDep
) -> None:
    """Delete an alert. What it was still going to tell is not told, unless another alert tells it
    to the same channel.
    """
    async with database.transaction() as session:
        woken = await delete_alert(session, principal.org_id, alert_id, datetime.now(UTC))
    # The alert is deleted. If this fails, the reconciler wakes the channels.
    with suppress(Unavailable, RateLimited):
        for channel_id in woken:
            await delivery.deliver(channel_id)


async def _view(session: AsyncSession, alert: Alert) -> AlertView:
    return alert_view(alert, (await channels_of(session, [alert]))[alert.id])


Unknown = Callable[[AsyncSession, UUID, Collection[UUID]], Awaitable[set[UUID]]]


async def _check_names(
    session: AsyncSession, org_id: UUID, channel_ids: list[UUID], rule: AlertRule | None
) -> None:
    """Raises InvalidRequest for an id that is nothing of the organisation."""
    named: list[tuple[str, str, Unknown, Collection[UUID]]] = [
        ("channelIds", "channel", unknown_channels, channel_ids),
        ("on.domainIds", "domain", unknown_domains, (rule and rule.domain_ids) or ()),
        ("on.pageIds", "page", unknown_pages, (rule and rule.page_ids) or ()),
    ]
    for field, noun, unknown, ids in named:
        if ids and (missing := await unknown(session, org_id, ids)):
            sentence = f"There is no {noun} {min(missing)}."
            raise InvalidRequest(sentence, {field: sentence})
