"""What follows a lost attempt."""

from datetime import UTC, datetime

import pytest

from core.jobs.contract import AttemptReport, Progress
from core.jobs.losses import MAX_REPEATS, Loss, lost_attempt, next_attempt

MOMENT = datetime(2026, 1, 2, tzinfo=UTC)


def running(number: int) -> AttemptReport:
    """What a running attempt reports, and what a released one continues from."""
    return AttemptReport(attempt=number, first_started_at=MOMENT)


def released(number: int) -> AttemptReport:
    """What an attempt continues from whose worker stopped."""
    return AttemptReport(
        attempt=number, first_started_at=MOMENT, started_at=MOMENT, worker="stopped"
    )


def beat(number: int, *, is_over: bool = False) -> Progress:
    """A heartbeat."""
    return Progress(attempt=number, percent=0, first_started_at=MOMENT, is_over=is_over)


def failed(number: int) -> AttemptReport:
    """What an attempt reports that another one follows."""
    return AttemptReport(attempt=number, first_started_at=MOMENT, next_at=MOMENT, reason="Busy.")


def lost(number: int) -> AttemptReport:
    """What the attempt after a lost one begins from."""
    return AttemptReport(attempt=number, first_started_at=MOMENT, reason="Lost.")


@pytest.mark.parametrize(
    ("continued", "reported", "heartbeat", "loss"),
    [
        (None, None, None, Loss(1, heard=False)),
        (None, running(1), None, Loss(1, heard=True)),
        (None, None, beat(1), Loss(1, heard=True)),
        (None, failed(1), beat(1, is_over=True), Loss(2, heard=False)),
        # Of a failure only one of them has arrived.
        (None, failed(1), None, Loss(2, heard=False)),
        (None, None, beat(1, is_over=True), Loss(2, heard=False)),
        (None, failed(1), beat(2), Loss(2, heard=True)),
        (None, running(2), beat(1, is_over=True), Loss(2, heard=True)),
        (released(3), None, None, Loss(3, heard=False)),
        (released(3), running(3), beat(3), Loss(3, heard=True)),
        (released(3), failed(3), beat(3, is_over=True), Loss(4, heard=False)),
        # The report is from the worker that released the attempt, and late.
        (released(3), released(3), None, Loss(3, heard=False)),
        (released(3), released(3), beat(3), Loss(3, heard=True)),
        (lost(3), None, None, Loss(4, heard=False)),
        (lost(3), running(4), None, Loss(4, heard=True)),
        (lost(3), None, beat(4), Loss(4, heard=True)),
    ],
)
def test_the_lost_attempt_is_the_one_after_the_last_that_ended(
    continued: AttemptReport | None,
    reported: AttemptReport | None,
    heartbeat: Progress | None,
    loss: Loss,
) -> None:
    assert lost_attempt(continued, reported, heartbeat) == loss


@pytest.mark.parametrize(
    ("loss", "repeats", "following"),
    [
        (Loss(1, heard=False), 0, 1),
        (Loss(3, heard=False), MAX_REPEATS - 1, 3),
        (Loss(2, heard=False), MAX_REPEATS, 3),
        (Loss(3, heard=False), MAX_REPEATS, None),
        (Loss(1, heard=True), 0, 2),
        (Loss(3, heard=True), 0, None),
        (Loss(4, heard=False), 0, None),
    ],
)
def test_an_attempt_is_used_up_if_it_was_heard_or_has_begun_again_too_often(
    loss: Loss, repeats: int, following: int | None
) -> None:
    assert next_attempt(loss, repeats=repeats, max_attempts=3) == following
