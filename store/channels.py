"""Channels."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.errors import NotFound
from store.db.paging import Paged, PageRequest, paged
from store.domains import ROW_LOCK
from store.tables.alerts import Channel


async def get_channel(
    session: AsyncSession, org_id: UUID, channel_id: UUID, *, lock: bool = False
) -> Channel:
    """The organisation's channel; with `lock` nobody else changes it before the end of the
    transaction. Raises NotFound if there is none with this id.
    """
    found = await session.get(Channel, channel_id, with_for_update=ROW_LOCK if lock else None)
    if found is None or found.org_id != org_id:
        raise NotFound("Channel not found.")
    return found


async def list_channels(
    session: AsyncSession, org_id: UUID, request: PageRequest
) -> Paged[Channel]:
    """The organisation's channels, newest first."""
    rows = select(Channel).where(Channel.org_id == org_id)
    return await paged(session, rows, Channel.created_at, Channel.id, request)


async def channel_names(session: AsyncSession, channel_ids: Collection[UUID]) -> dict[UUID, str]:
    """The names of those of the channels that exist, of whatever organisation."""
    rows = select(Channel.id, Channel.name).where(Channel.id.in_(channel_ids))
    return dict((await session.execute(rows)).all())


async def delete_channel(session: AsyncSession, org_id: UUID, channel_id: UUID) -> None:
    """Delete a channel with its deliveries. Raises NotFound if there is none with this id."""
    deleted = await session.scalar(
        delete(Channel)
        .where(Channel.id == channel_id, Channel.org_id == org_id)
        .returning(Channel.id)
    )
    if deleted is None:
        raise NotFound("Channel not found.")


def rotate(channel: Channel, sealed: str, previous_until: datetime) -> None:
    """Give a webhook another secret; the one before is used too until `previous_until`."""
    channel.previous_secret, channel.previous_until = channel.secret, previous_until
    channel.secret = sealed
