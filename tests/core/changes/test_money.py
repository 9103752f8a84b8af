"""Amounts of money as pages write them."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.changes.money import find_money


@pytest.mark.parametrize(
    ("text", "amount", "currency"),
    [
        ("$99", "99", "$"), ("$ 1,299.00 a year", "1299.00", "$"), ("US$ 20", "20", "USD"),
        ("€4.99", "4.99", "EUR"), ("4,99 €", "4.99", "EUR"), ("1.299,00 €", "1299.00", "EUR"),
        ("1.299 €", "1299", "EUR"), ("CHF 1’234.50", "1234.50", "CHF"), ("99 EUR", "99", "EUR"),
        ("EUR 1 234,50", "1234.50", "EUR"), ("£0.05", "0.05", "GBP"),
        ("₹1,23,456", "123456", "INR"),
        ("1 299 kr", "1299", "kr"), ("kr 1.299", "1299", "kr"), ("R$ 49,90", "49.90", "BRL"),
        ("1 980円", "1980", "¥"), ("¥1,980", "1980", "¥"), ("49 zł", "49", "PLN"),
        ("99,- Kč", "99", "CZK"), ("CHF 25.–", "25", "CHF"), ("20 dollars", "20", "$"),
        ("1.234.567,89 €", "1234567.89", "EUR"), ("A$15", "15", "AUD"), ("$0.0025", "0.0025", "$"),
        ("$12/seat/month", "12", "$"), ("from $5–", "5", "$"), ("₩12,000", "12000", "KRW"),
    ],
)  # fmt: skip
def test_usual_notations_are_read(text: str, amount: str, currency: str) -> None:
    [money] = find_money(text)
    assert (money.amount, money.currency) == (Decimal(amount), currency)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "99",
        "10 users",
        "3.11.2",
        "100 % EURO",
        "version 2.0",
        "PRO 5",
        "room 101",
        "$HOME",
        "$",
    ],
)
def test_a_number_without_a_currency_is_no_money(text: str) -> None:
    assert find_money(text) == ()


def test_all_amounts_are_found_in_order() -> None:
    found = find_money("3 for $10, each $4.50 (was €5)")
    assert [money.text for money in found] == ["$10", "$4.50", "€5"]


@given(st.decimals(0, 999_999, places=2), st.sampled_from("$€£₹"))
def test_what_is_written_is_read(amount: Decimal, sign: str) -> None:
    assert [money.amount for money in find_money(f"costs {sign}{amount:,} now")] == [amount]


@given(st.text())
def test_any_text_is_taken(text: str) -> None:
    find_money(text)
    find_money(f"$9{text}9 €")
