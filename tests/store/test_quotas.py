"""Quotas of organisations: exact when many take the last ones at once, on both databases."""

import asyncio
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from uuid import UUID

import pytest
from sqlalchemy import event, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core.errors import QuotaExceeded
from core.quotas import UNLIMITED, QuotaName, Quotas
from store.batches import batches_followed_as, create_batch, undo_batch
from store.db.engine import Database
from store.pages import NewPage, delete_page
from store.quotas import (
    AddedWithin,
    CountOfJobs,
    add_pages_within,
    all_quotas,
    begin_count_of_jobs,
    count_job,
    give_checks_back,
    may_lack_jobs,
    quota_use,
    quotas_of,
    record_count_of_jobs,
    set_quota,
    take_checks,
    take_jobs,
    take_some_checks,
    take_some_jobs,
)
from store.tables.accounts import Organisation
from store.tables.batches import BatchPage
from store.tables.domains import Domain
from store.tables.pages import Page
from store.tables.quotas import OrganisationQuotas
from tests.store.rows import NOON, minutes, new_domain, new_organisation, new_pages

TEN = Quotas(pages=10, checks_per_day=10)


async def name_of(session: AsyncSession, org_id: UUID) -> str:
    return (await session.get_one(Organisation, org_id)).name


async def add(database: Database, domain: Domain, *names: str, quotas: Quotas = TEN) -> AddedWithin:
    """What became of pages of these names."""
    async with database.transaction() as session:
        pages = [NewPage(f"https://shop.example/{name}", "other") for name in names]
        return await add_pages_within(session, domain.org_id, domain.id, pages, quotas)


async def pages_of(database: Database, org_id: UUID) -> int:
    async with database.reading() as session:
        rows = select(func.count()).select_from(Page).join(Domain, Page.domain_id == Domain.id)
        return await session.scalar(rows.where(Domain.org_id == org_id)) or 0


def numbered(prefix: str, count: int) -> list[str]:
    return [f"{prefix}{number}" for number in range(count)]


def ends(urls: list[str]) -> list[str]:
    return [url.rpartition("/")[2] for url in urls]


async def test_an_organisations_own_quota_replaces_the_default_and_none_lifts_it(
    session: AsyncSession, org_id: UUID
) -> None:
    name = await name_of(session, org_id)
    assert await quotas_of(session, org_id, TEN) == TEN
    assert await set_quota(session, name, "pages", 3)
    assert await quotas_of(session, org_id, TEN) == Quotas(pages=3, checks_per_day=10)
    session.expire_all()
    await set_quota(session, name, "checks_per_day", 0)
    session.expire_all()
    assert await quotas_of(session, org_id, TEN) == Quotas(pages=3, checks_per_day=0)
    [row] = [each for each in await all_quotas(session) if each.name == name]
    assert (row.pages, row.checks_per_day) == (3, 0)
    await set_quota(session, name, "pages", None)
    session.expire_all()
    assert (await quotas_of(session, org_id, TEN)).pages == 10
    other = await new_organisation(session)
    assert await quotas_of(session, other, UNLIMITED) == UNLIMITED
    assert not await set_quota(session, "nobody", "pages", 1)


async def test_pages_are_added_up_to_the_quota_in_their_order_and_known_ones_are_free(
    database: Database, domain: Domain
) -> None:
    first = await add(database, domain, *numbered("a", 8))
    assert (len(first.pages.added), first.over_quota) == (8, [])
    second = await add(database, domain, "z", "a0", "y", "y", "x", "w")
    assert len(second.pages.added) == 2
    assert ends(second.pages.known) == ["a0"]
    assert ends(second.over_quota) == ["x", "w"]
    third = await add(database, domain, "a1", "v")
    assert (ends(third.pages.known), ends(third.over_quota)) == (["a1"], ["v"])
    assert await pages_of(database, domain.org_id) == 10


async def test_a_deleted_page_frees_a_place(database: Database, domain: Domain) -> None:
    added = await add(database, domain, *numbered("a", 10))
    async with database.transaction() as session:
        await delete_page(session, domain.org_id, added.pages.added[0])
    assert (await add(database, domain, "b", "c")).over_quota == ["https://shop.example/c"]


