"""The quotas of organisations: what is left of them, and who takes it.

Whoever takes something locks the row that counts it until the end of the transaction, so that two
at once cannot both take the last one. An organisation without a quota costs the look that finds
none.

Locks are taken in this order: the domain, the pages of a batch (shared), the quotas of its
organisation, the day. Pages are inserted under the lock of the quotas. A transaction that deletes a
domain or a page takes neither of the last two. The undo of a batch takes the day alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core.errors import QuotaExceeded
from core.quotas import NO_QUOTA, QuotaName, Quotas, day_after, day_of
from store.db.upsert import upsert
from store.outbox_rows import pending_jobs
from store.pages import Added, NewPage, add_pages, known_urls
from store.tables.accounts import Organisation
from store.tables.domains import Domain
from store.tables.pages import Page
from store.tables.quotas import CheckDay, CountedCheck, OrganisationQuotas

WHEN_PAGES_FREE_UP: Final = "It frees up as pages or domains are deleted."
WHEN_JOBS_FREE_UP: Final = "It frees up as jobs end."


@dataclass(frozen=True)
class AddedWithin:
    """The pages that were added, and the URLs of those that a quota left out."""

    pages: Added
    over_quota: list[str]


@dataclass(frozen=True)
class QuotaUse:
    """The quotas of an organisation and how much of them is used on the day of `at`.

    Checks are only counted while there is a quota of them.
    """

    quotas: Quotas
    pages: int
    checks: int
    passed_over: int
    at: datetime


@dataclass(frozen=True)
class CountOfJobs:
    """A count of unfinished jobs that has begun.

    `pending` are the ids of the single jobs that requests have accepted, and that may not be
    started yet.
    """

    taken_before: int
    counts_before: int
    pending: list[str]


@dataclass(frozen=True)
class OrganisationRow:
    """An organisation as lists of quotas show it; None for the default."""

    name: str
    pages: int | None
    checks_per_day: int | None
    unfinished_jobs: int | None


async def quotas_of(session: AsyncSession, org_id: UUID, defaults: Quotas) -> Quotas:
    """The quotas of the organisation: its own, else the defaults."""
    return _over(await session.get(OrganisationQuotas, org_id), defaults)


def _over(own: OrganisationQuotas | None, defaults: Quotas) -> Quotas:
    if own is None:
        return defaults
    return Quotas(
        pages=defaults.pages if own.pages is None else own.pages,
        checks_per_day=(
            defaults.checks_per_day if own.checks_per_day is None else own.checks_per_day
        ),
        unfinished_jobs=(
            defaults.unfinished_jobs if own.unfinished_jobs is None else own.unfinished_jobs
        ),
    )


async def set_quota(session: AsyncSession, org_name: str, name: str, figure: int | None) -> bool:
    """Give the organisation a quota of its own: a column of `OrganisationQuotas`, and None for the
    default. False if there is no organisation of that name.
    """
    org_id = await session.scalar(select(Organisation.id).where(Organisation.name == org_name))
    if org_id is None:
        return False
    # The bounds hold only while there is a quota.
    chosen = {"pages_at_most": None, "jobs_at_most": None, name: figure}
    await session.execute(
        upsert(session, OrganisationQuotas)
        .values(org_id=org_id, **chosen)
        .on_conflict_do_update(index_elements=["org_id"], set_=chosen)
    )
    return True


async def all_quotas(session: AsyncSession) -> list[OrganisationRow]:
    """Every organisation with its own quotas, by name."""
    rows = await session.execute(
        select(
            Organisation.name,
            OrganisationQuotas.pages,
            OrganisationQuotas.checks_per_day,
            OrganisationQuotas.unfinished_jobs,
        )
        .outerjoin(OrganisationQuotas, OrganisationQuotas.org_id == Organisation.id)
        .order_by(Organisation.name)
    )
    return [OrganisationRow(*row) for row in rows]


async def quota_use(
    session: AsyncSession, org_id: UUID, defaults: Quotas, now: datetime
) -> QuotaUse:
    """How much of its quotas the organisation uses."""
    day = await session.get(CheckDay, (org_id, day_of(now)))
    return QuotaUse(
        quotas=await quotas_of(session, org_id, defaults),
        pages=await _count_pages(session, org_id),
        checks=0 if day is None else day.taken,
        passed_over=0 if day is None else day.passed_over,
        at=now,
    )


async def add_pages_within(
    session: AsyncSession,
    org_id: UUID,
    domain_id: UUID,
    pages: Sequence[NewPage],
    defaults: Quotas,
) -> AddedWithin:
    """Add the pages that the domain does not have, as many as the quota of the organisation has
    room for, in the order of `pages`.
    """
    own = await session.get(OrganisationQuotas, org_id)
    limit = _over(own, defaults).pages
    if limit == NO_QUOTA:
        if own is not None and own.pages_at_most is not None:
            own.pages_at_most = None  # nobody counts these
            await session.flush()
        return AddedWithin(await add_pages(session, domain_id, pages), [])
    if not pages:
        return AddedWithin(Added([], []), [])
    own = await _locked_quotas(session, org_id)
    limit = _over(own, defaults).pages
    urls = list(dict.fromkeys(page.url for page in pages))
    known = await known_urls(session, domain_id, urls)
    fresh = [url for url in urls if url not in known]
    at_most = own.pages_at_most
    if at_most is None or at_most + len(fresh) > limit:
        at_most = await _count_pages(session, org_id)
    over = set(fresh[max(0, limit - at_most) :])
    added = await add_pages(session, domain_id, [page for page in pages if page.url not in over])
    own.pages_at_most = at_most + len(added.added)
    await session.flush()
    return AddedWithin(added, [url for url in fresh if url in over])


async def page_quota_exceeded(
    session: AsyncSession, org_id: UUID, defaults: Quotas
) -> QuotaExceeded:
    """The error of a page that its organisation has no room for."""
    limit = (await quotas_of(session, org_id, defaults)).pages
    return QuotaExceeded(
        QuotaName.PAGES, limit, await _count_pages(session, org_id), WHEN_PAGES_FREE_UP
    )


async def _locked_quotas(session: AsyncSession, org_id: UUID) -> OrganisationQuotas:
    """The row of the organisation's quotas, locked until the end of the transaction."""
    await session.execute(
        upsert(session, OrganisationQuotas).values(org_id=org_id).on_conflict_do_nothing()
    )
    return await session.get_one(
        OrganisationQuotas, org_id, with_for_update=True, populate_existing=True
    )


