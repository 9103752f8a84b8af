"""Each rule of types, severities and doubts, by a pair of pages that it decides."""

from dataclasses import dataclass

import pytest

from core.changes.detection import DetectedChange, SeenPage, detect_change, removal, restoration
from core.changes.events import page_added, page_unlinked, watch_broken, watch_restored
from core.changes.rules import (
    DOUBTS,
    MAX_CONFIDENCE,
    SEVERITY_RULES,
    TYPE_RULES,
    ChangeType,
    Facts,
    Severity,
    confidence_of,
)
from core.web.page_types import PageType

PRICING = "https://shop.example/pricing"
LEGAL = "https://shop.example/terms"
BLOG = "https://shop.example/blog/a"
LONG = "\n".join(f"Sentence {letter} of it." for letter in "abcdef")


@dataclass(frozen=True)
class Pair:
    """A page in two versions."""

    before: str
    after: str
    url: str = PRICING
    then_url: str | None = None
    titles: tuple[str, str] = ("Shop", "Shop")

    @property
    def detected(self) -> DetectedChange:
        """The change between the two versions."""
        before = SeenPage(self.then_url or self.url, self.titles[0], self.before)
        found = detect_change(before, SeenPage(self.url, self.titles[1], self.after))
        assert found is not None
        return found


TYPES = {
    ChangeType.REDIRECT_CHANGE: Pair("Here.", "There.", then_url="https://shop.example/old"),
    ChangeType.TITLE_CHANGE: Pair("Here.", "Here.", titles=("Shop", "Store")),
    ChangeType.TERMS_UPDATE: Pair("Fees are $9.", "Fees are $19.", LEGAL),
    ChangeType.PRICE_CHANGE: Pair("Pro costs $99.\n# Old", "Pro costs $129.\n# New"),
    ChangeType.SECTION_ADDED: Pair("Here.", "Here.\n# New\n- A thing"),
    ChangeType.SECTION_REMOVED: Pair("Here.\n# Old\n- A thing", "Here."),
    ChangeType.FEATURE_REMOVED: Pair("Here.\n- One\n- Two\n- Three", "Here.\n- One\n- Three"),
    ChangeType.FEATURE_ADDED: Pair("Here.\n- One\n- Three", "Here.\n- One\n- Two\n- Three"),
    ChangeType.CONTENT_CHANGE: Pair("We are here.\nFor you.", "We are there.\nFor you.", BLOG),
}


def test_each_type_has_a_pair() -> None:
    assert [rule.change_type for rule in TYPE_RULES] == list(TYPES)


@pytest.mark.parametrize("change_type", TYPES)
def test_each_rule_of_types_decides_where_those_before_it_do_not(change_type: ChangeType) -> None:
    assert TYPES[change_type].detected.change_type is change_type


SEVERITIES = [
    (ChangeType.PRICE_CHANGE, Severity.CRITICAL, Pair("Pro costs $100.", "Pro costs $120.")),
    (ChangeType.PRICE_CHANGE, Severity.HIGH, Pair("Pro costs $100.", "Pro costs $119.")),
    (
        ChangeType.TERMS_UPDATE,
        Severity.LOW,
        Pair("One.\nTwo.\nThree.", "Three.\nOne.\nTwo.", LEGAL),
    ),
    (ChangeType.TERMS_UPDATE, Severity.HIGH, TYPES[ChangeType.TERMS_UPDATE]),
    (ChangeType.REDIRECT_CHANGE, Severity.HIGH, TYPES[ChangeType.REDIRECT_CHANGE]),
    (ChangeType.FEATURE_REMOVED, Severity.HIGH, TYPES[ChangeType.FEATURE_REMOVED]),
    (ChangeType.FEATURE_ADDED, Severity.MEDIUM, TYPES[ChangeType.FEATURE_ADDED]),
    (ChangeType.SECTION_ADDED, Severity.MEDIUM, TYPES[ChangeType.SECTION_ADDED]),
    (ChangeType.SECTION_REMOVED, Severity.MEDIUM, TYPES[ChangeType.SECTION_REMOVED]),
    (ChangeType.CONTENT_CHANGE, Severity.MEDIUM, Pair(LONG, "All is other.\nYes.", BLOG)),
    (ChangeType.CONTENT_CHANGE, Severity.LOW, TYPES[ChangeType.CONTENT_CHANGE]),
    (ChangeType.TITLE_CHANGE, Severity.LOW, TYPES[ChangeType.TITLE_CHANGE]),
]