async def test_pages_that_were_added_without_a_quota_count_once_there_is_one(
    database: Database, domain: Domain
) -> None:
    await add(database, domain, *numbered("a", 4), quotas=Quotas(pages=5))
    await add(database, domain, *numbered("b", 4), quotas=UNLIMITED)
    late = await add(database, domain, *numbered("c", 4))
    assert (len(late.pages.added), len(late.over_quota)) == (2, 2)
    assert await pages_of(database, domain.org_id) == 10


async def test_of_many_who_add_pages_at_once_none_gets_more_than_the_quota(
    database: Database, org_id: UUID
) -> None:
    async with database.transaction() as session:
        domains = [await new_domain(session, org_id, f"{n}.example") for n in range(6)]
    added = await asyncio.gather(*(add(database, domain, *numbered("p", 3)) for domain in domains))
    assert sum(len(each.pages.added) for each in added) == 10
    assert sum(len(each.over_quota) for each in added) == 8
    assert await pages_of(database, org_id) == 10


async def test_another_organisation_has_a_quota_of_its_own(
    database: Database, domain: Domain
) -> None:
    await add(database, domain, *numbered("a", 10))
    async with database.transaction() as session:
        other = await new_domain(session, await new_organisation(session))
    assert (await add(database, other, *numbered("a", 10))).over_quota == []


async def test_pages_are_counted_only_near_the_quota(database: Database, domain: Domain) -> None:
    """To count many pages takes long, and every other writer of SQLite waits."""
    await add(database, domain, "a", quotas=Quotas(pages=100))
    async with database.transaction() as session:
        statements: list[str] = []
        connection = (await session.connection()).sync_connection
        event.listen(
            connection,
            "before_cursor_execute",
            lambda _, __, statement, *___: statements.append(statement),
        )
        pages = [NewPage(f"https://shop.example/b{n}", "other") for n in range(50)]
        await add_pages_within(session, domain.org_id, domain.id, pages, Quotas(pages=100))
        assert not [each for each in statements if "count(" in each]
        row = await session.get_one(OrganisationQuotas, domain.org_id)
        assert row.pages_at_most == 51


async def test_checks_are_taken_up_to_the_quota_of_a_day(database: Database, org_id: UUID) -> None:
    async with database.transaction() as session:
        await take_checks(session, org_id, 7, TEN, NOON)
    with pytest.raises(QuotaExceeded) as refused:
        async with database.transaction() as session:
            await take_checks(session, org_id, 4, TEN, minutes(1))
    error = refused.value
    assert (error.quota, error.limit, error.used) == (QuotaName.CHECKS_PER_DAY, 10, 7)
    assert error.frees_at == datetime(2026, 3, 2, tzinfo=UTC)
    assert error.message == (
        "The organisation's quota checksPerDay is 10: 7 are used, and this asks for 4. "
        "It frees up at 2026-03-02 00:00 UTC."
    )
    assert error.details == {
        "quota": "checksPerDay",
        "limit": "10",
        "used": "7",
        "freesAt": "2026-03-02T00:00:00Z",
    }
    async with database.transaction() as session:
        assert await take_some_checks(session, org_id, 5, TEN, minutes(2)) == 3
        assert await take_some_checks(session, org_id, 5, TEN, minutes(3)) == 0
        use = await quota_use(session, org_id, TEN, minutes(4))
        assert (use.checks, use.passed_over) == (10, 7)
        await take_checks(session, org_id, 10, TEN, NOON + timedelta(hours=12))
        await give_checks_back(session, org_id, 4, NOON)
        await take_checks(session, org_id, 4, TEN, NOON)


async def test_without_a_quota_no_check_is_counted(session: AsyncSession, org_id: UUID) -> None:
    await take_checks(session, org_id, 1_000, UNLIMITED, NOON)
    assert await take_some_checks(session, org_id, 1_000, UNLIMITED, NOON) == 1_000
    assert (await quota_use(session, org_id, UNLIMITED, NOON)).checks == 0


