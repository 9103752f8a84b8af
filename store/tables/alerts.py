"""Channels, alerts, and what was told of changes."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID, uuid4

from sqlalchemy import JSON, ForeignKey, Index, false
from sqlalchemy.orm import Mapped, mapped_column

from core.alerts.attempts import ChannelState, DeliveryState
from core.alerts.rules import AlertRule
from core.alerts.timing import Digest, QuietHours
from store.db.base import Base


class ChannelKind(StrEnum):
    """How a channel is told."""

    WEBHOOK = "webhook"
    EMAIL = "email"
    SIGNAL = "signal"


class Channel(Base):
    """Where an organisation is told of changes.

    `target` is the plain part of where (the origin of a URL, addresses of e-mail, a workflow), for
    users to see; `address` is the sealed URL of a webhook. `secret` and `previous_secret` are
    sealed keys of its signatures, the latter used until `previous_until`. The columns from
    `failures` on are its `core.alerts.attempts.Health`; `off_reason` says why it was turned off.
    """

    __tablename__ = "channels"
    __table_args__ = (Index("ix_channels_by_org", "org_id", "created_at", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("organisations.id", ondelete="CASCADE"))
    kind: Mapped[ChannelKind]
    name: Mapped[str]
    target: Mapped[dict[str, list[str]]] = mapped_column(JSON)
    address: Mapped[str | None]
    secret: Mapped[str | None]
    previous_secret: Mapped[str | None]
    previous_until: Mapped[datetime | None]
    state: Mapped[ChannelState] = mapped_column(default=ChannelState.ACTIVE)
    off_reason: Mapped[str | None]
    failures: Mapped[int] = mapped_column(default=0, server_default="0")
    failing_since: Mapped[datetime | None]
    held_until: Mapped[datetime | None]
    last_answer: Mapped[str | None]
    last_delivered_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Alert(Base):
    """Which changes are told to which channels, and when."""

    __tablename__ = "alerts"
    __table_args__ = (Index("ix_alerts_by_org", "org_id", "created_at", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("organisations.id", ondelete="CASCADE"))
    name: Mapped[str]
    rule: Mapped[AlertRule]
    digest: Mapped[Digest] = mapped_column(default=Digest.NONE)
    quiet_hours: Mapped[QuietHours | None]
    enabled: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class AlertChannel(Base):
    """A channel of an alert."""

    __tablename__ = "alert_channels"

    alert_id: Mapped[UUID] = mapped_column(
        ForeignKey("alerts.id", ondelete="CASCADE"), primary_key=True
    )
    channel_id: Mapped[UUID] = mapped_column(
        ForeignKey("channels.id", ondelete="CASCADE"), primary_key=True, index=True
    )


class Delivery(Base):
    """A change that is told to a channel, or a test of the channel, which has no `change_id`.

    Its id is made of both (`store.deliveries.delivery_id`). `changed_at` is when the change was
    stored; deliveries of one page go in that order. It is due first at `due_at`, after which it has
    three days, and is held until `held_until` where quiet hours began later. `next_attempt_at` is
    None once it is not pending. `is_digest` says that it is told together with others; `digest_id`
    is the id of the message that it is part of, once there is one. `told` are the addresses of
    e-mail that have it, None if none has.
    """

    __tablename__ = "deliveries"
    __table_args__ = (
        Index("ix_deliveries_by_org", "org_id", "created_at", "id"),
        Index("ix_deliveries_due", "channel_id", "state", "next_attempt_at"),
        Index("ix_deliveries_of_page", "page_id", "channel_id", "state"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("organisations.id", ondelete="CASCADE"))
    channel_id: Mapped[UUID] = mapped_column(ForeignKey("channels.id", ondelete="CASCADE"))
    alert_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("alerts.id", ondelete="SET NULL"), index=True
    )
    change_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("changes.id", ondelete="CASCADE"), index=True
    )
    page_id: Mapped[UUID | None] = mapped_column(ForeignKey("pages.id", ondelete="CASCADE"))
    changed_at: Mapped[datetime]
    state: Mapped[DeliveryState] = mapped_column(default=DeliveryState.PENDING)
    attempts: Mapped[int] = mapped_column(default=0, server_default="0")
    due_at: Mapped[datetime]
    held_until: Mapped[datetime | None]
    next_attempt_at: Mapped[datetime | None]
    last_answer: Mapped[str | None]
    is_digest: Mapped[bool] = mapped_column(default=False, server_default=false())
    digest_id: Mapped[UUID | None]
    told: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    created_at: Mapped[datetime] = mapped_column(index=True)
    delivered_at: Mapped[datetime | None]
