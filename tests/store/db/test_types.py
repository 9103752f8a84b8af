"""Column types: the same values come back from both databases."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from uuid import uuid4

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import StatementError
from sqlalchemy.ext.asyncio import AsyncSession

from store.checks import record_version
from store.pages import page_by_id
from store.snapshots import get_snapshot
from store.tables.accounts import Organisation
from store.tables.domains import Domain
from store.tables.pages import Page
from tests.store.rows import NOON, version


async def kept(session: AsyncSession, moment: datetime) -> datetime:
    """The moment as it comes back."""
    row = Organisation(id=uuid4(), name=uuid4().hex, created_at=moment)
    session.add(row)
    await session.flush()
    found = await session.scalar(select(Organisation.created_at).where(Organisation.id == row.id))
    assert found is not None
    return found


async def test_a_moment_without_zone_is_refused(session: AsyncSession) -> None:
    with pytest.raises(StatementError, match="a moment needs a time zone"):
        await session.execute(
            select(Organisation).where(Organisation.created_at > datetime(2026, 3, 1))
        )


async def test_a_moment_comes_back_in_utc_to_the_microsecond(session: AsyncSession) -> None:
    moment = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    found = await kept(session, moment)
    assert found == moment
    assert (found.tzinfo, found.microsecond) == (UTC, 123456)


async def test_the_time_zone_of_the_connection_makes_no_difference(session: AsyncSession) -> None:
    for zone in ("Asia/Kathmandu", "America/New_York"):
        if session.get_bind().dialect.name == "postgresql":
            await session.execute(text(f"SET LOCAL TIME ZONE '{zone}'"))
        found = await kept(session, NOON)
        assert (found, found.tzinfo) == (NOON, UTC)


CONTENTS = ["", "plain", "with\0zero", "Zürich 東京 😀", "a\r\nb\n", "x" * 1_000_000]


async def test_compressed_text_comes_back_as_it_was(
    session: AsyncSession, domain: Domain, page: Page
) -> None:
    for number, content in enumerate(CONTENTS):
        shown = replace(version("a"), text=content)
        seen = await page_by_id(session, page.id)
        snapshot_id = await record_version(
            session, seen, f"job {number}", shown, at=NOON, is_change=True
        )
        assert snapshot_id is not None
        session.expunge_all()
        found = await get_snapshot(session, domain.org_id, snapshot_id)
        assert found.text == content


async def test_compressed_text_is_small(session: AsyncSession, page: Page) -> None:
    await record_version(session, page, "job", version("same " * 10_000), at=NOON, is_change=False)
    size = await session.scalar(text("SELECT max(length(data)) FROM contents"))
    assert size < 1000


async def test_text_that_is_no_unicode_is_refused(session: AsyncSession, page: Page) -> None:
    broken = replace(version("a"), text="\ud800")
    with pytest.raises(UnicodeEncodeError, match="surrogates not allowed"):
        await record_version(session, page, "job", broken, at=NOON, is_change=False)
    await session.rollback()
