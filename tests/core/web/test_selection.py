"""Choosing a part of a stored page: matches, selectors of elements, and documents without life."""

import pytest
from selectolax.lexbor import LexborHTMLParser

from core.web.selection import inert, selection_of, selector_of
from core.web.selectors import check_selector

SHOP = """<html><head><title>T</title><base href="https://evil.example/">
<meta http-equiv="refresh" content="0;url=https://evil.example/"></head>
<body onload="go()"><main class="shop 2bad"><script>go()</script>
<section id="plans" style="background:url(https://evil.example/a)"><p>Pro $9</p><p>Team $29</p>
<p>Pro $9</p></section><section><p class="note">Note</p><a href="javascript:go()">Go</a>
<img src="https://evil.example/b" alt="Logo" onerror="go()"><iframe src="/x"></iframe>
<svg onload="go()"><script>go()</script></svg><details><summary>More</summary>Terms</details>
<form action="https://evil.example/"><input formaction="/x" value="1"></form></section></main>
</body></html>"""


def test_a_selection_counts_shows_and_widens() -> None:
    found = selection_of(SHOP, "#plans p")
    assert found.count == 3
    assert [match.text for match in found.matches] == ["Pro $9", "Team $29", "Pro $9"]
    assert found.wider == ["#plans", "main.shop"]
    assert selection_of(SHOP, "section, section p").count == 2, "only the outermost are compared"
    nothing = selection_of(SHOP, "h1")
    assert (nothing.count, nothing.matches, nothing.wider) == (0, [], [])


def test_the_selector_of_each_element_matches_it_alone() -> None:
    tree = LexborHTMLParser(SHOP)
    elements = tree.css("body *")
    for number, element in enumerate(elements):
        selector = selector_of(SHOP, number)
        assert selector is not None
        check_selector(selector)
        assert [each.mem_id for each in tree.css(selector)] == [element.mem_id], selector
    for outside in (-1, len(elements), 10**7):
        assert selector_of(SHOP, outside) is None


@pytest.mark.parametrize("html", ["", "text", "<p>", "<frameset>", "\0", "<body>" + "<div>" * 600])
def test_any_document_can_be_chosen_from(html: str) -> None:
    assert inert(html, "p", "/s.css").startswith("<!doctype html>")
    assert selection_of(html, "p").count in (0, 1)
    selector_of(html, 0)


def test_an_inert_document_runs_loads_and_leads_nowhere() -> None:
    html = inert(SHOP, "#plans p", "/static/s.css")
    tree = LexborHTMLParser(html)
    assert [each.attributes["href"] for each in tree.css("link")] == ["/static/s.css"]
    assert not tree.css("script, base, iframe, svg, style, meta[http-equiv]")
    for element in tree.css("body *"):
        assert set(element.attributes) <= {
            "id", "class", "alt", "open", "data-n", "data-match"
        }, element.html  # fmt: skip
    assert "evil" not in html
    assert "go()" not in html
    assert [each.text() for each in tree.css("[data-match]")] == ["Pro $9", "Team $29", "Pro $9"]
    numbers = {each.attributes["data-n"]: each.tag for each in tree.css("[data-n]")}
    whole = LexborHTMLParser(SHOP).css("body *")
    assert all(whole[int(number or "")].tag == tag for number, tag in numbers.items())
