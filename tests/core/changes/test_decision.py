"""The decision what a check records, one row for each case."""

from dataclasses import dataclass, field

import pytest

from core.changes.decision import (
    MAX_FETCHES,
    AwaitConfirmation,
    CheckState,
    KnownVersion,
    Reason,
    RecordBaseline,
    RecordChange,
    RecordNothing,
    RecordRemoval,
    RecordUnchanged,
    decide_content,
    decide_missing,
    decide_unchanged,
)
from core.changes.detection import SeenPage
from core.changes.muting import NoiseHistory
from core.changes.rules import ChangeType

NOTHING_KNOWN = NoiseHistory(crawl_count=1, changed={}, muted=frozenset())


def page(text: str) -> SeenPage:
    return SeenPage("https://a.example/", "Shop", text)


STORED = page("# Shop\nPro costs $99 a month.\nTalk to us.")
DEARER = page("# Shop\nPro costs $129 a month.\nTalk to us.")
CHEAPER = page("# Shop\nPro costs $79 a month.\nTalk to us.")
DEARER_WITH_SALE = page(DEARER.text + "\nBuy one today!")

KNOWN = KnownVersion(STORED, NOTHING_KNOWN)
KNOWN_WITH_COUNTER = KnownVersion(page(STORED.text + "\n7 views"), NOTHING_KNOWN)
COUNTED_ON = page(STORED.text + "\n8 views")

FIRST_EVER = CheckState(has_version=False, was_gone=False, requires_confirmation=False)


def there(
    *, fetches: int = 0, previous: SeenPage | None = None, confirm: bool = True
) -> CheckState:
    """A page that has a version and exists."""
    return CheckState(True, False, confirm, fetches, previous)


def gone(*, fetches: int = 0, previous: SeenPage | None = None, confirm: bool = True) -> CheckState:
    """A page that has a version and is recorded as gone."""
    return CheckState(True, True, confirm, fetches, previous)


@dataclass(frozen=True)
class Case:
    name: str
    state: CheckState
    kind: type
    reason: Reason
    expected: dict[str, object] = field(default_factory=dict)


def assert_verdict(case: Case, verdict: object) -> None:
    assert type(verdict) is case.kind
    assert getattr(verdict, "reason") == case.reason  # noqa: B009
    assert {name: getattr(verdict, name) for name in case.expected} == case.expected


def names(case: Case) -> str:
    return case.name


MISSING = [
    Case("never seen", FIRST_EVER, RecordRemoval, Reason.PAGE_MISSING, {"detected": None}),
    Case("no confirmation required", there(confirm=False), RecordRemoval, Reason.PAGE_MISSING),
    Case(
        "first fetch",
        there(),
        AwaitConfirmation,
        Reason.REMOVAL_UNCONFIRMED,
        {"seen": None},
    ),
    Case("missing twice", there(fetches=1), RecordRemoval, Reason.PAGE_MISSING),
    Case(
        "changed, then missing",
        there(fetches=1, previous=DEARER),
        RecordNothing,
        Reason.REMOVAL_UNCONFIRMED,
    ),
    Case("still gone", gone(), RecordRemoval, Reason.PAGE_MISSING),
    Case(
        "back, then missing",
        gone(fetches=1, previous=STORED),
        RecordNothing,
        Reason.REMOVAL_UNCONFIRMED,
    ),
]


@pytest.mark.parametrize("case", MISSING, ids=names)
def test_missing(case: Case) -> None:
    verdict = decide_missing(case.state, "The site answered 404.")
    assert_verdict(case, verdict)
    if isinstance(verdict, RecordRemoval) and case.state.has_version:
        assert verdict.detected is not None
        assert verdict.detected.change_type is ChangeType.PAGE_REMOVED
        assert verdict.detected.summary == "The site answered 404."


UNCHANGED = [
    Case("first fetch", there(), RecordUnchanged, Reason.SAME_CONTENT, {"restored": False}),
    Case(
        "the change is gone again",
        there(fetches=1, previous=DEARER),
        RecordUnchanged,
        Reason.SAME_CONTENT,
        {"restored": False, "keep_validators": False},
    ),
    Case(
        "missing, then as stored",
        there(fetches=1),
        RecordUnchanged,
        Reason.SAME_CONTENT,
        {"restored": False},
    ),
    Case(
        "back",
        gone(),
        AwaitConfirmation,
        Reason.RESTORATION_UNCONFIRMED,
        {"seen": STORED},
    ),
    Case(
        "gone since the first fetch, and back",
        gone(fetches=1),
        AwaitConfirmation,
        Reason.RESTORATION_UNCONFIRMED,
        {"seen": STORED},
    ),
    Case(
        "back twice",
        gone(fetches=1, previous=STORED),
        RecordUnchanged,
        Reason.SAME_CONTENT,
        {"restored": True},
    ),
    Case(
        "back, no confirmation required",
        gone(confirm=False),
        RecordUnchanged,
        Reason.SAME_CONTENT,
        {"restored": True},
    ),
]


