"""Filters of lists, from the query of an address. A value that cannot be used does not filter."""

from datetime import UTC, date, datetime, time
from enum import StrEnum
from typing import TypeVar
from uuid import UUID

from fastapi import Request

from api.limits import MAX_SEARCH_LENGTH
from core.tags import MAX_TAG_LENGTH, normalised_tag

E = TypeVar("E", bound=StrEnum)


def chosen(request: Request, name: str, kind: type[E]) -> E | None:
    """The value of an enum that the query names."""
    try:
        return kind(request.query_params.get(name, ""))
    except ValueError:
        return None


def chosen_id(request: Request, name: str) -> UUID | None:
    """The id that the query names."""
    try:
        return UUID(request.query_params.get(name, ""))
    except ValueError:
        return None


def chosen_day(request: Request, name: str) -> datetime | None:
    """The midnight, in UTC, at which the day begins that the query names, as `2026-03-01`."""
    text = request.query_params.get(name, "")
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    # Other forms of a day would filter by what the field of the form cannot show.
    return datetime.combine(day, time(), UTC) if day.isoformat() == text else None


def usable_text(request: Request) -> str | None:
    """The text that the query looks for."""
    text = request.query_params.get("q", "").strip()
    return text if 0 < len(text) <= MAX_SEARCH_LENGTH and text.isprintable() else None


def usable_tag(request: Request) -> str | None:
    """The tag that the query names, as it is stored."""
    text = request.query_params.get("tag", "")
    usable = len(text) <= MAX_TAG_LENGTH and text.isprintable()
    return (normalised_tag(text) or None) if usable else None
