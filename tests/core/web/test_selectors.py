"""Validation of CSS selectors, and the elements they select."""

import pytest
from pydantic_core import PydanticCustomError
from selectolax.lexbor import LexborHTMLParser

from core.text.blocks import to_text
from core.text.visible_text import content_blocks
from core.web.crawl_settings import Parts
from core.web.selectors import check_selector
from tests.cost import cost

PAGE = """<title>Shop</title><body><nav>Menu</nav>
<main><h1>Plans</h1><div class=promo>Buy now</div>
<ul id=plans><li>Free<li class=pro>Pro $99 <b class=promo>Hurry</b></ul></main>
<footer><p>Imprint</p></footer><p id=empty> </p>"""


def text(html: str = PAGE, watch: str | None = None, ignore: tuple[str, ...] = ()) -> str:
    return to_text(content_blocks(html, Parts(watch, ignore)))


@pytest.mark.parametrize(
    "selector",
    [
        "*", "#plans", ".pro", "ul > li.pro", "h1 + div, h1 ~ ul", "[data-x]", '[href^="/a" i]',
        "li:nth-child(2n+1)", "li:first-child", "li:not(.pro)", ":is(h1, h2) b", "p:empty",
        "li:nth-last-of-type(2)", "main :where(.promo)", "élan",
    ],
)  # fmt: skip
def test_a_selector_is_taken(selector: str) -> None:
    assert check_selector(selector) == selector
    LexborHTMLParser(PAGE).css(selector)


@pytest.mark.parametrize(
    "selector",
    [
        "", " ", "[", "p{}", "p,", "p >> b", "a||b", "p::before", "::", "p:first-line", "p:unknown",
        ":has(p)", "div:has(div:has(div:has(q)))", ":not(:has(p))", "p:contains('x')",
        'p:lexbor-contains("x")', ":scope > p", "\\", "p!", "<p>", "//div", "1",
        "a" * 501, ":not(" * 90 + "p" + ")" * 90, "$('p')", "javascript:alert(1)",
    ],
)  # fmt: skip
def test_what_is_no_selector_or_takes_too_long_is_refused(selector: str) -> None:
    with pytest.raises(PydanticCustomError):
        check_selector(selector)


def test_only_what_is_watched_is_seen_with_all_that_is_in_it() -> None:
    assert text(watch="#plans") == "- Free\n- Pro $99 Hurry"
    assert text(watch="footer, nav") == "Menu\nImprint", "in the order of the page"
    assert text(watch="li, .pro, .pro b") == "- Free\n- Pro $99 Hurry", "nothing twice"
    assert text(watch="#missing") == ""
    assert text(watch="#empty") == ""


def test_what_is_ignored_is_not_seen() -> None:
    assert text(ignore=(".promo",)) == "# Plans\n- Free\n- Pro $99"
    assert text(ignore=("li", ".pro")) == "# Plans\nBuy now"
    assert text(ignore=(".nowhere",)) == text()
    assert text(watch="#plans", ignore=(".promo",)) == "- Free\n- Pro $99"
    assert text(ignore=("*",)) == text(ignore=("body", "head")) == ""


def test_parts_within_parts_in_any_number_are_removed_quickly() -> None:
    nested = "<div class=promo>" * 3_000 + "x" + "</div>" * 3_000
    wide = "<p class=promo>x</p><p>y</p>" * 20_000
    shown, million = cost(lambda: text(nested + wide, ignore=(".promo", "div")))
    assert shown == "\n".join("y" * 20_000)
    assert million < 100
