"""Requests that a client may send twice, by the keys it gave them."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.errors import Conflict
from store.request_tables import KeyedRequest
from store.upsert import upsert

REMEMBERED: Final = timedelta(days=7)
"""How long a key stands for its first request."""


async def seed_of(
    session: AsyncSession, org_id: UUID, key: str, fingerprint: str, now: datetime
) -> UUID:
    """What the ids of all that the request makes are made of; the same for the same `key`.

    Raises Conflict when the key was given to another request, one with another `fingerprint`.
    """
    await session.execute(
        delete(KeyedRequest).where(
            KeyedRequest.org_id == org_id, KeyedRequest.created_at < now - REMEMBERED
        )
    )
    await session.execute(
        upsert(session, KeyedRequest)
        .values(org_id=org_id, key=key, fingerprint=fingerprint, seed=uuid4(), created_at=now)
        .on_conflict_do_nothing()
    )
    found = await session.scalar(
        select(KeyedRequest).where(KeyedRequest.org_id == org_id, KeyedRequest.key == key)
    )
    assert found is not None
    if found.fingerprint != fingerprint:
        raise Conflict("This Idempotency-Key was sent with another request before.")
    return found.seed
