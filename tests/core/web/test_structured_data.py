"""Types of pages in structured data."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from core.web.page_types import TYPES_BY_KIND, PageType, classify_page
from core.web.structured_data import MAX_JSON_LD_LENGTH, MAX_KINDS, kinds_of
from tests.cost import cost


def kinds(html: str) -> set[str]:
    return set(kinds_of(LexborHTMLParser(html)))


def script(data: object) -> str:
    return f"<script type='application/ld+json'>{json.dumps(data)}</script>"


@pytest.mark.parametrize(
    ("html", "named"),
    [
        (script({"@type": "FAQPage"}), {"faqpage"}),
        (script({"@type": ["Product", "https://schema.org/Vehicle"]}), {"product", "vehicle"}),
        (script([{"@type": "A"}, {"@type": "B"}, 1, None]), {"a", "b"}),
        (
            script({"@graph": [{"@type": "WebSite"}, {"@type": "AboutPage"}]}),
            {"website", "aboutpage"},
        ),
        (script({"@type": "ItemList", "item": {"@type": "Product"}}), {"itemlist"}),
        ('<script type=\'Application/LD+JSON\'>{"@type":"Blog"}</script>', {"blog"}),
        ("<body itemscope itemtype='http://schema.org/ContactPage'>", {"contactpage"}),
        ("<meta property=og:type content=article>", {"og:article"}),
        ("<div itemtype='http://schema.org/Product'>", set()),
        ("<script type='application/ld+json'>{broken</script>", set()),
        ("<script type='application/ld+json'>" + "[" * 100_000 + "</script>", set()),
        (script({"@type": {"no": "name"}}), set()),
        (script({"@type": "X", "text": "y" * MAX_JSON_LD_LENGTH}), set()),
        ("", set()),
    ],
)
def test_kinds(html: str, named: set[str]) -> None:
    assert kinds(html) == named


def test_not_more_than_a_few_are_read() -> None:
    assert len(kinds(script([{"@type": f"T{n}"} for n in range(5_000)]))) == MAX_KINDS


@given(
    st.recursive(
        st.none() | st.text() | st.integers(),
        lambda part: (
            st.lists(part) | st.dictionaries(st.sampled_from(["@type", "@graph", "x"]), part)
        ),
    )
)
def test_any_json_is_read(data: object) -> None:
    kinds(script(data))


def test_the_address_tells_a_type_before_the_data_and_the_data_before_the_title() -> None:
    product = frozenset({"product", "webpage"})
    assert classify_page("https://a.com/x/pricing", None, product) is PageType.PRICING
    assert classify_page("https://a.com/x/y", "Contact", product) is PageType.PRODUCT
    assert classify_page("https://a.com/x/y", "Contact", frozenset({"webpage"})) is PageType.CONTACT
    assert set(TYPES_BY_KIND) == {kind.lower() for kind in TYPES_BY_KIND}


@pytest.mark.parametrize("filling", [" ", "-->", "/* ", "// ", "<!--", "*/ ", ",", "\n}"])
def test_the_time_grows_with_the_data_and_no_faster(filling: str) -> None:
    def least(length: int) -> float:
        html = f"<script type='application/ld+json'>{{\"a\":1{filling * (length // len(filling))}"
        tree = LexborHTMLParser(html)
        return min(cost(lambda: kinds_of(tree))[1] for _ in range(2))

    assert least(80_000) < 8 * least(20_000) + 1
