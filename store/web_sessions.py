"""Sessions of the web page. The store keeps only the hash of a session's token."""

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.errors import Unauthorized
from core.scopes import Scope
from store.keys import hash_of, is_usable
from store.tables.accounts import ApiKey, Organisation, WebSession

SESSION_LIFETIME: Final = timedelta(days=14)
"""Time after which a session ends, counted from the sign-in."""


@dataclass(frozen=True)
class SignedIn:
    """Who a session belongs to."""

    session_id: UUID
    key_id: UUID
    org_id: UUID
    org_name: str
    scope: Scope


async def sign_in(session: AsyncSession, key: str, now: datetime) -> str:
    """Begin a session of the API key and return its token, which cannot be shown again.

    Raises Unauthorized if the key is unknown, revoked or expired.
    """
    key_id = await session.scalar(
        select(ApiKey.id).where(ApiKey.key_hash == hash_of(key), *is_usable())
    )
    if key_id is None:
        raise Unauthorized("This API key is not valid.")
    token = secrets.token_urlsafe(32)
    session.add(
        WebSession(
            key_id=key_id,
            token_hash=hash_of(token),
            created_at=now,
            expires_at=now + SESSION_LIFETIME,
        )
    )
    return token


async def signed_in(session: AsyncSession, token: str, now: datetime) -> SignedIn | None:
    """Who the token belongs to; None if it is unknown, has expired, or its key has."""
    rows = await session.execute(
        select(WebSession.id, WebSession.key_id, Organisation.id, Organisation.name, ApiKey.scope)
        .join(ApiKey, ApiKey.id == WebSession.key_id)
        .join(Organisation, Organisation.id == ApiKey.org_id)
        .where(
            WebSession.token_hash == hash_of(token),
            WebSession.expires_at > now,
            *is_usable(),
        )
    )
    found = rows.one_or_none()
    return SignedIn(*found) if found else None


async def sign_out(session: AsyncSession, session_id: UUID) -> None:
    """End the session; idempotent."""
    await session.execute(delete(WebSession).where(WebSession.id == session_id))


async def sign_out_everywhere(session: AsyncSession, key_id: UUID) -> None:
    """End all sessions of the API key; idempotent."""
    await session.execute(delete(WebSession).where(WebSession.key_id == key_id))


async def sessions_of(
    session: AsyncSession, key_ids: Collection[UUID], now: datetime
) -> dict[UUID, int]:
    """The number of sessions of each of these keys that has one."""
    rows = await session.execute(
        select(WebSession.key_id, func.count())
        .where(WebSession.key_id.in_(key_ids), WebSession.expires_at > now)
        .group_by(WebSession.key_id)
    )
    return {key_id: int(count) for key_id, count in rows}