async def test_of_many_who_take_the_last_checks_as_many_get_one(
    database: Database, org_id: UUID
) -> None:
    async def take() -> None:
        async with database.transaction() as session:
            await take_checks(session, org_id, 1, Quotas(checks_per_day=3), NOON)

    ended = await asyncio.gather(*(take() for _ in range(8)), return_exceptions=True)
    assert sum(each is None for each in ended) == 3
    assert sum(isinstance(each, QuotaExceeded) for each in ended) == 5


async def test_a_job_of_temporal_counts_once_and_waits_for_the_next_day(
    database: Database, org_id: UUID
) -> None:
    one = Quotas(checks_per_day=1)
    async with database.transaction() as session:
        for _ in range(2):
            assert await count_job(session, org_id, "first", one, NOON) is None
        tomorrow = await count_job(session, org_id, "second", one, minutes(1))
        assert tomorrow == datetime(2026, 3, 2, tzinfo=UTC)
        assert await count_job(session, org_id, "second", one, tomorrow) is None
        assert await count_job(session, org_id, "third", UNLIMITED, tomorrow) is None
        use = await quota_use(session, org_id, one, NOON)
        assert (use.checks, use.passed_over) == (1, 1)


async def test_attempts_of_one_job_that_run_at_once_count_once(
    database: Database, org_id: UUID
) -> None:
    ten = Quotas(checks_per_day=10)

    async def attempt() -> datetime | None:
        async with database.transaction() as session:
            return await count_job(session, org_id, "one", ten, NOON)

    assert await asyncio.gather(*(attempt() for _ in range(5))) == [None] * 5
    async with database.reading() as session:
        assert (await quota_use(session, org_id, ten, NOON)).checks == 1


async def test_the_checks_of_a_batch_are_given_back_to_the_day_that_they_were_taken_from(
    database: Database, domain: Domain, monkeypatch: pytest.MonkeyPatch
) -> None:
    midnight = datetime(2026, 3, 2, tzinfo=UTC)
    moments = iter([midnight - timedelta(seconds=1), *[midnight + timedelta(seconds=1)] * 5])

    # Midnight passes after the first look at the clock.
    monkeypatch.setattr("store.batches.datetime", SimpleNamespace(now=lambda _: next(moments)))
    ten = Quotas(checks_per_day=10)
    async with database.transaction() as session:
        await new_pages(session, domain.id, "/0", "/1", "/2")
        batch = await create_batch(session, domain.org_id, domain.id, None, quotas=ten)
        days = (midnight - timedelta(hours=1), midnight + timedelta(hours=1))
        used = [(await quota_use(session, domain.org_id, ten, day)).checks for day in days]
        await undo_batch(session, batch.id)
        left = [(await quota_use(session, domain.org_id, ten, day)).checks for day in days]
    assert (used, left) == ([3, 0], [0, 0])


async def test_a_batch_of_a_schedule_checks_the_pages_that_were_checked_longest_ago(
    database: Database, domain: Domain
) -> None:
    async with database.transaction() as session:
        ids = await new_pages(session, domain.id, "/0", "/1", "/2", "/3")
        for number, page_id in enumerate(ids[:3]):
            at = {"last_check_at": minutes(-number)}
            await session.execute(update(Page).where(Page.id == page_id).values(**at))
        two = Quotas(checks_per_day=2)
        batch = await create_batch(
            session, domain.org_id, domain.id, None, quotas=two, in_part=True
        )
        assert (batch.size, batch.over_quota, batch.passed_over) == (2, 2, 0)
        members = await session.scalars(
            select(BatchPage.page_id).where(BatchPage.batch_id == batch.id)
        )
        assert set(members) == {ids[3], ids[2]}, "never, and longest ago"
        again = await create_batch(
            session, domain.org_id, domain.id, None, batch.id, quotas=two, in_part=True
        )
        assert (again.size, again.over_quota) == (2, 2), "an attempt that runs again counts nothing"
        empty = await create_batch(
            session, domain.org_id, domain.id, None, quotas=two, in_part=True
        )
        assert (empty.size, empty.over_quota) == (0, 4)


