"""The front page: what changed; and one change as a readable difference."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from api.deps import (
    ChangeIdDep,
    ClientDep,
    DatabaseDep,
    DeliveryDep,
    ReaderDep,
    SecretKeyDep,
    SnapshotIdDep,
)
from api.routes import change_muting as rest_muting
from api.routes import changes as rest
from api.routes.pages import PageChoices
from api.routes.pages import change as change_page
from api.web.filters import chosen, chosen_day, chosen_id, usable_tag, usable_text
from api.web.forms import ON
from api.web.offers import domain_choices, domain_names, offered
from api.web.paging import links, requested
from api.web.rendering import page
from api.web.session import SIGNED_IN, FormDep, OwnerDep, SessionDep
from core.changes.alignment import Span, SpanOp
from core.changes.diff import BlockChange
from core.changes.events import EVENTS, Event
from core.changes.prices import PriceChange, price_changes
from core.changes.rules import ChangeType, Severity
from core.errors import Conflict, InvalidRequest
from core.text.stored_text import display_form
from store.snapshots import get_snapshot
from temporal.jobs.visibility import JobFilter

router = APIRouter(dependencies=SIGNED_IN)

MAX_BLOCKS: Final = 200
"""Blocks of a difference that one page shows."""

MAX_TEXT: Final = 60_000
"""Characters of a snapshot's text that its page shows."""


