"""Detected changes: type, severity, confidence and summary."""

import pytest

from core.changes.detection import DetectedChange, SeenPage, detect_change
from core.changes.rules import SEVERITY_RULES, TYPE_RULES, ChangeType, Severity

PRICING = (
    "# Plans\n# Pro\n$99 /month\n- Mail support\n- One seat\n# Team\n$299 /month\n- Ten seats\n"
    "Feature | Basic | Team\nPrice | $0 | $12\nStorage | 1 GB | 5 GB\nCancel at any time"
)
SITE = "https://acme.example"


def detected(
    old: str, new: str, path: str = "/pricing", title: str = "Acme", text: str = PRICING
) -> DetectedChange | None:
    assert old in text
    before = SeenPage(SITE + path, "Acme", text)
    return detect_change(before, SeenPage(SITE + path, title, text.replace(old, new, 1)))


CASES = [
    ("$99", "$129", ChangeType.PRICE_CHANGE, Severity.CRITICAL,
     "Price of Pro changed from $99 to $129."),
    ("$299", "$309", ChangeType.PRICE_CHANGE, Severity.HIGH,
     "Price of Team changed from $299 to $309."),
    ("$0 | $12", "$0 | $13", ChangeType.PRICE_CHANGE, Severity.HIGH,
     "Price of Team (Price) changed from $12 to $13."),
    ("$99", "Free", ChangeType.PRICE_CHANGE, Severity.CRITICAL,
     "Price of Pro changed from $99 to Free."),
    ("$0 |", "Free |", ChangeType.CONTENT_CHANGE, Severity.LOW, None),
    ("- One seat\n", "", ChangeType.FEATURE_REMOVED, Severity.HIGH,
     "Feature “One seat” removed under “Pro”."),
    ("- One seat", "- One seat\n- Phone support", ChangeType.FEATURE_ADDED, Severity.MEDIUM,
     "Feature “Phone support” added under “Pro”."),
    ("\nStorage | 1 GB | 5 GB", "", ChangeType.FEATURE_REMOVED, Severity.HIGH, None),
    ("Cancel", "# Enterprise\n$999 /month\nCancel", ChangeType.SECTION_ADDED, Severity.MEDIUM,
     "Section “Enterprise” added."),
    ("# Team\n$299 /month\n- Ten seats\n", "", ChangeType.SECTION_REMOVED, Severity.MEDIUM,
     "Section “Team” removed."),
    ("any time", "the end of a month", ChangeType.CONTENT_CHANGE, Severity.LOW, None),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "change_type", "severity", "summary"), CASES)
def test_a_change_of_a_page_of_prices(
    old: str, new: str, change_type: ChangeType, severity: Severity, summary: str | None
) -> None:
    found = detected(old, new)
    assert found is not None
    assert (found.change_type, found.severity) == (change_type, severity)
    assert summary is None or found.summary == summary
    assert 0 <= found.confidence <= 1


@pytest.mark.parametrize(
    ("line", "summary"),
    [
        ("Pro costs $99 a month", "Price of Pro changed from $99 to $129."),
        ("The Pro plan: $99", "Price of The Pro plan changed from $99 to $129."),
        ("From $99 /month", "Price of Team of ten changed from $99 to $129."),
        ("You pay us $99", "Price changed from $99 to $129 in “You pay us $129”."),
    ],
)
def test_the_price_is_of_what_the_page_says(line: str, summary: str) -> None:
    found = detected("$99", "$129", text=f"# Team of ten\n{line}")
    assert found is not None
    assert found.summary == summary


def test_a_heading_about_prices_is_no_name_of_a_thing() -> None:
    found = detected("$99", "$129", text="# Prices\n$99")
    assert found is not None
    assert found.summary == "Price changed from $99 to $129 in “$129”."


def test_legal_terms_are_updated_whatever_differs() -> None:
    for old, new in (("$99", "$129"), ("# Team", "# Group"), ("any time", "month’s end")):
        found = detected(old, new, path="/legal/terms")
        assert found is not None
        assert (found.change_type, found.severity) == (ChangeType.TERMS_UPDATE, Severity.HIGH)


def test_a_list_of_documentation_holds_no_features() -> None:
    found = detected("- One seat\n", "", path="/docs/install")
    assert found is not None
    assert found.change_type is ChangeType.CONTENT_CHANGE


def test_an_amount_in_the_prose_of_an_article_is_no_price() -> None:
    text = "# Round\nThe company raised $5 million from investors who had long been asking for it."
    found = detected("$5", "$6", path="/blog/round", text=text)
    assert found is not None
    assert found.change_type is ChangeType.CONTENT_CHANGE


def test_the_title_alone_is_a_change_of_the_title() -> None:
    found = detected("", "", title="Acme 2")
    assert found is not None
    assert found.change_type is ChangeType.TITLE_CHANGE
    assert found.summary == "Title changed from “Acme” to “Acme 2”."


def test_another_end_of_the_redirects_is_a_change_of_them() -> None:
    before, after = SeenPage(f"{SITE}/a", "A", "same"), SeenPage(f"{SITE}/b", "A", "same")
    found = detect_change(before, after)
    assert found is not None
    assert found.change_type is ChangeType.REDIRECT_CHANGE
    assert found.summary == f"The page now leads to {SITE}/b, no longer to {SITE}/a."


def test_noise_is_no_news() -> None:
    assert detected("", "") is None
    text = "# Post\nUpdated 2 hours ago\n12 views"
    assert detected("2 hours", "3 days", text=text) is None


def test_confidence_falls_where_it_may_be_a_counter_or_an_order() -> None:
    def sure(old: str, new: str, text: str) -> float:
        found = detected(old, new, text=text)
        assert found is not None
        return found.confidence

    text = "# Post\nCarrots sold: 12\nA first line\nA second thing\nThe end"
    assert sure("12", "13", text) < sure("first", "new", text)
    assert sure("A first line\nA second thing", "A second thing\nA first line", text) < 0.6


def test_every_type_has_a_severity_and_a_last_resort() -> None:
    for change_type in ChangeType:
        assert any(rule.change_type is change_type for rule in SEVERITY_RULES)
    assert TYPE_RULES[-1].change_type is ChangeType.CONTENT_CHANGE