@pytest.mark.parametrize("case", UNCHANGED, ids=names)
def test_unchanged(case: Case) -> None:
    stored = KNOWN if case.state.needs_stored_version else None
    assert_verdict(case, decide_unchanged(case.state, stored))


CONTENT: list[tuple[KnownVersion | None, SeenPage, Case]] = [
    (
        None,
        DEARER,
        Case("never seen", FIRST_EVER, RecordBaseline, Reason.FIRST_VERSION, {"restored": False}),
    ),
    (
        None,
        DEARER,
        Case("other settings", there(), RecordBaseline, Reason.OTHER_SETTINGS),
    ),
    (
        None,
        DEARER,
        Case(
            "other settings, back",
            gone(fetches=1, previous=DEARER),
            RecordBaseline,
            Reason.OTHER_SETTINGS,
            {"restored": True},
        ),
    ),
    (
        KNOWN_WITH_COUNTER,
        COUNTED_ON,
        Case("noise", there(), RecordUnchanged, Reason.NO_CHANGE_BUT_NOISE),
    ),
    (
        KNOWN,
        DEARER,
        Case(
            "no confirmation required",
            there(confirm=False),
            RecordChange,
            Reason.CHANGED,
            {"restored": False},
        ),
    ),
    (
        KNOWN,
        DEARER,
        Case(
            "first fetch",
            there(),
            AwaitConfirmation,
            Reason.CHANGE_UNCONFIRMED,
            {"seen": DEARER},
        ),
    ),
    (
        KNOWN,
        DEARER,
        Case("confirmed", there(fetches=1, previous=DEARER), RecordChange, Reason.CHANGED),
    ),
    (
        KNOWN,
        CHEAPER,
        Case(
            "another change than before",
            there(fetches=1, previous=DEARER),
            RecordUnchanged,
            Reason.CHANGE_UNCONFIRMED,
            {"keep_validators": True},
        ),
    ),
    (
        KNOWN,
        DEARER,
        Case(
            "missing, then changed",
            there(fetches=1),
            RecordUnchanged,
            Reason.CHANGE_UNCONFIRMED,
            {"keep_validators": True},
        ),
    ),
    (
        KNOWN,
        DEARER_WITH_SALE,
        Case(
            "partly confirmed",
            there(fetches=1, previous=DEARER),
            AwaitConfirmation,
            Reason.CHANGE_PARTLY_CONFIRMED,
            {"seen": DEARER_WITH_SALE},
        ),
    ),
    (
        KNOWN,
        DEARER_WITH_SALE,
        Case(
            "partly confirmed by the last fetch",
            there(fetches=MAX_FETCHES - 1, previous=DEARER),
            RecordChange,
            Reason.CHANGED,
        ),
    ),
    (
        KNOWN,
        DEARER_WITH_SALE,
        Case(
            "partly confirmed, confirmation switched off",
            there(fetches=1, previous=DEARER, confirm=False),
            RecordChange,
            Reason.CHANGED,
        ),
    ),
    (
        KNOWN,
        DEARER,
        Case(
            "back with a change",
            gone(),
            AwaitConfirmation,
            Reason.RESTORATION_UNCONFIRMED,
            {"seen": DEARER},
        ),
    ),
    (
        KNOWN,
        DEARER,
        Case(
            "back with the same change twice",
            gone(fetches=1, previous=DEARER),
            RecordChange,
            Reason.CHANGED,
            {"restored": True},
        ),
    ),
    (
        KNOWN,
        CHEAPER,
        Case(
            "back with another change each time",
            gone(fetches=1, previous=DEARER),
            RecordUnchanged,
            Reason.CHANGE_UNCONFIRMED,
            {"restored": True, "keep_validators": True},
        ),
    ),
]


@pytest.mark.parametrize(
    ("stored", "fetched", "case"), CONTENT, ids=[case.name for _, _, case in CONTENT]
)
def test_content(stored: KnownVersion | None, fetched: SeenPage, case: Case) -> None:
    verdict = decide_content(case.state, stored, fetched)
    assert_verdict(case, verdict)
    if isinstance(verdict, RecordChange):
        assert verdict.detected.summary == "Price of Pro changed from $99 to $129."


def test_a_check_learns_the_noise_of_both_fetches_once() -> None:
    here, then, now = (page(f"There are {n} friends of ours in town.") for n in (12, 17, 19))
    known = KnownVersion(here, NoiseHistory(crawl_count=4, changed={}, muted=frozenset()))
    verdicts = [
        decide_unchanged(there(fetches=1, previous=then), known),
        decide_content(there(fetches=1, previous=then), known, now),
    ]
    for verdict in verdicts:
        assert isinstance(verdict, RecordUnchanged)
        assert verdict.noise is not None
        assert verdict.noise.before == known.noise
        assert list(verdict.noise.after.changed.values()) == [(5,)]
