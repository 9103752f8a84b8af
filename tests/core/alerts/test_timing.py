"""When a change is told."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.alerts.timing import Digest, QuietHours, told_at

NIGHT = QuietHours(start=time(22), end=time(7), time_zone="Europe/Berlin")
NOON_BREAK = QuietHours(start=time(12), end=time(13, 30), time_zone="UTC")


def utc(text: str) -> datetime:
    """A moment of 2026 in UTC."""
    return datetime.fromisoformat(f"2026-{text}+00:00")


@pytest.mark.parametrize(
    ("moment", "end"),
    [
        ("01-10T20:59:59", None),
        ("01-10T21:00:00", "01-11T06:00:00"),
        ("01-11T05:59:59", "01-11T06:00:00"),
        ("01-11T06:00:00", None),
        ("07-10T20:00:00", "07-11T05:00:00"),
        # Summer time begins on March 29 and ends on October 25.
        ("03-28T23:00:00", "03-29T05:00:00"),
        ("10-24T23:00:00", "10-25T06:00:00"),
    ],
)
def test_quiet_hours_end_by_the_clock_of_their_zone(moment: str, end: str | None) -> None:
    assert NIGHT.end_of(utc(moment)) == (None if end is None else utc(end))


def test_an_end_that_the_clock_shows_twice_or_not_at_all_lies_ahead() -> None:
    skipped = QuietHours(start=time(1), end=time(2, 30), time_zone="Europe/Berlin")
    assert skipped.end_of(utc("03-29T00:30:00")) == utc("03-29T01:30:00")
    twice = QuietHours(start=time(1), end=time(2, 30), time_zone="Europe/Berlin")
    assert twice.end_of(utc("10-25T00:10:00")) == utc("10-25T00:30:00")
    again = twice.end_of(utc("10-25T01:10:00"))  # 02:10 for the second time
    assert again == utc("10-25T01:30:00")


@pytest.mark.parametrize(
    ("digest", "quiet", "now", "told"),
    [
        (Digest.NONE, None, "01-10T12:34:56", "01-10T12:34:56"),
        (Digest.NONE, NOON_BREAK, "01-10T12:34:56", "01-10T13:30:00"),
        (Digest.HOURLY, None, "01-10T12:34:56", "01-10T13:00:00"),
        (Digest.HOURLY, None, "01-10T13:00:00", "01-10T14:00:00"),
        (Digest.HOURLY, NOON_BREAK, "01-10T11:34:56", "01-10T13:30:00"),
        (Digest.DAILY, None, "01-10T07:59:59", "01-10T08:00:00"),
        (Digest.DAILY, None, "01-10T08:00:00", "01-11T08:00:00"),
        (Digest.DAILY, NIGHT, "07-10T08:00:00", "07-11T06:00:00"),
    ],
)
def test_a_digest_is_due_at_its_time_and_quiet_hours_hold_it(
    digest: Digest, quiet: QuietHours | None, now: str, told: str
) -> None:
    assert told_at(utc(now), digest, quiet) == utc(told)


CLOCK = st.times().map(lambda clock: clock.replace(microsecond=0))


@given(
    st.datetimes(datetime(2025, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)),
    CLOCK,
    CLOCK,
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]),
    st.sampled_from(list(Digest)),
)
def test_nothing_is_told_in_quiet_hours_nor_before_it_is_known(
    now: datetime, start: time, end: time, zone: str, digest: Digest
) -> None:
    if start == end:
        return
    quiet = QuietHours(start=start, end=end, time_zone=zone)
    told = told_at(now, digest, quiet)
    assert now <= told <= now + timedelta(hours=50)
    clock = told.astimezone(ZoneInfo(zone))
    assert (
        quiet.end_of(told) is None
        or clock.utcoffset() != now.astimezone(ZoneInfo(zone)).utcoffset()
    )
