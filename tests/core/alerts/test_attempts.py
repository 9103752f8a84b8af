"""The pauses between the attempts of a delivery, and when a channel is paused."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from core.alerts.attempts import (
    GIVE_UP_AFTER,
    HEALTHY,
    PAUSED_AFTER,
    PROBE_INTERVAL,
    SUSPECT_AFTER,
    after_failure,
    next_attempt,
    pause_after,
)

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def test_pauses_grow_and_a_delivery_is_attempted_for_three_days() -> None:
    at: datetime | None = NOW
    pauses = []
    attempts = 0
    while at is not None:
        attempts += 1
        following = next_attempt(attempts, NOW, at)
        if following is not None:
            pauses.append(following - at)
        last, at = at, following
    assert last == NOW + GIVE_UP_AFTER
    assert pauses[:4] == [timedelta(seconds=each) for each in (5, 15, 45, 135)]
    assert pauses[:-1] == sorted(pauses[:-1])
    assert 15 <= attempts <= 30


def test_what_the_receiver_asks_for_is_waited_up_to_a_day() -> None:
    assert pause_after(1, timedelta(minutes=5)) == timedelta(minutes=5)
    assert pause_after(5, timedelta(seconds=1)) == pause_after(5)
    assert pause_after(1, timedelta(days=30)) == timedelta(days=1)
    assert after_failure(HEALTHY, NOW, timedelta(minutes=5)).held_until == NOW + timedelta(
        minutes=5
    )


def test_one_message_that_fails_does_not_hold_the_channel() -> None:
    health = HEALTHY
    for _ in range(SUSPECT_AFTER - 1):
        health = after_failure(health, NOW)
        assert health.held_until is None
        assert not health.is_suspect


def test_a_channel_that_fails_for_long_is_paused() -> None:
    health, now = HEALTHY, NOW
    while not health.paused:
        health = after_failure(health, now)
        now = max(now + timedelta(seconds=5), health.held_until or now)
    assert health.failing_since == NOW
    assert now - PROBE_INTERVAL - NOW >= PAUSED_AFTER
    assert health.held_until == now


@given(st.integers(1, 10_000))
def test_any_number_of_failures_has_a_pause(attempts: int) -> None:
    assert timedelta(seconds=5) <= pause_after(attempts) <= timedelta(hours=6)
