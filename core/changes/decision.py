"""The decision what a check of a page records: pure, apart from the fetching and the writing.

Confirmation can make one job fetch a page up to `MAX_FETCHES` times. `docs/changes.md` explains the
rules, `tests/core/changes/test_decision.py` has a row for each case.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from core.changes.confirmation import Confirmation, confirm
from core.changes.detection import DetectedChange, SeenPage, detect_unmuted_change, removal
from core.changes.muting import NoiseHistory

MAX_FETCHES: Final = 3
"""Fetches of a page by one job. A third fetch settles a partial confirmation."""


class Reason(StrEnum):
    """Why a verdict was reached."""

    PAGE_MISSING = "page_missing"
    REMOVAL_UNCONFIRMED = "removal_unconfirmed"
    RESTORATION_UNCONFIRMED = "restoration_unconfirmed"
    CHANGE_UNCONFIRMED = "change_unconfirmed"
    CHANGE_PARTLY_CONFIRMED = "change_partly_confirmed"
    SAME_CONTENT = "same_content"
    NO_CHANGE_BUT_NOISE = "no_change_but_noise"
    FIRST_VERSION = "first_version"
    OTHER_SETTINGS = "other_settings"
    OTHER_RULES = "other_rules"
    CHANGED = "changed"


@dataclass(frozen=True)
class KnownVersion:
    """The stored version of a page, and the noise that is known of the page.

    `is_outdated`: older rules have read what is stored, and `page` is what today's rules read.
    """

    page: SeenPage
    noise: NoiseHistory
    is_outdated: bool = False


@dataclass(frozen=True)
class NoiseUpdate:
    """The noise that is known of a page, before a check and after it."""

    before: NoiseHistory
    after: NoiseHistory


@dataclass(frozen=True)
class AwaitConfirmation:
    """Record nothing of the page, and fetch it again later.

    `seen` is what this fetch found; None if the page was missing.
    """

    seen: SeenPage | None
    reason: Reason


@dataclass(frozen=True)
class RecordNothing:
    """Record nothing of the page, and end the job."""

    reason: Reason


@dataclass(frozen=True)
class RecordRemoval:
    """Record that the page is gone; `detected` is None if no version of it is stored."""

    detected: DetectedChange | None
    reason: Reason


@dataclass(frozen=True)
class RecordUnchanged:
    """Record a check that found the stored version.

    If `keep_validators`, the next check sends the validators that this one sent, so that it sees
    the unconfirmed change if that is still there.
    """

    restored: bool
    reason: Reason
    noise: NoiseUpdate | None = None
    keep_validators: bool = False


@dataclass(frozen=True)
class RecordBaseline:
    """Store the version without comparing it; later ones are compared with it."""

    restored: bool
    reason: Reason


@dataclass(frozen=True)
class RecordChange:
    """Store the version, and `detected` unless it turns out to be site-wide."""

    detected: DetectedChange
    restored: bool
    noise: NoiseUpdate
    reason: Reason = Reason.CHANGED


@dataclass(frozen=True)
class CheckState:
    """The state of a page before a fetch.

    `was_gone`: the page is recorded as gone, and a version of it is stored. `fetches` counts the
    earlier fetches of the same job; `previous` is what the last of them found, None if the page was
    missing then.
    """

    has_version: bool
    was_gone: bool
    requires_confirmation: bool
    fetches: int = 0
    previous: SeenPage | None = None

    @property
    def needs_confirmation(self) -> bool:
        """Whether another fetch must confirm what this one finds."""
        if not self.requires_confirmation:
            return False
        return self.fetches == 0 or (self.was_gone and self.previous is None)

    @property
    def needs_restoration_confirmed(self) -> bool:
        """Whether another fetch must confirm that a page that was gone exists again."""
        return self.needs_confirmation and self.was_gone

    @property
    def needs_stored_version(self) -> bool:
        """Whether `decide_unchanged` needs the stored version: no check of a page without a pending
        confirmation does.
        """
        return self.fetches > 0 or self.needs_restoration_confirmed

    @property
    def may_fetch_again(self) -> bool:
        """Whether another fetch may follow this one."""
        return self.requires_confirmation and self.fetches + 1 < MAX_FETCHES


def decide_missing(
    state: CheckState, message: str
) -> AwaitConfirmation | RecordNothing | RecordRemoval:
    """Decide on a page that does not exist; `message` is the sentence that says so."""
    if state.needs_confirmation and state.has_version and not state.was_gone:
        return AwaitConfirmation(None, Reason.REMOVAL_UNCONFIRMED)
    if state.previous is not None:
        return RecordNothing(Reason.REMOVAL_UNCONFIRMED)
    return RecordRemoval(removal(message) if state.has_version else None, Reason.PAGE_MISSING)


def decide_unchanged(
    state: CheckState, stored: KnownVersion | None
) -> AwaitConfirmation | RecordUnchanged:
    """Decide on a page that is as stored; `stored` may be None unless `state.needs_stored_version`.

    Compares texts if it is given, which may take seconds for large pages.
    """
    if stored is None:
        return RecordUnchanged(state.was_gone, Reason.SAME_CONTENT)
    if state.needs_restoration_confirmed:
        return AwaitConfirmation(stored.page, Reason.RESTORATION_UNCONFIRMED)
    # A line that only the previous fetch showed may be noise.
    noise = NoiseUpdate(stored.noise, _compare(state, stored, stored.page).noise)
    return RecordUnchanged(state.was_gone, Reason.SAME_CONTENT, noise)


def decide_content(
    state: CheckState, stored: KnownVersion | None, fetched: SeenPage
) -> AwaitConfirmation | RecordUnchanged | RecordBaseline | RecordChange:
    """Decide on a page whose content differs from the stored version.

    `stored` is None if no version is stored that was read under the same crawl settings. Compares
    the texts, which may take seconds for large pages.
    """
    if state.needs_restoration_confirmed:
        return AwaitConfirmation(fetched, Reason.RESTORATION_UNCONFIRMED)
    if stored is None:
        reason = Reason.OTHER_SETTINGS if state.has_version else Reason.FIRST_VERSION
        return RecordBaseline(state.was_gone, reason)
    found = _compare(state, stored, fetched)
    noise = NoiseUpdate(stored.noise, found.noise)
    if found.detected is None and stored.is_outdated:
        return RecordBaseline(state.was_gone, Reason.OTHER_RULES)
    if found.detected is None:
        return RecordUnchanged(state.was_gone, Reason.NO_CHANGE_BUT_NOISE, noise)
    if state.needs_confirmation:
        return AwaitConfirmation(fetched, Reason.CHANGE_UNCONFIRMED)
    if found.confirmed is None:
        return RecordUnchanged(
            state.was_gone, Reason.CHANGE_UNCONFIRMED, noise, keep_validators=True
        )
    if found.confirmed != found.detected and state.may_fetch_again:
        return AwaitConfirmation(fetched, Reason.CHANGE_PARTLY_CONFIRMED)
    return RecordChange(found.confirmed, state.was_gone, noise)


def _compare(state: CheckState, stored: KnownVersion, fetched: SeenPage) -> Confirmation:
    """What this fetch found, and the part of it that the previous fetch confirms: all of it if this
    is the first fetch, nothing if the page was missing then.
    """
    if state.previous is not None:
        return confirm(stored.page, state.previous, fetched, stored.noise)
    detected, learned = detect_unmuted_change(stored.page, fetched, stored.noise)
    return Confirmation(detected, detected if state.fetches == 0 else None, learned)
