"""Recognition of amounts of money in text, in common notations and currencies."""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final


@dataclass(frozen=True)
class Money:
    """An amount of money.

    `currency` is an ISO 4217 code if the notation is unambiguous, otherwise the sign (`$`, `¥`,
    `kr`); `text` is the amount as the page writes it.
    """

    amount: Decimal
    currency: str
    text: str


_CODES: Final = (
    "USD", "EUR", "GBP", "CHF", "JPY", "CNY", "INR", "AUD", "CAD", "NZD", "SEK", "NOK", "DKK",
    "PLN", "CZK", "HUF", "RON", "BGN", "TRY", "RUB", "UAH", "ILS", "BRL", "MXN", "ARS", "CLP",
    "COP", "ZAR", "SGD", "HKD", "TWD", "KRW", "THB", "VND", "IDR", "MYR", "PHP", "AED", "SAR",
    "NGN", "EGP", "KES",
)  # fmt: skip
CURRENCIES: Final[dict[str, str]] = {
    "us$": "USD", "$": "$", "c$": "CAD", "ca$": "CAD", "a$": "AUD", "au$": "AUD", "nz$": "NZD",
    "hk$": "HKD", "s$": "SGD", "r$": "BRL", "mx$": "MXN", "€": "EUR", "£": "GBP", "¥": "¥",
    "￥": "¥", "円": "¥", "元": "¥", "₹": "INR", "rs.": "INR", "₩": "KRW", "원": "KRW",
    "₽": "RUB", "₺": "TRY", "₴": "UAH", "₪": "ILS", "₫": "VND", "฿": "THB", "₱": "PHP",
    "₦": "NGN", "kr": "kr", "kr.": "kr", "zł": "PLN", "kč": "CZK", "ft": "HUF", "lei": "RON",
    "fr.": "CHF", "sfr.": "CHF",
    **{code.lower(): code for code in _CODES},
    "euro": "EUR", "euros": "EUR", "dollars": "$",
}  # fmt: skip
"""Maps a currency's notation in lower case to `Money.currency`."""

_BEFORE: Final = (
    r"(?:(?:US|CA|AU|NZ|HK|MX|[CASR])?\$|[€£¥￥₹₩₽₺₴₪₫฿₱₦]|\b(?:Rs\.|S?Fr\.|kr\.?|"
    + "|".join(_CODES)
    + r"))"
)  # fmt: skip
_AFTER: Final = (
    r"(?:[€£¥￥₹₩₽₺₴₪₫฿₱₦円元원$]|(?:"
    + "|".join(_CODES)
    + r"|zł|Kč|kr\.?|[Ee]uros?|dollars|lei|Ft)(?!\w))"
)  # fmt: skip
_NUMBER: Final = r"\d{1,3}(?:[.,'’\u00a0\u202f ]\d{2,3})+(?:[.,]\d{1,2})?(?!\d)|\d+(?:[.,]\d{1,4})?"
_MONEY: Final = re.compile(
    rf"(?P<before>{_BEFORE})\s?(?P<first>{_NUMBER})(?:,?[-–—]{{1,2}}(?![\d$€£\w]))?"
    rf"|(?<![\w.,])(?P<second>{_NUMBER})(?:,?[-–—]{{1,2}})?\s?(?P<after>{_AFTER})"
)
_SIGNS: Final = re.compile(
    r"[$€£¥￥₹₩₽₺₴₪₫฿₱₦円元원]|[A-Z]{3}|z[łl]|K[čc]|kr|[Ee]uro|dollars|lei|Ft|r\.|Rs"
)


def find_money(text: str) -> tuple[Money, ...]:
    """The amounts of money in `text`, in order; a number without a currency does not count."""
    if not _SIGNS.search(text):
        return ()
    amounts = []
    for match in _MONEY.finditer(text):
        sign = (match["before"] or match["after"]).lower()
        amount = _amount(match["first"] or match["second"])
        amounts.append(Money(amount, CURRENCIES.get(sign, sign.upper()), match[0].strip()))
    return tuple(amounts)


def _amount(written: str) -> Decimal:
    """The value of a written number.

    A comma or full stop is the decimal mark if the other one separates the thousands, or if it is
    the only mark and not followed by exactly three digits.
    """
    digits = re.sub(r"['’\s]", "", written)
    marks = [sign for sign in digits if sign in ".,"]
    if not marks:
        return Decimal(digits)
    last = marks[-1]
    tail = len(digits) - digits.rindex(last) - 1
    decimal = len(set(marks)) == 2 or (len(marks) == 1 and tail != 3)
    if not decimal:
        return Decimal(re.sub(r"[.,]", "", digits))
    whole, _, fraction = digits.rpartition(last)
    return Decimal(f"{re.sub(r'[.,]', '', whole)}.{fraction}")
