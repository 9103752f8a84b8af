"""The frontier of a discovery: each URL is in exactly one count."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.jobs.checkpoint import EMPTY_CHECKPOINT, Checkpoint, Seeding, StoredError
from core.web.urls import MAX_URL_LENGTH
from store import frontier
from store.db.engine import Database
from store.db.upsert import ROWS_PER_STATEMENT
from store.frontier import FoundUrl, Tally, UrlOutcome
from store.tables.discoveries import Discovery, FrontierState, FrontierUrl
from store.tables.domains import Domain
from tests.store.rows import incompressible

JOB = "discover-1"


MOST = 5_000
"""Rows of each kind, more than a test needs that is not about them."""


async def begun(session: AsyncSession, domain: Domain, *urls: FoundUrl) -> int:
    """A discovery that has seen `urls`: how many wait for a visit."""
    await frontier.begin(session, JOB, domain.id)
    return await add(session, urls)


async def add(session: AsyncSession, urls: Sequence[FoundUrl], most: int = MOST) -> int:
    """Have the discovery see more: how many of them wait for a visit."""
    fresh = await frontier.unknown(session, JOB, urls)
    return await frontier.add_urls(session, JOB, fresh, most)


async def waiting(session: AsyncSession) -> list[str]:
    """Every URL that waits for a visit, in the order of their visits."""
    found: list[str] = []
    while some := await frontier.pending(session, JOB, 2):
        found += (each.url for each in some)
        done = [UrlOutcome(each.url, FrontierState.PAGE_ADDED) for each in some]
        await frontier.record_outcomes(session, JOB, done)
    return found


def numbered(*numbers: int, depth: int = 0, reason: str | None = None) -> list[FoundUrl]:
    """URLs without a name."""
    return [FoundUrl(str(number), depth, reason) for number in numbers]


async def test_a_discovery_is_begun_once(database: Database, domain: Domain) -> None:
    async def begin() -> UUID:
        async with database.transaction() as session:
            return (await frontier.begin(session, JOB, domain.id)).domain_id

    assert await asyncio.gather(*(begin() for _ in range(4))) == [domain.id] * 4
    async with database.reading() as session:
        assert await session.scalar(select(func.count()).select_from(Discovery)) == 1


async def test_urls_wait_by_depth_and_in_the_order_they_were_found(
    session: AsyncSession, domain: Domain
) -> None:
    await begun(session, domain, FoundUrl("z", 0), FoundUrl("deep", 2), FoundUrl("a", 1))
    await add(session, [FoundUrl("m", 1), FoundUrl("b", 0)])
    assert await frontier.pending(session, JOB, 1) == [FoundUrl("z", 0)]
    assert await frontier.pending(session, JOB, 9) == [FoundUrl("z", 0), FoundUrl("b", 0)]
    assert await waiting(session) == ["z", "b", "a", "m", "deep"]


async def test_those_that_use_a_budget_are_told_from_what_was_left_out(
    session: AsyncSession, domain: Domain
) -> None:
    await begun(session, domain, FoundUrl("z", 0), FoundUrl("trap", 1, "calendar"))
    await add(
        session, [FoundUrl("b", 2, uses_budget=True), FoundUrl("a", 1, uses_budget=True)], most=2
    )
    await frontier.record_outcomes(
        session, JOB, [UrlOutcome("b", FrontierState.LEFT_OUT, "not_found")]
    )
    assert await frontier.budgeted(session, JOB) == ["b"]


async def test_only_urls_not_seen_before_are_added(session: AsyncSession, domain: Domain) -> None:
    await begun(session, domain, FoundUrl("a", 0), FoundUrl("out", 0, "not_a_page"))
    added = await add(
        session,
        [FoundUrl("a", 5), FoundUrl("b", 1), FoundUrl("out", 1), FoundUrl("c", 1, "too_deep")],
    )
    assert added == 1
    assert await frontier.tally(session, JOB) == Tally(
        pending=2, left_out={"not_a_page": 1, "too_deep": 1}
    )
    assert await waiting(session) == ["a", "b"]


async def test_of_a_url_found_twice_at_once_the_first_counts(
    session: AsyncSession, domain: Domain
) -> None:
    added = await begun(
        session, domain, FoundUrl("a", 1), FoundUrl("a", 2), FoundUrl("a", 1, "excluded")
    )
    assert added == 1
    assert await frontier.pending(session, JOB, 9) == [FoundUrl("a", 1)]


async def test_beyond_its_bound_a_frontier_counts_and_grows_no_more(
    session: AsyncSession, domain: Domain
) -> None:
    await begun(session, domain)
    assert await add(session, numbered(*range(8)), most=5) == 5
    others = numbered(*range(100, 107), reason="other_host")
    assert await add(session, others, most=5) == 0
    expected = {"over_limit": 3, "other_host": 7}
    tally = await frontier.tally(session, JOB)
    assert (tally.pending, tally.left_out) == (5, expected)
    assert await session.scalar(select(func.count()).select_from(FrontierUrl)) == 10
    # Those that have a row count once, the others each time that they are found.
    assert await add(session, [*numbered(*range(8)), *others], most=5) == 0
    tally = await frontier.tally(session, JOB)
    assert tally.left_out == {"over_limit": 3, "other_host": 7 + 5}
    assert tally.seen == 5 + 3 + 12
    assert await waiting(session) == ["0", "1", "2", "3", "4"]
    assert await add(session, numbered(200, 200, 201), most=5) == 0, "a visit makes no room"
    assert (await frontier.tally(session, JOB)).left_out["over_limit"] == 3 + 3


async def test_how_far_it_is_is_stored_with_it(database: Database, domain: Domain) -> None:
    reached = Checkpoint(
        seeding=Seeding(waiting=("b",), asked=("a",), read=1, urls=9),
        feeds=("f",),
        first_error=StoredError(code="SITE_ERROR", message="ü\0", retry_after=1.5),
    )
    async with database.transaction() as session:
        discovery = await frontier.begin(session, JOB, domain.id)
        assert frontier.checkpoint_of(discovery) == EMPTY_CHECKPOINT
        await frontier.put_checkpoint(session, JOB, reached)
    async with database.transaction() as session:
        discovery = await frontier.begin(session, JOB, domain.id)
        assert frontier.checkpoint_of(discovery) == reached
        await frontier.start_over(session, JOB)
    async with database.transaction() as session:
        discovery = await frontier.begin(session, JOB, domain.id)
        assert frontier.checkpoint_of(discovery) == EMPTY_CHECKPOINT


async def test_no_urls_are_no_work(session: AsyncSession, domain: Domain) -> None:
    assert await begun(session, domain) == 0
    await frontier.record_outcomes(session, JOB, [])
    assert await frontier.tally(session, JOB) == Tally()


async def test_every_url_is_in_one_count(session: AsyncSession, domain: Domain) -> None:
    await begun(
        session, domain, *(FoundUrl(name, 0) for name in "abcdef"), FoundUrl("g", 9, "too_deep")
    )
    await frontier.record_outcomes(
        session,
        JOB,
        [
            UrlOutcome("a", FrontierState.PAGE_ADDED),
            UrlOutcome("b", FrontierState.PAGE_ADDED),
            UrlOutcome("c", FrontierState.PAGE_KNOWN),
            UrlOutcome("d", FrontierState.LEFT_OUT, "not_found"),
            UrlOutcome("e", FrontierState.LEFT_OUT, "not_found"),
        ],
    )
    tally = await frontier.tally(session, JOB)
    assert tally == Tally(added=2, known=1, pending=1, left_out={"not_found": 2, "too_deep": 1})
    assert (tally.discovered, tally.seen) == (3, 7)
    assert await frontier.pending(session, JOB, 9) == [FoundUrl("f", 0)]


async def test_settling_twice_is_settling_once(session: AsyncSession, domain: Domain) -> None:
    await begun(session, domain, FoundUrl("a", 0))
    for _ in range(2):
        await frontier.record_outcomes(session, JOB, [UrlOutcome("a", FrontierState.PAGE_ADDED)])
    assert await frontier.tally(session, JOB) == Tally(added=1)


async def test_settling_touches_no_other_discovery(session: AsyncSession, domain: Domain) -> None:
    await begun(session, domain, FoundUrl("a", 0))
    await frontier.begin(session, "other", domain.id)
    await frontier.add_urls(session, "other", [FoundUrl("a", 0)], MOST)
    await frontier.record_outcomes(session, "other", [UrlOutcome("a", FrontierState.PAGE_ADDED)])
    await frontier.start_over(session, "other")
    await frontier.finish(session, "other", {})
    assert await frontier.tally(session, JOB) == Tally(pending=1)


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
    await begun(session, domain)
    for _ in range(2):
        assert await add(session, numbered(*range(5)), most=2) == 2
        assert (await frontier.tally(session, JOB)).left_out == {"over_limit": 3}
        await frontier.start_over(session, JOB)
        assert await frontier.tally(session, JOB) == Tally()


async def test_a_frontier_outlives_its_process(database: Database, domain: Domain) -> None:
    async with database.transaction() as session:
        await begun(session, domain)
        await add(session, [FoundUrl("a", 0), FoundUrl("b", 1), FoundUrl("c", 1)], most=3)
    async with database.transaction() as session:
        await frontier.record_outcomes(session, JOB, [UrlOutcome("a", FrontierState.PAGE_ADDED)])
        await add(session, numbered(*range(4)), most=3)
    async with database.transaction() as session:
        found = await frontier.begin(session, JOB, domain.id)
        assert found.result is None
        await add(session, numbered(*range(4)), most=3)
        tally = await frontier.tally(session, JOB)
        assert tally == Tally(added=1, pending=2, left_out={"over_limit": 5})
        assert await waiting(session) == ["b", "c"]


async def test_more_urls_than_one_statement_takes(session: AsyncSession, domain: Domain) -> None:
    urls = [FoundUrl(str(number), 0) for number in range(2 * ROWS_PER_STATEMENT + 1)]
    assert await begun(session, domain, *urls) == len(urls)
    assert await frontier.unknown(session, JOB, [*urls, FoundUrl("new", 0)]) == [FoundUrl("new", 0)]
    assert await frontier.pending(session, JOB, 2 * len(urls)) == urls
    await frontier.record_outcomes(
        session, JOB, [UrlOutcome(found.url, FrontierState.PAGE_KNOWN) for found in urls]
    )
    assert await frontier.tally(session, JOB) == Tally(known=len(urls))


async def test_the_longest_url_of_the_longest_job_id_fits(
    session: AsyncSession, domain: Domain
) -> None:
    job_id = incompressible(200)
    await frontier.begin(session, job_id, domain.id)
    found = FoundUrl(incompressible(MAX_URL_LENGTH), 0)
    assert await frontier.add_urls(session, job_id, [found], MOST) == 1
    assert await frontier.unknown(session, job_id, [found]) == []
