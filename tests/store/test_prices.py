"""The prices of pages over time."""

from collections.abc import Sequence
from decimal import Decimal

from sqlalchemy import select, update

from core.changes.price_list import ListedPrice, PricePeriod
from store.checks import record_gone
from store.db.engine import Database
from store.db.paging import PageRequest
from store.prices import (
    PriceFilter,
    end_sightings,
    list_prices,
    moves_of,
    record_prices,
    record_stored_prices,
    stored_prices,
)
from store.tables.changes import Change
from store.tables.pages import Page
from store.tables.prices import Price
from tests.store.rows import minutes, read, stored
from tests.store.test_checks import unchanged

PRO = ListedPrice("Pro", Decimal("29.90"), "EUR", PricePeriod.MONTH, "Pro 29,90 €")
PRO_DEARER = ListedPrice("Pro", Decimal(39), "EUR", PricePeriod.MONTH, "Pro 39 €")
BASIC = ListedPrice("Basic", Decimal(0), None, None, "Free")


async def shown(database: Database, page: Page, minute: int, *listed: ListedPrice) -> None:
    """A check that finds these prices."""
    earlier = await stored_prices(database, page)
    await stored(database, page.id, f"job-{minute}", f"text {minute}", minutes(minute))
    async with database.transaction() as session:
        await record_prices(session, page, earlier, listed, minutes(minute))


async def prices(database: Database, **wanted: object) -> Sequence[Price]:
    """The prices that match, as they were seen."""
    async with database.reading() as session:
        found = await list_prices(session, PageRequest(100), PriceFilter(**wanted))  # type: ignore[arg-type]
    assert found.total == len(found.rows)
    return found.rows[::-1]


async def test_a_price_is_stored_once_while_it_holds(database: Database, page: Page) -> None:
    await shown(database, page, 1, PRO, BASIC)
    await shown(database, await read(database, page.id), 2, PRO)
    basic, pro = sorted(await prices(database, page_id=page.id), key=lambda each: each.plan or "")
    assert (pro.amount, pro.currency, pro.period) == (Decimal("29.90"), "EUR", "month")
    assert (pro.first_seen_at, pro.last_seen_at, pro.ended_at) == (minutes(1), None, None)
    assert (basic.first_seen_at, basic.last_seen_at) == (minutes(1), minutes(1))
    assert basic.ended_at == minutes(2)


async def test_a_price_that_went_says_which_check_found_it_last(
    database: Database, page: Page
) -> None:
    await shown(database, page, 1, PRO)
    await unchanged(database, await read(database, page.id), None, 5)
    await shown(database, await read(database, page.id), 9, PRO_DEARER)
    before, after = await prices(database, domain_id=page.domain_id)
    assert (before.last_seen_at, before.ended_at) == (minutes(5), minutes(9))
    assert (after.amount, after.first_seen_at) == (Decimal(39), minutes(9))
    [held] = await prices(database, page_id=page.id, held=True)
    [ended] = await prices(database, page_id=page.id, held=False)
    assert (held.id, ended.id) == (after.id, before.id)
    assert await prices(database, page_id=page.id, plan="Basic") == []


async def test_the_prices_of_a_page_that_is_gone_hold_no_longer_and_come_back_with_it(
    database: Database, page: Page
) -> None:
    await shown(database, page, 1, PRO)
    there = await read(database, page.id)
    async with database.transaction() as session:
        assert await record_gone(session, there, minutes(5))
        await end_sightings(session, there)
    assert await prices(database, page_id=page.id, held=True) == []
    [price] = await prices(database, page_id=page.id, held=False)
    assert (price.last_seen_at, price.ended_at) == (minutes(1), None)
    await unchanged(database, await read(database, page.id), None, 9)
    assert len(await prices(database, page_id=page.id, held=True)) == 1


async def test_a_page_that_comes_back_with_other_prices_says_when_it_showed_the_old_ones(
    database: Database, page: Page
) -> None:
    await shown(database, page, 1, PRO)
    there = await read(database, page.id)
    async with database.transaction() as session:
        assert await record_gone(session, there, minutes(5))
        await end_sightings(session, there)
    await shown(database, await read(database, page.id), 9, PRO_DEARER)
    before, _ = await prices(database, page_id=page.id)
    assert (before.last_seen_at, before.ended_at) == (minutes(1), minutes(9))


async def test_versions_that_an_older_release_stored_are_read_once(
    database: Database, page: Page
) -> None:
    await stored(database, page.id, "first", "# Pro\n$29/mo", minutes(1))
    await stored(database, page.id, "second", "# Pro\n$39/mo", minutes(2))
    for _ in range(2):
        async with database.transaction() as session:
            await record_stored_prices(session, page, await stored_prices(database, page))
    before, after = await prices(database, page_id=page.id)
    assert (before.plan, before.amount, before.currency) == ("Pro", Decimal(29), "$")
    assert (before.last_seen_at, before.ended_at) == (minutes(1), minutes(2))
    assert after.amount == Decimal(39)
    assert after.ended_at is None


async def test_a_new_version_of_such_a_page_ends_what_was_read(
    database: Database, page: Page
) -> None:
    await stored(database, page.id, "first", "# Pro\n29 EUR/mo", minutes(1))
    there = await read(database, page.id)
    await shown(database, there, 2, PRO)
    assert [
        (f"{each.amount:f}", each.ended_at) for each in await prices(database, page_id=page.id)
    ] == [("29", minutes(2)), ("29.90", None)]


async def test_a_change_of_an_older_release_tells_its_prices_by_its_difference(
    database: Database, page: Page
) -> None:
    await stored(database, page.id, "first", "a", minutes(1))
    await stored(database, page.id, "second", "b", minutes(2))
    block = {
        "kind": "changed",
        "before": "Pro $29/mo",
        "after": "Pro $39/mo",
        "spans": [],
        "place": {"section": None, "header": None},
    }
    stats = {"added": 0, "removed": 0, "changed": 1, "moved": 0}
    diff = {"blocks": [block], "stats": stats, "identical": False, "summary": ""}
    async with database.transaction() as session:
        await session.execute(update(Change).values(prices=None, diff=diff))
    async with database.reading() as session:
        change = (await session.scalars(select(Change))).one()
        [move] = (await moves_of(session, [change]))[change.id]
    assert (move.plan, move.before, move.after, move.percent) == ("Pro", 29, 39, 34.48)
