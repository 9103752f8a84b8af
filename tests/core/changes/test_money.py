"""Amounts of money as pages write them."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.changes.money import find_money
from tests.cost import cost


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


@pytest.mark.parametrize(
    ("text", "amount", "currency"),
    [
        ("₹1,23,45,678", "12345678", "INR"), ("CHF 1'234.50", "1234.50", "CHF"),
        ("1\u202f234,50 €", "1234.50", "EUR"), ("1\u2009234 €", "1234", "EUR"),
        ("٣٤٫٥٠ ر.س", "34.50", "SAR"), ("٢٬٥٠٠ جنيه", "2500", "EGP"), ("₹४९९", "499", "INR"),
        ("रु ४९९.५०", "499.50", "INR"), ("฿ ๑๒๐", "120", "THB"), ("¥１，９８０", "1980", "¥"),
        ("価格は1980円です", "1980", "¥"), ("3万円", "30000", "¥"), ("4990원", "4990", "KRW"),
        ("999 руб.", "999", "RUB"), ("1 299 грн", "1299", "UAH"), ("500 тенге", "500", "KZT"),
        ("Rp 150.000", "150000", "IDR"), ("RM 1,299.00", "1299.00", "MYR"),
        ("S/ 49.90", "49.90", "PEN"), ("KSh 2,500", "2500", "KES"), ("B/. 5.00", "5.00", "PAB"),
        ("KWD 1.250", "1.250", "KWD"), ("R499.99", "499.99", "ZAR"), ("199:-", "199", "kr"),
        ("19€99", "19.99", "EUR"), ("$0.125", "0.125", "$"), ("$19 .99", "19.99", "$"),
        ("$24⁹⁹", "24.99", "$"), ("$99¹", "99", "$"), ("$5k", "5000", "$"),
        ("1,5 Mio. €", "1500000", "EUR"), ("₹5 crore", "50000000", "INR"), ("50¢", "50", "¢"),
        ("₹ 499/-", "499", "INR"), ("NT$ 1,200", "1200", "TWD"), ("15 000 F CFA", "15000", "XOF"),
        ("1.500.000 ₫", "1500000", "VND"), ("49,90 zł", "49.90", "PLN"),
        ("ab 1 299 €", "1299", "EUR"),
        ("1.299,00 TL", "1299.00", "TRY"), ("20 swiss francs", "20", "CHF"),
        ("$5 10 users", "5", "$"),
        ("1，299元", "1299", "¥"), ("¥1，299", "1299", "¥"), ("１，２９９円", "1299", "¥"),
        ("1،299 تومان", "1299", "IRT"), ("۱،۲۹۹ تومان", "1299", "IRT"),
        ("12万5000円", "125000", "¥"), ("¥12万5000", "125000", "¥"), ("1만 2천원", "12000", "KRW"),
        ("3億5000万円", "350000000", "¥"), ("E£12", "12", "EGP"), ("MXN$12", "12", "MXN"),
        ("$12 MXN", "12", "MXN"), ("$12.00 USD", "12.00", "USD"), ("£12 EGP", "12", "EGP"),
        ("kr 99 SEK", "99", "SEK"), ("Rs 500 PKR", "500", "PKR"),
        ("₴1 299", "1299", "UAH"), ("1 299 р", "1299", "RUB"),
        ("12.00 LE", "12.00", "EGP"), ("1 200 DA", "1200", "DZD"), ("Gs. 12.000", "12000", "PYG"),
        ("A PARTIRE DA 19,99 €", "19.99", "EUR"), ("LE 19,90 €", "19.90", "EUR"),
        ("共2，3元", "3", "¥"), ("原价199，99元抢购", "99", "¥"), ("1、500元套餐", "500", "¥"),
        ("12万5,000円", "125000", "¥"), ("1億2,000万円", "120000000", "¥"),
        ("2천5백원", "2500", "KRW"), ("5천만원", "50000000", "KRW"), ("3백만 원", "3000000", "KRW"),
        ("3천5백만원", "35000000", "KRW"), ("1억2천만원", "120000000", "KRW"),
        ("3百万円", "3000000", "¥"), ("1.5백만원", "1500000", "KRW"),
        ("2兆円", "2000000000000", "¥"), ("1.2tr đ", "1200000", "VND"),
        ("Rp 150rb", "150000", "IDR"), ("Rp 1,5 jt", "1500000", "IDR"),
        ("R$ 10 mil", "10000", "BRL"), ("₺5 bin", "5000", "TRY"), ("１，２３４円", "1234", "¥"),
        ("1，234，567元", "1234567", "¥"), ("£20 bin", "20", "GBP"), ("$5p.m.", "5", "$"),
    ],
)  # fmt: skip
def test_notations_of_the_world_are_read(text: str, amount: str, currency: str) -> None:
    [money] = find_money(text)
    assert (money.amount, money.currency) == (Decimal(amount), currency)
    assert text[money.start : money.end].strip() == money.text


@pytest.mark.parametrize(
    "text",
    [
        "$35 00", "$ 35 00 per month", "$5 100 users", "5 € 99", "Phone 15 999 €",
        "Windows 11 139 €", "1,234,56 €", "19 99 €", "35 00 €", "1 299 99 €", "19。99元",
        "12万5000人", "Sq Ft 1,200", "$1.5.2", "$1.299/l", "TND 1,250", "$5m", "£5b",
        "原价200，150元", "$129. 99", "$ 129 . 99", "USD 12 mil", "12 mil euros",
        "$5zz", "5千5千円",
    ],
)  # fmt: skip
def test_a_figure_that_can_be_two_amounts_is_none(text: str) -> None:
    assert find_money(text) == ()


@pytest.mark.parametrize(
    "text",
    ["R 4", "Q3 2027", "TOP 10", "ALL 5", "COP 27", "PEN 3", "10 KM", "10 ft", "10 F", "5 pounds",
     "Team 5 won", "R&D 5", "L. 5", "SOS 112", "10 km", "A4", "1080p", "€", "12.05.2027"],
)  # fmt: skip
def test_what_is_also_something_else_is_no_money(text: str) -> None:
    assert find_money(text) == ()


@pytest.mark.parametrize(
    "text", ["10–20 €", "$10-20", "$10 - $20", "from €10 to €20", "10 - 20 EUR"]
)
def test_a_range_has_both_ends(text: str) -> None:
    assert [money.amount for money in find_money(text)] == [10, 20]


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("iPhone 15 – 999 €", "999 €"), ("Model 3 - 45.000 €", "45.000 €"),
        ("Team $49 – 100 users", "$49"), ("$5 - 10 GB a month", "$5"), ("$10-20% off", "$10"),
        ("$49 — 300 Benutzer", "$49"), ("$49-100 users", "$49"), ("$3-5 days shipping", "$3"),
        ("Windows 11 – 139 €", "139 €"), ("€5 – 12 Monate", "€5"),
    ],
)  # fmt: skip
def test_a_count_or_a_name_beside_a_dash_is_no_end_of_a_range(text: str, amount: str) -> None:
    assert [money.text for money in find_money(text)] == [amount]


@pytest.mark.parametrize(
    "text",
    [
        "$10 – 20 per user", "USD 10 – 20 excl. VAT", "$10-20 today", "₹10 – 20 only",
        "$10 – 20 billed monthly", "$10 – 20 depending on size", "Hotel Adlon 10 – 20 €",
        "Eintritt 10 – 20 €", "Bilety 10 – 20 zł", "Breakfast 10–20 €",
    ],
)  # fmt: skip
def test_words_around_a_range_leave_it_one(text: str) -> None:
    assert [money.amount for money in find_money(text)] == [10, 20]


def test_the_code_of_the_next_amount_is_its_own() -> None:
    found = find_money("$99 CAD 129")
    assert [(each.text, each.currency) for each in found] == [("$99", "$"), ("CAD 129", "CAD")]


def test_of_two_counts_each_has_its_own_currency() -> None:
    assert [money.amount for money in find_money("3万円 5000円")] == [30_000, 5_000]


@pytest.mark.parametrize(
    "piece", ["9", "1 ", "$1,2", "1-2 €", "$", "5 € ", "1万", "1億1万1 ", "1천1백1만"]
)
def test_the_time_grows_with_the_text_and_no_faster(piece: str) -> None:
    def least(count: int) -> float:
        return min(cost(lambda: find_money(piece * count))[1] for _ in range(2))

    assert least(8_000) < 8 * least(2_000) + 1


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


@pytest.mark.parametrize(
    ("data", "amount"),
    [
        ("1.299 EUR", None), ("23.788 USD", None), ("1.299 JPY", None),  # or 23.79 and 1,299
        ("1.250 KWD", "1.250"), ("19.99 EUR", "19.99"), ("0.299 EUR", "0.299"),
        ("23.7881 EUR", "23.7881"), ("1299 EUR", "1299"), ("1234.567 EUR", "1234.567"),
    ],
)  # fmt: skip
def test_thousandths_in_structured_data_are_no_amount_of_most_currencies(
    data: str, amount: str | None
) -> None:
    """A full stop is the decimal mark there, but shops write unrounded and grouped amounts too."""
    found = [str(each.amount) for each in find_money(f"Cup (structured data): {data}")]
    assert found == ([] if amount is None else [amount])


def test_thousands_in_the_text_of_a_page_are_read_as_before() -> None:
    assert [str(each.amount) for each in find_money("Cup: 1.299 EUR")] == ["1299"]
