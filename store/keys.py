"""Organisations and their API keys."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from sqlalchemy import BindParameter, ColumnElement, bindparam, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.errors import NotFound, Unauthorized
from core.scopes import Scope
from store.db.paging import Paged, PageRequest, paged
from store.db.upsert import upsert
from store.tables.accounts import ApiKey, KeyStatus, Organisation

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
    status: KeyStatus
    name: str | None
    scope: Scope
    expires_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True)
class KeyOwner:
    """Whom a key belongs to, and what it may do."""

    key_id: UUID
    org_id: UUID
    scope: Scope


async def create_key(
    session: AsyncSession,
    org_name: str,
    *,
    name: str | None = None,
    scope: Scope = Scope.ADMIN,
    lasts: timedelta | None = None,
) -> NewKey:
    """Create a key of the organisation, and the organisation if it does not exist.

    It is valid for `lasts` from now on, or until it is revoked.
    """
    organisation = await _organisation(session, org_name)
    return await add_key(session, organisation.id, name=name, scope=scope, lasts=lasts)


async def add_key(
    session: AsyncSession,
    org_id: UUID,
    *,
    key_id: UUID | None = None,
    name: str | None = None,
    scope: Scope = Scope.ADMIN,
    lasts: timedelta | None = None,
) -> NewKey:
    """Create a key of the organisation, as `create_key` does."""
    now = datetime.now(UTC)
    key = PREFIX + secrets.token_urlsafe(32)
    row = ApiKey(
        id=key_id or uuid4(),
        org_id=org_id,
        key_hash=hash_of(key),
        created_at=now,
        name=name,
        scope=scope,
        expires_at=now + lasts if lasts else None,
    )
    session.add(row)
    await session.flush()
    return NewKey(row.id, key)


async def lock_organisation(session: AsyncSession, org_id: UUID) -> None:
    """Wait for the transactions that hold this lock of the organisation, and hold it until the end
    of this one. Others may still insert rows that refer to the organisation.
    """
    rows = select(Organisation.id).where(Organisation.id == org_id)
    await session.execute(rows.with_for_update(key_share=True))


async def ensure_key(session: AsyncSession, org_name: str, key: str) -> None:
    """Add `key` to the organisation, unless it exists already, revoked or not."""
    organisation = await _organisation(session, org_name)
    await session.execute(
        upsert(session, ApiKey)
        .values(org_id=organisation.id, key_hash=hash_of(key), created_at=datetime.now(UTC))
        .on_conflict_do_nothing()
    )


async def organisation_of(session: AsyncSession, key: str) -> Organisation:
    """The organisation of the key. Raises Unauthorized as `owner_of_key` does."""
    return await session.get_one(Organisation, (await owner_of_key(session, key)).org_id)


async def owner_of_key(session: AsyncSession, key: str) -> KeyOwner:
    """The owner of the key. Raises Unauthorized if it is unknown, revoked or expired."""
    rows = await session.execute(_OWNER, {"key_hash": hash_of(key), "now": datetime.now(UTC)})
    found = rows.one_or_none()
    if found is None:
        raise Unauthorized("This API key is not valid.")
    return KeyOwner(*found)


def is_usable() -> tuple[ColumnElement[bool], ...]:
    """The conditions of keys that are neither revoked nor expired."""
    return _usable_at(datetime.now(UTC))


def _usable_at(now: datetime | BindParameter[Any]) -> tuple[ColumnElement[bool], ...]:
    lasts = or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > now)
    return (ApiKey.revoked_at.is_(None), lasts)


_OWNER: Final = select(ApiKey.id, ApiKey.org_id, ApiKey.scope).where(
    ApiKey.key_hash == bindparam("key_hash"),
    *_usable_at(bindparam("now")),
)
"""Built once: every request runs it."""


async def list_keys(session: AsyncSession) -> list[KeyRow]:
    """All keys, oldest first."""
    rows = await session.execute(
        select(ApiKey, Organisation.name)
        .join(Organisation, ApiKey.org_id == Organisation.id)
        .order_by(ApiKey.created_at, ApiKey.id)
    )
    now = datetime.now(UTC)
    return [
        KeyRow(
            id=key.id,
            org_name=org_name,
            created_at=key.created_at,
            revoked_at=key.revoked_at,
            status=key.status(now),
            name=key.name,
            scope=key.scope,
            expires_at=key.expires_at,
            last_used_at=key.last_used_at,
        )
        for key, org_name in rows
    ]


async def keys_of(session: AsyncSession, org_id: UUID) -> list[ApiKey]:
    """The keys of an organisation, oldest first."""
    rows = select(ApiKey).where(ApiKey.org_id == org_id).order_by(ApiKey.created_at, ApiKey.id)
    return list((await session.scalars(rows)).all())


async def list_keys_of(session: AsyncSession, org_id: UUID, request: PageRequest) -> Paged[ApiKey]:
    """The keys of an organisation, newest first."""
    rows = select(ApiKey).where(ApiKey.org_id == org_id)
    return await paged(session, rows, ApiKey.created_at, ApiKey.id, request)


async def get_key(session: AsyncSession, org_id: UUID, key_id: UUID) -> ApiKey:
    """The organisation's key. Raises NotFound if it has no key of that id."""
    key = await session.get(ApiKey, key_id)
    if key is None or key.org_id != org_id:
        raise NotFound("Key not found.")
    return key


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
