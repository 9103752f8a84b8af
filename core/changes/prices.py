"""Recognition of changed prices, with the name of the priced item."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import pairwise
from typing import Final

from core.changes.diff import BlockChange, BlockChangeKind, TextDifference, quoted
from core.changes.money import Money, find_money
from core.text.stored_text import HEADING, STRUCK, STRUCK_END, cells_of, stored_cells, text_of
from core.web.page_types import TYPE_WORDS, PageType

FREE: Final = re.compile(r"(free|kostenlos|gratis|gratuit)(?:\W.{0,15})?", re.IGNORECASE)
"""The text of a cell or short line that stands for a price of zero."""

PRICE_LEAD: Final = re.compile(
    r"(?:from|only|now|just|starting at|price:?|ab|nur|jetzt|dès|desde)?", re.IGNORECASE
)
"""Text before the amount in a line that consists of a price alone."""

_NAMED: Final = re.compile(
    r"(?P<name>[^.!?;]+?)\s*(?:\b(?:costs?|is|are|starts at|for|from|kostet|ab|cuesta)|[:–—-])",
    re.IGNORECASE,
)
"""Text before an amount that names the priced item."""

MAX_LABEL_LENGTH: Final = 60
"""Number of characters up to which a text can be the name of a priced item."""


@dataclass(frozen=True)
class PriceChange:
    """A changed amount in `line`; `subject` is the name of the priced item, None if unknown."""

    subject: str | None
    before: Money
    after: Money
    line: str = ""

    @property
    def step(self) -> float:
        """The relative change: 0.1 for a rise of 10 %, negative for a fall; 1 if it was free."""
        if self.before.amount == 0:
            return 1.0
        return float((self.after.amount - self.before.amount) / self.before.amount)

    @property
    def sentence(self) -> str:
        """The change in words, without a full stop."""
        step = f"changed from {self.before.text} to {self.after.text}"
        if self.subject:
            return f"Price of {self.subject} {step}"
        return f"Price {step} in {quoted(self.line)}"


def price_changes(block: BlockChange) -> tuple[PriceChange, ...]:
    """The amounts that differ in a changed block; empty for any other kind of block.

    Amounts of a table row are compared cell by cell if the number of cells is the same.
    """
    if block.kind is not BlockChangeKind.CHANGED or not block.before or not block.after:
        return ()
    new = text_of(block.after)
    old_cells, new_cells = stored_cells(block.before), stored_cells(block.after)
    if len(old_cells) == len(new_cells) > 1:
        shown = cells_of(block.after)
        return tuple(
            replace(change, line=new)
            for n, (was, now) in enumerate(zip(old_cells, new_cells, strict=True))
            for change in _between(*_current_amounts(was, now), _row_subject(block, shown, n))
        )
    changes = _between(*_current_amounts(block.before, block.after), None)
    return tuple(replace(each, subject=_subject(block, new, each), line=new) for each in changes)


def _subject(block: BlockChange, line: str, change: PriceChange) -> str | None:
    """The name of the item: from the text before the amount, or else the heading above."""
    lead = without_amounts(line.partition(change.after.text)[0]).strip()
    section = block.place.section
    if not PRICE_LEAD.fullmatch(lead):
        return name_in(lead)
    if section is None or section.lower() in TYPE_WORDS[PageType.PRICING]:
        return None
    return _short(section)


def name_in(lead: str) -> str | None:
    """The name of the priced item in the words before an amount; None if they name none."""
    named = _NAMED.fullmatch(lead)
    return _short(named["name"]) if named else None


def without_amounts(lead: str) -> str:
    """The words before an amount without a former price, which names nothing."""
    for money in reversed(find_money(lead)):
        rest = lead[money.end :]
        if rest.strip(" ,/|·–—-"):
            continue
        lead = _FORMER.sub("", lead[: money.start].rstrip(" ("))
    return lead


def _between(
    before: tuple[Money, ...], after: tuple[Money, ...], subject: str | None
) -> tuple[PriceChange, ...]:
    if len(before) != len(after):
        kept = {each.value for each in before} & {each.value for each in after}
        before = tuple(each for each in before if each.value not in kept)
        after = tuple(each for each in after if each.value not in kept)
    return tuple(
        PriceChange(subject, was, now)
        for was, now in zip(before, after, strict=False)
        if was.value != now.value and (was.amount or now.amount)
    )


_STRUCK_TEXT: Final = re.compile(f"{STRUCK}[^{STRUCK_END}]*(?:{STRUCK_END}|$)")
_FORMER: Final = re.compile(
    r"(?:\b(?:was|were|before|previously|formerly|originally|old price|list price|instead of"
    r"|reg(?:ular)?\.?(?: price)?|rrp|msrp|uvp|statt|bisher|vorher|zuvor|avant|au lieu de|antes"
    r"|en lugar de|prima|anziché|zamiast|było|van|voorheen|tidigare|förut|før|ord\.?(?: pris)?"
    r"|původně|eredeti|вместо|было|раньше|önceki|eski fiyat)\b|原价|原價|定価|通常価格|정가)"
    r"\s*:?\s*$",
    re.IGNORECASE,
)
"""Words before an amount that was the price earlier."""


def _amounts(text: str) -> tuple[Money, ...]:
    free = FREE.fullmatch(text)
    return find_money(text) or ((Money(Decimal(0), "", free[1]),) if free else ())


def _current_amounts(old: str, new: str) -> tuple[tuple[Money, ...], tuple[Money, ...]]:
    """The amounts of two lines in stored form that hold now: without struck and former prices.

    Two amounts with nothing between them, of which the higher one was the price alone in the other
    line, are a former price and the one that holds.
    """
    before, after = amounts_that_hold(old), amounts_that_hold(new)
    if len(before) == 1 and len(after) == 1:
        return before, after
    if len(before) == 1 and len(after) == 2:
        return before, _without_former(after, before[0], new)
    if len(before) == 2 and len(after) == 1:
        return _without_former(before, after[0], old), after
    return before, after


def amounts_that_hold(line: str) -> tuple[Money, ...]:
    """The amounts of a line that are not struck through, and not called former; else all."""
    left = text_of(_STRUCK_TEXT.sub(" ", line)).strip()
    text = text_of(line).strip()
    amounts = _amounts(left) or _amounts(text)
    shown = left if _amounts(left) else text
    holding = tuple(each for each in amounts if not _FORMER.search(shown[: each.start]))
    return holding or amounts


def _without_former(pair: tuple[Money, ...], alone: Money, line: str) -> tuple[Money, ...]:
    """The amount of a pair that holds, if the other one is `alone` and nothing is between them."""
    high, low = sorted(pair, key=lambda each: each.amount, reverse=True)
    first, second = pair
    text = text_of(_STRUCK_TEXT.sub(" ", line)).strip()
    if high.value != alone.value or high.currency != low.currency:
        return pair
    return (low,) if not text[first.end : second.start].strip(" \u00a0/|") else pair


def sale_changes(difference: TextDifference, before: str, after: str) -> tuple[PriceChange, ...]:
    """Prices that fell or rose as a line with a former price came beside them, or went.

    `before` and `after` are the texts in stored form. A line that is a price alone, beside a line
    that is a struck or former price alone, is the price that holds.
    """
    added = {each.after for each in difference.blocks if each.kind is BlockChangeKind.ADDED}
    removed = {each.before for each in difference.blocks if each.kind is BlockChangeKind.REMOVED}
    if not added and not removed:
        return ()
    found: list[PriceChange] = []
    if added:
        held = _held_amounts(before)
        for former, now, section in _sales(after, added):
            if former.value in held and now.amount < former.amount:
                found.append(PriceChange(section, former, now, now.text))
    if removed:
        held = _held_amounts(after)
        for former, then, section in _sales(before, removed):
            if former.value in held and then.amount < former.amount:
                found.append(PriceChange(section, then, former, former.text))
    return tuple(found)


def _held_amounts(text: str) -> set[tuple[Decimal, str]]:
    """The amounts of all lines that are not struck or former."""
    return {
        money.value
        for line in text.split("\n")
        if not is_former(line)
        for money in find_money(text_of(line))
    }


def is_former(line: str) -> bool:
    """Whether all amounts of the line are struck or former."""
    if STRUCK in line and not find_money(text_of(_STRUCK_TEXT.sub(" ", line))):
        return True
    text = text_of(line)
    amounts = find_money(text)
    return bool(amounts) and all(_FORMER.search(text[: each.start]) for each in amounts)


def _sales(text: str, lines: Collection[str | None]) -> Iterator[tuple[Money, Money, str | None]]:
    """The former price, the one that holds and the heading, where one of `lines` is either."""
    rows = text.split("\n")
    section: str | None = None
    for n, (one, other) in enumerate(pairwise(rows)):
        if one.startswith(HEADING):
            section = text_of(one)
        if one not in lines and other not in lines:
            continue
        former, now = (one, other) if is_former(one) else (other, one)
        if not is_former(former) or is_former(now) or n > MAX_SALE_LINES:
            continue
        was, holds = find_money(text_of(former)), find_money(text_of(now))
        if len(was) == 1 and len(holds) == 1 and was[0].currency == holds[0].currency:
            lead = text_of(now)[: holds[0].start].strip()
            if PRICE_LEAD.fullmatch(lead):
                yield was[0], holds[0], _short(section)


MAX_SALE_LINES: Final = 20_000
"""Number of lines of a page in which sales are looked for."""


def _row_subject(block: BlockChange, cells: list[str], n: int) -> str | None:
    """The name of the row, with the name of the column if several cells of the row are prices."""
    row = _short(cells[0]) if n > 0 else None
    if sum(bool(_amounts(cell)) for cell in cells) < 2:
        return row
    header = cells_of(block.place.header or "")
    # The stored form omits an empty first cell of a header, so columns are counted from the right.
    place = n - len(cells) + len(header)
    column = _short(header[place]) if 0 <= place < len(header) and header[place] else None
    return f"{column} ({row})" if column and row else column or row


def _short(label: str | None) -> str | None:
    return label if label and len(label) <= MAX_LABEL_LENGTH else None
