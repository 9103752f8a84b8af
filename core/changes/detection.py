"""Detection of a change between two versions of a page."""

import hashlib
from dataclasses import dataclass
from typing import Final

from core.changes.diff import (
    BlockChange,
    BlockChangeKind,
    TextDifference,
    and_more,
    difference_of,
    quoted,
)
from core.changes.ignoring import told_difference
from core.changes.money import find_money
from core.changes.muting import NoiseHistory, changed_lines, without_muted
from core.changes.noise import masked, masked_title
from core.changes.price_list import (
    MIN_PROSE_LENGTH,
    ListedPrice,
    PriceMove,
    listed_prices,
    price_moves,
)
from core.changes.prices import PriceChange, price_changes, sale_changes
from core.changes.rules import (
    MAX_CONFIDENCE,
    ChangeType,
    Facts,
    Severity,
    confidence_of,
    severity_of,
    type_of,
)
from core.text.stored_text import (
    CELL_GAP,
    HEADING,
    ITEM,
    display_form,
    headings_of,
    is_verbatim,
    text_of,
)
from core.web.crawl_settings import USUAL_COMPARISON, Comparison, MaskName
from core.web.page_types import PageType, classify_page

SELLING_TYPES: Final = frozenset(
    {PageType.PRICING, PageType.FEATURES, PageType.PRODUCT, PageType.HOME}
)
EDITORIAL_TYPES: Final = frozenset(
    {PageType.BLOG, PageType.DOCS, PageType.CHANGELOG, PageType.CAREERS}
)
"""Types of page that mention amounts of money without selling anything."""


@dataclass(frozen=True)
class SeenPage:
    """The comparable content of a page; `url` is the URL after all redirects.

    `how` says how another version is compared with this one; that of the newer version counts.
    """

    url: str
    title: str | None
    text: str
    how: Comparison = USUAL_COMPARISON


@dataclass(frozen=True)
class DetectedChange:
    """A change to report: `summary` is one sentence, `confidence` the probability from 0 to 1 that
    it is content and not noise. `prices` are the prices that changed.
    """

    change_type: ChangeType
    severity: Severity
    confidence: float
    summary: str
    difference: TextDifference
    prices: tuple[PriceMove, ...] = ()


def detect_change(before: SeenPage, after: SeenPage) -> DetectedChange | None:
    """The change from `before` to `after`, noise apart; None if there is none."""
    return change_from(told_difference(before.text, after.text, after.how), before, after)


def detect_unmuted_change(
    before: SeenPage, after: SeenPage, noise: NoiseHistory
) -> tuple[DetectedChange | None, NoiseHistory]:
    """The change from `before` to `after` without muted lines, and the updated noise history.

    The change is None if there is none.
    """
    difference = told_difference(before.text, after.text, after.how)
    updated = noise.updated(changed_lines(difference), headings_of(after.text))
    if MaskName.LEARNED in after.how.masks:
        difference = without_muted(difference, updated.muted)
    return change_from(difference, before, after), updated


def change_from(
    difference: TextDifference, before: SeenPage, after: SeenPage
) -> DetectedChange | None:
    """The change that consists of `difference` and the two pages' titles and URLs; None if nothing
    differs.
    """
    masks = after.how.masks
    title_differs = masked_title(before.title, masks) != masked_title(after.title, masks)
    address_differs = before.url != after.url
    if difference.identical and not title_differs and not address_differs:
        return None
    page_type = _type_of(after)
    old_blocks = before.text.count("\n") + 1
    facts = Facts(
        page_type=page_type,
        difference=difference,
        prices=_prices(page_type, difference, before, after),
        title_differs=title_differs,
        address_differs=address_differs,
        sells=page_type in SELLING_TYPES
        or (page_type not in EDITORIAL_TYPES and bool(find_money(after.text))),
        kept=1 - (difference.stats.removed + difference.stats.changed) / old_blocks,
        selected=masks <= {MaskName.SITE_WIDE},
    )
    change_type = type_of(facts)
    return DetectedChange(
        change_type=change_type,
        severity=severity_of(change_type, facts),
        confidence=confidence_of(facts),
        summary=_summary(change_type, facts, before, after),
        difference=difference,
        prices=price_moves(facts.prices, after.text),
    )


