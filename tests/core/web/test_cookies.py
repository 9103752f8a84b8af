"""Cookies within one fetch."""

import pytest

from core.web.cookies import MAX_COOKIES, CookieJar, cookie_header

URL = "https://shop.example/a/b?c=d"


def sent(line: str, to: str, url: str = URL) -> str:
    jar = CookieJar()
    jar.take(url, (line,))
    return cookie_header("", jar.for_request(to))


@pytest.mark.parametrize(
    ("line", "to", "expected"),
    [
        ("seen=1", "https://shop.example/a/x", "seen=1"),
        ("seen=1", "https://shop.example/", ""),
        ("seen=1; Path=/", "https://shop.example/", "seen=1"),
        ("seen=1; path=/a", "https://shop.example/abc", ""),
        ("seen=1; Path=/; Secure", "http://shop.example/", ""),
        ("seen=1; Path=/; HttpOnly; SameSite=Lax", "http://shop.example/", "seen=1"),
        ("seen=1; Path=/", "https://www.shop.example/", ""),
        ("seen=1; Path=/; Domain=shop.example", "https://www.shop.example/", "seen=1"),
        ("seen=1; Path=/; Domain=.SHOP.example", "https://www.shop.example/", "seen=1"),
        ("seen=1; Path=/; Domain=other.example", "https://shop.example/", ""),
        ("seen=1; Path=/; Domain=example", "https://shop.example/", ""),
        ("seen=1; Path=/; Max-Age=0", "https://shop.example/", ""),
        ("seen=1; Path=/; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT", URL, "seen=1"),
        ("seen=1; Path=/; Expires=Thu, 01-Jan-1970 00:00:01 GMT", URL, ""),
        ("seen=1; Path=/; Expires=never", URL, "seen=1"),
        ("a=b=c; Path=/", URL, "a=b=c"),
        ('quoted="x y"; Path=/', URL, 'quoted="x y"'),
        ("  seen = 1 ;Path=/", URL, "seen=1"),
        ("lonely; Path=/", URL, "lonely"),
        ("", URL, ""),
        ("=; Path=/", URL, ""),
        ("a\0b=1; Path=/", URL, ""),
        ("a=" + "x" * 5_000, URL, ""),
    ],
)
def test_a_cookie_goes_where_it_is_meant_for(line: str, to: str, expected: str) -> None:
    assert sent(line, to) == expected


def test_a_secure_cookie_is_not_taken_from_an_open_connection() -> None:
    assert sent("a=1; Secure; Path=/", "https://a.example/", "http://a.example/") == ""


def test_the_cookie_of_an_address_stays_with_it() -> None:
    assert (
        sent("a=1; Path=/; Domain=127.0.0.1", "http://127.0.0.1:1/", "http://127.0.0.1/") == "a=1"
    )
    assert sent("a=1; Path=/; Domain=0.0.1", "http://127.0.0.1/", "http://127.0.0.1/") == ""


def test_a_later_cookie_replaces_an_earlier_one_and_a_chosen_one() -> None:
    jar = CookieJar()
    jar.take(URL, ("a=1; Path=/", "b=1; Path=/", "a=2; Path=/"))
    assert cookie_header("a=chosen; c=chosen", jar.for_request(URL)) == "c=chosen; a=2; b=1"
    jar.take(URL, ("a=; Path=/; Max-Age=-1",))
    assert cookie_header("a=chosen", jar.for_request(URL)) == "b=1"


def test_there_are_only_so_many_cookies() -> None:
    jar = CookieJar()
    jar.take(URL, tuple(f"c{number}=1; Path=/" for number in range(10_000)))
    assert len(jar.for_request(URL)) == MAX_COOKIES
