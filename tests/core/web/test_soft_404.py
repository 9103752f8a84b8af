"""Detection of soft 404s."""

import pytest

from core.web.soft_404 import says_it_is_gone

URL = "https://a.com/old"


@pytest.mark.parametrize(
    "title",
    [
        "404", "404 Not Found", "Error 404", "404 - Page not found", "Page Not Found | Acme",
        "Acme - Page not found", "Page not found!", "404: This page does not exist",
        "404 error | Acme", "Seite nicht gefunden – Acme", "Page introuvable · Acme",
        "Página no encontrada", "Pagina non trovata", "Página não encontrada",
        "Pagina niet gevonden", "Страница не найдена", "ページが見つかりません", "页面不存在",
        "The page doesn’t exist", "HTTP 404",
    ],
)  # fmt: skip
def test_a_title_that_says_no_more_than_that(title: str) -> None:
    assert says_it_is_gone(URL, title)


@pytest.mark.parametrize(
    "title",
    [
        None, "", "Acme", "Lost and found", "What to do when a page is not found",
        "How we handle 404 errors", "Peugeot 404 for sale", "Room 404", "4040", "Prices",
        "Not found: the art of losing things",
    ],
)  # fmt: skip
def test_a_title_that_says_more(title: str | None) -> None:
    assert not says_it_is_gone(URL, title)


@pytest.mark.parametrize(
    "path", ["/404.html", "/docs/http/404", "/page-not-found", "/errors/not_found"]
)
def test_an_address_that_is_about_it_is_believed(path: str) -> None:
    assert not says_it_is_gone(f"https://a.com{path}", "404 Not Found")


def test_a_long_title_is_judged_at_once() -> None:
    assert not says_it_is_gone(URL, "404 " * 120_000)
