"""The prices of a page: each with the plan that it stands under and the period that it is for."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

from core.changes.money import Money, find_money
from core.changes.prices import (
    MAX_LABEL_LENGTH,
    PRICE_LEAD,
    PriceChange,
    amounts_that_hold,
    is_former,
    name_in,
    without_amounts,
)
from core.model import Model
from core.text.stored_text import CELL_GAP, HEADING, cells_of, is_data, is_verbatim, text_of
from core.text.stored_text import stored_cells as cells_in_stored_form
from core.web.page_types import TYPE_WORDS, PageType

MAX_LISTED_PRICES: Final = 200
"""Number of prices of a page that are listed, the first ones."""

MAX_LINES: Final = 20_000
"""Number of lines of a page in which prices are looked for."""

MIN_PROSE_LENGTH: Final = 60
"""Number of characters from which a line is prose: an amount in it is a price only if named."""

MAX_NAME_WORDS: Final = 4
"""Number of words before an amount that can be the name of a plan."""


class PricePeriod(StrEnum):
    """The period that a price is for."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


class PriceMove(Model):
    """A price that changed, in one currency.

    `plan` is what the price is for: the name in its line, its row and column, or the heading above;
    None if the page does not say. `currency` is an ISO 4217 code if the page is clear about it,
    otherwise the sign that it writes. `before` is None if there was no price in this currency,
    `after` if there is none any more. `percent` is the move in per cent, None from nothing.
    """

    plan: str | None
    currency: str | None
    before: float | None
    after: float | None
    period: PricePeriod | None
    percent: float | None

    @property
    def step(self) -> float | None:
        """The relative move, 0.1 for a rise of 10 %; 1 if it was free; None without a move."""
        if self.before is None or self.after is None:
            return None
        return (self.after - self.before) / self.before if self.before else 1.0


@dataclass(frozen=True)
class ListedPrice:
    """A price that a page shows, with the text of the line that it is in."""

    plan: str | None
    amount: Decimal
    currency: str | None
    period: PricePeriod | None
    line: str

    @property
    def key(self) -> tuple[str | None, Decimal, str | None, PricePeriod | None]:
        """What two prices have in common that are the same."""
        return self.plan, self.amount, self.currency, self.period


_UNITS: Final = {
    PricePeriod.HOUR: "hour hours hr h stunde std heure hora ora uur",
    PricePeriod.DAY: "day days d tag jour día dia giorno dag night nacht nuit noche notte",
    PricePeriod.WEEK: "week wk w woche semaine semana settimana vecka",
    PricePeriod.MONTH: (
        "month months mo mth mon monat mois mes mês mese maand månad måned mnd miesiąc mies měsíc"
    ),
    PricePeriod.QUARTER: "quarter qtr quartal trimestre",
    PricePeriod.YEAR: "year years yr y annum jahr an année año ano anno jaar år rok",
}
_ADVERBS: Final = {
    PricePeriod.HOUR: "hourly stündlich",
    PricePeriod.DAY: "daily nightly täglich",
    PricePeriod.WEEK: "weekly wöchentlich hebdomadaire semanal settimanale",
    PricePeriod.MONTH: "monthly monatlich mensuel mensual mensal mensile maandelijks",
    PricePeriod.QUARTER: "quarterly vierteljährlich trimestriel trimestral trimestrale",
    PricePeriod.YEAR: "yearly annual annually jährlich annuel anual annuale jaarlijks",
}
_PERIOD_OF: Final = {
    **{word: period for period, words in _UNITS.items() for word in words.split()},
    **{word: period for period, words in _ADVERBS.items() for word in words.split()},
    "月": PricePeriod.MONTH,
    "年": PricePeriod.YEAR,
    "日": PricePeriod.DAY,
    "週": PricePeriod.WEEK,
    "周": PricePeriod.WEEK,
}
_UNIT: Final = "|".join(sorted(" ".join(_UNITS.values()).split(), key=len, reverse=True))
_ADVERB: Final = "|".join(" ".join(_ADVERBS.values()).split())
_PER: Final = r"per|an?|each|every|pro|je|im|par|por|al|all['’]|à l['’]|p"
_PAYER: Final = (
    r"(?:active |aktive[mn]? )?"
    r"(?:user|seat|member|editor|agent|host|person|head|team|workspace|licen[cs]e|device|site"
    r"|nutzer|benutzer|platz|person|utilisateur|usuario|utente|gebruiker)s?(?:in)?"
)
_PERIOD: Final = re.compile(
    rf"(?:[/／]|\b(?:{_PER})(?:\b\.?|(?<=['’])))\s*"
    rf"(?:{_PAYER}\s*(?:[/,]|\b(?:{_PER})\b)?\s*)?(?P<unit>{_UNIT})\b"
    rf"|\b(?P<adverb>{_ADVERB})(?:e[srnm]?)?\b"
    r"|[/／每]\s*(?P<sign>[月年日週周])",
    re.IGNORECASE,
)
"""Words that say which period a price is for: `/mo`, `per user per month`, `monthly`."""

