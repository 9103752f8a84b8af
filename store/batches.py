"""Queries and writes for batches: pages that are crawled together."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID, uuid4

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession

from core.errors import NotFound, SubjectGone
from core.jobs.contract import StartBatchResult
from core.jobs.ids import batch_job_id
from core.quotas import UNLIMITED, Quotas
from store.db.upsert import ROWS_PER_STATEMENT, upsert
from store.hosts import delete_turns_of_batch
from store.quotas import give_checks_back, take_checks, take_jobs, take_some_checks, take_some_jobs
from store.tables.batches import BEFORE_ALL, Batch, BatchPage
from store.tables.pages import Page

IS_OPEN: Final = (Batch.fanned_out_at.is_(None), Batch.cancelled_at.is_(None))
"""Conditions of batches that may still have jobs to start, as in the index `ix_batches_open`."""

MEMBER: Final = (BatchPage.batch_id, Batch.readable_ids, Page.id, Page.url, Page.found_same)
"""What a query of members selects, for `_member`."""

MemberRow = Row[UUID, bool, UUID, str, bool]


@dataclass(frozen=True)
class BatchMember:
    """A page of a batch, and the id of its job; `found_same` is that of the page."""

    page_id: UUID
    url: str
    found_same: bool
    job_id: str


@dataclass(frozen=True)
class Chunk:
    """The next members whose jobs to start; empty if all have started or the batch is
    `cancelled`.
    """

    members: list[BatchMember]
    cancelled: bool = False


@dataclass(frozen=True)
class UnstartedJobs:
    """The jobs of open batches that Temporal may not list yet.

    `unstarted` is the number of jobs that have not started. `starting` has the members whose job
    may have started.
    """

    unstarted: int
    starting: list[BatchMember]


async def create_batch(
    session: AsyncSession,
    org_id: UUID,
    domain_id: UUID,
    page_ids: Sequence[UUID] | None,
    batch_id: UUID | None = None,
    *,
    busy: Collection[UUID] = (),
    workflow_id: str | None = None,
    quotas: Quotas = UNLIMITED,
    in_part: bool = False,
    group_id: UUID | None = None,
) -> Batch:
    """Create a batch of the domain's monitored pages, or of the pages `page_ids`; `group_id` is
    that of the batches which are followed as one.

    A batch that a workflow creates has no page with a schedule of its own.

    `busy` pages are skipped. `workflow_id` is the workflow that creates the batch, None if a client
    does. Returns the existing batch if there is one with this id.

    Its crawls count as checks and as unfinished jobs of the organisation, whose quotas are `quotas`
    by default. A batch `in_part` is of as many pages as these have room for, first of those that
    were checked longest ago. Raises QuotaExceeded if any other has more, and NotFound if a page of
    `page_ids` is not in the domain.
    """
    made = await session.scalar(
        upsert(session, Batch)
        .values(
            id=batch_id or uuid4(),
            org_id=org_id,
            domain_id=domain_id,
            size=0,
            workflow_id=workflow_id,
            readable_ids=True,
            group_id=group_id,
            created_at=datetime.now(UTC),
        )
        .on_conflict_do_nothing()
        .returning(Batch.id)
    )
    batch = await session.get(Batch, made or batch_id)
    assert batch is not None
    if made is None:
        return batch
    await _add_members(session, batch, page_ids)
    if busy:
        await _pass_over(session, batch.id, sorted(busy))
        left = await _count(session, batch.id)
        batch.passed_over, batch.size = batch.size - left, left
    if in_part:
        await _fit(session, batch, quotas)
    else:
        await _count_in(session, batch, quotas)
    return batch


async def _add_members(
    session: AsyncSession, batch: Batch, page_ids: Sequence[UUID] | None
) -> None:
    """Make the pages members of the batch, and set its size. Raises NotFound."""
    members = select(literal(batch.id, BatchPage.batch_id.type), Page.id).where(
        Page.domain_id == batch.domain_id
    )
    if page_ids is None:
        members = members.where(Page.monitoring_enabled)
        if batch.workflow_id is not None:
            members = members.where(Page.schedule.is_(None))
    else:
        members = members.where(Page.id.in_(page_ids))
    # Locked, so that no page is deleted before it is a member.
    members = members.with_for_update(read=True, key_share=True, of=Page)
    await session.execute(insert(BatchPage).from_select(["batch_id", "page_id"], members))
    batch.size = await _count(session, batch.id)
    if page_ids is not None and batch.size != len(set(page_ids)):
        raise NotFound("Page not found.")


async def _count_in(session: AsyncSession, batch: Batch, quotas: Quotas) -> None:
    """Count every crawl of the batch. Raises QuotaExceeded."""
    await take_jobs(session, batch.org_id, batch.size, quotas)
    # On the day from which `undo_batch` gives them back.
    await take_checks(session, batch.org_id, batch.size, quotas, batch.created_at)


async def _fit(session: AsyncSession, batch: Batch, quotas: Quotas) -> None:
    """Count as many crawls of the batch as there is room for, and pass over the others."""
    jobs = await take_some_jobs(session, batch.org_id, batch.size, quotas)
    await _keep_oldest(session, batch, jobs)
    checks = await take_some_checks(session, batch.org_id, jobs, quotas, batch.created_at)
    await _keep_oldest(session, batch, checks)


async def _keep_oldest(session: AsyncSession, batch: Batch, count: int) -> None:
    """Pass over all but `count` members: those that were checked last."""
    if count == batch.size:
        return
    over = (
        select(BatchPage.page_id)
        .join(Page, Page.id == BatchPage.page_id)
        .where(BatchPage.batch_id == batch.id)
        .order_by(Page.last_check_at.nulls_first(), Page.id)
        .offset(count)
    )
    await session.execute(
        delete(BatchPage)
        .where(BatchPage.batch_id == batch.id, BatchPage.page_id.in_(over))
        .execution_options(synchronize_session=False)
    )
    batch.over_quota += batch.size - count
    batch.size = count


async def _pass_over(session: AsyncSession, batch_id: UUID, page_ids: Sequence[UUID]) -> None:
    for start in range(0, len(page_ids), ROWS_PER_STATEMENT):
        await session.execute(
            delete(BatchPage).where(
                BatchPage.batch_id == batch_id,
                BatchPage.page_id.in_(page_ids[start : start + ROWS_PER_STATEMENT]),
            )
        )


async def _count(session: AsyncSession, batch_id: UUID, to: UUID | None = None) -> int:
    """The number of members, or of those up to page `to`."""
    members = select(func.count()).select_from(BatchPage).where(BatchPage.batch_id == batch_id)
    if to is not None:
        members = members.where(BatchPage.page_id <= to)
    return await session.scalar(members) or 0


async def batch_exists(session: AsyncSession, batch_id: UUID) -> bool:
    """Whether there is a batch with this id."""
    return await session.get(Batch, batch_id) is not None


async def undo_batch(session: AsyncSession, batch_id: UUID) -> None:
    """Delete a batch of a request that failed, if it exists, and uncount its checks."""
    batch = await session.get(Batch, batch_id)
    if batch is not None:
        await give_checks_back(session, batch.org_id, batch.size, batch.created_at)
        await session.execute(delete(Batch).where(Batch.id == batch_id))


def followed_as(batch_id: UUID) -> ColumnElement[bool]:
    """The condition of the batches that clients follow as `batch_id`: that batch or group."""
    return or_(Batch.id == batch_id, Batch.group_id == batch_id)


async def batches_followed_as(
    session: AsyncSession, org_id: UUID, batch_id: UUID
) -> Sequence[Batch]:
    """The organisation's batch of that id, or the batches of that group; empty if it has none."""
    rows = select(Batch).where(followed_as(batch_id), Batch.org_id == org_id).order_by(Batch.id)
    return (await session.scalars(rows)).all()


