"""Pending confirmations."""

import asyncio
from datetime import datetime
from uuid import uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from core.changes.detection import SeenPage
from store.db.engine import Database
from store.pending_confirmations import (
    PreviousFetch,
    delete_pending_confirmation,
    previous_fetch,
    store_pending_confirmation,
)
from store.tables.pages import Page
from tests.store.rows import NOON, minutes

SEEN = SeenPage("https://shop.example/", "Shop", "Pro costs $129. \N{EURO SIGN}")
AT = NOON.replace(microsecond=123_457)


def fetch(number: int = 1, due_at: datetime = AT, seen: SeenPage | None = SEEN) -> PreviousFetch:
    return PreviousFetch(number, due_at, seen)


@pytest.mark.parametrize("seen", [SEEN, SeenPage("https://shop.example/", None, ""), None])
async def test_a_look_is_kept_to_the_microsecond(
    session: AsyncSession, page: Page, seen: SeenPage | None
) -> None:
    assert await previous_fetch(session, page.id, "job") is None
    assert await store_pending_confirmation(session, page.id, "job", fetch(seen=seen)) == AT
    assert await previous_fetch(session, page.id, "job") == fetch(seen=seen)
    assert await previous_fetch(session, page.id, "other") is None
    assert await previous_fetch(session, uuid4(), "job") is None


async def test_a_look_that_is_told_twice_is_the_first_one_and_a_later_one_takes_its_place(
    session: AsyncSession, page: Page
) -> None:
    await store_pending_confirmation(session, page.id, "job", fetch())
    assert (
        await store_pending_confirmation(
            session, page.id, "job", fetch(due_at=minutes(9), seen=None)
        )
        == AT
    )
    assert await previous_fetch(session, page.id, "job") == fetch()
    session.expire_all()
    later = fetch(2, minutes(5), None)
    assert await store_pending_confirmation(session, page.id, "job", later) == minutes(5)
    assert await store_pending_confirmation(session, page.id, "job", fetch()) == minutes(5)
    session.expire_all()
    assert await previous_fetch(session, page.id, "job") == later


async def test_two_attempts_that_tell_of_a_look_at_once_hear_of_one(
    database: Database, page: Page
) -> None:
    async def tell(number: int) -> datetime:
        async with database.transaction() as session:
            return await store_pending_confirmation(
                session, page.id, "job", fetch(due_at=minutes(number))
            )

    assert len({*await asyncio.gather(*(tell(number) for number in range(5)))}) == 1


async def test_a_job_that_has_done_with_a_page_leaves_those_of_others(
    session: AsyncSession, page: Page
) -> None:
    for job in ("one", "other"):
        await store_pending_confirmation(session, page.id, job, fetch())
    await delete_pending_confirmation(session, page.id, "one")
    session.expire_all()
    assert await previous_fetch(session, page.id, "one") is None
    assert await previous_fetch(session, page.id, "other") == fetch()
