"""The owners of keys, looked up together."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import event

from core.errors import Unauthorized
from store.db.engine import Database
from store.key_owners import KeyOwners
from store.keys import create_key, revoke_key


@contextmanager
def looks(database: Database) -> Iterator[list[str]]:
    """The statements on keys that are executed in the block."""
    seen: list[str] = []

    def note(*given: object) -> None:
        if "FROM api_keys" in str(given[2]):
            seen.append(str(given[2]))

    engine = database._engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


async def test_those_who_ask_at_the_same_moment_share_a_look(database: Database) -> None:
    async with database.transaction() as session:
        one, other = [await create_key(session, name) for name in ("one", "other")]
    owners = KeyOwners(database)
    with looks(database) as seen:
        found = await asyncio.gather(*(owners.of(key.key) for key in [one, other] * 20))
    assert [each.key_id for each in found] == [one.id, other.id] * 20
    assert len(seen) == 2


async def test_a_key_is_refused_from_the_moment_that_it_is_revoked(database: Database) -> None:
    async with database.transaction() as session:
        key = await create_key(session, "one")
    owners = KeyOwners(database)
    before = asyncio.create_task(owners.of(key.key))
    await asyncio.sleep(0)  # it has asked
    await asyncio.sleep(0)  # and its look has begun
    async with database.transaction() as session:
        await revoke_key(session, key.id)
    with pytest.raises(Unauthorized):
        await owners.of(key.key)
    await asyncio.gather(before, return_exceptions=True)


async def test_an_unknown_key_is_refused_to_all_who_ask(database: Database) -> None:
    owners = KeyOwners(database)
    asked = [owners.of("diffy_unknown") for _ in range(3)]
    found = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(each) for each in found] == [Unauthorized] * 3
