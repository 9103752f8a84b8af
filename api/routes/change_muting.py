"""Muting of a line of a change: a text to ignore, and what it would have silenced."""

import asyncio
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Final

from fastapi import APIRouter, Body, Query
from pydantic import Field, TypeAdapter
from pydantic_core import PydanticCustomError
from sqlalchemy.ext.asyncio import AsyncSession

from api.deps import ChangeIdDep, DatabaseDep, PrincipalDep
from api.errors import documented_errors
from api.limits import JsonBody, example
from core.changes.diff import BlockChange, TextDifference
from core.changes.events import Event
from core.changes.ignoring import (
    MAX_TEXT_PATTERNS,
    check_text_pattern,
    pattern_of,
    without_ignored,
)
from core.changes.rules import ChangeType
from core.errors import Conflict, InvalidRequest
from core.model import Model
from core.web.crawl_settings import NOTHING_CHOSEN, CrawlSettings
from store.changes import ToldDifference, get_change, told_differences
from store.domains import get_domain
from store.pages import get_page
from store.tables.changes import Change
from store.tables.domains import Domain
from store.tables.pages import Page

router = APIRouter(prefix="/api/changes", tags=["changes"])

STORED_DIFFERENCE: Final = TypeAdapter(TextDifference)

MAX_EXAMINED: Final = 100
"""Number of the newest changes in which a preview looks for the text."""

NOT_OF_LINES: Final = (
    ChangeType.PAGE_REMOVED,
    ChangeType.PAGE_RESTORED,
    ChangeType.TITLE_CHANGE,
    ChangeType.REDIRECT_CHANGE,
)
"""Types of changes that are told whatever lines they have."""


class MuteScope(StrEnum):
    """Where a text is ignored."""

    PAGE = "page"
    DOMAIN = "domain"


class Effect(StrEnum):
    """What ignored texts do to a change."""

    NONE = "none"
    FEWER_LINES = "fewer_lines"
    SILENCED = "silenced"


class MuteBody(JsonBody):
    """What to mute of a change: the lines of the block with the number `block` in `diffData`, from
    0. With `numbers` any numbers may stand in them, otherwise the lines are muted as they are.
    """

    model_config = example(block=0, numbers=True, scope="domain")

    block: Annotated[int, Field(ge=0)] = 0
    numbers: bool = False
    scope: Annotated[MuteScope, Field(strict=False)] = MuteScope.PAGE


class Mute(Model):
    """Texts to ignore (`ignoreText` of the crawl settings), and what they silence.

    `silenced` is how many of the `examined` newest changes of the page, or of the domain, would not
    have been reported; `changed` how many others would have had fewer lines.
    """

    patterns: list[str]
    scope: MuteScope
    examined: int
    silenced: int
    changed: int
    silences_this: bool


class MuteAnswer(Model):
    """Texts to ignore, and what they silence."""

    data: Mute


@router.get("/{change_id}/mute", responses=documented_errors(400, 404, 409))
async def preview(
    change_id: ChangeIdDep,
    principal: PrincipalDep,
    database: DatabaseDep,
    block: Annotated[
        int, Query(ge=0, description="The number of the block in `diffData`, from 0.")
    ] = 0,
    numbers: Annotated[
        bool, Query(description="Whether any numbers may stand in the lines.")
    ] = False,
    scope: Annotated[MuteScope, Query(description="Where the lines are ignored.")] = MuteScope.PAGE,
) -> MuteAnswer:
    """What muting the lines of a block of the change would silence. It changes nothing."""
    wanted = MuteBody(block=block, numbers=numbers, scope=scope)
    async with database.reading() as session:
        change = await get_change(session, principal.org_id, change_id)
        domain = await get_domain(session, principal.org_id, change.domain_id)
        page = await _page_of(session, change)
        return MuteAnswer(data=await _mute(session, change, domain, page, wanted))


