"""Requests with an Idempotency-Key, and their answers."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.errors import Conflict
from store.db.upsert import upsert
from store.tables.requests import KeyedRequest

IDEMPOTENCY_KEY_RETENTION: Final = timedelta(days=7)
"""Time for which a key identifies its first request."""


async def enter_request(
    session: AsyncSession, org_id: UUID, key: str, fingerprint: str, now: datetime
) -> KeyedRequest:
    """The request with this key, entered if there is none.

    If it has no answer, it has not been processed, and only this transaction may process it. Raises
    Conflict if the key belongs to a request with another `fingerprint`.
    """
    await session.execute(
        delete(KeyedRequest).where(
            KeyedRequest.org_id == org_id, KeyedRequest.created_at < now - IDEMPOTENCY_KEY_RETENTION
        )
    )
    await session.execute(
        upsert(session, KeyedRequest)
        .values(org_id=org_id, key=key, fingerprint=fingerprint, seed=uuid4(), created_at=now)
        .on_conflict_do_nothing()
    )
    found = await find_request(session, org_id, key, fingerprint, now)
    assert found is not None
    return found


async def find_request(
    session: AsyncSession, org_id: UUID, key: str, fingerprint: str, now: datetime
) -> KeyedRequest | None:
    """The request with this key; None if there is none. Raises Conflict as `enter_request` does."""
    found = await session.scalar(
        select(KeyedRequest).where(
            KeyedRequest.org_id == org_id,
            KeyedRequest.key == key,
            KeyedRequest.created_at >= now - IDEMPOTENCY_KEY_RETENTION,
        )
    )
    if found is not None and found.fingerprint != fingerprint:
        raise Conflict("This Idempotency-Key was sent with another request before.")
    return found
