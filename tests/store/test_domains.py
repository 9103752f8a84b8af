"""Domains: each of one organisation alone."""

import asyncio
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.changes.backtest import Verdict
from core.changes.muting import ChangingLine, NoiseHistory
from core.changes.price_list import ListedPrice
from core.errors import Conflict, NotFound, SubjectGone
from store import frontier
from store.backtests import Finding, add_backtest, backtest_by_id, record_page
from store.batches import create_batch
from store.checks import record_unchanged
from store.db.base import Base
from store.db.engine import Database
from store.db.paging import PageRequest
from store.domains import (
    add_domain,
    delete_domain,
    domain_by_id,
    get_domain,
    list_domains,
    page_summaries,
)
from store.page_lines import store_noise_history
from store.pages import page_by_id
from store.pending_confirmations import PreviousFetch, store_pending_confirmation
from store.prices import record_prices
from store.tables.alerts import Channel, ChannelKind, Delivery
from store.tables.changes import Change
from store.tables.domains import Domain, DomainStatus
from store.tables.feeds import Feed, FeedKind
from store.tables.pages import Page
from tests.eventually import eventually
from tests.store.rows import NOON, minutes, new_domain, new_organisation, new_pages, stored, waiting


async def test_a_new_domain_is_active_and_has_no_job(domain: Domain) -> None:
    assert (domain.status, domain.discovery_job_id) == (DomainStatus.ACTIVE, None)
    assert domain.created_at == domain.updated_at


async def test_an_organisation_has_a_domain_once(database: Database, domain: Domain) -> None:
    with pytest.raises(Conflict, match=r"shop\.example"):
        async with database.transaction() as session:
            await new_domain(session, domain.org_id)


