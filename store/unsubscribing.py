"""Takes addresses off channels of e-mail."""

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from store.deliveries import turn_off
from store.domains import ROW_LOCK
from store.tables.alerts import Channel, ChannelKind

NOBODY_LEFT: Final = "All recipients have unsubscribed."


async def unsubscribe(
    session: AsyncSession, channel_id: UUID, address: str, at: datetime
) -> str | None:
    """Take `address` off the channel, of any organisation, and return its name. Idempotent.

    None if there is no such channel any more. A channel without recipients is turned off.
    """
    channel = await session.get(Channel, channel_id, with_for_update=ROW_LOCK)
    if channel is None or channel.kind is not ChannelKind.EMAIL:
        return None
    recipients = channel.target["to"]
    left = [each for each in recipients if each != address]
    if left != recipients:
        channel.target = {"to": left}
        channel.updated_at = at
        if not left:
            await turn_off(session, channel, NOBODY_LEFT)
    return channel.name
