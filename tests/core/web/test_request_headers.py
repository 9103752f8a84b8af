"""Validation of request headers, cookies and user agents."""

import pytest
from pydantic_core import PydanticCustomError

from core.web.request_headers import REFUSED_HEADERS, check_cookies, check_headers, check_user_agent


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Token": "a"},
        {"Authorization": "Bearer abc.def-ghi"},
        {"Accept-Language": "de, en;q=0.5", "x_custom!#$%&'*+.^`|~": "tab\tinside"},
        {"X": "y" * 4096},
        {f"X-{number}": "y" for number in range(20)},
    ],
)
def test_a_header_of_rfc_9110_is_taken(headers: dict[str, str]) -> None:
    assert check_headers(headers) == headers


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"": "x"}, "is no name"),
        ({"X Token": "x"}, "is no name"),
        ({"X:": "x"}, "is no name"),
        ({"X\r\nY": "x"}, r"X\?\?Y is no name"),
        ({"Ü": "x"}, "is no name"),
        ({"x" * 101: "y"}, "is no name"),
        ({"X": ""}, "The value of X must be 1 to 4,096 printable ASCII"),
        ({"X": " y"}, "without white space at its ends"),
        ({"X": "y\t"}, "without white space at its ends"),
        ({"X": "secret\r\nHost: evil"}, "printable ASCII"),
        ({"X": "secret\x00"}, "printable ASCII"),
        ({"X": "sécret"}, "printable ASCII"),
        ({"X": "y" * 4097}, "4,096"),
        ({"X-A": "x", "x-a": "y"}, "x-a is named twice"),
        ({f"X-{number}": "y" for number in range(21)}, "At most 20 headers"),
        ({"A": "y" * 4000, "B": "y" * 4000}, "8,000 characters"),
        ({"Cookie": "a=b"}, "Cookies are given in cookies"),
        ({"USER-AGENT": "x"}, "given in userAgent"),
        ({"Host": "evil.example"}, "It follows from the address"),
        ({"Sec-Fetch-Mode": "navigate"}, "Only browsers set it"),
        ({"Proxy-Authorization": "Basic x"}, "for proxies"),
        ({":authority": "x"}, "no header"),
    ],
)
def test_another_header_is_refused_with_a_reason_that_repeats_no_value(
    headers: dict[str, str], reason: str
) -> None:
    with pytest.raises(PydanticCustomError, match=reason) as refused:
        check_headers(headers)
    assert "secret" not in str(refused.value)
    assert "{" not in str(refused.value)


@pytest.mark.parametrize("name", REFUSED_HEADERS)
def test_a_header_that_the_crawler_answers_for_is_refused(name: str) -> None:
    with pytest.raises(PydanticCustomError, match="cannot be set"):
        check_headers({name.title(): "x"})


@pytest.mark.parametrize("value", ["", "abc", '"quoted"', "a=b&c", "x" * 4096])
def test_a_cookie_of_rfc_6265_is_taken(value: str) -> None:
    assert check_cookies({"session": value}) == {"session": value}


@pytest.mark.parametrize(
    "cookies",
    [
        {"a b": "x"},
        {"a=b": "x"},
        {"": "x"},
        {"a": "secret; other=1"},
        {"a": "secret, b"},
        {"a": 'secret"'},
        {"a": "secret\\"},
        {"a": "secret\n"},
        {"a": "sécret"},
        {"a": "x" * 4097},
        {f"c{number}": "x" for number in range(51)},
    ],
)
def test_another_cookie_is_refused_and_its_value_not_repeated(cookies: dict[str, str]) -> None:
    with pytest.raises(PydanticCustomError) as refused:
        check_cookies(cookies)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("text", ["", " x", "x\r\nHost: y", "Möbius/1.0", "x\x7f"])
def test_a_user_agent_that_no_header_can_hold_is_refused(text: str) -> None:
    with pytest.raises(PydanticCustomError):
        check_user_agent(text)
    assert check_user_agent("Mozilla/5.0 (X11; Linux)") == "Mozilla/5.0 (X11; Linux)"
