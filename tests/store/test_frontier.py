"""The frontier of a discovery: every URL once, and every URL in one count."""

import asyncio
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.urls import LONGEST_URL
from store import frontier
from store.engine import Database
from store.frontier import FoundUrl, Settled, Tally
from store.tables import Discovery, Domain, FrontierState, FrontierUrl
from store.upsert import ROWS_AT_ONCE
from tests.store.rows import incompressible

JOB = "discover-1"


async def begun(session: AsyncSession, domain: Domain, *urls: FoundUrl) -> list[FoundUrl]:
    """A discovery that has seen `urls`: those that wait for a visit."""
    await frontier.begin(session, JOB, domain.id)
    return await frontier.add_urls(session, JOB, urls)


async def test_a_discovery_is_begun_once(database: Database, domain: Domain) -> None:
    async def begin() -> UUID:
        async with database.transaction() as session:
            return (await frontier.begin(session, JOB, domain.id)).domain_id

    assert await asyncio.gather(*(begin() for _ in range(4))) == [domain.id] * 4
    async with database.reading() as session:
        assert await session.scalar(select(func.count()).select_from(Discovery)) == 1


async def test_urls_wait_in_the_order_they_were_found(
    session: AsyncSession, domain: Domain
) -> None:
    await begun(session, domain, FoundUrl("z", 0), FoundUrl("a", 1))
    await frontier.add_urls(session, JOB, [FoundUrl("m", 1), FoundUrl("b", 2)])
    expected = [FoundUrl("z", 0), FoundUrl("a", 1), FoundUrl("m", 1), FoundUrl("b", 2)]
    assert await frontier.pending(session, JOB) == expected


async def test_what_links_led_to_is_told_from_where_the_walk_began_and_what_was_left_out(
    session: AsyncSession, domain: Domain
) -> None:
    await begun(session, domain, FoundUrl("z", 0), FoundUrl("trap", 1, "calendar"))
    later = [FoundUrl("b", 2), FoundUrl("a", 1), FoundUrl("far", 1, "too_deep")]
    await frontier.add_urls(session, JOB, later)
    await frontier.settle(session, JOB, [Settled("b", FrontierState.LEFT_OUT, "not_found")])
    found = await frontier.linked(session, JOB, but_for={"calendar", "too_deep"})
    assert found == ["b", "a"]


async def test_only_urls_not_seen_before_come_back(session: AsyncSession, domain: Domain) -> None:
    await begun(session, domain, FoundUrl("a", 0), FoundUrl("out", 0, "not_a_page"))
    fresh = await frontier.add_urls(
        session,
        JOB,
        [FoundUrl("a", 5), FoundUrl("b", 1), FoundUrl("out", 1), FoundUrl("c", 1, "too_deep")],
    )
    assert fresh == [FoundUrl("b", 1)]
    assert await frontier.pending(session, JOB) == [FoundUrl("a", 0), FoundUrl("b", 1)]


async def test_of_a_url_found_twice_at_once_the_first_counts(
    session: AsyncSession, domain: Domain
) -> None:
    fresh = await begun(
        session, domain, FoundUrl("a", 1), FoundUrl("a", 2), FoundUrl("a", 1, "excluded")
    )
    assert fresh == [FoundUrl("a", 1)]
    assert await frontier.tally(session, JOB) == Tally(pending=1)


async def test_no_urls_are_no_work(session: AsyncSession, domain: Domain) -> None:
    assert await begun(session, domain) == []
    await frontier.settle(session, JOB, [])
    assert await frontier.tally(session, JOB) == Tally()


async def test_every_url_is_in_one_count(session: AsyncSession, domain: Domain) -> None:
    await begun(
        session, domain, *(FoundUrl(name, 0) for name in "abcdef"), FoundUrl("g", 9, "too_deep")
    )
    await frontier.settle(
        session,
        JOB,
        [
            Settled("a", FrontierState.PAGE_ADDED),
            Settled("b", FrontierState.PAGE_ADDED),
            Settled("c", FrontierState.PAGE_KNOWN),
            Settled("d", FrontierState.LEFT_OUT, "not_found"),
            Settled("e", FrontierState.LEFT_OUT, "not_found"),
        ],
    )
    tally = await frontier.tally(session, JOB)
    assert tally == Tally(added=2, known=1, pending=1, left_out={"not_found": 2, "too_deep": 1})
    assert (tally.discovered, tally.seen) == (3, 7)
    assert await frontier.pending(session, JOB) == [FoundUrl("f", 0)]


