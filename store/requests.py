"""Requests that a client may send twice, by the keys it gave them."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.errors import Conflict
from store.db.upsert import upsert
from store.tables.requests import KeyedRequest

IDEMPOTENCY_KEY_RETENTION: Final = timedelta(days=7)
"""How long a key stands for its first request."""


async def enter_request(
    session: AsyncSession, org_id: UUID, key: str, fingerprint: str, now: datetime
) -> KeyedRequest:
    """The request of that key; without an answer it has not been carried out, and whoever entered
    it first is the only one who may before the end of the transaction.

    Raises Conflict when the key was given to another request, one with another `fingerprint`.
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
    """The request of that key, if there was one. Raises Conflict as `enter_request` does."""
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
