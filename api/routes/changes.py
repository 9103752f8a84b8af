"""Changes that crawls have detected, and other events."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field, TypeAdapter
from sqlalchemy.ext.asyncio import AsyncSession

from api.deps import ChangeIdDep, DatabaseDep, PrincipalDep
from api.errors import documented_errors
from api.limits import JsonBody, SearchQuery, example
from api.paging import ListMeta, PagingDep
from api.queries import BatchQuery, DomainQuery, PageQuery, SinceQuery, UntilQuery
from api.tags import TagQuery
from core.changes.diff import BlockChange, ChangeStats, TextDifference
from core.changes.events import Event
from core.changes.price_list import PriceMove
from core.changes.rules import ChangeType, Severity
from core.model import Model, UtcTime
from core.text.stored_text import display_form
from store.batches import batches_followed_as
from store.changes import ChangeFilter, acknowledge_change, changed_pages, get_change, list_changes
from store.prices import moves_of
from store.snapshots import snapshot_by_id
from store.tables.changes import Change

router = APIRouter(prefix="/api/changes", tags=["changes"])

STORED_DIFFERENCE = TypeAdapter(TextDifference)


class ChangeRow(Model):
    """A change as lists show it. A removed page has no snapshot after the change.

    An `event` other than `change` has no snapshot before it, and only `page_added` may have one
    after it. An event about a whole domain has no page, and the URL of the front page.
    """

    id: UUID
    domain_id: UUID
    page_id: UUID | None
    job_id: str
    domain: str
    url: str
    event: Event
    change_type: ChangeType
    severity: Severity
    confidence: float
    summary: str
    prices: tuple[PriceMove, ...]
    detected_at: UtcTime
    before_snapshot_id: UUID | None
    after_snapshot_id: UUID | None
    acknowledged_at: UtcTime | None
    acknowledged_by: str | None


class DiffData(Model):
    """The complete texts `before` and `after`, and the blocks that differ."""

    before: str
    after: str
    stats: ChangeStats
    blocks: tuple[BlockChange, ...]


class ChangeDetail(ChangeRow):
    """A change as it is shown alone."""

    diff_data: DiffData


class Acknowledgement(JsonBody):
    """The person who has seen a change, as the client names them."""

    model_config = example(by="Ada")

    by: Annotated[str, Field(min_length=1, max_length=200)] | None = None


class AcknowledgedAnswer(Model):
    """The change as lists show it."""

    data: ChangeRow


class ChangeListAnswer(Model):
    """A page of changes."""

    data: list[ChangeRow]
    meta: ListMeta


class ChangeAnswer(Model):
    """One change."""

    data: ChangeDetail


async def change_rows(session: AsyncSession, changes: list[Change]) -> list[ChangeRow]:
    """`changes` as rows, in the same order."""
    pages = await changed_pages(session, changes)
    prices = await moves_of(session, changes)
    return [
        ChangeRow(
            id=change.id,
            domain_id=change.domain_id,
            page_id=change.page_id,
            job_id=change.job_id,
            domain=pages[change.id].domain,
            url=pages[change.id].url,
            event=change.event,
            change_type=ChangeType(change.change_type),
            severity=Severity(change.severity),
            confidence=change.confidence,
            summary=change.summary,
            prices=prices[change.id],
            detected_at=change.created_at,
            before_snapshot_id=change.before_id,
            after_snapshot_id=change.after_id,
            acknowledged_at=change.acknowledged_at,
            acknowledged_by=change.acknowledged_by,
        )
        for change in changes
    ]


@router.get("", responses=documented_errors(400))
async def list_all(
    principal: PrincipalDep,
    paging: PagingDep,
    database: DatabaseDep,
    domain_id: DomainQuery = None,
    page_id: PageQuery = None,
    change_type: Annotated[
        ChangeType | None, Query(alias="changeType", description="Only of this type.")
    ] = None,
    severity: Annotated[Severity | None, Query(description="Only of this severity.")] = None,
    event: Annotated[Event | None, Query(description="Only of this event.")] = None,
    since: SinceQuery = None,
    until: UntilQuery = None,
    acknowledged: Annotated[
        bool | None, Query(description="Whether to list those that were acknowledged, or not.")
    ] = None,
    tag: TagQuery = None,
    batch_id: BatchQuery = None,
    text: SearchQuery = None,
) -> ChangeListAnswer:
    """The changes that match all filters, newest first: detected at `since` or later, and before
    `until`; `tag` is one of the page or its domain, and `q` is in the summary, URL or domain.
    """
    batches: tuple[UUID, ...] = ()
    async with database.reading() as session:
        if batch_id is not None:
            followed = await batches_followed_as(session, principal.org_id, batch_id)
            batches = tuple(each.id for each in followed)
        found = await list_changes(
            session,
            principal.org_id,
            paging.request,
            ChangeFilter(
                domain_id=domain_id,
                page_id=page_id,
                change_type=change_type,
                severity=severity,
                event=event,
                since=since,
                until=until,
                acknowledged=acknowledged,
                tag=tag,
                batch_id=batch_id,
                batches=batches,
                text=text,
            ),
        )
        return ChangeListAnswer(
            data=await change_rows(session, found.rows), meta=paging.meta(found)
        )


@router.get("/{change_id}", responses=documented_errors(404))
async def get(
    change_id: ChangeIdDep, principal: PrincipalDep, database: DatabaseDep
) -> ChangeAnswer:
    """One change, with both texts and their differences."""
    async with database.reading() as session:
        change = await get_change(session, principal.org_id, change_id)
        [row] = await change_rows(session, [change])
        before = await snapshot_by_id(session, change.before_id) if change.before_id else None
        after = await snapshot_by_id(session, change.after_id) if change.after_id else None
    difference = STORED_DIFFERENCE.validate_python(change.diff)
    diff_data = DiffData(
        before=display_form(before.text) if before else "",
        after=display_form(after.text) if after else "",
        stats=difference.stats,
        blocks=difference.blocks,
    )
    return ChangeAnswer(data=ChangeDetail(**dict(row), diff_data=diff_data))


@router.post("/{change_id}/acknowledge", responses=documented_errors(400, 404, 413))
async def acknowledge(
    change_id: ChangeIdDep,
    principal: PrincipalDep,
    database: DatabaseDep,
    acknowledgement: Acknowledgement | None = None,
) -> AcknowledgedAnswer:
    """Acknowledge a change. Idempotent: the first acknowledgement wins."""
    by = acknowledgement.by if acknowledgement else None
    async with database.transaction() as session:
        change = await acknowledge_change(
            session, principal.org_id, change_id, by, datetime.now(UTC)
        )
        [row] = await change_rows(session, [change])
    return AcknowledgedAnswer(data=row)
