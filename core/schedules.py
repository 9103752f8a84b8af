"""When a domain or a page is checked: every so many minutes or by cron, in a time zone.

`firings` says when a schedule fires, and `plan_of` is the same for Temporal, which does not get the
nights right in which clocks change.
"""

import calendar
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from itertools import islice, pairwise
from typing import Annotated, Final, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from core.model import Model

MIN_INTERVAL: Final = timedelta(minutes=5)
"""Shortest time between two firings of a schedule."""

MAX_INTERVAL_MINUTES: Final = 365 * 24 * 60

MINUTES_AN_HOUR: Final = 60
MINUTES_A_DAY: Final = 24 * MINUTES_AN_HOUR

MAX_JITTER: Final = timedelta(minutes=5)
JITTER_SHARE: Final = 0.1
"""Jitter as a share of the shortest time between two firings, so that domains with the same
schedule do not start at the same moment."""

EXACT_YEARS: Final = 2
"""Years from the time a plan is made in which it is exact also when clocks change."""

CLOCK_CHANGE_MARGIN: Final = timedelta(hours=2)
"""Time on either side of a change of clocks in which Temporal's calendars are not relied on."""

CALENDAR_CYCLE: Final = timedelta(days=40 * 366)
"""After at most 40 years every day of a month has fallen on every day of the week."""

SAMPLE: Final = 1_500
"""Number of firings in which the shortest interval is looked for: more than a day has minutes."""

LAST_YEAR: Final = 2100
"""The last year of Temporal's calendars."""