class Period(StrEnum):
    """How far back the list of changes reaches."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class Seen(StrEnum):
    """Whether somebody has acknowledged a change."""

    NO = "no"
    YES = "yes"


FILTERS: Final = (
    "domain",
    "page_id",
    "tag",
    "event",
    "type",
    "severity",
    "period",
    "since",
    "until",
    "seen",
    "q",
)
"""The parameters of the list of changes."""

DAYS: Final = {Period.DAY: 1, Period.WEEK: 7, Period.MONTH: 30}


@dataclass(frozen=True)
class Side:
    """A run of words on one side of a changed block."""

    text: str
    marked: bool


@dataclass(frozen=True)
class ShownBlock:
    """A block of a difference, as the page shows it."""

    block: BlockChange
    before: list[Side]
    after: list[Side]


@router.get("/")
async def front_page(
    request: Request, owner: OwnerDep, database: DatabaseDep, reader: ReaderDep
) -> Response:
    """The changes, newest first; for an organisation without a domain, what to do first."""
    domain_id = chosen_id(request, "domain")
    domains = await domain_choices(database, owner, [domain_id])
    if not domains:
        return page(request, "first_run.html", title="Welcome", error=None, value="")
    paging = requested(request)
    period = chosen(request, "period", Period)
    seen = chosen(request, "seen", Seen)
    starts = [since] if (since := chosen_day(request, "since")) else []
    if period:
        starts.append(datetime.now(UTC) - timedelta(days=DAYS[period]))
    found = await rest.list_all(
        owner,
        paging,
        database,
        domain_id=domain_id,
        page_id=chosen_id(request, "page_id"),
        event=chosen(request, "event", Event),
        tag=usable_tag(request),
        change_type=chosen(request, "type", ChangeType),
        severity=chosen(request, "severity", Severity),
        since=max(starts, default=None),
        until=chosen_day(request, "until"),
        acknowledged=None if seen is None else seen is Seen.YES,
        text=usable_text(request),
    )
    filtered = any(value for name, value in request.query_params.items() if name in FILTERS)
    at_work = None
    if not found.data and not filtered:
        at_work = await reader.stats(JobFilter(owner.org_id))
    return page(
        request,
        "changes.html",
        title="Changes",
        changes=found.data,
        links=links(request, paging, found.meta.total, len(found.data)),
        domains=offered(domain_names(domains), [domain_id], "domain"),
        domain_id=domain_id,
        types=[kind for kind in ChangeType if kind not in EVENTS],
        events=list(Event),
        tags=sorted({tag for domain in domains for tag in domain.tags}),
        severities=list(Severity),
        periods=list(Period),
        query=request.query_params,
        filtered=filtered,
        at_work=at_work,
    )


@router.get("/changes/{change_id}")
async def one_change(
    request: Request, change_id: ChangeIdDep, owner: OwnerDep, database: DatabaseDep
) -> Response:
    """One change: its difference, inline or side by side."""
    change = (await rest.get(change_id, owner, database)).data
    blocks = change.diff_data.blocks
    prices: list[PriceChange] = []
    if change.change_type is ChangeType.PRICE_CHANGE:
        found = await asyncio.to_thread(lambda: [p for b in blocks for p in price_changes(b)])
        prices = found[:6]
    return page(
        request,
        "change.html",
        title=change.summary,
        change=change,
        prices=prices,
        blocks=[shown(each) for each in blocks[:MAX_BLOCKS]],
        hidden_blocks=max(len(blocks) - MAX_BLOCKS, 0),
        side_by_side=request.query_params.get("view") == "side",
    )


@router.post("/changes/{change_id}/pause")
async def pause_page(
    change_id: ChangeIdDep,
    _: FormDep,
    owner: OwnerDep,
    database: DatabaseDep,
    client: ClientDep,
    delivery: DeliveryDep,
    secret_key: SecretKeyDep,
) -> Response:
    """Check the page of a change no more, which keeps what was found."""
    change = (await rest.get(change_id, owner, database)).data
    if change.page_id is None:
        raise Conflict("This is about a whole site: pause its domain instead.")
    body = PageChoices.model_validate({"monitoringEnabled": False})
    await change_page(change.page_id, body, owner, database, client, delivery, secret_key)
    return RedirectResponse(f"/changes/{change_id}?notice=page-paused", 303)


@router.get("/changes/{change_id}/mute")
async def mute_form(
    request: Request, change_id: ChangeIdDep, owner: OwnerDep, database: DatabaseDep
) -> Response:
    """What muting a line of a change would have silenced, and the form that mutes it."""
    change = (await rest.get(change_id, owner, database)).data
    wanted = mute_body(request.query_params)
    muted, problem = None, None
    try:
        muted = (
            await rest_muting.preview(
                change_id, owner, database, wanted.block, wanted.numbers, wanted.scope
            )
        ).data
    except InvalidRequest as error:
        problem = error.message
    return page(
        request,
        "mute.html",
        title="Mute a line",
        status=400 if problem else 200,
        change=change,
        mute=muted,
        problem=problem,
        block=wanted.block,
        numbers=wanted.numbers,
        scope=wanted.scope,
    )


def mute_body(fields: Mapping[str, str]) -> rest_muting.MuteBody:
    """What the fields say is to be muted; a value that cannot be used is as if it was not there."""
    block, scopes = fields.get("block", ""), list(rest_muting.MuteScope)
    scope = fields.get("scope", "")
    return rest_muting.MuteBody(
        block=int(block) if re.fullmatch("[0-9]{1,6}", block) else 0,
        numbers=fields.get("numbers") == ON,
        scope=rest_muting.MuteScope(scope) if scope in scopes else rest_muting.MuteScope.PAGE,
    )


@router.post("/changes/{change_id}/mute")
async def mute(
    change_id: ChangeIdDep, fields: FormDep, owner: OwnerDep, database: DatabaseDep
) -> Response:
    """Mute a line of a change on its page or its domain."""
    await rest_muting.mute(change_id, owner, database, mute_body(fields))
    return RedirectResponse(f"/changes/{change_id}?notice=muted", 303)


@router.post("/changes/{change_id}/acknowledge")
async def acknowledge(
    change_id: ChangeIdDep,
    _: FormDep,
    signed_in: SessionDep,
    owner: OwnerDep,
    database: DatabaseDep,
) -> Response:
    """Acknowledge a change in the name of the organisation."""
    seen = rest.Acknowledgement(by=signed_in.org_name[:200])
    await rest.acknowledge(change_id, owner, database, seen)
    return RedirectResponse(f"/changes/{change_id}?notice=acknowledged", 303)


@router.get("/snapshots/{snapshot_id}")
async def one_snapshot(
    request: Request, snapshot_id: SnapshotIdDep, owner: OwnerDep, database: DatabaseDep
) -> Response:
    """The text of a page as a crawl has read it."""
    async with database.reading() as session:
        snapshot = await get_snapshot(session, owner.org_id, snapshot_id)
    text = display_form(snapshot.text)
    return page(
        request,
        "snapshot.html",
        title=snapshot.title or snapshot.url,
        snapshot=snapshot,
        text=text[:MAX_TEXT],
        cut=len(text) > MAX_TEXT,
    )


def shown(block: BlockChange) -> ShownBlock:
    """The block with its words in runs, of which those that differ are marked."""
    spans = block.spans or (Span(SpanOp.REPLACED, block.before or "", block.after or ""),)
    return ShownBlock(
        block,
        before=[Side(s.before, s.op is not SpanOp.EQUAL) for s in spans if s.before],
        after=[Side(s.after, s.op is not SpanOp.EQUAL) for s in spans if s.after],
    )
