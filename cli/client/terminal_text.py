"""Texts of strangers on a terminal: page texts and titles may try to control it."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Final

_CONTROL: Final = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""All control characters but the tab, and those that change the direction of what follows."""

_UNESCAPED: Final = re.compile("[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""Those of them that JSON leaves as they are."""

_UNITS: Final = (("d", 86_400), ("h", 3_600), ("min", 60))


def one_line(text: str) -> str:
    """The text as one line that a terminal shows as it is."""
    return _CONTROL.sub("\ufffd", re.sub(r"\s*[\r\n]+\s*", " ", text)).replace("\t", " ")


def json_text(value: object, indent: int | None = 2) -> str:
    """The value as JSON that a terminal shows as it is."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    return _UNESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def parse_time(text: str) -> datetime:
    """A time of the API. Raises ValueError for other texts, and for a time without a zone."""
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError("it has no time zone")
    return found


def relative(time: datetime, now: datetime) -> str:
    """How far away a time is: `5 min ago`, `in 2 h`."""
    seconds = (now - time).total_seconds()
    distance = abs(seconds)
    name, length = next((unit for unit in _UNITS if distance >= unit[1]), ("s", 1))
    amount = f"{int(distance // length)} {name}"
    return f"{amount} ago" if seconds >= 0 else f"in {amount}"


_SPAN: Final = re.compile(r"(\d{1,6})\s*(s|min|m|h|d|w)")
_SPAN_UNITS: Final = {"s": 1, "m": 60, "min": 60, "h": 3_600, "d": 86_400, "w": 604_800}


def parse_span(text: str) -> timedelta | None:
    """A length of time such as `90s`, `30min`, `2h`, `7d`; None if the text is none."""
    found = _SPAN.fullmatch(text.strip())
    return timedelta(seconds=int(found[1]) * _SPAN_UNITS[found[2]]) if found else None


def parse_moment(text: str, now: datetime | None = None) -> datetime:
    """A moment: a length of time ago, or an ISO 8601 time or date; without a zone it is local.

    Raises ValueError.
    """
    span = parse_span(text)
    if span is not None:
        return (now or datetime.now(UTC)) - span
    return datetime.fromisoformat(text).astimezone(UTC)
