"""What is told of a change: the bodies of webhooks and signals."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from pydantic import Field

from core.changes.events import Event
from core.changes.price_list import PriceMove
from core.model import Model, UtcTime

MAX_BODY_LENGTH: Final = 20_000
"""Bytes of the body of a webhook."""


MAX_PRICES_IF_LONG: Final = 20
"""Prices in a body that would be longer; the API has all of them."""


class Links(Model):
    """Where more is to be read of a change, at the API."""

    change: str
    page: str | None = None
    before_snapshot: str | None = None
    after_snapshot: str | None = None


class ToldChange(Model):
    """A change as the API shows it, with the tags of its page and domain, and with links.

    One about a whole domain has no page, and the URL of the front page.
    """

    id: UUID
    domain_id: UUID
    page_id: UUID | None
    job_id: str
    domain: str
    url: str
    page_type: str | None
    title: str | None
    tags: tuple[str, ...]
    event: Event
    change_type: str
    severity: str
    confidence: float
    summary: str
    prices: tuple[PriceMove, ...] = ()
    detected_at: UtcTime
    before_snapshot_id: UUID | None
    after_snapshot_id: UUID | None
    alert_id: UUID | None
    alert_name: str | None
    links: Links


class TestContent(Model):
    """What a test of a channel tells."""

    channel_id: UUID
    summary: str = "This is a test of the channel. Nothing has changed."


class DigestContent(Model):
    """The changes of a digest, oldest first; `omitted` counts those that had no room."""

    alert_id: UUID | None
    alert_name: str | None
    count: int
    omitted: int = 0
    since: UtcTime
    until: UtcTime
    changes: tuple[ToldChange, ...]


class Notification(Model):
    """A message to a channel: `id` stays the same however often it is sent."""

    id: UUID = Field(exclude=True)
    type: str
    timestamp: UtcTime
    data: ToldChange | DigestContent | TestContent

    @property
    def message_id(self) -> str:
        """The id as receivers see it."""
        return f"msg_{self.id.hex}"


def of_change(message_id: UUID, told: ToldChange) -> Notification:
    """The message about one change."""
    return Notification(id=message_id, type="change.created", timestamp=told.detected_at, data=told)


def of_test(message_id: UUID, channel_id: UUID, at: datetime) -> Notification:
    """The message that tests a channel."""
    content = TestContent(channel_id=channel_id)
    return Notification(id=message_id, type="channel.test", timestamp=at, data=content)


def of_digest(message_id: UUID, told: Sequence[ToldChange]) -> Notification:
    """The message about several changes of one alert."""
    content = DigestContent(
        alert_id=told[0].alert_id,
        alert_name=told[0].alert_name,
        count=len(told),
        since=told[0].detected_at,
        until=told[-1].detected_at,
        changes=tuple(told),
    )
    return Notification(
        id=message_id, type="digest.created", timestamp=told[-1].detected_at, data=content
    )


def body_of(message: Notification) -> bytes:
    """The message as JSON of at most `MAX_BODY_LENGTH` bytes, the same each time.

    A summary is cut, and of a digest the last changes are left out, where it would be longer.
    """
    body = _json(message)
    if len(body) <= MAX_BODY_LENGTH:
        return body
    match message.data:
        case DigestContent() as digest:
            kept = digest.changes
            while len(body) > MAX_BODY_LENGTH and kept:
                kept = kept[: len(kept) * MAX_BODY_LENGTH // len(body) if len(kept) > 1 else 0]
                update = {"changes": kept, "omitted": digest.count - len(kept)}
                data = digest.model_copy(update=update)
                body = _json(message.model_copy(update={"data": data}))
        case ToldChange() as told:
            update = {
                "summary": _cut(told.summary, 500),
                "title": _cut(told.title, 200),
                "tags": told.tags[:20],
                "prices": told.prices[:MAX_PRICES_IF_LONG],
                "job_id": told.job_id[:200],
            }
            body = _json(message.model_copy(update={"data": told.model_copy(update=update)}))
        case _:
            pass
    return body


def _cut(text: str | None, length: int) -> str | None:
    return text if text is None or len(text) <= length else text[: length - 1] + "…"


def _json(message: Notification) -> bytes:
    content = message.model_dump(mode="json", by_alias=True)
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
