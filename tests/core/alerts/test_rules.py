"""Which changes a rule lets pass, and why not."""

from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.alerts.rules import (
    WATCH_EVENTS,
    AlertRule,
    ChangeFacts,
    Needs,
    PriceDirection,
    Reason,
    RuleIndex,
    Words,
    judge,
    warnings_of,
    words_of,
)
from core.changes.detection import SeenPage, detect_change
from core.changes.events import Event
from core.changes.price_list import steps_of
from core.changes.rules import ChangeType, Severity
from core.web.page_types import PageType

DOMAIN, PAGE = uuid4(), uuid4()
URL = "https://shop.example/pricing"


def facts(
    before: str = "Pro costs $10 a month.", after: str = "Pro costs $11 a month."
) -> ChangeFacts:
    """A change between two texts, as it is stored."""
    found = detect_change(SeenPage(URL, None, before), SeenPage(URL, None, after))
    assert found is not None
    shown = found.difference.for_display()
    return ChangeFacts(
        domain_id=DOMAIN,
        page_id=PAGE,
        page_type="pricing",
        tags=frozenset({"rivals", "eu"}),
        change_type=found.change_type,
        severity=found.severity,
        confidence=found.confidence,
        price_steps=steps_of(found.prices),
        words=words_of(shown),
    )


RISE = facts()
FALL = facts("Pro costs $10 a month.", "Pro costs $8 a month.")
PROSE = facts("All plans have support.", "All plans have support and an uptime guarantee.")
UP, DOWN, ANY = PriceDirection.UP, PriceDirection.DOWN, PriceDirection.ANY


@pytest.mark.parametrize(
    ("rule", "change", "reason"),
    [
        (AlertRule(), RISE, Reason.MATCHES),
        (AlertRule(domain_ids=(uuid4(), DOMAIN)), RISE, Reason.MATCHES),
        (AlertRule(domain_ids=(uuid4(),)), RISE, Reason.OTHER_DOMAIN),
        (AlertRule(page_ids=(PAGE,)), RISE, Reason.MATCHES),
        (AlertRule(page_ids=(uuid4(),)), RISE, Reason.OTHER_PAGE),
        (AlertRule(tags=("us", "eu")), RISE, Reason.MATCHES),
        (AlertRule(tags=("us",)), RISE, Reason.OTHER_TAG),
        (AlertRule(page_types=("pricing",)), RISE, Reason.MATCHES),
        (AlertRule(page_types=("blog",)), RISE, Reason.OTHER_PAGE_TYPE),
        (AlertRule(events=(Event.CHANGE,)), RISE, Reason.MATCHES),
        (AlertRule(events=(Event.WATCH_BROKEN,)), RISE, Reason.OTHER_EVENT),
        (AlertRule(change_types=("price_change",)), RISE, Reason.MATCHES),
        (AlertRule(change_types=("title_change",)), RISE, Reason.OTHER_CHANGE_TYPE),
        (AlertRule(min_severity=Severity.HIGH), RISE, Reason.MATCHES),
        (AlertRule(min_severity=Severity.CRITICAL), RISE, Reason.LESS_SEVERE),
        (AlertRule(min_confidence=RISE.confidence), RISE, Reason.MATCHES),
        (AlertRule(min_confidence=0.99), RISE, Reason.LESS_CONFIDENT),
        (AlertRule(price_percent=10), RISE, Reason.MATCHES),
        (AlertRule(price_percent=10.1), RISE, Reason.PRICE_MOVED_LESS),
        (AlertRule(price_percent=20), FALL, Reason.MATCHES),
        (AlertRule(price_percent=10, price_direction=ANY), FALL, Reason.MATCHES),
        (AlertRule(price_direction=UP), RISE, Reason.MATCHES),
        (AlertRule(price_direction=DOWN), RISE, Reason.PRICE_MOVED_OTHERWISE),
        (AlertRule(price_direction=DOWN, price_percent=20), FALL, Reason.MATCHES),
        (AlertRule(price_direction=UP, price_percent=1), FALL, Reason.PRICE_MOVED_OTHERWISE),
        (AlertRule(price_percent=1), PROSE, Reason.NO_PRICE_MOVED),
        (AlertRule(words=Words(appear=("UPTIME  guarantee",))), PROSE, Reason.MATCHES),
        (AlertRule(words=Words(vanish=("uptime guarantee",))), PROSE, Reason.OTHER_WORDS),
        (AlertRule(words=Words(appear=("time",))), PROSE, Reason.OTHER_WORDS),
        (AlertRule(words=Words(appear=("support",))), PROSE, Reason.OTHER_WORDS),
        (AlertRule(words=Words(vanish=("$10",), appear=("cheap",))), RISE, Reason.MATCHES),
        (AlertRule(words=Words()), RISE, Reason.OTHER_WORDS),
    ],
)
def test_the_first_filter_that_does_not_let_a_change_pass_is_the_reason(
    rule: AlertRule, change: ChangeFacts, reason: Reason
) -> None:
    verdict = judge(rule, change)
    assert verdict.reason is reason
    assert verdict.matches is (reason is Reason.MATCHES)


