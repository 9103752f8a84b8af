"""What is new between two versions of a page, and what it is worth."""

import hashlib
from dataclasses import dataclass
from typing import Final

from core.changes.diff import (
    BlockChange,
    BlockChangeKind,
    TextDifference,
    difference_of,
    quoted,
)
from core.changes.money import find_money
from core.changes.muting import Learned, changed_lines, without
from core.changes.noise import masked, masked_title
from core.changes.prices import price_changes
from core.changes.rules import (
    CERTAIN,
    ChangeType,
    Facts,
    Severity,
    confidence_of,
    severity_of,
    type_of,
)
from core.changes.text_diff import compare
from core.text.stored_text import (
    CELL_GAP,
    HEADING,
    ITEM,
    display_form,
    headings_of,
    is_verbatim,
    text_of,
)
from core.web.page_types import PageType, classify_page

SELLING: Final = frozenset({PageType.PRICING, PageType.FEATURES, PageType.PRODUCT, PageType.HOME})
TELLING: Final = frozenset({PageType.BLOG, PageType.DOCS, PageType.CHANGELOG, PageType.CAREERS})
"""Types of page that name amounts without asking for them."""

PROSE: Final = 60
"""From so many characters on a line of a telling page that names an amount is no price. Neither is
a line of code: its `$1` is an argument.
"""


@dataclass(frozen=True)
class SeenPage:
    """A version of a page; `url` is where the redirects ended."""

    url: str
    title: str | None
    text: str


@dataclass(frozen=True)
class DetectedChange:
    """A change worth a report: `summary` is one sentence, `confidence` 0 to 1."""

    change_type: ChangeType
    severity: Severity
    confidence: float
    summary: str
    difference: TextDifference


def detect_change(before: SeenPage, after: SeenPage) -> DetectedChange | None:
    """What `after` says that `before` did not; None when that is nothing."""
    return change_from(compare(before.text, after.text), before, after)


def learning(
    before: SeenPage, after: SeenPage, known: Learned
) -> tuple[DetectedChange | None, Learned]:
    """What `after` says that `before` did not, but for what is known as noise; and what is known
    after that.
    """
    difference = compare(before.text, after.text)
    now = known.after(changed_lines(difference), headings_of(after.text))
    return change_from(without(difference, now.muted), before, after), now


def change_from(
    difference: TextDifference, before: SeenPage, after: SeenPage
) -> DetectedChange | None:
    """What is new in `difference`, that of the two texts; None when that is nothing."""
    title_differs = masked_title(before.title) != masked_title(after.title)
    address_differs = before.url != after.url
    if difference.identical and not title_differs and not address_differs:
        return None
    page_type = classify_page(after.url, _first_heading(after.text) or after.title)
    old_blocks = before.text.count("\n") + 1
    facts = Facts(
        page_type=page_type,
        difference=difference,
        prices=tuple(
            price
            for block in difference.blocks
            if page_type not in TELLING or _may_ask(block.after or "")
            for price in price_changes(block)
        ),
        title_differs=title_differs,
        address_differs=address_differs,
        sells=page_type in SELLING or (page_type not in TELLING and bool(find_money(after.text))),
        kept=1 - (difference.stats.removed + difference.stats.changed) / old_blocks,
    )
    change_type = type_of(facts)
    return DetectedChange(
        change_type=change_type,
        severity=severity_of(change_type, facts),
        confidence=confidence_of(facts),
        summary=_summary(change_type, facts, before, after),
        difference=difference,
    )


def _may_ask(line: str) -> bool:
    """Whether an amount in this line of a telling page can be a price."""
    return len(display_form(line)) < PROSE and not is_verbatim(line)


def fingerprint(page: SeenPage) -> str:
    """The hash of what is compared: two versions of one are no news."""
    words = (masked(line) for line in page.text.split("\n"))
    said = "\n".join((page.url, masked_title(page.title), " ".join(words)))
    return hashlib.sha256(said.encode()).hexdigest()


def removal(reason: str) -> DetectedChange:
    """That the site says that the page does not exist; `reason` is the sentence that says so."""
    return DetectedChange(
        ChangeType.PAGE_REMOVED,
        severity_of(ChangeType.PAGE_REMOVED),
        CERTAIN,
        reason,
        difference_of((), identical=True),
    )


def restoration(detected: DetectedChange | None) -> DetectedChange:
    """The change of a page that exists again; `detected` is how it differs from before."""
    difference = detected.difference if detected else difference_of((), identical=True)
    meanwhile = difference.summary if detected else "It says what it said before."
    return DetectedChange(
        ChangeType.PAGE_RESTORED,
        severity_of(ChangeType.PAGE_RESTORED),
        CERTAIN,
        f"The page exists again. {meanwhile}",
        difference,
    )


def _first_heading(text: str) -> str | None:
    return next((text_of(line) for line in text.split("\n")[:20] if line.startswith(HEADING)), None)


def _summary(change_type: ChangeType, facts: Facts, before: SeenPage, after: SeenPage) -> str:
    match change_type:
        case ChangeType.REDIRECT_CHANGE:
            return f"The page now leads to {after.url}, no longer to {before.url}."
        case ChangeType.TITLE_CHANGE:
            return (
                f"Title changed from {quoted(before.title or '')} to {quoted(after.title or '')}."
            )
        case ChangeType.PRICE_CHANGE:
            first = facts.prices[0].sentence
            return _and_more(first, len(facts.prices) - 1, "price")
        case ChangeType.SECTION_ADDED:
            return _listed(facts, BlockChangeKind.ADDED, "Section", "added", HEADING)
        case ChangeType.SECTION_REMOVED:
            return _listed(facts, BlockChangeKind.REMOVED, "Section", "removed", HEADING)
        case ChangeType.FEATURE_ADDED:
            return _listed(facts, BlockChangeKind.ADDED, "Feature", "added", ITEM)
        case ChangeType.FEATURE_REMOVED:
            return _listed(facts, BlockChangeKind.REMOVED, "Feature", "removed", ITEM)
        case _:
            return facts.difference.summary


def _listed(facts: Facts, kind: BlockChangeKind, noun: str, verb: str, mark: str) -> str:
    """On the blocks of a kind that are headings, or else items and rows."""
    found = [
        block
        for block in facts.difference.blocks
        if block.kind is kind and _is_marked(block.before or block.after or "", mark)
    ]
    first = found[0]
    place = f" under {quoted(first.place.section)}" if mark == ITEM and first.place.section else ""
    return _and_more(f"{noun} {quoted(_name(first))} {verb}{place}", len(found) - 1, noun.lower())


def _is_marked(line: str, mark: str) -> bool:
    return line.startswith(mark) or (mark == ITEM and CELL_GAP in line)


def _name(block: BlockChange) -> str:
    return text_of(block.before or block.after or "")


def _and_more(sentence: str, others: int, noun: str) -> str:
    if not others:
        return f"{sentence}."
    return f"{sentence}, and {others} more {noun}{'s' if others > 1 else ''}."