async def _count_pages(session: AsyncSession, org_id: UUID) -> int:
    rows = select(func.count()).select_from(Page).join(Domain, Page.domain_id == Domain.id)
    return await session.scalar(rows.where(Domain.org_id == org_id)) or 0


async def take_checks(
    session: AsyncSession, org_id: UUID, wanted: int, defaults: Quotas, now: datetime
) -> None:
    """Count that many checks of the organisation. Raises QuotaExceeded if they are too many, and
    then counts none.
    """
    limit = (await quotas_of(session, org_id, defaults)).checks_per_day
    if limit == NO_QUOTA or wanted == 0:
        return
    day = await _locked_day(session, org_id, now)
    if day.taken + wanted > limit:
        frees_at = day_after(now)
        raise QuotaExceeded(
            QuotaName.CHECKS_PER_DAY,
            limit,
            day.taken,
            f"It frees up at {frees_at:%Y-%m-%d %H:%M} UTC.",
            wanted=wanted,
            frees_at=frees_at,
        )
    day.taken += wanted
    await session.flush()


async def take_some_checks(
    session: AsyncSession, org_id: UUID, wanted: int, defaults: Quotas, now: datetime
) -> int:
    """Count as many of the `wanted` checks as the organisation has left, and the others as passed
    over; the number of the former.
    """
    limit = (await quotas_of(session, org_id, defaults)).checks_per_day
    if limit == NO_QUOTA or wanted == 0:
        return wanted
    day = await _locked_day(session, org_id, now)
    some = min(wanted, max(0, limit - day.taken))
    day.taken += some
    day.passed_over += wanted - some
    await session.flush()
    return some


async def give_checks_back(
    session: AsyncSession, org_id: UUID, count: int, taken_at: datetime
) -> None:
    """Uncount checks that were counted at `taken_at` and are not made."""
    await session.execute(
        update(CheckDay)
        .where(CheckDay.org_id == org_id, CheckDay.day == day_of(taken_at), CheckDay.taken >= count)
        .values(taken=CheckDay.taken - count)
        .execution_options(synchronize_session=False)
    )


