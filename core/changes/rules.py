"""The rules that give a change its type, severity and confidence, as tables."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from core.changes.alignment import SpanOp
from core.changes.diff import BlockChange, BlockChangeKind, TextDifference
from core.changes.money import find_money
from core.changes.prices import PriceChange
from core.text.stored_text import CELL_GAP, HEADING, ITEM, display_form, mark_of
from core.web.page_types import PageType


class ChangeType(StrEnum):
    """The published types of change."""

    PRICE_CHANGE = "price_change"
    FEATURE_ADDED = "feature_added"
    FEATURE_REMOVED = "feature_removed"
    TERMS_UPDATE = "terms_update"
    SECTION_ADDED = "section_added"
    SECTION_REMOVED = "section_removed"
    CONTENT_CHANGE = "content_change"
    PAGE_REMOVED = "page_removed"
    PAGE_RESTORED = "page_restored"
    REDIRECT_CHANGE = "redirect_change"
    TITLE_CHANGE = "title_change"
    PAGE_ADDED = "page_added"
    PAGE_UNLINKED = "page_unlinked"
    WATCH_BROKEN = "watch_broken"
    WATCH_RESTORED = "watch_restored"


class Severity(StrEnum):
    """The published severities."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


@dataclass(frozen=True)
class Facts:
    """The input of the rules.

    `prices` are the changed amounts. `sells` is set if the page offers something, so that its list
    items and table rows are features.
    """

    page_type: PageType
    difference: TextDifference
    prices: tuple[PriceChange, ...]
    title_differs: bool
    address_differs: bool
    sells: bool
    kept: float
    """Share of the old version's blocks that the new version still has, 0 to 1."""
    selected: bool = False
    """Whether a person has selected what is compared, without masks of its text."""

    def has(self, kind: BlockChangeKind, *marks: str) -> bool:
        """Whether a block of this kind is a heading, item or row, as `marks` say."""
        return any(
            line.startswith(marks) or (CELL_GAP in marks and CELL_GAP in line)
            for block in self.difference.blocks
            if block.kind is kind
            for line in (block.before or block.after or "",)
        )

    def only(self, kind: BlockChangeKind) -> bool:
        """Whether all blocks are of this kind, and there is at least one."""
        blocks = self.difference.blocks
        return bool(blocks) and all(block.kind is kind for block in blocks)


Condition = Callable[[Facts], bool]

ADDED, REMOVED, MOVED = BlockChangeKind.ADDED, BlockChangeKind.REMOVED, BlockChangeKind.MOVED
CRITICAL_PRICE_STEP: Final = 0.2
"""Relative change of a price, up or down, from which it is critical."""


@dataclass(frozen=True)
class TypeRule:
    """Gives a change its type if the condition holds."""

    change_type: ChangeType
    holds: Condition


TYPE_RULES: Final = (
    TypeRule(ChangeType.REDIRECT_CHANGE, lambda facts: facts.address_differs),
    TypeRule(
        ChangeType.TITLE_CHANGE, lambda facts: facts.title_differs and facts.difference.identical
    ),
    TypeRule(ChangeType.TERMS_UPDATE, lambda facts: facts.page_type is PageType.LEGAL),
    TypeRule(ChangeType.PRICE_CHANGE, lambda facts: bool(facts.prices)),
    TypeRule(ChangeType.SECTION_ADDED, lambda facts: facts.has(ADDED, HEADING)),
    TypeRule(ChangeType.SECTION_REMOVED, lambda facts: facts.has(REMOVED, HEADING)),
    TypeRule(
        ChangeType.FEATURE_REMOVED,
        lambda facts: facts.sells and facts.has(REMOVED, ITEM, CELL_GAP),
    ),
    TypeRule(
        ChangeType.FEATURE_ADDED, lambda facts: facts.sells and facts.has(ADDED, ITEM, CELL_GAP)
    ),
    TypeRule(ChangeType.CONTENT_CHANGE, lambda facts: True),
)
"""The first rule that holds decides."""


@dataclass(frozen=True)
class SeverityRule:
    """Gives a change of `change_type` its severity if the condition holds."""

    change_type: ChangeType
    severity: Severity
    holds: Condition = lambda facts: True


