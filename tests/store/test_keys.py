"""Organisations and their API keys."""

import asyncio
from uuid import uuid4

import pytest
from sqlalchemy import select

from core.errors import NotFound, Unauthorized
from store.db.engine import Database
from store.keys import create_key, ensure_key, list_keys, organisation_of, revoke_key
from store.tables.accounts import ApiKey

FIXED = "bootstrap-key-0123456789"


async def owner(database: Database, key: str) -> str:
    """The name of the organisation whose key it is."""
    async with database.reading() as session:
        return (await organisation_of(session, key)).name


async def test_a_key_belongs_to_its_organisation(database: Database) -> None:
    async with database.transaction() as session:
        acme, zenith = await create_key(session, "acme"), await create_key(session, "zenith")
    assert await owner(database, acme.key) == "acme"
    assert await owner(database, zenith.key) == "zenith"


async def test_the_keys_of_one_name_share_an_organisation(database: Database) -> None:
    async with database.transaction() as session:
        keys = [(await create_key(session, "acme")).key for _ in range(2)]
        first, second = [(await organisation_of(session, key)).id for key in keys]
    assert keys[0] != keys[1]
    assert first == second


async def test_keys_are_stored_only_as_hashes(database: Database) -> None:
    async with database.transaction() as session:
        made = await create_key(session, "acme")
        [row] = (await session.scalars(select(ApiKey))).all()
    stored = " ".join(str(value) for value in vars(row).values())
    assert made.key not in stored
    assert made.key.removeprefix("diffy_") not in stored


async def test_an_unknown_key_is_refused(database: Database) -> None:
    async with database.transaction() as session:
        await create_key(session, "acme")
    for key in ("", "diffy_", "diffy_unknown", "' OR 1=1 --", "x" * 10_000, "ü\0"):
        with pytest.raises(Unauthorized):
            await owner(database, key)


async def test_a_revoked_key_is_refused_at_once_and_the_others_are_not(database: Database) -> None:
    async with database.transaction() as session:
        revoked, other = await create_key(session, "acme"), await create_key(session, "acme")
    async with database.transaction() as session:
        await revoke_key(session, revoked.id)
    with pytest.raises(Unauthorized):
        await owner(database, revoked.key)
    assert await owner(database, other.key) == "acme"


async def test_revoking_again_keeps_the_first_moment(database: Database) -> None:
    async with database.transaction() as session:
        made = await create_key(session, "acme")
    moments = []
    for _ in range(2):
        async with database.transaction() as session:
            await revoke_key(session, made.id)
            moments.append([row.revoked_at for row in await list_keys(session)])
    assert moments[0] == moments[1] != [None]


async def test_revoking_an_unknown_key_is_not_found(database: Database) -> None:
    async with database.transaction() as session:
        with pytest.raises(NotFound):
            await revoke_key(session, uuid4())


async def test_keys_are_listed_oldest_first(database: Database) -> None:
    made = []
    for name in ("zenith", "acme", "zenith"):
        async with database.transaction() as session:
            made.append((await create_key(session, name)).id)
    async with database.reading() as session:
        rows = await list_keys(session)
    assert [row.id for row in rows] == made
    assert [row.org_name for row in rows] == ["zenith", "acme", "zenith"]


async def test_a_key_that_must_exist_is_made_once_by_several_processes(database: Database) -> None:
    async def ensure() -> None:
        async with database.transaction() as session:
            await ensure_key(session, "default", FIXED)

    await asyncio.gather(*(ensure() for _ in range(5)))
    async with database.reading() as session:
        assert [row.org_name for row in await list_keys(session)] == ["default"]
    assert await owner(database, FIXED) == "default"


async def test_a_key_that_must_exist_stays_revoked(database: Database) -> None:
    async with database.transaction() as session:
        await ensure_key(session, "default", FIXED)
        [row] = await list_keys(session)
        await revoke_key(session, row.id)
    async with database.transaction() as session:
        await ensure_key(session, "default", FIXED)
    with pytest.raises(Unauthorized):
        await owner(database, FIXED)


async def test_new_keys_of_a_new_organisation_may_be_made_at_once(database: Database) -> None:
    async def create() -> str:
        async with database.transaction() as session:
            return (await create_key(session, "acme")).key

    keys = await asyncio.gather(*(create() for _ in range(5)))
    assert {await owner(database, key) for key in keys} == {"acme"}