_OTHER_PERIOD: Final = re.compile(
    r"\d|\b(?:billed|paid|charged|when|if|abgerechnet|facturé|facturado|fatturato|bei)\b",
    re.IGNORECASE,
)
"""Where the words about a price end: how it is billed is not what it is for."""

_PERIOD_LABEL: Final = re.compile(
    rf"(?:billed |paid |pay |bei |zahlung )?(?:{_PER})?\s*"
    rf"(?:{_UNIT}|(?:{_ADVERB})(?:e[srnm]?)?)"
    r"(?: billing| price| fee| plan| cost| payment| rate| zahlung)?:?",
    re.IGNORECASE,
)
"""The name of a row or column that is a period, and so no plan."""

_SAVING: Final = re.compile(
    r"(?:save|saving|savings|up to|get|over|more than|spare|sparen|économisez|ahorra|risparmia"
    r"|discount|off|cashback|credit|minus|bis zu|jusqu)\b.*",
    re.IGNORECASE | re.DOTALL,
)
"""Words before an amount that is no price."""

_GENERIC_WORDS: Final = (
    "cost costs fee fees total amount tarif kosten gesamt preis coût coste costo compare overview"
    " home offer offers"
)
_GENERIC: Final = TYPE_WORDS[PageType.PRICING] | frozenset(_GENERIC_WORDS.split())
_STRUCTURED: Final = " (structured data)"


def period_in(text: str) -> PricePeriod | None:
    """The period that the words after a price name; None if they name none."""
    found = _PERIOD.search(_OTHER_PERIOD.split(text[:80])[0])
    if found is None:
        return None
    word = (found["unit"] or found["adverb"] or found["sign"]).casefold()
    return _PERIOD_OF.get(word)


def _period_of_label(label: str | None) -> PricePeriod | None:
    """The period that a row, a column or the words before an amount are about."""
    if not label:
        return None
    if _PERIOD_LABEL.fullmatch(label.strip()):
        words = re.findall(r"\w+", label.casefold())
        for word in reversed(words):
            for known in (word, word[:-1], word[:-2]):
                if known in _PERIOD_OF:
                    return _PERIOD_OF[known]
    return period_in(label)


def listed_prices(text: str) -> tuple[ListedPrice, ...]:
    """The prices that hold on a page, in its order, each once; at most `MAX_LISTED_PRICES`.

    `text` is in stored form. An amount in prose is one if the sentence names what it is for. What
    the structured data say is listed unless the page shows the same amount.
    """
    found: dict[object, ListedPrice] = {}
    stated: list[ListedPrice] = []
    for price, in_prose, from_data in _prices(text.split("\n", MAX_LINES)[:MAX_LINES]):
        if price.plan is None and (in_prose or price.amount == 0):
            continue
        if from_data:
            stated.append(price)
        else:
            found.setdefault(price.key, price)
    shown = {each.amount for each in found.values()}
    for price in stated:
        if price.amount not in shown:
            found.setdefault(price.key, price)
    return tuple(found.values())[:MAX_LISTED_PRICES]


def price_moves(changes: Sequence[PriceChange], text: str) -> tuple[PriceMove, ...]:
    """Changed prices as data; `text` is that of the page after the change, in stored form.

    A price whose currency changed is two moves, one from a price and one to a price.
    """
    if not changes:
        return ()
    by_value: dict[tuple[Decimal, str | None], list[ListedPrice]] = {}
    for price, _, _ in _prices(text.split("\n", MAX_LINES)[:MAX_LINES]):
        by_value.setdefault((price.amount, price.currency), []).append(price)
    moves: dict[PriceMove, None] = {}
    for change in changes:
        listed = _listed(change, by_value.get((change.after.amount, change.after.currency or None)))
        plan = listed.plan if listed else None
        period = listed.period if listed else period_in(change.line.partition(change.after.text)[2])
        for move in _moves(plan or _cleaned(change.subject), period, change.before, change.after):
            moves.setdefault(move)
    return tuple(moves)


def _listed(change: PriceChange, found: list[ListedPrice] | None) -> ListedPrice | None:
    """The listed price that a change led to: of several, that of its line and its subject."""
    if not found:
        return None
    subject = change.subject or ""
    return max(
        found,
        key=lambda each: (
            each.line == change.line,
            bool(each.plan and each.plan in subject),
            change.line in each.line,
        ),
    )


def _moves(
    plan: str | None, period: PricePeriod | None, before: Money, after: Money
) -> Iterator[PriceMove]:
    was, now = float(before.amount), float(after.amount)
    one_currency = before.currency == after.currency or not (before.currency and after.currency)
    if one_currency:
        yield PriceMove(
            plan=plan,
            currency=after.currency or before.currency or None,
            before=was,
            after=now,
            period=period,
            percent=round((now - was) / was * 100, 2) if was else None,
        )
        return
    for currency, old, new in ((before.currency, was, None), (after.currency, None, now)):
        yield PriceMove(
            plan=plan, currency=currency, before=old, after=new, period=period, percent=None
        )


