"""Delays before a retry."""

from datetime import timedelta

import pytest

from core.jobs.retries import MAX_RETRY_AFTER, MAX_RETRY_DELAY, retry_delay


def test_pauses_grow_up_to_a_cap() -> None:
    delays = [retry_delay(attempt) for attempt in range(1, 9)]
    assert delays[:3] == [timedelta(seconds=2), timedelta(seconds=6), timedelta(seconds=18)]
    assert delays == sorted(delays)
    assert delays[-1] == MAX_RETRY_DELAY


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (timedelta(seconds=90), timedelta(seconds=90)),
        (timedelta(seconds=1), timedelta(seconds=2)),
        (timedelta(days=2), MAX_RETRY_AFTER),
    ],
    ids=["longer than ours", "shorter than ours", "over the cap"],
)
def test_what_the_site_asks_for_counts_when_it_is_longer(
    asked: timedelta, expected: timedelta
) -> None:
    assert retry_delay(1, asked) == expected
