"""Sessions of the web page."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.errors import Unauthorized
from store.db.engine import Database
from store.keys import create_key, revoke_key
from store.tables.accounts import WebSession
from store.web_sessions import (
    SESSION_LIFETIME,
    sign_in,
    sign_out,
    sign_out_everywhere,
    signed_in,
)

NOW = datetime.now(UTC)


async def test_a_session_belongs_to_the_organisation_of_its_key(session: AsyncSession) -> None:
    acme, zenith = await create_key(session, "acme"), await create_key(session, "zenith")
    tokens = [await sign_in(session, key.key, NOW) for key in (acme, zenith)]
    found = [await signed_in(session, token, NOW) for token in tokens]
    assert [each and each.org_name for each in found] == ["acme", "zenith"]
    assert [each and each.key_id for each in found] == [acme.id, zenith.id]


async def test_only_the_hash_of_a_token_is_stored(session: AsyncSession) -> None:
    token = await sign_in(session, (await create_key(session, "acme")).key, NOW)
    [row] = (await session.scalars(select(WebSession))).all()
    assert token not in " ".join(str(value) for value in vars(row).values())
    for other in (row.token_hash, token[:-1], "", "x" * 10_000, "ü\0", "' OR 1=1 --"):
        assert await signed_in(session, other, NOW) is None


async def test_a_session_expires(session: AsyncSession) -> None:
    token = await sign_in(session, (await create_key(session, "acme")).key, NOW)
    end = NOW + SESSION_LIFETIME
    assert await signed_in(session, token, end - timedelta(seconds=1)) is not None
    assert await signed_in(session, token, end) is None


async def test_a_key_that_is_unknown_or_revoked_begins_no_session(session: AsyncSession) -> None:
    key = await create_key(session, "acme")
    await revoke_key(session, key.id)
    for bad in (key.key, "", "diffy_unknown", "ü\0"):
        with pytest.raises(Unauthorized):
            await sign_in(session, bad, NOW)


async def test_a_revoked_key_ends_its_sessions_at_once(session: AsyncSession) -> None:
    key = await create_key(session, "acme")
    token = await sign_in(session, key.key, NOW)
    await revoke_key(session, key.id)
    await session.flush()
    assert await signed_in(session, token, NOW) is None


async def test_a_sign_out_ends_one_session_or_all_of_the_key(database: Database) -> None:
    async with database.transaction() as session:
        acme, zenith = await create_key(session, "acme"), await create_key(session, "zenith")
        first, second, third = [await sign_in(session, acme.key, NOW) for _ in range(3)]
        other = await sign_in(session, zenith.key, NOW)
    async with database.transaction() as session:
        found = await signed_in(session, first, NOW)
        assert found is not None
        await sign_out(session, found.session_id)
        await sign_out(session, found.session_id)
        left = [await signed_in(session, token, NOW) for token in (first, second, third)]
        assert [each is not None for each in left] == [False, True, True]
    async with database.transaction() as session:
        await sign_out_everywhere(session, acme.id)
        for token in (second, third):
            assert await signed_in(session, token, NOW) is None
        assert await signed_in(session, other, NOW) is not None