def _prices(
    page_type: PageType, difference: TextDifference, before: SeenPage, after: SeenPage
) -> tuple[PriceChange, ...]:
    """The changed prices; an editorial page has none in its prose."""
    editorial = page_type in EDITORIAL_TYPES
    prices = tuple(
        price
        for block in difference.blocks
        if not editorial or _may_be_price(block.after or "")
        for price in price_changes(block)
    )
    return prices if editorial else prices + sale_changes(difference, before.text, after.text)


def prices_of(page: SeenPage) -> tuple[ListedPrice, ...]:
    """The prices that a page shows; an editorial page has none in its prose."""
    found = listed_prices(page.text)
    if _type_of(page) not in EDITORIAL_TYPES:
        return found
    return tuple(each for each in found if len(each.line) < MIN_PROSE_LENGTH)


def _type_of(page: SeenPage) -> PageType:
    return classify_page(page.url, _first_heading(page.text) or page.title)


def _may_be_price(line: str) -> bool:
    """Whether an amount in this line of an editorial page can be a price."""
    # In a line of code, `$1` is an argument.
    return len(display_form(line)) < MIN_PROSE_LENGTH and not is_verbatim(line)


READING_VERSION: Final = "4"
"""The version of the rules by which the text of a page is read; a new one makes all texts anew."""


def fingerprint(page: SeenPage) -> str:
    """The SHA-256 of the compared content, after the version of the rules that read the page.

    Versions with the same fingerprint have no change.
    """
    masks = page.how.masks
    lines = (masked(line, masks) for line in page.text.split("\n"))
    content = "\n".join((page.url, masked_title(page.title, masks), " ".join(lines)))
    return f"{READING_VERSION}:{hashlib.sha256(content.encode()).hexdigest()}"


def is_read_by_todays_rules(text_hash: str | None) -> bool:
    """Whether the text with this fingerprint was read by the rules of this version."""
    return text_hash is not None and text_hash.startswith(f"{READING_VERSION}:")


def removal(reason: str) -> DetectedChange:
    """The change of a page that no longer exists; `reason` is its summary."""
    return DetectedChange(
        ChangeType.PAGE_REMOVED,
        severity_of(ChangeType.PAGE_REMOVED),
        MAX_CONFIDENCE,
        reason,
        difference_of((), identical=True),
    )


def restoration(detected: DetectedChange | None) -> DetectedChange:
    """The change of a page that exists again; `detected` is its change since it was last seen."""
    difference = detected.difference if detected else difference_of((), identical=True)
    content = difference.summary if detected else "It says what it said before."
    return DetectedChange(
        ChangeType.PAGE_RESTORED,
        severity_of(ChangeType.PAGE_RESTORED),
        MAX_CONFIDENCE,
        f"The page exists again. {content}",
        difference,
        detected.prices if detected else (),
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
            return and_more(facts.prices[0].sentence, len(facts.prices) - 1, "price")
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
    """A sentence about the blocks of a kind that are headings, or else items and rows."""
    listed = [
        block
        for block in facts.difference.blocks
        if block.kind is kind and _is_marked(_line(block), mark)
    ]
    first = listed[0]
    place = f" under {quoted(first.place.section)}" if mark == ITEM and first.place.section else ""
    name = quoted(text_of(_line(first)))
    return and_more(f"{noun} {name} {verb}{place}", len(listed) - 1, noun.lower())


def _is_marked(line: str, mark: str) -> bool:
    return line.startswith(mark) or (mark == ITEM and CELL_GAP in line)


def _line(block: BlockChange) -> str:
    return block.before or block.after or ""
