"""API keys for the command line, and the keys that exist from the start."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID

from core.scopes import Scope
from core.settings import DEFAULT_ORGANISATION, Settings
from store.db.engine import Database
from store.db.migrations import migrate
from store.keys import KeyRow, NewKey, create_key, ensure_key, list_keys, revoke_key


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Database]:
    """The database of the settings, migrated to the current schema."""
    # In a thread: Alembic has no asynchronous interface.
    await asyncio.to_thread(migrate, settings.resolved_database_url)
    database = Database.open(settings.resolved_database_url)
    try:
        yield database
    finally:
        await database.close()


async def create(
    settings: Settings,
    org_name: str,
    name: str | None = None,
    scope: Scope = Scope.ADMIN,
    lasts: timedelta | None = None,
) -> NewKey:
    """A new key of the organisation with that name, which is created if it does not exist."""
    async with opened(settings) as database, database.transaction() as session:
        return await create_key(session, org_name, name=name, scope=scope, lasts=lasts)


async def listed(settings: Settings) -> list[KeyRow]:
    """Every key, oldest first."""
    async with opened(settings) as database, database.reading() as session:
        return await list_keys(session)


async def revoke(settings: Settings, key_id: UUID) -> None:
    """Revoke a key at once. Raises NotFound if it does not exist."""
    async with opened(settings) as database, database.transaction() as session:
        await revoke_key(session, key_id)


async def ensure_bootstrap_key(settings: Settings, database: Database) -> None:
    """Create the key of DIFFY_BOOTSTRAP_API_KEY, if it is set and does not exist."""
    if settings.bootstrap_api_key is not None:
        async with database.transaction() as session:
            await ensure_key(session, DEFAULT_ORGANISATION, settings.bootstrap_api_key)


async def create_first(settings: Settings) -> NewKey | None:
    """A new key of the default organisation; None if any key exists."""
    async with opened(settings) as database, database.transaction() as session:
        if await list_keys(session):
            return None
        return await create_key(session, DEFAULT_ORGANISATION)
