"""Recognition of changed prices, with the name of the priced item."""

import re
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from core.changes.diff import BlockChange, BlockChangeKind, quoted
from core.changes.money import Money, find_money
from core.text.stored_text import cells_of, text_of
from core.web.page_types import TYPE_WORDS, PageType

FREE: Final = re.compile(r"(free|kostenlos|gratis|gratuit)(?:\W.{0,15})?", re.IGNORECASE)
"""The text of a cell or short line that stands for a price of zero."""

_PRICE_LEAD: Final = re.compile(
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
    old, new = text_of(block.before), text_of(block.after)
    old_cells, new_cells = cells_of(block.before), cells_of(block.after)
    if len(old_cells) == len(new_cells) > 1:
        return tuple(
            replace(change, line=new)
            for n, (was, now) in enumerate(zip(old_cells, new_cells, strict=True))
            for change in _between(_amounts(was), _amounts(now), _row_subject(block, new_cells, n))
        )
    changes = _between(_amounts(old), _amounts(new), None)
    return tuple(replace(each, subject=_subject(block, new, each), line=new) for each in changes)


def _subject(block: BlockChange, line: str, change: PriceChange) -> str | None:
    """The name of the item: from the text before the amount, or else the heading above."""
    lead = line.partition(change.after.text)[0].strip()
    section = block.place.section
    if not _PRICE_LEAD.fullmatch(lead):
        named = _NAMED.fullmatch(lead)
        return _short(named["name"]) if named else None
    if section is None or section.lower() in TYPE_WORDS[PageType.PRICING]:
        return None
    return _short(section)


def _between(
    before: tuple[Money, ...], after: tuple[Money, ...], subject: str | None
) -> tuple[PriceChange, ...]:
    if len(before) != len(after):
        kept = {(each.amount, each.currency) for each in before} & {
            (each.amount, each.currency) for each in after
        }
        before = tuple(each for each in before if (each.amount, each.currency) not in kept)
        after = tuple(each for each in after if (each.amount, each.currency) not in kept)
    return tuple(
        PriceChange(subject, was, now)
        for was, now in zip(before, after, strict=False)
        if (was.amount, was.currency) != (now.amount, now.currency) and (was.amount or now.amount)
    )


def _amounts(text: str) -> tuple[Money, ...]:
    free = FREE.fullmatch(text)
    return find_money(text) or ((Money(Decimal(0), "", free[1]),) if free else ())


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