class Day(StrEnum):
    """A day of the week."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


WEEK: Final = tuple(Day)
"""The days in the order of `date.weekday`."""


def _invalid(sentence: str) -> PydanticCustomError:
    return PydanticCustomError("schedule", "{sentence}", {"sentence": sentence})


@lru_cache(maxsize=1)
def _zone_names() -> frozenset[str]:
    return frozenset(available_timezones() - {"localtime"})


def check_zone(name: str) -> str:
    """The name of an IANA time zone. Raises PydanticCustomError if there is none of that name."""
    if name not in _zone_names():
        raise _invalid(f"There is no time zone {name!r}: give an IANA name, as Europe/Berlin.")
    return name


ZoneName = Annotated[str, Field(strict=True, max_length=64), AfterValidator(check_zone)]
ClockTime = Annotated[str, Field(strict=True, pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
EndTime = Annotated[str, Field(strict=True, pattern=r"^(([01]\d|2[0-3]):[0-5]\d|24:00)$")]


class _Choice(Model):
    """Base of what clients send: no other field than the documented ones."""

    model_config = ConfigDict(extra="forbid")


class ActiveHours(_Choice):
    """The part of a day in which a schedule fires: at `from` or later, and before `to`.

    It ends on the next day if `to` is before `from`.
    """

    start: ClockTime = Field(alias="from")
    end: EndTime = Field(alias="to")

    @property
    def minutes(self) -> range:
        """The minutes of the window, counted from the midnight before it begins."""
        start, end = _minute_of(self.start), _minute_of(self.end)
        return range(start, end if end > start else end + MINUTES_A_DAY)

    @model_validator(mode="after")
    def _checked(self) -> Self:
        if self.start == self.end:
            raise _invalid("activeHours: from and to are the same time; leave activeHours out.")
        return self


class Schedule(_Choice):
    """A schedule: `every_minutes`, or a `cron` expression of five fields.

    Times are those of the clocks in `time_zone`. `days` are the days on which the `active_hours`
    begin. A schedule of `every_minutes` alone runs from when its domain was added; with hours or
    days it begins anew each day, at `from` or at midnight.
    """

    every_minutes: Annotated[int, Field(strict=True, ge=5, le=MAX_INTERVAL_MINUTES)] | None = None
    cron: Annotated[str, Field(strict=True, min_length=1, max_length=200)] | None = None
    time_zone: ZoneName = "UTC"
    active_hours: ActiveHours | None = None
    days: Annotated[tuple[Day, ...], Field(min_length=1, max_length=7)] | None = None

    @property
    def is_interval(self) -> bool:
        """Whether it fires after every so many minutes, whatever the clocks show."""
        return self.every_minutes is not None and self.active_hours is None and self.days is None

    @model_validator(mode="after")
    def _checked(self) -> Self:
        if (self.every_minutes is None) == (self.cron is None):
            raise _invalid("Give either everyMinutes or cron.")
        if self.is_interval:
            return self
        if self.every_minutes is not None and self.every_minutes > MINUTES_A_DAY:
            raise _invalid(
                "everyMinutes is at most 1440 with activeHours or days; use cron for rarer times."
            )
        rules = _rules_of(self)
        start = datetime.now(UTC).date()
        days = (start + timedelta(days=n) for n in range(CALENDAR_CYCLE.days))
        if not any(rule.fires_on(day) for day in days for rule in rules):
            raise _invalid("This schedule never fires.")
        if shortest_interval(self) < MIN_INTERVAL:
            raise _invalid("This schedule fires more often than every 5 minutes.")
        return self


def every_hours(hours: int) -> Schedule:
    """The schedule that fires every so many hours."""
    return Schedule(every_minutes=60 * hours)


def _minute_of(text: str) -> int:
    hours, minutes = text.split(":")
    return 60 * int(hours) + int(minutes)


@dataclass(frozen=True)
class _Rule:
    """Fires at `minutes` of the days that match all other fields; weekdays count from Monday."""

    minutes: frozenset[int]
    months: frozenset[int]
    days: frozenset[int]
    weekdays: frozenset[int]

    def fires_on(self, day: date) -> bool:
        return (
            bool(self.minutes)
            and day.month in self.months
            and day.day in self.days
            and day.weekday() in self.weekdays
        )


MONTHS: Final = frozenset(range(1, 13))
DAYS: Final = frozenset(range(1, 32))
WEEKDAYS: Final = frozenset(range(7))

_MONTH_NAMES: Final = {
    each.lower(): number for number, each in enumerate(calendar.month_abbr) if number
}
_DAY_NAMES: Final = {day.value: (number + 1) % 7 for number, day in enumerate(WEEK)}
_PART: Final = re.compile(r"(\*|\w+)(?:-(\w+))?(?:/(\d+))?")


@dataclass(frozen=True)
class _Field:
    """A field of a cron expression; `values` are those that it accepts."""

    name: str
    first: int
    last: int
    names: dict[str, int]

    def values(self, text: str) -> frozenset[int]:
        return frozenset(value for part in text.split(",") for value in self._part(part))

    def _part(self, part: str) -> range:
        found = _PART.fullmatch(part)
        if found is None:
            raise self._bad(part)
        start, end, step = found.groups()
        if start == "*":
            if end is not None:
                raise self._bad(part)
            first, last = self.first, self.last
        else:
            first = self._value(start, part)
            last = self._value(end, part) if end else (self.last if step else first)
        if first > last or step == "0" or (step is not None and int(step) > self.last):
            raise self._bad(part)
        return range(first, last + 1, int(step or 1))

    def _value(self, text: str, part: str) -> int:
        value = self.names.get(text.lower(), int(text) if text.isascii() and text.isdigit() else -1)
        if not self.first <= value <= self.last:
            raise self._bad(part)
        return value

    def _bad(self, part: str) -> PydanticCustomError:
        return _invalid(
            f"cron: {part!r} is not a {self.name}, which is from {self.first} to {self.last}."
        )


_FIELDS: Final = (
    _Field("minute", 0, 59, {}),
    _Field("hour", 0, 23, {}),
    _Field("day of the month", 1, 31, {}),
    _Field("month", 1, 12, _MONTH_NAMES),
    _Field("day of the week", 0, 7, _DAY_NAMES),
)


@dataclass(frozen=True)
class _Cron:
    """A cron expression; a day matches `days` or `weekdays` if both are given (POSIX crontab)."""

    minutes: frozenset[int]
    months: frozenset[int]
    days: frozenset[int]
    weekdays: frozenset[int]
    every_hour: bool

    @property
    def rules(self) -> list[_Rule]:
        if self.days != DAYS and self.weekdays != WEEKDAYS:
            return [
                _Rule(self.minutes, self.months, self.days, WEEKDAYS),
                _Rule(self.minutes, self.months, DAYS, self.weekdays),
            ]
        return [_Rule(self.minutes, self.months, self.days, self.weekdays)]


@lru_cache(maxsize=1_000)
def _parsed(text: str) -> _Cron:
    parts = text.split()
    if len(parts) != len(_FIELDS):
        raise _invalid(
            f"cron has five fields (minute, hour, day of the month, month, day of the week), not"
            f" {len(parts)}."
        )
    minutes, hours, days, months, weekdays = (
        kind.values(part) for kind, part in zip(_FIELDS, parts, strict=True)
    )
    return _Cron(
        minutes=frozenset(60 * hour + minute for hour in hours for minute in minutes),
        months=months,
        days=days,
        # Cron counts from Sunday, which is 0 and 7.
        weekdays=frozenset((day - 1) % 7 for day in weekdays),
        every_hour=len(hours) == 24,
    )


@lru_cache(maxsize=1_000)
def _rules_of(schedule: Schedule) -> tuple[_Rule, ...]:
    """The rules of a schedule that follows the clocks."""
    window = schedule.active_hours.minutes if schedule.active_hours else range(MINUTES_A_DAY)
    chosen = frozenset(WEEK.index(day) for day in schedule.days) if schedule.days else WEEKDAYS
    following = frozenset((day + 1) % 7 for day in chosen)
    if schedule.cron is not None:
        found = _parsed(schedule.cron).rules
        grid = None
    else:
        assert schedule.every_minutes is not None
        found = [_Rule(frozenset(range(MINUTES_A_DAY)), MONTHS, DAYS, WEEKDAYS)]
        # The next day's window may begin right after the last firing of this one.
        next_start = window.start + MINUTES_A_DAY
        grid = frozenset(
            minute
            for minute in window[:: schedule.every_minutes]
            if next_start - minute >= MIN_INTERVAL // timedelta(minutes=1)
        )
    rules = []
    for rule in found:
        for offset, weekdays in ((0, chosen), (MINUTES_A_DAY, following)):
            minutes = frozenset(
                minute
                for minute in rule.minutes
                if minute + offset in window and (grid is None or minute + offset in grid)
            )
            both = rule.weekdays & weekdays
            if minutes and both:
                rules.append(_Rule(minutes, rule.months, rule.days, both))
    return tuple(rules)


def _repeats(schedule: Schedule) -> bool:
    """Whether a time that the clocks show twice counts twice: not for times that are named."""
    return schedule.cron is None or _parsed(schedule.cron).every_hour


def firings(
    schedule: Schedule, since: datetime, start: datetime, end: datetime
) -> Iterator[datetime]:
    """The moments from `start` until before `end` at which the schedule fires, in UTC and in order.

    An interval is counted from `since`. A time that the clocks skip fires when they have been put
    forward, unless the schedule comes round within its interval, or an hour, anyway. A time that
    they show twice fires twice if the schedule fires in every hour of its window, and else the
    first time. Neither comes within `MIN_INTERVAL` of another firing.
    """
    if schedule.is_interval:
        every = timedelta(minutes=schedule.every_minutes or 0)
        moment = since + -((since - start) // every) * every
        while moment < end:
            yield moment.astimezone(UTC)
            moment += every
        return
    zone = ZoneInfo(schedule.time_zone)
    day = start.astimezone(zone).date() - timedelta(days=1)
    last = end.astimezone(zone).date()
    latest = start - timedelta(microseconds=1)
    while day <= last:
        for moment in _firings_of_day(schedule, day):
            # The end of a gap may come after a time of the next day.
            if latest < moment < end:
                latest = moment
                yield moment
        day += timedelta(days=1)


def _firings_of_day(schedule: Schedule, day: date) -> list[datetime]:
    """The firings whose clock time is of that day, in UTC and in order."""
    moments = _moments_of_day(schedule, day)
    if not _clocks_change(ZoneInfo(schedule.time_zone), day):
        return sorted(moments.plain)
    before = _moments_of_day(schedule, day - timedelta(days=1)).plain
    after = _moments_of_day(schedule, day + timedelta(days=1)).plain
    plain = before | moments.plain | after
    apart = MIN_INTERVAL
    if _repeats(schedule):  # it comes round again anyway
        every = timedelta(minutes=schedule.every_minutes or MINUTES_AN_HOUR)
        apart = max(apart, min(every, timedelta(hours=1)))
    moved = {each for each in moments.moved if _is_apart(each, plain, apart)}
    repeated = {each for each in moments.repeated if _is_apart(each, plain | moved, MIN_INTERVAL)}
    latest = max(before, default=None)
    kept = []
    for moment in sorted(moments.plain | moved | repeated):
        # Times on both sides of a gap are nearer than the clocks show.
        if latest is None or moment - latest >= MIN_INTERVAL:
            kept.append(moment)
            latest = moment
    return kept


def _clocks_change(zone: ZoneInfo, day: date) -> bool:
    midnight = datetime.combine(day, time(), zone)
    # A gap of the day before may end at midnight.
    start, end = midnight - timedelta(seconds=1), midnight + timedelta(days=1)
    return start.utcoffset() != end.utcoffset()


def _is_apart(moment: datetime, others: Iterable[datetime], distance: timedelta) -> bool:
    return all(abs(moment - each) >= distance for each in others)


@dataclass(frozen=True)
class _Moments:
    """The moments of a day's clock times: `plain` ones, those `moved` out of a gap of the clocks,
    and those that the clocks show for the second time.
    """

    plain: set[datetime]
    moved: set[datetime]
    repeated: set[datetime]


def _moments_of_day(schedule: Schedule, day: date) -> _Moments:
    minutes = {
        minute for rule in _rules_of(schedule) if rule.fires_on(day) for minute in rule.minutes
    }
    zone = ZoneInfo(schedule.time_zone)
    found = _Moments(set(), set(), set())
    for minute in minutes:
        clock = datetime.combine(day, time(*divmod(minute, 60)), tzinfo=zone)
        first = clock.astimezone(UTC)
        second = clock.replace(fold=1).astimezone(UTC)
        if second < first:
            found.moved.add(_change_between(second, first, zone))
            continue
        found.plain.add(first)
        if second > first and _repeats(schedule):
            found.repeated.add(second)
    # A time that the clocks do show may be the end of the gap.
    found.moved.difference_update(found.plain)
    return found


def _change_between(low: datetime, high: datetime, zone: ZoneInfo) -> datetime:
    """The moment at which the offset of the zone changes from that of `low`, in whole seconds."""
    offset = low.astimezone(zone).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
        if middle.astimezone(zone).utcoffset() == offset:
            low = middle
        else:
            high = middle
    return high


@lru_cache(maxsize=1_000)
def shortest_interval(schedule: Schedule) -> timedelta:
    """The shortest time between two firings, as far as the next `SAMPLE` ones show."""
    if schedule.every_minutes is not None:
        return timedelta(minutes=schedule.every_minutes)
    now = datetime.now(UTC)
    sample = islice(firings(schedule, now, now, now + timedelta(days=800)), SAMPLE)
    return min((b - a for a, b in pairwise(sample)), default=timedelta(days=365))


def last_firings(schedule: Schedule, since: datetime, now: datetime, count: int) -> list[datetime]:
    """The last `count` firings before `now`, in order; fewer if there are none within two years."""
    if schedule.is_interval:
        every = timedelta(minutes=schedule.every_minutes or 0)
        return list(firings(schedule, since, now - count * every, now))
    for days in (2, 10, 100, 750):
        found = list(firings(schedule, since, now - timedelta(days=days), now))
        if len(found) >= count:
            return found[-count:]
    return found


@dataclass(frozen=True)
class Calendar:
    """Moments at which the clocks show an hour and a minute on a day that matches all fields.

    `weekdays` count from Sunday, 0. No `years` mean every year.
    """

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: tuple[int, ...]
    years: tuple[int, ...] = ()


@dataclass(frozen=True)
class Plan:
    """A schedule for Temporal, the union of its parts; each firing is late by up to `jitter`.

    An interval `every` is counted from `since`. `moments` are single firings.
    """

    jitter: timedelta
    every: timedelta | None = None
    time_zone: str = "UTC"
    calendars: tuple[Calendar, ...] = ()
    moments: tuple[datetime, ...] = ()


def plan_of(schedule: Schedule, now: datetime) -> Plan:
    """The plan with the firings of `schedule` from `now`, which is exact for `EXACT_YEARS` years.

    Temporal adds and loses firings in the hours around a change of clocks. On a day on which that
    could matter, the plan names the firings one by one.
    """
    jitter = min(JITTER_SHARE * shortest_interval(schedule), MAX_JITTER, _room(schedule))
    if schedule.is_interval:
        return Plan(jitter, every=timedelta(minutes=schedule.every_minutes or 0))
    rules = _rules_of(schedule)
    zone = ZoneInfo(schedule.time_zone)
    # Whole years, so that the plan stays the same for a year.
    start = datetime(now.year, 1, 1, tzinfo=UTC)
    changes = list(_clock_changes(zone, start, start.replace(year=now.year + EXACT_YEARS + 1)))
    if (in_utc := _in_utc(rules, zone, start, changes)) is not None:
        return Plan(jitter, calendars=tuple(in_utc))
    named = sorted({day for each in changes for day in _affected_days(schedule, each, zone)})
    years = range(start.year, start.year + EXACT_YEARS + 1)
    return Plan(
        jitter,
        time_zone=schedule.time_zone,
        calendars=tuple(each for rule in rules for each in _calendars(rule, named, years)),
        moments=tuple(moment for day in named for moment in _firings_of_day(schedule, day)),
    )


def _room(schedule: Schedule) -> timedelta:
    """How much later than named the last firing of the active hours still is one of them."""
    if schedule.active_hours is None:
        return MAX_JITTER
    window = schedule.active_hours.minutes
    last = max(
        minute if minute in window else minute + MINUTES_A_DAY
        for rule in _rules_of(schedule)
        for minute in rule.minutes
    )
    return timedelta(minutes=window.stop - last) - timedelta(seconds=1)


def _clock_changes(zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[datetime]:
    """The moments between `start` and `end` at which the offset of the zone changes."""
    while start < end:
        following = min(start + timedelta(days=1), end)
        if start.astimezone(zone).utcoffset() != following.astimezone(zone).utcoffset():
            yield _change_between(start, following, zone)
        start = following


def _affected_days(schedule: Schedule, change: datetime, zone: ZoneInfo) -> list[date]:
    """The days with a firing so near to a change of clocks that Temporal may get it wrong."""
    before = (change - timedelta(seconds=1)).astimezone(zone).utcoffset() or timedelta()
    after = change.astimezone(zone).utcoffset() or timedelta()
    shown = [change.replace(tzinfo=None) + offset for offset in (before, after)]
    start, end = min(shown) - CLOCK_CHANGE_MARGIN, max(shown) + CLOCK_CHANGE_MARGIN
    days = sorted({start.date(), end.date()})
    minutes = {
        day: {m for rule in _rules_of(schedule) if rule.fires_on(day) for m in rule.minutes}
        for day in days
    }
    near = [
        day
        for day in days
        if any(
            start <= datetime.combine(day, time(*divmod(minute, 60))) <= end
            for minute in minutes[day]
        )
    ]
    return near


def _in_utc(
    rules: Sequence[_Rule], zone: ZoneInfo, start: datetime, changes: Sequence[datetime]
) -> list[Calendar] | None:
    """The calendar in UTC of rules that fire alike in every hour of every day; None for others.

    The clocks may then change as they like, by whole hours.
    """
    if len(rules) != 1 or (rules[0].months, rules[0].days, rules[0].weekdays) != (
        MONTHS,
        DAYS,
        WEEKDAYS,
    ):
        return None
    minutes = rules[0].minutes
    of_hour = {minute % 60 for minute in minutes}
    if len(minutes) != 24 * len(of_hour):
        return None
    offsets = {
        (each.astimezone(zone).utcoffset() or timedelta()) % timedelta(hours=1)
        for each in (start, *changes)
    }
    if len(offsets) != 1 or (offset := offsets.pop()) % timedelta(minutes=1):
        return None
    shift = offset // timedelta(minutes=1)
    in_utc = frozenset(60 * hour + (m - shift) % 60 for hour in range(24) for m in of_hour)
    return list(_calendars(_Rule(in_utc, MONTHS, DAYS, WEEKDAYS), [], range(0)))


def _calendars(rule: _Rule, without: Sequence[date], years: range) -> Iterator[Calendar]:
    """The calendars of `rule` without those days, all of which are in `years`."""
    by_hour: dict[int, set[int]] = {}
    for minute in rule.minutes:
        by_hour.setdefault(minute // 60, set()).add(minute % 60)
    alike: dict[tuple[int, ...], list[int]] = {}
    for hour, minutes in sorted(by_hour.items()):
        alike.setdefault(tuple(sorted(minutes)), []).append(hour)
    weekdays = tuple(sorted((day + 1) % 7 for day in rule.weekdays))
    for minutes_alike, hours in alike.items():
        for in_years, months, days in _dates(rule, without, years):
            yield Calendar(
                minutes_alike, tuple(hours), tuple(days), tuple(months), weekdays, tuple(in_years)
            )


def _dates(
    rule: _Rule, without: Sequence[date], years: range
) -> Iterator[tuple[Sequence[int], Sequence[int], Sequence[int]]]:
    """The years, months and days of the month of `rule`, without those days."""
    left_out = [day for day in without if rule.fires_on(day)]
    if not left_out:
        yield (), sorted(rule.months), sorted(rule.days)
        return
    for year in years:
        by_month: dict[int, set[int]] = {}
        for day in left_out:
            if day.year == year:
                by_month.setdefault(day.month, set()).add(day.day)
        if whole := sorted(rule.months - by_month.keys()):
            yield (year,), whole, sorted(rule.days)
        for month, gone in sorted(by_month.items()):
            if days := sorted(rule.days - gone):
                yield (year,), (month,), days
    yield range(years[-1] + 1, LAST_YEAR + 1), sorted(rule.months), sorted(rule.days)