@router.post("/{change_id}/mute", responses=documented_errors(400, 404, 409, 413))
async def mute(
    change_id: ChangeIdDep,
    principal: PrincipalDep,
    database: DatabaseDep,
    body: Annotated[MuteBody, Body(default_factory=MuteBody)],
) -> MuteAnswer:
    """Ignore the lines of a block of the change from now on, on its page or its whole domain.

    Adds to `ignoreText` of the crawl settings, from which it can be removed. Idempotent.
    """
    async with database.transaction() as session:
        change = await get_change(session, principal.org_id, change_id)
        domain = await get_domain(session, principal.org_id, change.domain_id, lock=True)
        page = await _page_of(session, change, lock=True)
        muted = await _mute(session, change, domain, page, body)
        owner = domain if body.scope is MuteScope.DOMAIN else page
        owner.crawl_settings = _with(owner.crawl_settings, muted.patterns)
    return MuteAnswer(data=muted)


async def _page_of(session: AsyncSession, change: Change, *, lock: bool = False) -> Page:
    """The page of the change. Raises Conflict if it has no lines."""
    if change.page_id is None or change.event != Event.CHANGE:
        raise Conflict("This is no change of a page's text: there is no line to mute.")
    return await get_page(session, change.org_id, change.page_id, lock=lock)


async def _mute(
    session: AsyncSession, change: Change, domain: Domain, page: Page, wanted: MuteBody
) -> Mute:
    """The patterns for what is wanted of the change, and what they silence."""
    patterns = _patterns(STORED_DIFFERENCE.validate_python(change.diff).blocks, wanted)
    of_page = wanted.scope is MuteScope.PAGE
    only = page.id if of_page else None
    told = await told_differences(session, domain.id, only, change.id, MAX_EXAMINED)
    known = (domain.crawl_settings or NOTHING_CHOSEN).ignore_text or ()
    if of_page:
        known += (page.crawl_settings or NOTHING_CHOSEN).ignore_text or ()
    ignored = [*known, *patterns]
    effects = await asyncio.to_thread(lambda: {each.id: _effect(each, ignored) for each in told})
    silenced = [each for each, effect in effects.items() if effect is Effect.SILENCED]
    fewer = sum(effect is Effect.FEWER_LINES for effect in effects.values())
    return Mute(
        patterns=patterns,
        scope=wanted.scope,
        examined=len(told),
        silenced=len(silenced),
        changed=fewer,
        silences_this=change.id in silenced,
    )


def _effect(told: ToldDifference, ignored: Sequence[str]) -> Effect:
    """What would have become of the change if those texts had been ignored."""
    difference = STORED_DIFFERENCE.validate_python(told.diff)
    left = without_ignored(difference, ignored)
    if left is difference:
        return Effect.NONE
    if left.blocks or not told.same_name or told.change_type in NOT_OF_LINES:
        return Effect.FEWER_LINES
    return Effect.SILENCED


def _patterns(blocks: Sequence[BlockChange], wanted: MuteBody) -> list[str]:
    """The texts to ignore. Raises InvalidRequest if there is no such block, or its lines have too
    few words to be known by.
    """
    if wanted.block >= len(blocks):
        raise _refused("block", f"The change has {len(blocks)} blocks, numbered from 0.")
    block = blocks[wanted.block]
    lines = [line for line in (block.before, block.after) if line is not None]
    patterns = list(dict.fromkeys(pattern_of(line, numbers=wanted.numbers) for line in lines))
    try:
        return [check_text_pattern(each) for each in patterns]
    except PydanticCustomError as error:
        raise _refused("block", f"{error.message()}: leave out a part of the page.") from None


def _with(present: CrawlSettings | None, patterns: Sequence[str]) -> CrawlSettings:
    """The settings with more texts to ignore. Raises Conflict if there are too many."""
    present = present or NOTHING_CHOSEN
    ignored = tuple(dict.fromkeys([*(present.ignore_text or ()), *patterns]))
    if len(ignored) > MAX_TEXT_PATTERNS:
        raise Conflict(f"The settings have {MAX_TEXT_PATTERNS} texts to ignore: remove some first.")
    return present.model_copy(update={"ignore_text": ignored})


def _refused(field: str, sentence: str) -> InvalidRequest:
    return InvalidRequest(sentence, {field: sentence})