def test_each_severity_has_a_pair_or_needs_none() -> None:
    alone = [
        (ChangeType.PAGE_REMOVED, removal("Gone.").severity),
        (ChangeType.PAGE_RESTORED, restoration(None).severity),
        (ChangeType.PAGE_ADDED, page_added("other", "u", None, None, certain=True).severity),
        (ChangeType.PAGE_UNLINKED, page_unlinked().severity),
        (ChangeType.WATCH_BROKEN, watch_broken("Why.").severity),
        (ChangeType.WATCH_RESTORED, watch_restored("Why.").severity),
    ]
    assert alone == [
        (ChangeType.PAGE_REMOVED, Severity.CRITICAL),
        (ChangeType.PAGE_RESTORED, Severity.MEDIUM),
        (ChangeType.PAGE_ADDED, Severity.MEDIUM),
        (ChangeType.PAGE_UNLINKED, Severity.LOW),
        (ChangeType.WATCH_BROKEN, Severity.HIGH),
        (ChangeType.WATCH_RESTORED, Severity.LOW),
    ]
    rules = [(rule.change_type, rule.severity) for rule in SEVERITY_RULES]
    assert rules == [(kind, severity) for kind, severity, _ in SEVERITIES] + alone


@pytest.mark.parametrize(("change_type", "severity", "pair"), SEVERITIES)
def test_each_rule_of_severity_decides(
    change_type: ChangeType, severity: Severity, pair: Pair
) -> None:
    assert (pair.detected.change_type, pair.detected.severity) == (change_type, severity)


NUMBER = Pair("Here.\nGuests in town 12", "Here.\nGuests in town 13", BLOG)
HARDLY = Pair("\n".join([LONG, LONG.replace("of", "in")]), "All is other.\nYes.", BLOG)
DOUBTFUL = {
    "only the order differs": Pair("One.\nTwo.\nThree.", "Three.\nOne.\nTwo.", BLOG),
    "only a number in a short line differs": NUMBER,
    "hardly anything of the page is left": HARDLY,
}


def test_each_doubt_has_a_pair() -> None:
    assert [doubt.name for doubt in DOUBTS] == list(DOUBTFUL)


@pytest.mark.parametrize("name", DOUBTFUL)
def test_each_doubt_lowers_the_confidence_by_its_factor(name: str) -> None:
    factor = {doubt.name: doubt.factor for doubt in DOUBTS}[name]
    assert DOUBTFUL[name].detected.confidence == round(MAX_CONFIDENCE * factor, 2)


@pytest.mark.parametrize(
    "certain",
    [
        Pair("Here.\nOne.\nTwo.", "Here.\nTwo.\nOne and a half.", BLOG),
        Pair(NUMBER.before.replace("12", "a dozen"), NUMBER.after, BLOG),
        Pair(f"{LONG}\n# Guests 12", f"{LONG}\n# Guests 13", BLOG),
        Pair(f"{LONG}\n- Guests 12", f"{LONG}\n- Guests 13", BLOG),
        Pair(f"{LONG}\nGuests | 12", f"{LONG}\nGuests | 13", BLOG),
        Pair(f"{LONG}\nPro costs $12", f"{LONG}\nPro costs $13"),
        Pair(f"{NUMBER.before} {'word ' * 20}", f"{NUMBER.after} {'word ' * 20}", BLOG),
    ],
)
def test_what_resembles_a_doubtful_change_may_be_certain(certain: Pair) -> None:
    assert certain.detected.confidence == MAX_CONFIDENCE


def test_doubts_add_up() -> None:
    facts = Facts(
        page_type=PageType.BLOG,
        difference=DOUBTFUL["only the order differs"].detected.difference,
        prices=(),
        title_differs=False,
        address_differs=False,
        sells=False,
        kept=0.05,
    )
    assert confidence_of(facts) == round(MAX_CONFIDENCE * 0.5 * 0.6, 2)
