"""What Temporal's raw messages say of an attempt."""

from datetime import UTC, datetime

from core.jobs.contract import AttemptReport, Progress
from temporal.jobs.history import percent_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def progress(attempt: int, percent: int) -> Progress:
    """What a heartbeat said."""
    return Progress(attempt=attempt, percent=percent, first_started_at=NOW)


def test_the_progress_of_an_attempt_is_what_its_own_heartbeats_say() -> None:
    assert percent_of(2, progress(2, 30), None) == 30


def test_an_attempt_that_has_not_said_anything_is_not_as_far_as_the_one_before() -> None:
    assert percent_of(2, progress(1, 70), None) == 0
    assert percent_of(1, None, None) == 0


def test_an_attempt_that_was_handed_back_goes_on_from_where_it_was() -> None:
    released = AttemptReport(attempt=2, first_started_at=NOW, percent=40)
    assert percent_of(2, None, released) == 40
    assert percent_of(2, progress(2, 50), released) == 50
    assert percent_of(3, progress(2, 50), released) == 0