@pytest.mark.parametrize("event", [each for each in Event if each is not Event.CHANGE])
def test_a_type_that_is_an_event_of_its_own_is_no_change_of_a_page(event: Event) -> None:
    told = ChangeFacts(DOMAIN, PAGE, "other", frozenset(), str(event), Severity.HIGH, 1.0)
    assert judge(AlertRule(events=(event,)), told).matches
    assert judge(AlertRule(events=(Event.CHANGE,)), told).reason is Reason.OTHER_EVENT
    assert judge(AlertRule(), told).matches


def test_a_type_that_no_rule_knows_yet_is_a_change() -> None:
    told = ChangeFacts(DOMAIN, PAGE, "other", frozenset(), "brand_new", Severity.LOW, 1.0)
    assert judge(AlertRule(events=(Event.CHANGE,)), told).matches


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        (AlertRule(), "Every change matches"),
        (AlertRule(events=tuple(Event)), "Every change matches"),
        (AlertRule(events=(*Event, *Event)), "Every change matches"),
        (AlertRule(min_severity=Severity.LOW), "Every change matches"),
        (AlertRule(min_confidence=0), "Every change matches"),
        (AlertRule(page_types=tuple(PageType)), "Every change matches"),
        (AlertRule(change_types=tuple(ChangeType)), "Every change matches"),
        (
            AlertRule(
                change_types=tuple(
                    each for each in ChangeType if Event.of(each) not in WATCH_EVENTS
                )
            ),
            "Every change matches",
        ),
        (
            AlertRule(
                events=tuple(Event)[::-1],
                change_types=tuple(ChangeType),
                page_types=tuple(PageType),
                min_severity=Severity.LOW,
                min_confidence=0,
            ),
            "Every change matches",
        ),
        (AlertRule(events=(Event.PAGE_ADDED,), change_types=("title_change",)), "No change"),
        (AlertRule(events=(Event.PAGE_ADDED,), price_percent=5), "No change matches"),
        (AlertRule(words=Words()), "words names no word"),
    ],
)
def test_a_rule_that_says_too_much_or_nothing_has_a_warning(rule: AlertRule, sentence: str) -> None:
    [warning] = warnings_of(rule)
    assert sentence in warning


@pytest.mark.parametrize(
    "rule",
    [
        AlertRule(min_confidence=0.5),
        AlertRule(price_direction=UP),
        AlertRule(min_severity=Severity.MEDIUM),
        AlertRule(page_types=tuple(PageType)[1:]),
        AlertRule(change_types=tuple(ChangeType)[1:]),
        AlertRule(events=tuple(Event)[1:]),
        AlertRule(tags=("rivals",), min_severity=Severity.LOW),
    ],
)
def test_a_sensible_rule_has_no_warning(rule: AlertRule) -> None:
    assert warnings_of(rule) == []


IDS = [UUID(int=n) for n in range(4)]
SOME_IDS = st.none() | st.lists(st.sampled_from(IDS), min_size=1, max_size=3).map(tuple)


@given(
    st.lists(st.builds(AlertRule, domain_ids=SOME_IDS, page_ids=SOME_IDS), max_size=8),
    st.sampled_from(IDS),
    st.sampled_from(IDS),
)
def test_an_index_finds_what_judging_each_rule_finds(
    rules: list[AlertRule], domain_id: UUID, page_id: UUID
) -> None:
    change = ChangeFacts(domain_id, page_id, "other", frozenset(), "x", Severity.LOW, 1.0)
    index = RuleIndex(list(zip(rules, range(len(rules)), strict=True)))
    expected = [place for place, rule in enumerate(rules) if judge(rule, change).matches]
    assert list(index.matching(change)) == expected


