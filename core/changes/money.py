"""Recognition of amounts of money in text, in the notations and currencies of the world.

A figure that can be read as two different amounts is no amount: a change of it is a change of text.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from core.changes.currencies import (
    AFTER,
    BEFORE,
    CODES,
    NEEDS_PRICE_FORM,
    OF_EITHER_MARK,
    PLAIN_CODES,
    SCALES,
    SCALES_OF,
    SIGNS,
    THREE_DECIMALS,
    WORDS,
    alternatives,
    words_of,
)


@dataclass(frozen=True)
class Money:
    """An amount of money.

    `currency` is an ISO 4217 code if the notation is unambiguous, otherwise the sign or word (`$`,
    `¥`, `kr`, `peso`); `text` is the amount as the page writes it. `start` and `end` are its place
    in the text. `share` is what it pays if not the whole (`core.changes.price_words`).
    """

    amount: Decimal
    currency: str
    text: str
    start: int = 0
    end: int = 0
    share: str = ""

    @property
    def value(self) -> tuple[Decimal, str]:
        """What two amounts have in common that are equal, however they are written."""
        return self.amount, self.currency


IN_DATA: Final = " (structured data): "
"""What stands before a value of structured data (`core.web.structured_data`)."""

_UNSURE_IN_DATA: Final = re.compile(r"[1-9]\d{0,2}\.\d{3}")
"""A figure in structured data that can be two amounts: a full stop is the decimal mark there
(schema.org), but a currency of two decimals has no thousandths (ISO 4217).
"""

_SPACES: Final = " \u00a0\u2007\u2009\u202f"
_APOSTROPHES: Final = "'’‘ʼ`´′٬"
_RAISED: Final = "⁰¹²³⁴⁵⁶⁷⁸⁹"
_NUMBER: Final = (
    rf"\d+(?:(?:[.,·٫{_APOSTROPHES}]|[{_SPACES}](?=\d{{3}}(?!\d)))\d+)*"
    rf"(?:\s?[.,](?=\d\d(?!\d))\d\d)?(?:[{_RAISED}]{{2}}(?![{_RAISED}]))?"
)
_LETTER: Final = r"[^\W\d_\u0e00-\u0eff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]"
_SIGN: Final = f"[{''.join(SIGNS)}]"
_MYRIAD_SIGNS: Final = "百佰千仟万萬億亿兆백천만억조"
_SCALE: Final = re.compile(
    rf"\s?({alternatives(word for word in SCALES if len(word) > 1)})(?![^\W\d_])"
    rf"|([kKMB])(?!\w)|\s?([{_MYRIAD_SIGNS}])"
)
_AFTER: Final = re.compile(
    rf"\s?(?:({_SIGN})(?!\d)|({alternatives([*AFTER, *CODES])})(?!{_LETTER})"
    rf"|((?i:{alternatives(WORDS)}))(?!\w))"
)
_AMID: Final = re.compile(rf"({_SIGN})(\d\d)(?![\d.,])")
_DASHES: Final = re.compile(r"[.,]?[-–—]{1,2}(?![\d$€£\w])|/-")
_RANGE: Final = re.compile(r"\s?[-–—]\s?")
_NUMBERS: Final = re.compile(_NUMBER)
_DIGIT: Final = re.compile(r"\d")
_NOT_BEFORE: Final = re.compile(rf"{_LETTER}|[\d_.,/{_MYRIAD_SIGNS}]")
_LETTER_BEFORE: Final = re.compile(_LETTER)
_NOTATIONS: Final = {**{code: code for code in CODES}, **SIGNS, **AFTER, **BEFORE}
_LEADING: Final = frozenset([*BEFORE, *CODES])
_MAX_NOTATION: Final = max(map(len, _LEADING))
_MAX_NUMBER_LENGTH: Final = 40
_SPACE_SET: Final = frozenset(_SPACES)
_FIRST_OF_SCALE: Final = frozenset(word[0] for word in SCALES)
_FIRST_AFTER: Final = (
    frozenset(word[0] for word in (*AFTER, *CODES, *SIGNS))
    | frozenset(each for word in WORDS for each in (word[0], word[0].upper()))
    | _FIRST_OF_SCALE
    | frozenset("-–—.,/")
)
"""The characters that a currency after a number can start with."""

_LAST_BEFORE: Final = frozenset(word[-1] for word in (*BEFORE, *CODES, *SIGNS))
"""The characters that a currency before a number can end with."""


_NO_MONEY_UNIT: Final = re.compile(
    r"\s*(?:/|per\b|pro\b|je\b|por\b|par\b|al\b|за\b)\s*(?:l|lit\w*|liter|kwh|gal\w*|min\w*|gb|mb|л)\b",
    re.IGNORECASE,
)
_LOOSE_CENTS: Final = re.compile(
    r"\s(\d\d)(?![\d.,]\d|\d)\s*(?P<word>/?[^\W\d_]+|%|[^\s\w]|\Z)?", re.IGNORECASE
)
_PERIODS: Final = words_of(
    "a an per p pm mo month monthly mth year yr yearly annually each ea week day pro par al "
    "por im je night user seat incl inc excl plus vat"
)
_COUNTED: Final = re.compile(r"\s?(%|[^\W\d_]+)")
_CENTS: Final = words_of("00 50 90 95 97 98 99 49 79 89")
_NAME_BEFORE: Final = re.compile(r"(?:^|(?P<more>.*\s))(?P<word>\S+)\s+\Z", re.DOTALL)
_FAR: Final = 10
"""How many times as high as the number of a model its price is at least."""

_COUNTED_WORDS: Final = words_of(
    "% users user seats seat members member people persons employees agents contacts subscribers "
    "projects sites domains pages keywords requests credits emails messages devices licenses "
    "licences orders items products files gb tb mb kb hours hour hrs minutes min mins days day "
    "weeks week months years pcs pieces nutzer benutzer personen mitarbeiter kontakte projekte "
    "seiten geräte stunden minuten tage tagen wochen monate monaten jahre stück utilisateurs "
    "personnes contacts projets jours heures semaines mois ans pièces usuarios personas contactos "
    "proyectos días horas semanas meses años utenti persone progetti giorni ore settimane mesi anni"
)
"""Words that say what the number before them counts."""

_LEADS: Final = words_of(
    "ab nur from only now price prices total prix precio preço prezzo preis cena cijena pris "
    "hinta hind ár цена ціна dès des à a da desde od fra från før für um just jetzt sale was "
    "statt before uvp rrp msrp i til till for zu zum per je is are costs cost kostet coûte "
    "cuesta"
)

_OTHER_COMMA: Final = re.compile(r"(?<=\d)(?<!\d{4})[，،](?=\d{3}(?!\d))")
"""A full-width or Arabic comma within a number."""

_CLAUSE_COMMA: Final = re.compile(r"(?<![0-9，])([0-9]{3})，(?=[0-9]{3}(?![0-9，]))")
"""A full-width comma between two figures that can each be an amount: `原价200，150元`."""

_CONTINUES: Final = re.compile(rf"(?:\d。|[{_MYRIAD_SIGNS}]\s)\Z")
"""What stands before a number that is the rest of another one."""

_TWO_DIGITS_BEHIND_OTHERS: Final = re.compile(r"(?<=\d)\s\d\d\Z")

_GROUPS_BY_SPACE: Final = "₴₽₸₾₼₮"
"""Signs of countries that separate thousands by a space also after the sign."""

_CODE: Final = re.compile(r"\s?([A-Z]{3})(?![^\W\d_]|\s?\d)")

_WHOLE: Final = re.compile(r"\d{1,3}(?:,\d{3})+|[0-9]+")
_MYRIADS: Final = re.compile(rf"([百佰千仟백천]?)([万萬億亿兆만억조]?)(?![{_MYRIAD_SIGNS}])")
"""The signs after a number: one within a myriad, and one that multiplies all before it."""

_DECIMAL: Final = re.compile(r"\d+\.\d+")
MAX_MYRIADS: Final = 8
"""Numbers of one amount that is written in myriads."""

_CODES_OF_SIGNS: Final = {
    "$": words_of(
        "USD CAD AUD NZD HKD SGD TWD MXN ARS CLP COP UYU DOP CUP BRL BBD BMD BND BSD BZD FJD GYD "
        "JMD KYD LRD NAD SBD SRD TTD XCD ZWL"
    ),
    "GBP": words_of("EGP LBP SYP SDG SSP FKP GIP SHP"),
    "¥": words_of("JPY CNY"),
    "kr": words_of("SEK NOK DKK ISK"),
    "Rs": words_of("INR PKR LKR NPR MUR SCR"),
    "INR": words_of("PKR LKR NPR MUR SCR"),
}
"""The currencies that a code after the number may name, by what the sign alone stands for."""

_FULL_WIDTH: Final = {
    **{ord("０") + n: str(n) for n in range(10)},
    **dict(zip(map(ord, "＄￡￥￦￠﹩，．"), "$£¥₩¢$,.", strict=True)),
}
_FULL_WIDTH_SIGNS: Final = {ord("＄"): "$", ord("￡"): "£", ord("￥"): "¥", ord("￦"): "₩",
                            ord("￠"): "¢", ord("﹩"): "$"}  # fmt: skip


def find_money(text: str) -> tuple[Money, ...]:
    """The amounts of money in `text`, in order.

    A number without a currency does not count, nor does a figure that can be two amounts.
    """
    plain = text if text.isascii() else _with_western_digits(text)
    if not _DIGIT.search(plain):
        return ()
    return tuple(_Reader(text, plain).amounts())


@dataclass(frozen=True)
class _Notation:
    """A currency beside a number: `plain[start:end]`, and the word that multiplies the number.

    `code` names the currency if the notation is one of several, as in `$12 MXN`.
    """

    name: str
    start: int
    end: int
    scale: str | None = None
    code: str | None = None

    @property
    def currency(self) -> str:
        return self.code or _NOTATIONS.get(self.name) or WORDS[self.name.lower()]


class _Reader:
    """Reads the amounts in a text; `plain` is the text with western digits, character by character.

    Each number is looked at with what stands directly before and after it, so the time is linear.
    """

    def __init__(self, text: str, plain: str) -> None:
        self._text = text
        self._plain = plain
        self._numbers = [
            each
            for each in _NUMBERS.finditer(plain)
            if each.end() - each.start() <= _MAX_NUMBER_LENGTH
        ]

    def amounts(self) -> Iterator[Money]:
        n = 0
        while n < len(self._numbers):
            taken, found = self._at(n)
            n += taken
            yield from found

    def _at(self, n: int) -> tuple[int, list[Money]]:
        """How many numbers from the `n`th on belong together, and the amounts that they are."""
        number = self._numbers[n]
        before = self._before(number.start())
        if before and before.name in NEEDS_PRICE_FORM and self._after(number.end()):
            before = None  # `LE 19,90 €`: the word is none of the amount
        if (counted := self._in_myriads(n)) is not None:
            return self._counted(number.start(), before, *counted)
        following = self._range_end(n, leading=before is not None)
        if before is not None:
            if (
                following is not None
                and not self._plain[following.end() : following.end() + 1].isalnum()
            ):
                numbers = [number, following]
            else:
                numbers = [number]
            scale, end = self._scale(numbers[-1].end())
            dashes = _DASHES.match(self._plain, end)
            end = dashes.end() if dashes else end
            code = self._code_after(end, before.currency)
            end = code.end() if code else end
            notation = _Notation(before.name, before.start, end, scale, code[1] if code else None)
            return self._money(numbers, notation, leading=True)
        if number.start() and _NOT_BEFORE.match(self._plain, number.start() - 1):
            return 1, []
        if _CONTINUES.search(self._plain, max(number.start() - 2, 0), number.start()):
            return 1, []
        amid = _AMID.match(self._plain, number.end())
        if amid is not None and number[0].isdigit() and n + 1 < len(self._numbers):
            amount = Decimal(f"{number[0]}.{amid[2]}")
            return 2, [self._cut(amount, SIGNS[amid[1]], number.start(), amid.end())]
        after = self._after(number.end())
        if after is not None:
            return self._money([number], after, leading=False)
        if following is not None and (after := self._after(following.end())) is not None:
            return self._money([number, following], after, leading=False)
        return 1, []

    def _in_myriads(self, n: int) -> tuple[int, Decimal, int] | None:
        """How many numbers from the `n`th on are one that is counted in myriads, its value and its
        end; None if the number is not written so.

        As in `12万5000`, `5천만` (5 x 1,000 x 10,000) and `3천5백만` ((3,000 + 500) x 10,000).
        """
        total, section, power = Decimal(0), Decimal(0), 16
        within, end, taken, signs = 4, self._numbers[n].start(), 0, 0
        for number in self._numbers[n : n + MAX_MYRIADS]:
            if self._plain[end : number.start()].strip(_SPACES):
                break
            marks = _MYRIADS.match(self._plain, number.end())
            small, large = (marks[1], marks[2]) if marks else ("", "")
            own = SCALES[small] if small else 0
            is_whole = _WHOLE.fullmatch(number[0]) is not None
            if own >= within or not (is_whole or (not taken and _DECIMAL.fullmatch(number[0]))):
                return None
            section += Decimal(number[0].replace(",", "")) * 10**own
            within, taken, signs = own, taken + 1, signs + bool(small) + bool(large)
            end = number.end() + len(small) + len(large)
            if large:
                if SCALES[large] >= power:
                    return None
                total, section = total + section * 10 ** SCALES[large], Decimal(0)
                power, within = SCALES[large], 4
            if not small and not large:
                break
        return (taken, total + section, end) if taken > 1 or signs > 1 else None

    def _counted(
        self, start: int, before: _Notation | None, taken: int, amount: Decimal, end: int
    ) -> tuple[int, list[Money]]:
        if before is not None:
            return taken, [self._cut(amount, before.currency, before.start, end)]
        after = _AFTER.match(self._plain, end)
        if after is None or (start and _NOT_BEFORE.match(self._plain, start - 1)):
            return taken, []
        notation = _Notation(after[1] or after[2] or after[3], start, after.end())
        return taken, [self._cut(amount, notation.currency, start, after.end())]

    def _code_after(self, end: int, currency: str) -> re.Match[str] | None:
        """The code after a number that says which currency its sign stands for."""
        codes = _CODES_OF_SIGNS.get(currency)
        found = _CODE.match(self._plain, end) if codes else None
        return found if codes and found and found[1] in codes else None

    def _range_end(self, n: int, *, leading: bool) -> re.Match[str] | None:
        """The number that ends a range which starts with the `n`th, whose currency may lead it."""
        if n + 1 == len(self._numbers):
            return None
        number, following = self._numbers[n : n + 2]
        gap = self._plain[number.end() : following.start()]
        if len(gap) > 3 or not _RANGE.fullmatch(gap):
            return None
        if not leading:
            name = self._plain[max(number.start() - 80, 0) : number.start()]
            is_model = len(gap) == 3 and _named_before(name) and _is_far_below(number, following)
            return None if is_model else following  # `iPhone 15 – 999 €`
        counted = _COUNTED.match(self._plain, following.end())
        is_count = counted is not None and counted[1].lower() in _COUNTED_WORDS
        return None if is_count else following  # `$49 – 100 users`

    def _before(self, start: int) -> _Notation | None:
        """The currency directly before a number."""
        end = start
        if end and self._plain[end - 1] in _SPACES:
            end -= 1
        if not end or self._plain[end - 1] not in _LAST_BEFORE:
            return None
        for length in range(min(_MAX_NOTATION, end), 0, -1):
            name = self._plain[end - length : end]
            if name in _LEADING:
                at = end - length
                if not (at and _LETTER_BEFORE.match(self._plain, at - 1)):
                    return _Notation(name, at, end)
        if end and self._plain[end - 1] in SIGNS:
            if end < start and re.search(r"\d\s?$", self._plain[max(end - 3, 0) : end - 1]):
                return None  # `5 € 99`: the sign belongs to the number before it
            return _Notation(self._plain[end - 1], end - 1, end)
        return None

    def _after(self, end: int) -> _Notation | None:
        """The currency directly after a number and the word that multiplies it."""
        if self._next(end) not in _FIRST_AFTER:
            return None
        scale, at = self._scale(end)
        dashes = _DASHES.match(self._plain, at)
        found = _AFTER.match(self._plain, dashes.end() if dashes else at)
        if found is None:
            return None
        return _Notation(found[1] or found[2] or found[3], end, found.end(), scale)

    def _next(self, end: int) -> str:
        """The character after `end`, white space apart."""
        at = end + 1 if self._plain[end : end + 1] in _SPACE_SET else end
        return self._plain[at : at + 1]

    def _scale(self, end: int) -> tuple[str | None, int]:
        if self._next(end) not in _FIRST_OF_SCALE:
            return None, end
        found = _SCALE.match(self._plain, end)
        return (found[1] or found[2] or found[3], found.end()) if found else (None, end)

    def _money(
        self, numbers: list[re.Match[str]], notation: _Notation, *, leading: bool
    ) -> tuple[int, list[Money]]:
        """The amount, or both ends of a range; none if it can be two amounts."""
        taken, currency = len(numbers), notation.currency
        if currency not in SCALES_OF.get(notation.scale or "", (currency,)):
            if not leading or notation.scale == "mil":
                return taken, []  # `USD 12 mil`
            notation = replace(notation, scale=None, end=numbers[-1].end())  # `£20 bin bags`
        values = [_amount(each[0], currency, scaled=bool(notation.scale)) for each in numbers]
        main = 0 if leading else -1
        if values[main] is None or self._is_no_price(numbers[main], notation, numbers, leading):
            return taken, []
        if len(values) == 2 and not _rises(values):
            # No range: `$99-12 months`.
            values, numbers = [values[main]], [numbers[main]]
            if leading:
                notation = replace(notation, end=numbers[0].end())
        factor = 10 ** SCALES[notation.scale] if notation.scale else 1
        last = len(numbers) - 1
        return taken, [
            self._cut(
                value * factor,
                currency,
                notation.start if leading and n == 0 else number.start(),
                notation.end if n == last else number.end(),
            )
            for n, (number, value) in enumerate(zip(numbers, values, strict=True))
            if value is not None
        ]

    def _cut(self, amount: Decimal, currency: str, start: int, end: int) -> Money:
        return Money(amount, currency, self._text[start:end].strip(), start, end)

    def _is_no_price(
        self,
        number: re.Match[str],
        notation: _Notation,
        numbers: list[re.Match[str]],
        leading: bool,
    ) -> bool:
        """Whether the figure may be something else than this one amount of money."""
        plain, written = self._plain, number[0]
        if (
            _UNSURE_IN_DATA.fullmatch(written)
            and notation.currency not in THREE_DECIMALS
            and plain.endswith(IN_DATA, 0, number.start())
        ):
            return True  # an amount that was not rounded, or one with a mark of thousands
        is_other_word = notation.name in NEEDS_PRICE_FORM or (
            notation.name in CODES and notation.name not in PLAIN_CODES
        )
        if is_other_word and not _PRICE_FORM.search(written):
            return True
        grouped_by_space = _GROUPED_BY_SPACE.search(written) is not None
        rest = plain[numbers[-1].end() : numbers[-1].end() + 40]
        if leading:
            if re.match(r"[.,]\d|\d", rest):
                return True
            if len(numbers) == 1 and not notation.scale and _UNKNOWN_SCALE.match(rest):
                return True  # a million, or a metre
            spaced = plain[number.start() - 1] in _SPACES
            glued = not spaced or notation.name in "$£¥₹₩"
            glued = glued and notation.name not in _GROUPS_BY_SPACE
            if grouped_by_space and not _DECIMALS.search(written) and glued:
                return True  # `$5 100 users`
            if not re.search(r"[.,٫]", written) and _cents_follow(_APART_CENTS.sub("", rest, 1)):
                return True  # `$35 00`, `$35. 00`
        elif _TWO_DIGITS_BEHIND_OTHERS.search(plain, max(number.start() - 2, 0), number.end()):
            return True  # `35 00 €`
        elif grouped_by_space and _named_before(
            plain[max(number.start() - 80, 0) : number.start()]
        ):
            return True  # `Phone 15 999 €`
        elif notation.name in SIGNS and not _DECIMALS.search(written):
            return _cents_follow(plain[notation.end : notation.end + 40])  # `5 € 99`
        thousandths = re.fullmatch(r"\d{1,3}[.,]\d{3}", written) is not None
        return thousandths and _NO_MONEY_UNIT.match(plain, notation.end) is not None


def _is_far_below(number: re.Match[str], other: re.Match[str]) -> bool:
    """Whether a number is no price beside the other one, as that of a model is not."""
    low, high = (re.sub(r"\D", "", each[0]) for each in (number, other))
    return len(low) < len(high) and _FAR * int(low) <= int(high)


def _rises(values: list[Decimal | None]) -> bool:
    low, high = values
    return low is not None and high is not None and low < high


_UNKNOWN_SCALE: Final = re.compile(
    rf"(?!p\.|(?:ea|us|pp|pm|pa|pw|pn|pd|mo|yr|wk|hr|ht|pc|or|to|kr|zł|zl|Kč|Ft|TL)(?![^\W\d_]))[^\W\d_{_RAISED}]{{1,2}}"
    r"(?![^\W\d_]|\d)",
    re.IGNORECASE,
)
"""One or two letters directly after an amount, which may multiply it."""

_APART_CENTS: Final = re.compile(r"\s?\.(?=\s\d\d(?!\d))|\s,(?=\s\d\d(?!\d))")
"""A decimal mark with white space behind it."""

_PRICE_FORM: Final = re.compile(r"\d[.,]\d{2,3}(?!\d)|\d\s\d{3}")
_GROUPED_BY_SPACE: Final = re.compile(r"\d\s\d{3}(?!\d)")
_DECIMALS: Final = re.compile(r"[.,٫]\d\d?$")


def _with_western_digits(text: str) -> str:
    """The text, of the same length, with western digits and half-width signs."""
    text = _CLAUSE_COMMA.sub(r"\1_", text)
    if any("０" <= character <= "９" for character in text):
        text = text.translate(_FULL_WIDTH)
    else:
        text = text.translate(_FULL_WIDTH_SIGNS)
    if any(character.isdecimal() and not character.isascii() for character in text):
        text = "".join(
            str(unicodedata.decimal(each)) if each.isdecimal() and not each.isascii() else each
            for each in text
        )
    return _OTHER_COMMA.sub(",", text)


def _cents_follow(rest: str) -> bool:
    loose = _LOOSE_CENTS.match(rest)
    if loose is None:
        return False
    word = (loose["word"] or "").lower()
    if word == "%" or word in SIGNS:
        return False
    counts_something = word[:1].isalpha() and word not in _PERIODS
    return not counts_something or loose[1] in _CENTS


def _named_before(text: str) -> bool:
    """Whether a name stands before a number, so that its first digits may belong to the name."""
    found = _NAME_BEFORE.match(text[-80:])
    if found is None:
        return False
    word = found["word"]
    if not word[-1].isalnum() or word.lower() in _LEADS:
        return False
    return any(character.isupper() or character.isdigit() for character in word)


def _amount(written: str, currency: str, *, scaled: bool = False) -> Decimal | None:
    """The value of a written number; None if it can be two values.

    A comma or full stop is the decimal mark if the other one separates the thousands, or if it is
    the only mark and not followed by exactly three digits.
    """
    if written[-1] in _RAISED:
        whole = _amount(written[:-2], currency)
        cents = "".join(str(_RAISED.index(each)) for each in written[-2:])
        if whole is None or whole != whole.to_integral_value():
            return None
        return whole + Decimal(cents) / 100
    number = re.sub(r"\s(?=[.,])", "", written)
    grouped = re.search(rf"[\s{_APOSTROPHES}]", number) is not None
    if grouped:
        head = re.split(r"[.,·٫]", number)[0]
        groups = re.split(rf"[\s{_APOSTROPHES}]", head)
        if len(groups) > 1 and (len(groups[0]) > 3 or {len(each) for each in groups[1:]} != {3}):
            return None
        if re.search(rf"[\s{_APOSTROPHES}]", number[len(head) :]):
            return None
        number = re.sub(rf"[\s{_APOSTROPHES}]", "", number)
    if "٫" in number or "·" in number:
        whole_part, mark, fraction = re.split(r"([٫·])", number, maxsplit=1)
        if not (whole_part + fraction).isdigit() or (mark == "·" and len(fraction) != 2):
            return None
        return Decimal(f"{whole_part}.{fraction}")
    marks = [sign for sign in number if sign in ".,"]
    if not marks:
        return Decimal(number)
    last = marks[-1]
    whole_part, _, fraction = number.rpartition(last)
    if len(set(marks)) == 2:
        if marks.count(last) > 1 or not _grouped_well(whole_part, marks[0]):
            return None
        return Decimal(f"{re.sub(r'[.,]', '', whole_part)}.{fraction}")
    if len(marks) > 1:
        return Decimal(re.sub(r"[.,]", "", number)) if _grouped_well(number, last) else None
    if len(fraction) != 3 or grouped or whole_part.startswith("0") or len(whole_part) > 3:
        return Decimal(f"{whole_part}.{fraction}")
    if currency in OF_EITHER_MARK or scaled:
        return None
    if currency in THREE_DECIMALS and last == ".":
        return Decimal(f"{whole_part}.{fraction}")
    return Decimal(whole_part + fraction)


def _grouped_well(number: str, mark: str) -> bool:
    """Whether the thousands are separated as in `1,234,567`, or as in `12,34,567` in India."""
    first, *others = number.split(mark)
    lengths = [len(each) for each in others]
    if not 1 <= len(first) <= 3 or not lengths:
        return False
    if all(length == 3 for length in lengths):
        return True
    return mark == "," and len(first) <= 2 and lengths[-1] == 3 and set(lengths[:-1]) == {2}
