"""Organisations and their API keys."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.errors import NotFound, Unauthorized
from store.db.upsert import upsert
from store.tables.accounts import ApiKey, Organisation

PREFIX = "diffy_"


@dataclass(frozen=True)
class NewKey:
    """A new key. The store keeps only its hash, so that it cannot be shown again."""

    id: UUID
    key: str


@dataclass(frozen=True)
class KeyRow:
    """A key as lists show it."""

    id: UUID
    org_name: str
    created_at: datetime
    revoked_at: datetime | None


async def create_key(session: AsyncSession, org_name: str) -> NewKey:
    """Create a key of the organisation, and the organisation if it does not exist."""
    key = PREFIX + secrets.token_urlsafe(32)
    row = ApiKey(
        org_id=(await _organisation(session, org_name)).id,
        key_hash=hash_of(key),
        created_at=datetime.now(UTC),
    )
    session.add(row)
    await session.flush()
    return NewKey(row.id, key)


async def ensure_key(session: AsyncSession, org_name: str, key: str) -> None:
    """Add `key` to the organisation, unless it exists already, revoked or not."""
    organisation = await _organisation(session, org_name)
    await session.execute(
        upsert(session, ApiKey)
        .values(org_id=organisation.id, key_hash=hash_of(key), created_at=datetime.now(UTC))
        .on_conflict_do_nothing()
    )


async def organisation_of(session: AsyncSession, key: str) -> Organisation:
    """The organisation of the key. Raises Unauthorized if the key is unknown or revoked."""
    found = await session.scalar(
        select(Organisation)
        .join(ApiKey, ApiKey.org_id == Organisation.id)
        .where(ApiKey.key_hash == hash_of(key), ApiKey.revoked_at.is_(None))
    )
    if found is None:
        raise Unauthorized("This API key is not valid.")
    return found


async def list_keys(session: AsyncSession) -> list[KeyRow]:
    """All keys, oldest first."""
    rows = await session.execute(
        select(ApiKey, Organisation.name)
        .join(Organisation, ApiKey.org_id == Organisation.id)
        .order_by(ApiKey.created_at, ApiKey.id)
    )
    return [KeyRow(key.id, name, key.created_at, key.revoked_at) for key, name in rows]


async def keys_of(session: AsyncSession, org_id: UUID) -> list[ApiKey]:
    """The keys of an organisation, oldest first."""
    rows = select(ApiKey).where(ApiKey.org_id == org_id).order_by(ApiKey.created_at, ApiKey.id)
    return list((await session.scalars(rows)).all())


async def check_owner(session: AsyncSession, org_id: UUID, key_id: UUID) -> None:
    """Raises NotFound if the organisation has no key of that id."""
    key = await session.get(ApiKey, key_id)
    if key is None or key.org_id != org_id:
        raise NotFound("Key not found.")


async def revoke_key(session: AsyncSession, key_id: UUID) -> None:
    """Revoke a key; idempotent. Raises NotFound if there is none with this id."""
    key = await session.get(ApiKey, key_id)
    if key is None:
        raise NotFound("There is no key of that id.")
    key.revoked_at = key.revoked_at or datetime.now(UTC)


async def _organisation(session: AsyncSession, name: str) -> Organisation:
    await session.execute(
        upsert(session, Organisation)
        .values(name=name, created_at=datetime.now(UTC))
        .on_conflict_do_nothing()
    )
    found = await session.scalar(select(Organisation).where(Organisation.name == name))
    assert found is not None
    return found


def hash_of(key: str) -> str:
    """The stored form of a key."""
    return hashlib.sha256(key.encode()).hexdigest()