NARROW = AlertRule(
    domain_ids=(DOMAIN,),
    tags=("eu",),
    page_types=("pricing",),
    change_types=("price_change",),
    min_severity=Severity.CRITICAL,
    min_confidence=1.0,
    price_percent=5,
    words=Words(appear=("sale",)),
)


@pytest.mark.parametrize("event", [Event.WATCH_BROKEN, Event.WATCH_RESTORED])
def test_an_alert_that_names_no_events_tells_when_watching_breaks(event: Event) -> None:
    def judged(rule: AlertRule, page_id: UUID | None = PAGE, page_type: str | None = "pricing",
               tag: str = "eu", domain_id: UUID = DOMAIN) -> Reason:  # fmt: skip
        told = ChangeFacts(
            domain_id, page_id, page_type, frozenset({tag}), str(event), Severity.LOW, 0.5
        )
        return judge(rule, told).reason

    assert judged(NARROW) is Reason.MATCHES
    assert judged(NARROW, page_id=None, page_type=None) is Reason.MATCHES, "of the whole domain"
    assert judged(NARROW, page_type="blog") is Reason.OTHER_PAGE_TYPE
    assert judged(NARROW, tag="us") is Reason.OTHER_TAG
    assert judged(NARROW, domain_id=uuid4()) is Reason.OTHER_DOMAIN
    assert judged(AlertRule(page_ids=(uuid4(),))) is Reason.OTHER_PAGE
    named = NARROW.model_copy(update={"events": (Event.CHANGE,)})
    assert judged(named) is Reason.OTHER_EVENT
    asked = NARROW.model_copy(update={"events": (event,)})
    assert judged(asked) is Reason.OTHER_CHANGE_TYPE, "what is named is judged by all filters"


@pytest.mark.parametrize("event", [Event.WATCH_BROKEN, Event.WATCH_RESTORED])
def test_who_watches_a_page_is_told_that_its_whole_domain_is_not_watched(event: Event) -> None:
    other = uuid4()
    pages = {PAGE: frozenset({"eu"}), other: frozenset({"us"})}
    told = ChangeFacts(
        DOMAIN, None, None, frozenset({"rivals"}), str(event), Severity.LOW, 1.0, pages=pages
    )
    asked = {"events": (event,), "page_types": ("pricing",)}
    for reason, rules in {
        Reason.MATCHES: [
            AlertRule(page_ids=(PAGE,)),
            AlertRule(page_ids=(uuid4(), PAGE), min_severity=Severity.CRITICAL),
            AlertRule(tags=("us",)),
            AlertRule(page_ids=(PAGE,), tags=("eu",)),
            AlertRule(page_ids=(PAGE,), tags=("rivals",)),
            AlertRule(page_ids=(PAGE,), **asked),
        ],
        Reason.OTHER_PAGE: [AlertRule(page_ids=()), AlertRule(page_ids=(uuid4(),))],
        Reason.OTHER_TAG: [AlertRule(tags=("asia",)), AlertRule(page_ids=(PAGE,), tags=("us",))],
        Reason.OTHER_DOMAIN: [AlertRule(page_ids=(PAGE,), domain_ids=(uuid4(),))],
        Reason.OTHER_EVENT: [AlertRule(page_ids=(PAGE,), events=(Event.CHANGE,))],
    }.items():
        for rule in rules:
            assert judge(rule, told).reason is reason, rule
            matches = reason is Reason.MATCHES
            assert list(RuleIndex([(rule, "a")]).matching(told)) == ["a"] * matches
            needs = Needs.of([rule])
            assert needs.page_ids == frozenset(rule.page_ids or ())
            assert needs.tags == frozenset(rule.tags or ())


@pytest.mark.parametrize("event", [Event.PAGE_ADDED, Event.PAGE_UNLINKED])
def test_other_events_pass_all_filters(event: Event) -> None:
    told = ChangeFacts(DOMAIN, PAGE, "pricing", frozenset({"eu"}), str(event), Severity.LOW, 1.0)
    assert judge(NARROW, told).reason is Reason.OTHER_CHANGE_TYPE
