"""Recognition of changed prices, with the name of the priced item."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from core.changes.diff import BlockChange, BlockChangeKind, TextDifference, quoted
from core.changes.money import Money, find_money
from core.changes.price_words import (
    MIN_LEFT,
    NOW,
    Role,
    is_called_former,
    is_fall,
    is_saving,
    role_of,
    with_share,
    without_former_words,
)
from core.text.stored_text import HEADING, STRUCK, STRUCK_END, cells_of, stored_cells, text_of
from core.web.page_types import TYPE_WORDS, PageType

FREE: Final = re.compile(r"(free|kostenlos|gratis|gratuit)(?:\W.{0,15})?", re.IGNORECASE)
"""The text of a cell or short line that stands for a price of zero."""

PRICE_LEAD: Final = re.compile(
    rf"(?:(?:from|starting at|price|preis|prix|precio|preço|prezzo|prijs|cena|pris|цена|ціна|ab|dès"
    rf"|desde|{NOW})\s*[:：]?)?",
    re.IGNORECASE,
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
        if rest.strip(" ,/|·–—:>→-"):
            continue
        lead = without_former_words(lead[: money.start].rstrip(" ("))
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
        if was.value != now.value and was.share == now.share and (was.amount or now.amount)
    )


_STRUCK_TEXT: Final = re.compile(f"{STRUCK}[^{STRUCK_END}]*(?:{STRUCK_END}|$)")


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
    """The amounts of a line that are not struck through, and not called former; else those. Savings
    are none, nor is the price of a measure, of several pieces or an instalment beside another one.
    """
    left = text_of(_STRUCK_TEXT.sub(" ", line)).strip()
    text = text_of(line).strip()
    shown = left if _amounts(left) else text
    amounts = _amounts(shown)
    roles = [role_of(shown, amounts, n) for n in range(len(amounts))]
    for role in (Role.PRICE, Role.FORMER):
        holding = tuple(
            with_share(shown, each)
            for each, its_role in zip(amounts, roles, strict=True)
            if its_role is role
        )
        if holding:
            return tuple(each for each in holding if not each.share) or holding
    return ()


def _without_former(pair: tuple[Money, ...], alone: Money, line: str) -> tuple[Money, ...]:
    """The amount of a pair that holds, if the other one is `alone` and nothing is between them."""
    high, low = sorted(pair, key=lambda each: each.amount, reverse=True)
    first, second = pair
    text = text_of(_STRUCK_TEXT.sub(" ", line)).strip()
    if high.value != alone.value or high.currency != low.currency:
        return pair
    if low.amount < MIN_LEFT * float(high.amount):
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
    return bool(amounts) and all(is_called_former(text[: each.start]) for each in amounts)


def _sales(text: str, lines: Collection[str | None]) -> Iterator[tuple[Money, Money, str | None]]:
    """The former price, the one that holds and the heading, where one of `lines` is either.

    A line between them may say how far the price fell. If it fell so far, no word need say which
    one is the former price.
    """
    section: str | None = None
    one, saving = "", ""
    for other in text.split("\n", MAX_SALE_LINES)[:MAX_SALE_LINES]:
        if other.startswith(HEADING):
            section = text_of(other)
        if is_saving(text_of(other)) and one and not saving:
            saving = other
            continue
        if any(each in lines for each in (one, saving, other) if each):
            found = _sale(one, saving, other)
            if found is not None:
                yield *found, _short(section)
        one, saving = other, ""


def _sale(one: str, saving: str, other: str) -> tuple[Money, Money] | None:
    """The former price and the one that holds, of two lines; None if they are no such pair."""
    former, now = (one, other) if is_former(one) else (other, one)
    was, holds = find_money(text_of(former)), find_money(text_of(now))
    if len(was) != 1 or len(holds) != 1 or was[0].currency != holds[0].currency:
        return None
    if is_former(now):
        return None
    if not is_former(former):
        if was[0].amount < holds[0].amount:
            former, now, was, holds = now, former, holds, was
        leads = text_of(former)[: was[0].start].strip()
        if not is_fall(text_of(saving), was[0], holds[0]) or not PRICE_LEAD.fullmatch(leads):
            return None
    lead = text_of(now)[: holds[0].start].strip()
    return (was[0], holds[0]) if PRICE_LEAD.fullmatch(lead) else None


MAX_SALE_LINES: Final = 20_000
"""Number of lines of a page in which sales are looked for."""


def _row_subject(block: BlockChange, cells: list[str], n: int) -> str | None:
    """The name of the row, with the name of the column if several cells of the row are prices."""
    row = _short(cells[0]) if n > 0 else None
    if row and PRICE_LEAD.fullmatch(row.strip()) and not block.place.header:
        row = _short(block.place.section)
    if sum(bool(_amounts(cell)) for cell in cells) < 2:
        return row
    header = cells_of(block.place.header or "")
    # The stored form omits an empty first cell of a header, so columns are counted from the right.
    place = n - len(cells) + len(header)
    column = _short(header[place]) if 0 <= place < len(header) and header[place] else None
    return f"{column} ({row})" if column and row else column or row


def _short(label: str | None) -> str | None:
    return label if label and len(label) <= MAX_LABEL_LENGTH else None