def _prices(lines: Sequence[str]) -> Iterator[tuple[ListedPrice, bool, bool]]:
    """Each amount that may be a price, whether it is in prose, and whether in structured data."""
    section: str | None = None
    header: str | None = None
    for n, line in enumerate(lines):
        if line.startswith(HEADING):
            section = text_of(line)
        if CELL_GAP not in line:
            header = None
        if not is_verbatim(line):
            if len(cells_in_stored_form(line)) > 1:
                for price in _in_row(line, header):
                    yield price, False, False
            elif not is_former(line):
                yield from _in_line(lines, n, section)
        if header is None and CELL_GAP in line:
            header = line


def _in_row(line: str, header: str | None) -> Iterator[ListedPrice]:
    cells, text = cells_of(line), text_of(line)
    columns = cells_of(header) if header else []
    amounts = [amounts_that_hold(cell) for cell in cells_in_stored_form(line)]
    if header is None:
        # In the first row `Free` is the name of a plan.
        amounts = [tuple(each for each in cell if each.amount) for cell in amounts]
    several = sum(bool(cell) for cell in amounts) > 1
    row = cells[0] if not amounts[0] else None
    for n, (cell, found) in enumerate(zip(cells, amounts, strict=True)):
        # The stored form omits an empty first cell of a header, so columns count from the right.
        place = n - len(cells) + len(columns)
        column = columns[place] if 0 <= place < len(columns) else None
        names = [name for name in (_plan(column), _plan(row)) if name]
        name = f"{names[0]} ({names[1]})" if len(names) > 1 and several else None
        plan = name or (names[-1] if names else None)
        for money in found:
            lead, _, rest = cell.partition(money.text)
            own = _plan(without_amounts(lead).strip()) if lead.strip() else None
            period = period_in(rest) or _period_of_label(column) or _period_of_label(row)
            yield _price(plan or own, money, period, text)


def _in_line(
    lines: Sequence[str], n: int, section: str | None
) -> Iterator[tuple[ListedPrice, bool, bool]]:
    line = lines[n]
    text = text_of(line).strip()
    heading = line.startswith(HEADING)
    in_prose = len(text) >= MIN_PROSE_LENGTH
    for money in amounts_that_hold(line):
        if heading and not money.amount:
            continue  # the name of a plan
        before, _, rest = text.partition(money.text)
        lead = without_amounts(before).strip()
        period = period_in(rest)
        if PRICE_LEAD.fullmatch(lead) or _period_of_label(lead):
            period = period or _period_of_label(lead)
            plan = _plan(section if not heading else None) or _label_above(lines, n)
        else:
            plan = _plan(_cleaned(name_in(lead))) or (None if in_prose else _short_name(lead))
            if plan is None:
                continue
        if period is None and not re.search(r"\w", rest) and n + 1 < len(lines):
            period = _period_below(text_of(lines[n + 1]).strip())
        yield _price(plan, money, period, text), in_prose, is_data(line)


def _price(plan: str | None, money: Money, period: PricePeriod | None, line: str) -> ListedPrice:
    return ListedPrice(plan, money.amount, money.currency or None, period, line)


def _plan(label: str | None) -> str | None:
    """`label` if it can be the name of a plan."""
    name = (label or "").strip(" :*")
    if not name or len(name) > MAX_LABEL_LENGTH or name.casefold() in _GENERIC:
        return None
    if _PERIOD_LABEL.fullmatch(name) or _SAVING.fullmatch(name) or find_money(name):
        return None
    return name


def _cleaned(subject: str | None) -> str | None:
    return subject.removesuffix(_STRUCTURED) if subject else None


def _short_name(lead: str) -> str | None:
    """The words before an amount, if they are so few that they name it: `Pro $29`."""
    return _plan(lead) if 0 < len(lead.split()) <= MAX_NAME_WORDS else None


def _label_above(lines: Sequence[str], n: int) -> str | None:
    """The line above a price, if it is a short name."""
    above = lines[n - 1] if n else ""
    if is_verbatim(above) or len(cells_in_stored_form(above)) > 1 or above.endswith((".", "!")):
        return None
    return _short_name(text_of(above).strip())


def _period_below(line: str) -> PricePeriod | None:
    """The period that the line below a price is about, if it is about nothing else."""
    if len(line) >= MIN_PROSE_LENGTH or find_money(line):
        return None
    return _period_of_label(line)


def steps_of(moves: Iterable[PriceMove]) -> tuple[float, ...]:
    """The relative move of each price."""
    return tuple(step for move in moves if (step := move.step) is not None)