async def count_job(
    session: AsyncSession, org_id: UUID, job_id: str, defaults: Quotas, now: datetime
) -> datetime | None:
    """Count a job that Temporal started as a check of the organisation, once; the moment from which
    on it may run if the quota is used up, else None.
    """
    if (await quotas_of(session, org_id, defaults)).checks_per_day == NO_QUOTA:
        return None
    # Two attempts of a job may run at once: the second waits here for the first.
    counted = await session.scalar(
        upsert(session, CountedCheck)
        .values(job_id=job_id, counted_at=now)
        .on_conflict_do_nothing()
        .returning(CountedCheck.job_id)
    )
    if counted is None:
        return None
    if await take_some_checks(session, org_id, 1, defaults, now) == 0:
        await session.execute(delete(CountedCheck).where(CountedCheck.job_id == job_id))
        return day_after(now)
    return None


async def _locked_day(session: AsyncSession, org_id: UUID, now: datetime) -> CheckDay:
    """The row of the organisation's day, locked until the end of the transaction."""
    key = {"org_id": org_id, "day": day_of(now)}
    await session.execute(upsert(session, CheckDay).values(**key).on_conflict_do_nothing())
    return await session.get_one(
        CheckDay, (org_id, key["day"]), with_for_update=True, populate_existing=True
    )


async def take_jobs(session: AsyncSession, org_id: UUID, wanted: int, defaults: Quotas) -> None:
    """Give the organisation that many jobs. Raises QuotaExceeded if they may be too many: the
    caller counts its unfinished jobs then (`temporal.jobs.room`), and tries once more.
    """
    if wanted and await take_some_jobs(session, org_id, wanted, defaults, in_part=False) < wanted:
        limit = (await quotas_of(session, org_id, defaults)).unfinished_jobs
        own = await session.get_one(OrganisationQuotas, org_id)
        raise QuotaExceeded(
            QuotaName.UNFINISHED_JOBS,
            limit,
            own.jobs_at_most or 0,
            WHEN_JOBS_FREE_UP,
            wanted=wanted,
        )


async def take_some_jobs(
    session: AsyncSession, org_id: UUID, wanted: int, defaults: Quotas, *, in_part: bool = True
) -> int:
    """Give the organisation as many of the `wanted` jobs as its quota surely has room for, or none
    if that is not all of them and `in_part` is not set; their number.
    """
    own = await session.get(OrganisationQuotas, org_id)
    if _over(own, defaults).unfinished_jobs == NO_QUOTA:
        if own is not None and own.jobs_at_most is not None:
            own.jobs_at_most = None  # nobody counts these
            await session.flush()
        return wanted
    own = await _locked_quotas(session, org_id)
    limit = _over(own, defaults).unfinished_jobs
    room = 0 if own.jobs_at_most is None else max(0, limit - own.jobs_at_most)
    some = min(wanted, room)
    if some < wanted and not in_part:
        return 0
    if some == 0:
        return 0
    own.jobs_at_most = (own.jobs_at_most or 0) + some
    own.jobs_taken += some
    await session.flush()
    return some


async def may_lack_jobs(session: AsyncSession, org_id: UUID, wanted: int, defaults: Quotas) -> bool:
    """Whether the organisation's unfinished jobs must be counted before it can be given that many
    more.
    """
    own = await session.get(OrganisationQuotas, org_id)
    limit = _over(own, defaults).unfinished_jobs
    if limit == NO_QUOTA:
        return False
    return own is None or own.jobs_at_most is None or own.jobs_at_most + wanted > limit


async def begin_count_of_jobs(session: AsyncSession, org_id: UUID) -> CountOfJobs:
    """Begin to count the unfinished jobs of the organisation.

    The count has to find every job that the organisation was given before: all of them by
    transactions that have ended.
    """
    own = await _locked_quotas(session, org_id)
    pending = await pending_jobs(session, org_id)
    return CountOfJobs(own.jobs_taken, own.jobs_counts, pending)


async def record_count_of_jobs(
    session: AsyncSession, org_id: UUID, counted: int, begun: CountOfJobs
) -> None:
    """Record how many unfinished jobs the count found.

    Jobs that were given since it began may be among them, and are counted once more. If another
    count was recorded since, both are upper bounds, and the lower one is kept.
    """
    own = await _locked_quotas(session, org_id)
    at_most = counted + own.jobs_taken - begun.taken_before
    if own.jobs_at_most is not None and own.jobs_counts != begun.counts_before:
        at_most = min(at_most, own.jobs_at_most)
    own.jobs_at_most = at_most
    own.jobs_counts += 1
    await session.flush()
