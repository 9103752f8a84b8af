"""A message on its way to a channel, and what sends it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from core.alerts.attempts import Attempt
from core.alerts.messages import Notification
from store.tables.alerts import Channel


@dataclass(frozen=True)
class Outgoing:
    """A message, the deliveries that it makes, the changes that it tells, and the recipients of the
    channel who have it already.
    """

    message: Notification
    delivery_ids: Sequence[UUID]
    change_ids: Sequence[UUID] = ()
    told: Sequence[str] = ()


Send = Callable[[Channel, Outgoing], Awaitable[Attempt]]
"""Sends a message to a channel; how it ended."""
