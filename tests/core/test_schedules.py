"""Schedules: what is refused, and when they fire, against the clocks of zoneinfo."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from core.schedules import (
    MIN_INTERVAL,
    Schedule,
    every_hours,
    firings,
    last_firings,
    plan_of,
    shortest_interval,
)

YEAR: Final = (datetime(2027, 1, 1, tzinfo=UTC), datetime(2028, 1, 1, tzinfo=UTC))
SINCE: Final = datetime(2026, 12, 31, 23, 7, 11, tzinfo=UTC)
MINUTE: Final = timedelta(minutes=1)


def schedule(**chosen: Any) -> Schedule:
    """A schedule as a client sends it."""
    return Schedule.model_validate(chosen)


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ({}, "either everyMinutes or cron"),
        ({"everyMinutes": 5, "cron": "0 7 * * *"}, "either everyMinutes or cron"),
        ({"everyMinutes": 4}, "greater than or equal to 5"),
        ({"everyMinutes": 525_601}, "less than or equal to 525600"),
        ({"everyMinutes": "30"}, "valid integer"),
        ({"everyMinutes": True}, "valid integer"),
        ({"everyMinutes": 1441, "days": ["mon"]}, "at most 1440"),
        ({"cron": "0 0 7 * * *"}, "five fields"),
        ({"cron": "0 7 * *"}, "five fields"),
        ({"cron": "@daily"}, "five fields"),
        ({"cron": " "}, "five fields"),
        ({"cron": "60 7 * * *"}, "'60' is not a minute"),
        ({"cron": "0 24 * * *"}, "'24' is not a hour"),
        ({"cron": "0 7 0 * *"}, "day of the month"),
        ({"cron": "0 7 * 13 *"}, "month"),
        ({"cron": "0 7 * * 8"}, "day of the week"),
        ({"cron": "0 7 * * noday"}, "day of the week"),
        ({"cron": "0 20-7 * * *"}, "hour"),
        ({"cron": "0 */0 * * *"}, "hour"),
        ({"cron": "0 */25 * * *"}, "hour"),
        ({"cron": "0 7, * * *"}, "hour"),
        ({"cron": "0 *-3 * * *"}, "hour"),
        ({"cron": "0 ٣ * * *"}, "hour"),
        ({"cron": "* 7 * * *"}, "more often than every 5 minutes"),
        ({"cron": "58,1 0,23 * * *"}, "more often than every 5 minutes"),
        ({"cron": "0 0 30 2 *"}, "never fires"),
        ({"cron": "0 0 31 4,6,9,11 *"}, "never fires"),
        ({"cron": "0 7 * * 1", "days": ["tue"]}, "never fires"),
        ({"cron": "0 7 * * *", "activeHours": {"from": "08:00", "to": "20:00"}}, "never fires"),
        ({"everyMinutes": 30, "activeHours": {"from": "08:00", "to": "08:00"}}, "same time"),
        ({"everyMinutes": 30, "activeHours": {"from": "24:00", "to": "08:00"}}, "pattern"),
        ({"everyMinutes": 30, "activeHours": {"from": "8:00", "to": "20:00"}}, "pattern"),
        ({"everyMinutes": 30, "activeHours": {"from": "08:00"}}, "required"),
        ({"everyMinutes": 30, "days": []}, "at least 1"),
        ({"everyMinutes": 30, "days": ["monday"]}, "'mon'"),
        ({"everyMinutes": 30, "timeZone": "Mars/Olympus"}, "no time zone 'Mars/Olympus'"),
        ({"everyMinutes": 30, "timeZone": "../etc/passwd"}, "no time zone"),
        ({"everyMinutes": 30, "timeZone": ""}, "no time zone"),
        ({"everyMinutes": 30, "seconds": 5}, "Extra inputs"),
    ],
)
def test_a_schedule_that_cannot_be_meant_is_refused(chosen: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as refused:
        schedule(**chosen)
    assert said in str(refused.value)


def shows(
    zone: str, *, hours: range | list[int], minutes: list[int], days: list[int] | None = None
) -> tuple[str, Callable[[datetime], bool]]:
    """What the clocks must show, by the hour, the minute and the day of the week from Monday."""

    def holds(clock: datetime) -> bool:
        on_day = days is None or clock.weekday() in days
        return clock.hour in hours and clock.minute in minutes and on_day

    return zone, holds


Case = tuple[dict[str, Any], tuple[str, Callable[[datetime], bool]]]
"""A schedule as a client sends it, and what the clocks of its zone show when it fires."""

QUARTERS: Final = [0, 15, 30, 45]
ANY_HOUR: Final = range(24)

IN_EVERY_HOUR: Final[list[Case]] = [
    ({"cron": "*/15 * * * *"}, shows("UTC", hours=ANY_HOUR, minutes=QUARTERS)),
    (
        {"cron": "*/15 * * * *", "timeZone": "Europe/Berlin"},
        shows("Europe/Berlin", hours=ANY_HOUR, minutes=QUARTERS),
    ),
    (
        {"cron": "10 * * * *", "timeZone": "Asia/Kolkata"},
        shows("Asia/Kolkata", hours=ANY_HOUR, minutes=[10]),
    ),
    (
        {"cron": "*/15 * * * *", "timeZone": "Australia/Lord_Howe"},
        shows("Australia/Lord_Howe", hours=ANY_HOUR, minutes=QUARTERS),
    ),
    (
        {
            "everyMinutes": 30,
            "timeZone": "Europe/Berlin",
            "activeHours": {"from": "07:00", "to": "20:00"},
            "days": ["mon", "tue", "wed", "thu", "fri"],
        },
        shows("Europe/Berlin", hours=range(7, 20), minutes=[0, 30], days=[0, 1, 2, 3, 4]),
    ),
    (
        {
            "everyMinutes": 15,
            "timeZone": "Europe/Berlin",
            "activeHours": {"from": "00:00", "to": "06:00"},
        },
        shows("Europe/Berlin", hours=range(6), minutes=QUARTERS),
    ),
    (
        {"everyMinutes": 60, "timeZone": "America/New_York", "days": ["sat", "sun"]},
        shows("America/New_York", hours=ANY_HOUR, minutes=[0], days=[5, 6]),
    ),
]
AT_TIMES: Final[list[Case]] = [
    (
        {"cron": "0 7 * * 1-5", "timeZone": "Europe/Berlin"},
        shows("Europe/Berlin", hours=[7], minutes=[0], days=[0, 1, 2, 3, 4]),
    ),
    (
        {"cron": "30 1,13 * * sun", "timeZone": "America/New_York"},
        shows("America/New_York", hours=[1, 13], minutes=[30], days=[6]),
    ),
    (
        {"cron": "0 1 * * *", "timeZone": "Europe/Berlin"},
        shows("Europe/Berlin", hours=[1], minutes=[0]),
    ),
]


@pytest.mark.parametrize(("chosen", "expected"), IN_EVERY_HOUR + AT_TIMES)
def test_a_year_of_firings_is_what_the_clocks_show(
    chosen: dict[str, Any], expected: tuple[str, Callable[[datetime], bool]]
) -> None:
    """All five minutes of a year are looked at. A time that is shown twice counts once where it is
    named, and else twice; none of these is in a gap but those on the whole hour.
    """
    zone, holds = expected
    step = timedelta(minutes=5)
    moments = [YEAR[0] + n * step for n in range((YEAR[1] - YEAR[0]) // step)]
    named = (chosen, expected) in AT_TIMES
    looked_at = [(each, each.astimezone(ZoneInfo(zone))) for each in moments]
    shown = [each for each, clock in looked_at if holds(clock) and not (named and clock.fold)]
    found = list(firings(schedule(**chosen), SINCE, *YEAR))
    assert found == shown
    assert all(a < b for a, b in pairwise(found))


def local(moments: list[datetime], zone: str) -> list[str]:
    """Moments as the clocks show them."""
    return [each.astimezone(ZoneInfo(zone)).isoformat()[5:] for each in moments]


def test_a_time_that_the_clocks_skip_fires_when_they_have_been_put_forward() -> None:
    nightly = schedule(cron="30 2 * * *", timeZone="Europe/Berlin")
    start = datetime(2027, 3, 27, tzinfo=UTC)
    found = list(firings(nightly, SINCE, start, start + timedelta(days=3)))
    assert local(found, "Europe/Berlin") == [
        "03-27T02:30:00+01:00",
        "03-28T03:00:00+02:00",
        "03-29T02:30:00+02:00",
    ]


@pytest.mark.parametrize(
    ("chosen", "fires"),
    [
        ({"cron": "20 * * * *"}, ["01:20", "03:20", "04:20"]),
        ({"everyMinutes": 50, "days": ["sun"]}, ["01:40", "03:20", "04:10"]),
        ({"everyMinutes": 150, "days": ["sun"]}, ["03:00"]),
        ({"cron": "30 2,3 * * *"}, ["03:00", "03:30"]),
    ],
)
def test_a_skipped_time_is_passed_over_where_the_next_is_near(
    chosen: dict[str, Any], fires: list[str]
) -> None:
    start = datetime(2027, 3, 28, 0, 1, tzinfo=UTC)  # 01:01 in Berlin
    found = firings(
        schedule(timeZone="Europe/Berlin", **chosen), SINCE, start, start + timedelta(minutes=150)
    )
    shown = [each.astimezone(ZoneInfo("Europe/Berlin")).strftime("%H:%M") for each in found]
    assert shown == fires


def test_a_time_that_the_clocks_show_twice_fires_once() -> None:
    nightly = schedule(cron="30 2 * * *", timeZone="Europe/Berlin")
    start = datetime(2027, 10, 30, tzinfo=UTC)
    found = list(firings(nightly, SINCE, start, start + timedelta(days=3)))
    assert local(found, "Europe/Berlin") == [
        "10-30T02:30:00+02:00",
        "10-31T02:30:00+02:00",
        "11-01T02:30:00+01:00",
    ]


def test_active_hours_may_end_on_the_next_day_which_counts_to_the_day_before() -> None:
    nights = schedule(everyMinutes=240, activeHours={"from": "22:00", "to": "06:00"}, days=["fri"])
    start = datetime(2027, 1, 4, tzinfo=UTC)  # a Monday
    found = list(firings(nights, SINCE, start, start + timedelta(days=7)))
    assert local(found, "UTC") == ["01-08T22:00:00+00:00", "01-09T02:00:00+00:00"]


@pytest.mark.parametrize(
    "chosen",
    [
        {"everyMinutes": 1439, "days": ["mon", "tue", "wed"]},
        {"everyMinutes": 11, "days": ["mon", "tue"]},
        {"everyMinutes": 7, "activeHours": {"from": "00:05", "to": "00:04"}},
        {"everyMinutes": 1437, "activeHours": {"from": "22:00", "to": "21:59"}},
        {"everyMinutes": 7, "days": ["sun", "mon"], "timeZone": "Europe/Berlin"},
        {"everyMinutes": 13, "days": ["sun"], "timeZone": "America/New_York"},
        {"everyMinutes": 59, "days": ["sun"], "timeZone": "Australia/Lord_Howe"},
        {"everyMinutes": 13, "days": ["sat", "sun"], "timeZone": "America/Nuuk"},
        {"everyMinutes": 7, "days": ["sat", "sun"], "timeZone": "America/Scoresbysund"},
        {"cron": "4-59/8 * * * *", "timeZone": "Europe/Berlin"},
        {"cron": "58 2 * * *", "timeZone": "Europe/Berlin"},
        {"cron": "2,32 0,1,23 * * *", "timeZone": "Africa/Cairo"},
    ],
)
def test_firings_are_five_minutes_apart_at_least_whatever_the_clocks_do(
    chosen: dict[str, Any],
) -> None:
    moments = list(firings(schedule(**chosen), SINCE, *YEAR))
    assert len(moments) > 50
    assert min(later - earlier for earlier, later in pairwise(moments)) >= MIN_INTERVAL


def test_a_day_matches_either_the_day_of_the_month_or_that_of_the_week() -> None:
    start = datetime(2027, 2, 1, tzinfo=UTC)
    found = list(firings(schedule(cron="0 7 15 feb mon"), SINCE, start, start + timedelta(days=28)))
    assert [each.day for each in found] == [1, 8, 15, 22]
    found = list(firings(schedule(cron="0 7 10 feb mon"), SINCE, start, start + timedelta(days=28)))
    assert [each.day for each in found] == [1, 8, 10, 15, 22]


def test_an_interval_runs_on_whatever_the_clocks_show() -> None:
    start = datetime(2027, 3, 28, tzinfo=UTC)
    found = list(firings(every_hours(5), SINCE, start, start + timedelta(days=1)))
    assert {b - a for a, b in pairwise(found)} == {timedelta(hours=5)}
    assert (found[0] - SINCE) % timedelta(hours=5) == timedelta(0)
    assert found[0] - start < timedelta(hours=5)


def test_the_last_firings_are_those_before_now() -> None:
    weekly = schedule(cron="0 7 * * mon", timeZone="Europe/Berlin")
    now = datetime(2027, 1, 18, 6, tzinfo=UTC)
    assert local(last_firings(weekly, SINCE, now, 2), "UTC") == [
        "01-04T06:00:00+00:00",
        "01-11T06:00:00+00:00",
    ]
    assert last_firings(every_hours(1), now, now, 2) == [
        now - timedelta(hours=2),
        now - timedelta(hours=1),
    ]


def test_jitter_is_a_share_of_the_interval_and_bounded() -> None:
    now = YEAR[0]
    assert plan_of(schedule(everyMinutes=5), now).jitter == timedelta(seconds=30)
    assert plan_of(every_hours(24), now).jitter == timedelta(minutes=5)
    assert plan_of(schedule(cron="*/10 8 * * *"), now).jitter == MINUTE
    assert shortest_interval(schedule(cron="*/5 * * * *")) == MIN_INTERVAL


@pytest.mark.parametrize(
    ("given", "end", "longest"),
    [
        ({"cron": "59 19 * * *"}, "20:00", timedelta(seconds=59)),
        ({"cron": "50 19 * * *"}, "20:00", timedelta(minutes=5)),
        ({"cron": "58 1 * * *"}, "02:00", timedelta(seconds=119)),
        ({"cron": "58 23 * * *"}, "24:00", timedelta(seconds=119)),
        ({"everyMinutes": 60}, "10:01", timedelta(seconds=59)),
    ],
)
def test_jitter_does_not_pass_the_end_of_the_active_hours(
    given: dict[str, Any], end: str, longest: timedelta
) -> None:
    now = datetime.now(UTC)
    found = schedule(**given, activeHours={"from": "08:00", "to": end})
    assert plan_of(found, now).jitter == longest


def test_a_plan_is_the_same_all_year_so_that_it_is_written_once() -> None:
    nightly = schedule(cron="30 2 * * *", timeZone="Europe/Berlin")
    assert plan_of(nightly, YEAR[0]) == plan_of(nightly, YEAR[1] - MINUTE)
    assert plan_of(nightly, YEAR[0]) != plan_of(nightly, YEAR[1])
