"""Classification of pages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidAddress
from core.web.page_types import TYPE_WORDS, PageType, classify_page
from core.web.urls import normalise


@pytest.mark.parametrize(
    ("path", "page_type"),
    [
        ("/", PageType.HOME),
        ("/index.html", PageType.HOME),
        ("/de/", PageType.HOME),
        ("/en-us", PageType.HOME),
        ("/?p=12", PageType.OTHER),
        ("/ai", PageType.OTHER),
        ("/pricing", PageType.PRICING),
        ("/de-at/preise", PageType.PRICING),
        ("/fr/tarifs.html", PageType.PRICING),
        ("/es/precios/", PageType.PRICING),
        ("/our-prices", PageType.PRICING),
        ("/Pricing?currency=usd", PageType.PRICING),
        ("/products/x/pricing", PageType.PRICING),
        ("/products/x", PageType.PRODUCT),
        ("/product-features", PageType.FEATURES),
        ("/fr/fonctionnalit%C3%A9s", PageType.FEATURES),
        ("/blog/pricing", PageType.BLOG),
        ("/blog", PageType.BLOG),
        ("/es/noticias/producto", PageType.BLOG),
        ("/docs/contact", PageType.DOCS),
        ("/docs/changelog", PageType.DOCS),
        ("/release-notes", PageType.CHANGELOG),
        ("/privacy_policy", PageType.LEGAL),
        ("/datenschutz", PageType.LEGAL),
        ("/mentions-legales", PageType.LEGAL),
        ("/stellenangebote/entwickler", PageType.CAREERS),
        ("/kontakt", PageType.CONTACT),
        ("/%C3%BCber-uns", PageType.ABOUT),
        ("/ueber_uns.php", PageType.ABOUT),
        ("/help-center/prices", PageType.SUPPORT),
        ("/pricingless", PageType.OTHER),
        ("/.well-known/x", PageType.OTHER),
    ],
)
def test_by_the_path(path: str, page_type: PageType) -> None:
    assert classify_page(f"https://a.com{path}") is page_type


@pytest.mark.parametrize(
    ("title", "page_type"),
    [
        ("Pricing | Acme", PageType.PRICING),
        ("Preise: Acme", PageType.PRICING),
        ("Über uns – Acme", PageType.ABOUT),
        ("Contact us", PageType.CONTACT),
        ("Acme | Pricing", PageType.OTHER),
        ("Why our prices are better than theirs", PageType.OTHER),
        ("", PageType.OTHER),
        (None, PageType.OTHER),
    ],
)
def test_by_the_title(title: str | None, page_type: PageType) -> None:
    assert classify_page("https://a.com/x", title) is page_type


def test_the_path_counts_before_the_title() -> None:
    assert classify_page("https://a.com/pricing", "Contact") is PageType.PRICING


def test_the_table_is_sound() -> None:
    words = [word for telling in TYPE_WORDS.values() for word in telling]
    assert len(words) == len(set(words))
    assert all(word == word.lower() and word.isascii() for word in words)
    assert set(TYPE_WORDS) == set(PageType) - {PageType.HOME, PageType.OTHER}


@given(st.text(), st.none() | st.text())
def test_any_page_has_a_type(path: str, title: str | None) -> None:
    try:
        url = normalise("https://a.com/" + path)
    except InvalidAddress:
        return
    assert classify_page(url, title) in PageType