async def test_of_many_who_add_a_domain_at_once_one_succeeds(
    database: Database, org_id: UUID
) -> None:
    async def add() -> UUID:
        async with database.transaction() as session:
            return (await new_domain(session, org_id)).id

    ended = await asyncio.gather(*(add() for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(each, UUID) for each in ended) == 1
    assert sum(isinstance(each, Conflict) for each in ended) == 4


async def test_organisations_may_watch_the_same_domain(session: AsyncSession) -> None:
    owners = [await new_organisation(session) for _ in range(2)]
    domains = [await new_domain(session, org_id) for org_id in owners]
    first, second = owners
    for org_id, other, own in ((first, second, domains[0]), (second, first, domains[1])):
        assert (await get_domain(session, org_id, own.id)).id == own.id
        assert (await list_domains(session, org_id, PageRequest(10))).rows == [own]
        with pytest.raises(NotFound):
            await get_domain(session, other, own.id)


async def test_another_organisations_domain_is_as_unknown_as_none(
    session: AsyncSession, domain: Domain
) -> None:
    messages = set()
    for domain_id in (domain.id, uuid4()):
        with pytest.raises(NotFound) as refused:
            await get_domain(session, uuid4(), domain_id)
        messages.add(refused.value.message)
        with pytest.raises(NotFound) as refused:
            await delete_domain(session, uuid4(), domain_id)
        messages.add(refused.value.message)
    assert len(messages) == 1
    assert (await domain_by_id(session, domain.id)).id == domain.id


async def test_a_job_learns_that_its_domain_is_gone(session: AsyncSession) -> None:
    with pytest.raises(SubjectGone):
        await domain_by_id(session, uuid4())


async def test_domains_are_listed_newest_first(session: AsyncSession, org_id: UUID) -> None:
    names = [f"{letter}.example" for letter in "cab"]
    for number, name in enumerate(names):
        (await new_domain(session, org_id, name)).created_at = minutes(number)
    listed = await list_domains(session, org_id, PageRequest(2))
    assert [row.domain for row in listed.rows] == ["b.example", "a.example"]
    assert (listed.total, listed.next_cursor is None) == (3, False)


async def test_summaries_count_pages_and_know_the_last_check(
    session: AsyncSession, org_id: UUID
) -> None:
    checked, unchecked, empty = [
        (await new_domain(session, org_id, f"{letter}.example")).id for letter in "abc"
    ]
    ids = await new_pages(session, checked, "/1", "/2", "/3")
    await new_pages(session, unchecked, "/1")
    for page_id, at in zip(ids, (minutes(1), minutes(2)), strict=False):
        await record_unchanged(
            session,
            await page_by_id(session, page_id),
            at=at,
            etag=None,
            last_modified=None,
            body_hash=None,
        )
    found = await page_summaries(session, [checked, unchecked, empty])
    assert set(found) == {checked, unchecked}
    assert (found[checked].count, found[checked].last_check_at) == (3, minutes(2))
    assert (found[unchecked].count, found[unchecked].last_check_at) == (1, None)
    assert await page_summaries(session, []) == {}


async def test_deleting_a_domain_leaves_nothing_of_it_and_all_of_another(
    database: Database, org_id: UUID
) -> None:
    await filled(database, org_id, "other.example")
    alone = await row_counts(database)
    domain = await filled(database, org_id, "shop.example")
    assert all(count > alone[name] for name, count in (await row_counts(database)).items())
    async with database.transaction() as session:
        await delete_domain(session, domain.org_id, domain.id)
    assert await row_counts(database) == alone


async def test_of_two_who_delete_a_domain_at_once_one_finds_none(
    database: Database, domain: Domain
) -> None:
    async def delete() -> None:
        async with database.transaction() as session:
            await delete_domain(session, domain.org_id, domain.id)

    async with database.transaction() as first:
        await delete_domain(first, domain.org_id, domain.id)
        second = asyncio.create_task(delete())
        if first.get_bind().dialect.name == "postgresql":
            await eventually(lambda: waiting(first), lambda count: count == 1)
    with pytest.raises(NotFound):
        await second


async def filled(database: Database, org_id: UUID, name: str) -> Domain:
    """A domain with a row in every table that hangs on domains."""
    async with database.transaction() as session:
        domain = await new_domain(session, org_id, name)
        [page_id] = await new_pages(session, domain.id, "/")
        await create_batch(session, domain.org_id, domain.id, None)
        job_id = f"discover-{domain.id.hex}"
        await frontier.begin(session, job_id, domain.id)
        await frontier.add_urls(session, job_id, [frontier.FoundUrl("https://a.example/", 0)], 9)
    await stored(database, page_id, "first", "a", NOON)
    await stored(database, page_id, "second", "b", minutes(1))
    async with database.transaction() as session:
        change_id = await session.scalar(select(Change.id).where(Change.page_id == page_id))
        channel = await a_channel(session, org_id, name)
        session.add(
            Delivery(
                id=uuid4(),
                org_id=org_id,
                channel_id=channel.id,
                change_id=change_id,
                page_id=page_id,
                changed_at=NOON,
                due_at=NOON,
                created_at=NOON,
            )
        )
        session.add(
            Feed(
                org_id=org_id,
                name=name,
                kind=FeedKind.DOMAIN,
                domain_id=domain.id,
                token_hash=name,
                created_at=NOON,
            )
        )
        nothing = NoiseHistory(1, {}, frozenset())
        await store_noise_history(
            session, page_id, nothing, nothing.updated({ChangingLine(None, "a … line")}), NOON
        )
        price = ListedPrice("Pro", Decimal(29), "USD", None, "Pro $29")
        await record_prices(session, await page_by_id(session, page_id), [], [price], minutes(2))
        await store_pending_confirmation(session, page_id, "third", PreviousFetch(1, NOON, None))
        await add_backtest(session, domain.id, domain.id, NOON)
        told = Finding(Verdict.NEW, NOON, None, page_id, None, None, None, None)
        await record_page(
            session, await backtest_by_id(session, domain.id), page_id, [told], snapshots=2
        )
    return domain


async def a_channel(session: AsyncSession, org_id: UUID, name: str) -> Channel:
    """A channel of the organisation."""
    channel = Channel(
        org_id=org_id,
        kind=ChannelKind.SIGNAL,
        name=name,
        target={},
        created_at=NOON,
        updated_at=NOON,
    )
    session.add(channel)
    await session.flush()
    return channel


async def row_counts(database: Database) -> dict[str, int]:
    """How many rows each table has that hangs on domains."""
    apart = {
        "organisations", "api_keys", "keyed_requests", "outbox", "host_slots", "host_turns",
        "robots", "kept_answers", "job_ends", "contents", "web_sessions", "channels", "alerts",
        "alert_channels", "organisation_quotas", "check_days", "counted_checks",
        "audit_lines",
    }  # fmt: skip
    async with database.reading() as session:
        return {
            name: await session.scalar(select(func.count()).select_from(table)) or 0
            for name, table in Base.metadata.tables.items()
            if name not in apart
        }


async def test_pages_of_a_deleted_domain_are_gone(
    database: Database, domain: Domain, page: Page
) -> None:
    async with database.transaction() as session:
        await delete_domain(session, domain.org_id, domain.id)
    async with database.reading() as session:
        with pytest.raises(SubjectGone):
            await page_by_id(session, page.id)


async def test_domains_are_found_by_a_text_in_their_names(database: Database) -> None:
    async with database.transaction() as session:
        org_id = await new_organisation(session)
        for host, name in (("shop.example", "The Shop"), ("b.example", "Another shop")):
            await add_domain(
                session, org_id, domain_id=uuid4(), domain=host, origin=f"https://{host}",
                display_name=name, check_frequency_hours=24,
            )  # fmt: skip
    async with database.reading() as session:
        for text, hosts in (("SHOP", {"shop.example", "b.example"}), ("b.ex", {"b.example"})):
            found = await list_domains(session, org_id, PageRequest(9), text=text)
            assert {each.domain for each in found.rows} == hosts
        assert (await list_domains(session, org_id, PageRequest(9), text="%")).rows == []
