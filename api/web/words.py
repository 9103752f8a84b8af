"""The words with which the web page shows times and the values of enums."""

import re
from datetime import UTC, datetime
from typing import Final

from core.schedules import Schedule

STEPS: Final = ((60, "min", 60), (24, "h", 3600), (365, "d", 86400))
"""The unit of a distance in time: up to how many of it, its name, and its seconds."""

OUTCOMES: Final = {"handed_back": "released", "put_off": "deferred"}
"""Published values whose word on the page is another one."""


def spoken(value: object) -> str:
    """An enum value as words: `price_change` as "price change"."""
    text = str(value)
    return OUTCOMES.get(text, text.replace("_", " "))


def camel_words(name: str) -> str:
    """The name of a field as words: `pagesAdded` as "Pages added"."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", lambda found: f" {found[1].lower()}", name).capitalize()


def schedule_words(schedule: Schedule | None, hours: int) -> str:
    """When a domain is checked, as words; `hours` are those between two checks without schedule."""
    if schedule is None:
        return f"every {hours} h" if hours > 1 else "every hour"
    words = f"every {schedule.every_minutes} min" if schedule.every_minutes else str(schedule.cron)
    if schedule.active_hours:
        words += f", {schedule.active_hours.start} to {schedule.active_hours.end}"
    if schedule.days:
        words += f", {', '.join(schedule.days)}"
    return words + (f" ({schedule.time_zone})" if not schedule.is_interval else "")


def distance(moment: datetime, now: datetime | None = None) -> str:
    """How far `moment` is from now: "5 min ago", "in 2 h". Never more than one unit."""
    seconds = (moment - (now or datetime.now(UTC))).total_seconds()
    size = abs(seconds)
    if size < 45:
        return "now" if size < 5 else ("in a moment" if seconds > 0 else "just now")
    text = ""
    for limit, unit, length in STEPS:
        count = max(round(size / length), 1)
        text = f"{count} {unit}"
        if count < limit:
            break
    return f"in {text}" if seconds > 0 else f"{text} ago"


def duration(start: datetime | None, end: datetime | None) -> str | None:
    """The time between two moments: "350 ms", "12.4 s", "3 min 5 s"; None if one is unknown."""
    if start is None or end is None:
        return None
    seconds = max((end - start).total_seconds(), 0.0)
    if seconds < 1:
        return f"{round(seconds * 1000)} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
