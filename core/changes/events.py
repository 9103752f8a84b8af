"""What is told besides changes: a page is new or no longer linked, watching broke or works again.

An event has the form of a change, and is a row of the same list.
"""

from enum import StrEnum
from typing import Final

from core.changes.detection import DetectedChange
from core.changes.diff import TextDifference, difference_of, quoted
from core.changes.rules import MAX_CONFIDENCE, ChangeType, Severity, severity_of
from core.changes.text_diff import compare
from core.text.stored_text import text_of
from core.web.page_types import PageType

NOTHING_COMPARED: Final = difference_of((), identical=True)

UNSURE_IF_NEW: Final = 0.5
"""Confidence that a page is new if the discovery before reached its limit of pages."""


class Event(StrEnum):
    """The published kinds of rows in the list of changes."""

    CHANGE = "change"
    PAGE_ADDED = "page_added"
    PAGE_UNLINKED = "page_unlinked"
    WATCH_BROKEN = "watch_broken"
    WATCH_RESTORED = "watch_restored"

    @classmethod
    def of(cls, change_type: str) -> "Event":
        """The kind of a row of that type; a type that only a newer release knows is a change."""
        return EVENTS.get(change_type, cls.CHANGE)


EVENTS: Final[dict[str, Event]] = {
    ChangeType.PAGE_ADDED: Event.PAGE_ADDED,
    ChangeType.PAGE_UNLINKED: Event.PAGE_UNLINKED,
    ChangeType.WATCH_BROKEN: Event.WATCH_BROKEN,
    ChangeType.WATCH_RESTORED: Event.WATCH_RESTORED,
}

NEW_PAGE_SEVERITIES: Final = {
    PageType.PRICING: Severity.HIGH,
    PageType.PRODUCT: Severity.HIGH,
    PageType.HOME: Severity.MEDIUM,
    PageType.FEATURES: Severity.MEDIUM,
    PageType.CHANGELOG: Severity.MEDIUM,
    PageType.LEGAL: Severity.MEDIUM,
    PageType.OTHER: Severity.MEDIUM,
}
"""The severity of a new page by its type; low for other types."""


def page_added(
    page_type: str, url: str, title: str | None, text: str | None, *, certain: bool
) -> DetectedChange:
    """The event of a page that a discovery found and the one before did not.

    `text` is what the page says, None if it has not been read. The event is not `certain` if the
    discovery before did not see all pages.
    """
    difference = compare("", text) if text else NOTHING_COMPARED
    return DetectedChange(
        ChangeType.PAGE_ADDED,
        NEW_PAGE_SEVERITIES.get(PageType(page_type), Severity.LOW),
        MAX_CONFIDENCE if certain else UNSURE_IF_NEW,
        _introduction(url, title, text),
        difference,
    )


def _introduction(url: str, title: str | None, text: str | None) -> str:
    name = f"{quoted(title)}, " if title else ""
    said = next((line for line in _lines(text) if line != title), None)
    return f"New page: {name}{url}." + (f" It says {quoted(said)}." if said else "")


def _lines(text: str | None) -> list[str]:
    return [plain for line in (text or "").split("\n") if (plain := text_of(line).strip())]


def page_unlinked() -> DetectedChange:
    """The event of a page that no link and no sitemap leads to, and that still answers."""
    return _event(
        ChangeType.PAGE_UNLINKED,
        "Neither a sitemap nor a link of the site leads to the page any more; it still answers.",
    )


def watch_broken(reason: str) -> DetectedChange:
    """The event of a page or domain that is not watched any more, for that `reason`."""
    return _event(ChangeType.WATCH_BROKEN, reason)


def watch_restored(reason: str) -> DetectedChange:
    """The event of a page or domain that is watched again; `reason` says why it is told."""
    return _event(ChangeType.WATCH_RESTORED, reason)


def _event(change_type: ChangeType, sentence: str) -> DetectedChange:
    difference: TextDifference = NOTHING_COMPARED
    return DetectedChange(
        change_type, severity_of(change_type), MAX_CONFIDENCE, sentence, difference
    )