SEVERITY_RULES: Final = (
    SeverityRule(
        ChangeType.PRICE_CHANGE,
        Severity.CRITICAL,
        lambda facts: any(abs(each.step) >= CRITICAL_PRICE_STEP for each in facts.prices),
    ),
    SeverityRule(ChangeType.PRICE_CHANGE, Severity.HIGH),
    SeverityRule(ChangeType.TERMS_UPDATE, Severity.LOW, lambda facts: facts.only(MOVED)),
    SeverityRule(ChangeType.TERMS_UPDATE, Severity.HIGH),
    SeverityRule(ChangeType.REDIRECT_CHANGE, Severity.HIGH),
    SeverityRule(ChangeType.FEATURE_REMOVED, Severity.HIGH),
    SeverityRule(ChangeType.FEATURE_ADDED, Severity.MEDIUM),
    SeverityRule(ChangeType.SECTION_ADDED, Severity.MEDIUM),
    SeverityRule(ChangeType.SECTION_REMOVED, Severity.MEDIUM),
    SeverityRule(ChangeType.CONTENT_CHANGE, Severity.MEDIUM, lambda facts: facts.kept < 0.5),
    SeverityRule(ChangeType.CONTENT_CHANGE, Severity.LOW),
    SeverityRule(ChangeType.TITLE_CHANGE, Severity.LOW),
    SeverityRule(ChangeType.PAGE_REMOVED, Severity.CRITICAL),
    SeverityRule(ChangeType.PAGE_RESTORED, Severity.MEDIUM),
    SeverityRule(ChangeType.PAGE_ADDED, Severity.MEDIUM),
    SeverityRule(ChangeType.PAGE_UNLINKED, Severity.LOW),
    SeverityRule(ChangeType.WATCH_BROKEN, Severity.HIGH),
    SeverityRule(ChangeType.WATCH_RESTORED, Severity.LOW),
)
"""The first rule of the type that holds decides."""


@dataclass(frozen=True)
class Doubt:
    """A reason why a change may be noise: multiplies the confidence by `factor`."""

    name: str
    factor: float
    holds: Condition


def _only_numbers(facts: Facts) -> bool:
    """Whether a number in one short line is the only difference, as with an unknown counter."""
    blocks = facts.difference.blocks
    return len(blocks) == 1 and not facts.prices and _only_numbers_differ(blocks[0])


def _only_numbers_differ(block: BlockChange) -> bool:
    differing = [span for span in block.spans if span.op is not SpanOp.EQUAL]
    line = block.after or ""
    return (
        bool(differing)
        and len(display_form(line)) <= 80
        and not mark_of(line)
        and CELL_GAP not in line
        and all(
            any(character.isdigit() for character in side)
            for span in differing
            for side in (span.before, span.after)
        )
        and not find_money(line)
    )


MAX_CONFIDENCE: Final = 0.98
DOUBTS: Final = (
    Doubt("only the order differs", 0.5, lambda facts: facts.only(MOVED)),
    Doubt(
        "only a number in a short line differs",
        0.6,
        lambda facts: not facts.selected and _only_numbers(facts),
    ),
    Doubt(
        "hardly anything of the page is left",
        0.6,
        lambda facts: not facts.selected and facts.kept < 0.1,
    ),
)
"""The factors of all doubts that hold are multiplied."""


def type_of(facts: Facts) -> ChangeType:
    """The type of the change."""
    return next(rule.change_type for rule in TYPE_RULES if rule.holds(facts))


def severity_of(change_type: ChangeType, facts: Facts | None = None) -> Severity:
    """The severity of a change of this type.

    `facts` is None if no texts were compared; the first rule of the type then decides.
    """
    return next(
        rule.severity
        for rule in SEVERITY_RULES
        if rule.change_type is change_type and (facts is None or rule.holds(facts))
    )


def confidence_of(facts: Facts) -> float:
    """The probability that the change is content and not noise, 0 to `MAX_CONFIDENCE`."""
    confidence = MAX_CONFIDENCE
    for doubt in DOUBTS:
        if doubt.holds(facts):
            confidence *= doubt.factor
    return round(confidence, 2)
