"""The attempts of a delivery: the pauses between them, and the health of a channel."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

GIVE_UP_AFTER: Final = timedelta(days=3)
"""From the moment a delivery is first due."""

FIRST_PAUSE: Final = timedelta(seconds=5)
PAUSE_GROWTH: Final = 3.0
LONGEST_PAUSE: Final = timedelta(hours=6)

SUSPECT_AFTER: Final = 3
"""Failures in a row after which the channel, and not the message, is taken to be at fault."""

PAUSED_AFTER: Final = timedelta(hours=1)
"""Time without a success after which a channel is paused, and says so."""

PROBE_INTERVAL: Final = timedelta(minutes=30)
"""Pause between two attempts on a paused channel."""

LONGEST_HOLD: Final = timedelta(minutes=10)
"""Pause between two attempts on a channel that fails and is not paused yet."""


class ChannelState(StrEnum):
    """Whether a channel is delivered to."""

    ACTIVE = "active"
    PAUSED = "paused"  # it fails for long; tried again now and then
    OFF = "off"  # turned off by the user, or because it answered 410


class DeliveryState(StrEnum):
    """What became of a delivery."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


class Result(StrEnum):
    """How an attempt ended."""

    DELIVERED = "delivered"
    FAILED = "failed"  # may succeed later
    GONE = "gone"  # the channel does not exist any more


@dataclass(frozen=True)
class Attempt:
    """The end of an attempt; `answer` is a sentence, without any secret.

    `retry_after` is the pause that the receiver asks for. `told` are those of several recipients
    who got the message by it, whatever became of the others.
    """

    result: Result
    answer: str
    retry_after: timedelta | None = None
    told: tuple[str, ...] = ()


@dataclass(frozen=True)
class Health:
    """The recent past of a channel: its failures since the last success.

    Nothing but tests is sent before `held_until`. It is `paused` once it has failed for long.
    """

    failures: int = 0
    failing_since: datetime | None = None
    held_until: datetime | None = None
    paused: bool = False

    @property
    def is_suspect(self) -> bool:
        """Whether the channel, and not a message, is taken to be at fault."""
        return self.failures >= SUSPECT_AFTER


HEALTHY: Final = Health()


def pause_after(attempts: int, retry_after: timedelta | None = None) -> timedelta:
    """The pause after so many failed attempts, from 1: 5 s, 15 s, 45 s ... 6 h.

    A longer `retry_after` (RFC 9110, 10.2.3) takes precedence, up to a day.
    """
    pause = min(FIRST_PAUSE * PAUSE_GROWTH ** min(attempts - 1, 20), LONGEST_PAUSE)
    return pause if retry_after is None else max(pause, min(retry_after, timedelta(days=1)))


def next_attempt(
    attempts: int, first_due: datetime, now: datetime, retry_after: timedelta | None = None
) -> datetime | None:
    """The moment of the next attempt after a failure `now`; None once the time is up.

    The last attempt is made when the time is up, not before.
    """
    end = first_due + GIVE_UP_AFTER
    if now >= end:
        return None
    return min(now + pause_after(attempts, retry_after), end)


def after_failure(health: Health, now: datetime, retry_after: timedelta | None = None) -> Health:
    """The health of a channel after another failure."""
    failures = health.failures + 1
    since = health.failing_since or now
    hold: timedelta | None = None
    paused = failures >= SUSPECT_AFTER and now - since >= PAUSED_AFTER
    if paused:
        hold = PROBE_INTERVAL
    elif failures >= SUSPECT_AFTER:
        hold = min(pause_after(failures - SUSPECT_AFTER + 1), LONGEST_HOLD)
    if retry_after is not None:
        hold = max(hold or timedelta(0), min(retry_after, timedelta(days=1)))
    return Health(failures, since, None if hold is None else now + hold, paused)
