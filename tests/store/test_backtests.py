"""Backtests: each page is recorded once, even by concurrent attempts."""

from uuid import UUID, uuid4

import pytest

from core.changes.backtest import ReportedChange, Verdict
from core.errors import NotFound, SubjectGone
from store.backtests import (
    Finding,
    add_backtest,
    backtest_by_id,
    delete_backtest,
    finish,
    get_backtest,
    list_backtests,
    list_findings,
    next_page,
    record_page,
)
from store.db.engine import Database
from store.db.paging import PageRequest
from store.tables.backtests import Backtest
from store.tables.domains import Domain
from store.tables.pages import Page
from tests.store.rows import NOON, minutes, new_organisation, new_page, stored

TOLD = ReportedChange("price_change", "high", "Price changed from $1 to $2.")


async def begun(database: Database, domain_id: UUID) -> UUID:
    """A backtest of the domain."""
    backtest_id = uuid4()
    async with database.transaction() as session:
        await add_backtest(session, domain_id, backtest_id, NOON)
    return backtest_id


async def now(database: Database, backtest_id: UUID) -> Backtest:
    """The backtest as it is now."""
    async with database.reading() as session:
        return await backtest_by_id(session, backtest_id)


def finding(found: Verdict, minute: int = 0) -> Finding:
    """An entry of a report."""
    reported = None if found is Verdict.NEW else TOLD
    expected = None if found is Verdict.GONE else TOLD
    return Finding(found, minutes(minute), uuid4(), uuid4(), None, reported, expected, 0.5)


async def test_pages_that_have_a_snapshot_are_taken_one_after_the_other(
    database: Database, domain: Domain, page: Page
) -> None:
    async with database.transaction() as session:
        other = await new_page(session, domain.id, "/other")
        await new_page(session, domain.id, "/never-crawled")
    for each in (page, other):
        await stored(database, each.id, "job", "a")
    backtest_id = await begun(database, domain.id)
    seen = []
    while True:
        backtest = await now(database, backtest_id)
        async with database.transaction() as session:
            page_id = await next_page(session, backtest)
            if page_id is None:
                break
            assert await record_page(session, backtest, page_id, [finding(Verdict.SAME)], 1)
        seen.append(page_id)
    assert sorted(seen) == sorted([page.id, other.id])
    assert (backtest.pages, backtest.pages_done, backtest.snapshots, backtest.same) == (2, 2, 2, 2)


async def test_an_attempt_that_was_overtaken_reports_nothing(
    database: Database, domain: Domain, page: Page
) -> None:
    await stored(database, page.id, "job", "a")
    backtest_id = await begun(database, domain.id)
    as_read = await now(database, backtest_id)
    for expected in (True, False):
        async with database.transaction() as session:
            findings = [finding(each) for each in Verdict]
            assert await record_page(session, as_read, page.id, findings, 3) is expected
    done = await now(database, backtest_id)
    assert (done.pages_done, done.snapshots) == (1, 3)
    assert (done.same, done.different, done.new, done.gone) == (1, 1, 1, 1)
    async with database.reading() as session:
        assert (await list_findings(session, backtest_id, PageRequest(20))).total == 4


async def test_a_backtest_is_added_and_finished_once(database: Database, domain: Domain) -> None:
    backtest_id = await begun(database, domain.id)
    async with database.transaction() as session:
        await add_backtest(session, domain.id, backtest_id, minutes(9))
        assert (await finish(session, backtest_id, minutes(1))).finished_at == minutes(1)
    async with database.transaction() as session:
        done = await finish(session, backtest_id, minutes(2))
    assert (done.created_at, done.finished_at) == (NOON, minutes(1))
    async with database.transaction() as session:
        assert not await record_page(session, done, uuid4(), [], 1), "the report is whole"


async def test_the_report_is_listed_newest_first_and_filtered(
    database: Database, domain: Domain, page: Page
) -> None:
    await stored(database, page.id, "job", "a")
    backtest_id = await begun(database, domain.id)
    backtest = await now(database, backtest_id)
    async with database.transaction() as session:
        findings = [finding(each, minute) for minute, each in enumerate(Verdict)]
        await record_page(session, backtest, page.id, findings, 1)
    async with database.reading() as session:
        every = await list_findings(session, backtest_id, PageRequest(20))
        gone = await list_findings(session, backtest_id, PageRequest(20), verdict=Verdict.GONE)
        mine = await list_findings(session, backtest_id, PageRequest(20), page_id=page.id)
        none = await list_findings(session, backtest_id, PageRequest(20), page_id=uuid4())
    assert [each.verdict for each in every.rows] == list(reversed(Verdict))
    assert [each.verdict for each in gone.rows] == [Verdict.GONE]
    assert (mine.total, none.total) == (4, 0)


async def test_another_organisations_backtest_is_as_unknown_as_none(
    database: Database, domain: Domain
) -> None:
    backtest_id = await begun(database, domain.id)
    async with database.transaction() as session:
        stranger = await new_organisation(session)
    async with database.reading() as session:
        assert (await get_backtest(session, domain.org_id, backtest_id)).id == backtest_id
        messages = set()
        for org_id, wanted in ((stranger, backtest_id), (domain.org_id, uuid4())):
            with pytest.raises(NotFound) as refused:
                await get_backtest(session, org_id, wanted)
            messages.add(refused.value.message)
    assert len(messages) == 1


async def test_a_deleted_backtest_is_gone_for_whoever_is_at_it(
    database: Database, domain: Domain, page: Page
) -> None:
    await stored(database, page.id, "job", "a")
    backtest_id = await begun(database, domain.id)
    as_read = await now(database, backtest_id)
    async with database.transaction() as session:
        await delete_backtest(session, backtest_id)
    async with database.transaction() as session:
        assert not await record_page(session, as_read, page.id, [finding(Verdict.NEW)], 1)
    with pytest.raises(SubjectGone):
        await now(database, backtest_id)
    async with database.reading() as session:
        assert (await list_backtests(session, domain.id, PageRequest(20))).rows == []