async def test_a_batch_of_a_client_is_refused_as_a_whole(
    database: Database, domain: Domain
) -> None:
    async with database.transaction() as session:
        await new_pages(session, domain.id, "/0", "/1", "/2")
    two = Quotas(checks_per_day=2)
    with pytest.raises(QuotaExceeded, match="asks for 3"):
        async with database.transaction() as session:
            await create_batch(session, domain.org_id, domain.id, None, quotas=two)
    async with database.transaction() as session:
        assert (await quota_use(session, domain.org_id, two, datetime.now(UTC))).checks == 0
        three = Quotas(checks_per_day=3)
        batch = await create_batch(session, domain.org_id, domain.id, None, quotas=three)
        assert (await quota_use(session, domain.org_id, three, datetime.now(UTC))).checks == 3
        await undo_batch(session, batch.id)
        assert (await quota_use(session, domain.org_id, three, datetime.now(UTC))).checks == 0
        assert not await batches_followed_as(session, domain.org_id, batch.id)


async def test_jobs_are_given_while_there_is_surely_room_and_counted_after_that(
    database: Database, org_id: UUID
) -> None:
    three = Quotas(unfinished_jobs=3)

    async def take(count: int) -> None:
        async with database.transaction() as session:
            await take_jobs(session, org_id, count, three)

    async def counted(found: int, after: CountOfJobs) -> None:
        async with database.transaction() as session:
            await record_count_of_jobs(session, org_id, found, after)

    with pytest.raises(QuotaExceeded):
        await take(1)  # nobody has counted yet
    async with database.transaction() as session:
        assert await may_lack_jobs(session, org_id, 1, three)
        before = await begin_count_of_jobs(session, org_id)
    await counted(1, before)
    await take(2)
    with pytest.raises(QuotaExceeded) as refused:
        await take(1)
    assert refused.value.details == {"quota": "unfinishedJobs", "limit": "3", "used": "3"}
    assert refused.value.message.endswith("It frees up as jobs end.")
    async with database.transaction() as session:
        before = await begin_count_of_jobs(session, org_id)
    await counted(1, before)
    await take(1)
    await counted(1, before)
    async with database.transaction() as session:
        assert not await may_lack_jobs(session, org_id, 1, three)
        assert await may_lack_jobs(session, org_id, 2, three), "what was given since counts too"
        assert await take_some_jobs(session, org_id, 5, three) == 1
        assert await take_some_jobs(session, org_id, 5, three) == 0
        assert await take_some_jobs(session, org_id, 5, UNLIMITED) == 5
        assert await may_lack_jobs(session, org_id, 1, three), "those were not counted"
        assert not await may_lack_jobs(session, org_id, 1, UNLIMITED)


async def test_of_two_counts_at_once_the_lower_one_is_kept(
    database: Database, org_id: UUID
) -> None:
    three = Quotas(unfinished_jobs=3)
    async with database.transaction() as session:
        one, other = [await begin_count_of_jobs(session, org_id) for _ in range(2)]
        await record_count_of_jobs(session, org_id, 0, one)
        await take_jobs(session, org_id, 2, three)
        # It found both of them, and they were given since it began.
        await record_count_of_jobs(session, org_id, 2, other)
        await take_jobs(session, org_id, 1, three)
        assert await may_lack_jobs(session, org_id, 1, three)
        # A count that began after the last one was recorded is right, whatever was known before.
        last = await begin_count_of_jobs(session, org_id)
        await record_count_of_jobs(session, org_id, 4, last)
        with pytest.raises(QuotaExceeded) as refused:
            await take_jobs(session, org_id, 1, three)
    assert refused.value.details == {"quota": "unfinishedJobs", "limit": "3", "used": "4"}


async def test_of_many_who_take_the_last_jobs_as_many_get_one(
    database: Database, org_id: UUID
) -> None:
    three = Quotas(unfinished_jobs=3)
    async with database.transaction() as session:
        await record_count_of_jobs(session, org_id, 0, await begin_count_of_jobs(session, org_id))

    async def take() -> None:
        async with database.transaction() as session:
            await take_jobs(session, org_id, 1, three)

    ended = await asyncio.gather(*(take() for _ in range(8)), return_exceptions=True)
    assert sum(each is None for each in ended) == 3
    assert sum(isinstance(each, QuotaExceeded) for each in ended) == 5