async def test_settling_twice_is_settling_once(session: AsyncSession, domain: Domain) -> None:
    await begun(session, domain, FoundUrl("a", 0))
    for _ in range(2):
        await frontier.settle(session, JOB, [Settled("a", FrontierState.PAGE_ADDED)])
    assert await frontier.tally(session, JOB) == Tally(added=1)


async def test_settling_touches_no_other_discovery(session: AsyncSession, domain: Domain) -> None:
    await begun(session, domain, FoundUrl("a", 0))
    await frontier.begin(session, "other", domain.id)
    await frontier.add_urls(session, "other", [FoundUrl("a", 0)])
    await frontier.settle(session, "other", [Settled("a", FrontierState.PAGE_ADDED)])
    await frontier.leave_out_pending(session, "other", "over_limit")
    await frontier.finish(session, "other", {})
    assert await frontier.tally(session, JOB) == Tally(pending=1)


async def test_what_waits_can_be_left_out_at_once(session: AsyncSession, domain: Domain) -> None:
    await begun(session, domain, FoundUrl("a", 0), FoundUrl("b", 0))
    await frontier.settle(session, JOB, [Settled("a", FrontierState.PAGE_ADDED)])
    await frontier.leave_out_pending(session, JOB, "over_limit")
    assert await frontier.tally(session, JOB) == Tally(added=1, left_out={"over_limit": 1})


async def test_a_finished_discovery_keeps_its_result_and_no_frontier(
    database: Database, domain: Domain
) -> None:
    async with database.transaction() as session:
        await begun(session, domain, FoundUrl("a", 0))
        await frontier.finish(session, JOB, {"pagesAdded": 1, "leftOut": {"ü\0": 2}})
    async with database.transaction() as session:
        again = await frontier.begin(session, JOB, domain.id)
        assert again.result == {"pagesAdded": 1, "leftOut": {"ü\0": 2}}
        assert again.finished_at is not None
        assert await session.scalar(select(func.count()).select_from(FrontierUrl)) == 0


async def test_a_discovery_may_start_over(session: AsyncSession, domain: Domain) -> None:
    await begun(session, domain, FoundUrl("a", 0))
    await frontier.start_over(session, JOB)
    assert await frontier.tally(session, JOB) == Tally()
    assert await frontier.add_urls(session, JOB, [FoundUrl("a", 0)]) == [FoundUrl("a", 0)]


async def test_a_frontier_outlives_its_process(database: Database, domain: Domain) -> None:
    async with database.transaction() as session:
        await begun(session, domain, FoundUrl("a", 0), FoundUrl("b", 1))
    async with database.transaction() as session:
        await frontier.settle(session, JOB, [Settled("a", FrontierState.PAGE_ADDED)])
    async with database.transaction() as session:
        found = await frontier.begin(session, JOB, domain.id)
        assert found.result is None
        assert await frontier.pending(session, JOB) == [FoundUrl("b", 1)]


async def test_more_urls_than_one_statement_takes(session: AsyncSession, domain: Domain) -> None:
    urls = [FoundUrl(str(number), 0) for number in range(2 * ROWS_AT_ONCE + 1)]
    assert await begun(session, domain, *urls) == urls
    assert await frontier.pending(session, JOB) == urls
    await frontier.settle(
        session, JOB, [Settled(found.url, FrontierState.PAGE_KNOWN) for found in urls]
    )
    assert await frontier.tally(session, JOB) == Tally(known=len(urls))


async def test_the_longest_url_of_the_longest_job_id_fits(
    session: AsyncSession, domain: Domain
) -> None:
    job_id = incompressible(200)
    await frontier.begin(session, job_id, domain.id)
    found = FoundUrl(incompressible(LONGEST_URL), 0)
    assert await frontier.add_urls(session, job_id, [found]) == [found]
