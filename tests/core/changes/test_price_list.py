"""The prices of a page as data: plan, currency, amount and period."""

import time
from itertools import pairwise

import pytest

from core.changes.detection import SeenPage, detect_change, prices_of
from core.changes.price_list import (
    MAX_LISTED_PRICES,
    PriceMove,
    PricePeriod,
    listed_prices,
    period_in,
    steps_of,
)
from core.text.stored_text import DATA, STRUCK, STRUCK_END, verbatim

MONTH, YEAR = PricePeriod.MONTH, PricePeriod.YEAR
URL = "https://shop.example/pricing"


def listed(text: str) -> list[tuple[str | None, str, str | None, PricePeriod | None]]:
    return [
        (each.plan, f"{each.amount:f}", each.currency, each.period) for each in listed_prices(text)
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# Pro\n$29\nper user / month, billed annually", [("Pro", "29", "$", MONTH)]),
        ("# Pro\n29 € / Monat", [("Pro", "29", "EUR", MONTH)]),
        ("# Pricing\nPro\n$29/mo", [("Pro", "29", "$", MONTH)]),
        ("# Pricing\nPro $29/mo", [("Pro", "29", "$", MONTH)]),
        ("The Gold plan costs US$49.50 a year.", [("The Gold plan", "49.50", "USD", YEAR)]),
        ("# Pro\nfrom $9 per seat per month", [("Pro", "9", "$", MONTH)]),
        ("# Pro\n$9 billed monthly", [("Pro", "9", "$", None)]),
        ("# Pro\nMonthly: $9\nYearly: $90", [("Pro", "9", "$", MONTH), ("Pro", "90", "$", YEAR)]),
        (
            "# Plans\nPlan | Monthly | Annual billing\nTeam | $20 | $200",
            [("Team", "20", "$", MONTH), ("Team", "200", "$", YEAR)],
        ),
        (
            "# Plans\nBasic | Max\nPrice | Free | 99 €/Monat\nStorage | 10 GB | 20 GB",
            [("Basic", "0", None, None), ("Max", "99", "EUR", MONTH)],
        ),
        (
            "Region | Small | Large\nEurope | $5/h | $9/h",
            [
                ("Small (Europe)", "5", "$", PricePeriod.HOUR),
                ("Large (Europe)", "9", "$", PricePeriod.HOUR),
            ],
        ),
        (f"# Pro\n{STRUCK}$40{STRUCK_END} $29", [("Pro", "29", "$", None)]),
        ("# Pro\n$29\n$29", [("Pro", "29", "$", None)]),
        (f"# Cup\n$31.00\n{DATA}Cup (structured data): 31.00 USD", [("Cup", "31.00", "$", None)]),
        (f"{DATA}Cup (structured data): 31.00 USD", [("Cup", "31.00", "USD", None)]),
    ],
)
def test_a_price_stands_under_a_plan(
    text: str, expected: list[tuple[str | None, str, str | None, PricePeriod | None]]
) -> None:
    assert listed(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Save $20 a year",
        "# Free\nEverything that you need",
        "We raised $50 million from investors who are very happy to be with us on this way.",
        verbatim("# Pro $29"),
        "10 users and 20 GB",
        "",
    ],
)
def test_other_amounts_are_no_prices(text: str) -> None:
    assert listed(text) == []


@pytest.mark.parametrize(
    ("words", "period"),
    [
        ("/mo", MONTH),
        ("/ user / month", MONTH),
        (" per user per year", YEAR),
        (" p.a. net", None),
        (" mensuel", MONTH),
        (" par an", YEAR),
        (" al mes", MONTH),
        (" all'anno", YEAR),
        (" jährlich", YEAR),
        ("/月", MONTH),
        (" per night", PricePeriod.DAY),
        (", billed annually", None),
        (" or $100/yr", None),
        (" for the first 3 months", None),
        (" excl. VAT", None),
    ],
)
def test_the_words_after_a_price_name_its_period(words: str, period: PricePeriod | None) -> None:
    assert period_in(words) is period


def test_prose_of_an_article_has_no_prices() -> None:
    text = "# News\nThe Gold plan of our rival costs $49 a month since the last quarter."
    assert prices_of(SeenPage("https://shop.example/blog/rival", None, text)) == ()
    assert len(prices_of(SeenPage(URL, None, text))) == 1


def test_a_page_lists_so_many_prices_in_linear_time() -> None:
    def seconds(count: int) -> float:
        text = "\n".join(f"Item {n} | ${n}.99 / month" for n in range(count))
        began = time.process_time()
        assert len(listed_prices(text)) == min(count, MAX_LISTED_PRICES)
        return time.process_time() - began

    seconds(10)
    times = [min(seconds(count) for _ in range(2)) for count in (500, 1_000, 2_000)]
    assert all(after < before * 4 for before, after in pairwise(times))


def moves(before: str, after: str) -> tuple[PriceMove, ...]:
    found = detect_change(SeenPage(URL, None, before), SeenPage(URL, None, after))
    assert found is not None
    return found.prices


def move(
    plan: str | None,
    currency: str | None,
    before: float | None,
    after: float | None,
    percent: float | None,
    period: PricePeriod | None = MONTH,
) -> PriceMove:
    return PriceMove(
        plan=plan, currency=currency, before=before, after=after, period=period, percent=percent
    )


CARDS = "# Basic\n${}\nper month\n# Pro\n${}\nper month, billed annually"
TABLE = "# Pricing\nBasic | Pro\nPrice | ${}/mo | {}/mo\nSeats | 1 | 10"


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (CARDS.format(9, 29), CARDS.format(9, 39), [move("Pro", "$", 29, 39, 34.48)]),
        (
            CARDS.format(9, 29),
            CARDS.format(8, 39),
            [move("Basic", "$", 9, 8, -11.11), move("Pro", "$", 29, 39, 34.48)],
        ),
        (TABLE.format(9, "$29"), TABLE.format(9, "$9"), [move("Pro", "$", 29, 9, -68.97)]),
        (
            TABLE.format(9, "$29"),
            TABLE.format(9, "29 €"),
            [move("Pro", "$", 29, None, None), move("Pro", "EUR", None, 29, None)],
        ),
        (
            "# Pro\nFree\n# Max\n$9",
            "# Pro\n$5\n# Max\n$9",
            [move("Pro", "$", 0, 5, None, period=None)],
        ),
        (
            "Cup\nOnly $10 today",
            "Cup\nOnly $12 today",
            [move("Cup", "$", 10, 12, 20.0, period=None)],
        ),
    ],
)
def test_a_change_carries_the_prices_that_moved(
    before: str, after: str, expected: list[PriceMove]
) -> None:
    assert list(moves(before, after)) == expected


def test_a_change_without_a_price_carries_none() -> None:
    assert moves("# Pro\n$9\nGood", "# Pro\n$9\nBetter") == ()


def test_the_step_of_a_price_that_was_free_is_one() -> None:
    free = move("Pro", "$", 0, 5, None)
    gone = move("Pro", "$", 5, None, None)
    assert steps_of((free, gone, move("Pro", "$", 10, 11, 10.0))) == (1.0, 0.1)