async def groups_of(session: AsyncSession, batch_ids: Collection[UUID]) -> dict[UUID, UUID]:
    """The groups of those of the batches that have one."""
    rows = select(Batch.id, Batch.group_id).where(
        Batch.id.in_(batch_ids), Batch.group_id.is_not(None)
    )
    return {each: group for each, group in await session.execute(rows) if group is not None}


async def cancel_batch(session: AsyncSession, org_id: UUID, batch_id: UUID) -> Batch:
    """Cancel the organisation's batch, so that no more of its jobs start; idempotent.

    Raises NotFound if there is none with this id.
    """
    batch = await session.get(Batch, batch_id, with_for_update=True)
    if batch is None or batch.org_id != org_id:
        raise NotFound("Batch not found.")
    batch.cancelled_at = batch.cancelled_at or datetime.now(UTC)
    await delete_turns_of_batch(session, batch_id)
    return batch


async def next_chunk(session: AsyncSession, batch_id: UUID, listed_to: UUID, limit: int) -> Chunk:
    """Record that Temporal lists the jobs of all pages up to `listed_to`, and return the next
    `limit` members to start.

    An attempt starts with `BEFORE_ALL`, and gets the members after those that earlier attempts have
    recorded. Raises SubjectGone if the batch does not exist.
    """
    batch = await _existing(session, batch_id, lock=True)
    # Two attempts can run at once if the first one's worker was wrongly considered dead.
    batch.listed_to = max(batch.listed_to, listed_to)
    if batch.cancelled_at is not None:
        return Chunk([], cancelled=True)
    members = await batch_pages(session, batch_id, batch.listed_to, limit)
    if members:
        batch.starting_to = max(batch.starting_to, members[-1].page_id)
    else:
        batch.fanned_out_at = batch.fanned_out_at or datetime.now(UTC)
    return Chunk(members)


