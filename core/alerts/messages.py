"""What is told of a change: the bodies of webhooks and signals."""

import json
from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from pydantic import Field

from core.changes.events import Event
from core.changes.price_list import PriceMove
from core.model import Model, UtcTime
from core.tags import MAX_TAGS

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

    Where it would be longer, long texts and lists of each change are cut, and of a digest the last
    changes are left out.
    """
    body = _json(message)
    if len(body) <= MAX_BODY_LENGTH:
        return body
    match message.data:
        case DigestContent() as digest:
            # Cut before left out: one long change keeps no other one out.
            kept = tuple(_shortened(each) for each in digest.changes)
            body = _json(_with_part(message, digest, kept))
            while len(body) > MAX_BODY_LENGTH and kept:
                kept = kept[: min(len(kept) - 1, len(kept) * MAX_BODY_LENGTH // len(body))]
                body = _json(_with_part(message, digest, kept))
        case ToldChange() as told:
            body = _json(message.model_copy(update={"data": _shortened(told)}))
        case _:
            pass
    return body


def _with_part(
    message: Notification, digest: DigestContent, kept: tuple[ToldChange, ...]
) -> Notification:
    update = {
        "alert_name": _cut(digest.alert_name, 400),
        "changes": kept,
        "omitted": digest.count - len(kept),
    }
    return message.model_copy(update={"data": digest.model_copy(update=update)})


def _shortened(told: ToldChange) -> ToldChange:
    """A change of which a body has room for one at least, whatever its texts are made of."""
    prices = told.prices[:MAX_PRICES_IF_LONG]
    return told.model_copy(
        update={
            "summary": _cut(told.summary, 1_500),
            "title": _cut(told.title, 600),
            "alert_name": _cut(told.alert_name, 400),
            "tags": told.tags[:MAX_TAGS],
            "prices": tuple(
                each.model_copy(update={"plan": _cut(each.plan, 100)}) for each in prices
            ),
            "job_id": _cut(told.job_id, 200),
        }
    )


def _cut(text: str | None, length: int) -> str | None:
    """The start of a text that has at most so many bytes in JSON, with a sign that it is cut."""
    if text is None or len(_text(text)) <= length:
        return text
    room = length - len(_text("…"))
    kept = bisect_right(range(length), room, key=lambda count: len(_text(text[:count]))) - 1
    return f"{text[:kept]}…"


def _text(text: str) -> bytes:
    return json.dumps(text, ensure_ascii=False).encode()[1:-1]


def _json(message: Notification) -> bytes:
    content = message.model_dump(mode="json", by_alias=True)
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