async def start_batch_result(session: AsyncSession, batch_id: UUID) -> StartBatchResult:
    """The number of jobs started so far. Raises SubjectGone if the batch does not exist."""
    batch = await _existing(session, batch_id)
    return StartBatchResult(
        jobs_queued=await _count(session, batch_id, batch.listed_to),
        passed_over=batch.passed_over,
        over_quota=batch.over_quota,
    )


async def _existing(session: AsyncSession, batch_id: UUID, *, lock: bool = False) -> Batch:
    batch = await session.get(Batch, batch_id, with_for_update=lock)
    if batch is None:
        raise SubjectGone("The batch does not exist here any more.")
    return batch


async def unstarted_jobs(
    session: AsyncSession,
    org_id: UUID,
    *,
    domain_id: UUID | None = None,
    page_id: UUID | None = None,
    batch_id: UUID | None = None,
) -> UnstartedJobs:
    """The organisation's jobs that Temporal may not list yet, optionally of one domain, page or
    batch.
    """
    chosen = [
        column == value
        for column, value in (
            (Batch.domain_id, domain_id),
            (BatchPage.page_id, page_id),
        )
        if value is not None
    ]
    if batch_id is not None:
        chosen.append(followed_as(batch_id))
    open_members = _open_members(org_id).where(*chosen)
    unstarted = open_members.where(BatchPage.page_id > Batch.starting_to)
    starting = open_members.where(
        BatchPage.page_id > Batch.listed_to, BatchPage.page_id <= Batch.starting_to
    )
    members = starting.join(Page, Page.id == BatchPage.page_id).with_only_columns(*MEMBER)
    return UnstartedJobs(
        await session.scalar(unstarted.with_only_columns(func.count())) or 0,
        [_member(row) for row in await session.execute(members)],
    )


async def unlisted_pages(session: AsyncSession, org_id: UUID, domain_id: UUID) -> set[UUID]:
    """The pages of the domain with a job of an open batch that Temporal may not list yet."""
    members = _open_members(org_id).where(
        Batch.domain_id == domain_id, BatchPage.page_id > Batch.listed_to
    )
    return set(await session.scalars(members.with_only_columns(BatchPage.page_id)))


def _open_members(org_id: UUID) -> Select[UUID, UUID]:
    return (
        select(BatchPage.batch_id, BatchPage.page_id)
        .join(Batch, Batch.id == BatchPage.batch_id)
        .where(Batch.org_id == org_id, *IS_OPEN)
    )


async def batches_to_start(
    session: AsyncSession, org_id: UUID, domain_id: UUID | None, batch_id: UUID | None
) -> list[UUID]:
    """The organisation's open batches, which have jobs that may still have to be started; those of
    the domain, and that batch, if they are given.
    """
    chosen = [] if domain_id is None else [Batch.domain_id == domain_id]
    if batch_id is not None:
        chosen.append(followed_as(batch_id))
    rows = select(Batch.id).where(Batch.org_id == org_id, *chosen, *IS_OPEN)
    return list(await session.scalars(rows))


async def open_batches(
    session: AsyncSession, org_id: UUID, domain_id: UUID, before: datetime
) -> list[Batch]:
    """The open batches of the domain that were created before the moment `before`."""
    rows = select(Batch).where(
        Batch.org_id == org_id, Batch.domain_id == domain_id, Batch.created_at < before, *IS_OPEN
    )
    return list((await session.scalars(rows)).all())


async def close_batch(session: AsyncSession, batch_id: UUID) -> None:
    """Record that no more jobs of the batch will be started."""
    await session.execute(
        update(Batch).where(Batch.id == batch_id, *IS_OPEN).values(fanned_out_at=datetime.now(UTC))
    )


async def batch_pages(
    session: AsyncSession, batch_id: UUID, after: UUID | None, limit: int
) -> list[BatchMember]:
    """The next `limit` members after page `after`, ordered by page id."""
    rows = (
        select(*MEMBER)
        .join(BatchPage, BatchPage.page_id == Page.id)
        .join(Batch, Batch.id == BatchPage.batch_id)
        .where(BatchPage.batch_id == batch_id, BatchPage.page_id > (after or BEFORE_ALL))
        .order_by(BatchPage.page_id)
        .limit(limit)
    )
    return [_member(row) for row in await session.execute(rows)]


def _member(row: MemberRow) -> BatchMember:
    batch_id, readable_ids, page_id, url, found_same = row
    job_id = batch_job_id(batch_id, page_id, url if readable_ids else None)
    return BatchMember(page_id, url, found_same, job_id)
