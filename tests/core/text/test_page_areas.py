"""Recognition of the areas of a page."""

import pytest

from core.text.blocks import to_text
from core.text.page_areas import PageArea
from core.text.visible_text import content_blocks, visible_blocks


def content(html: str) -> str:
    return to_text(content_blocks(html))


BANNER = "<p>We use cookies.</p><button>Accept</button>"


@pytest.mark.parametrize(
    ("around", "area"),
    [
        ("<nav>menu</nav>", PageArea.NAVIGATION),
        ("<div role=navigation>menu</div>", PageArea.NAVIGATION),
        ("<div class='x site-nav'>menu</div>", PageArea.NAVIGATION),
        ("<table class=navheader><tr><td>Prev<td>Next</table>", None),
        ("<div class=navheader><table><tr><td>Prev<td>Next</table></div>", PageArea.NAVIGATION),
        ("<form role=search>menu</form>", PageArea.NAVIGATION),
        ("<footer>end</footer>", PageArea.FOOTER),
        ("<div id=footer>end</div>", PageArea.FOOTER),
        ("<article><footer>by Ann</footer></article>", None),
        ("<div class=card-footer>Ships in 3 days</div>", None),
        (f"<div id=cookie-banner>{BANNER}</div>", PageArea.CONSENT),
        (f"<div role=dialog>{BANNER}</div>", PageArea.CONSENT),
        ("<div class=cookie-policy><p>We use cookies.</p></div>", None),
        (f"<div class=cookies><h1>Cookies</h1>{BANNER}</div>", None),
        ("<div role=dialog><p>Choose a size</p><button>M</button></div>", None),
        ("<div class=ad-slot>buy</div>", PageArea.ADVERTISEMENT),
        ("<div class=advertisement>buy</div>", PageArea.ADVERTISEMENT),
        ("<div class=google-ads-plan>buy</div>", None),
        ("<div class=ads><table><tr><td>a<td>b</table></div>", None),
        ("<div class=testimonial-carousel>praise</div>", PageArea.VOICES),
        ("<div class=reviews_slider>praise</div>", PageArea.VOICES),
        ("<div class=reviews>shown</div>", None),
        ("<div class=cookies>We use cookies. <a>Accept all</a></div>", PageArea.CONSENT),
        ("<div class=cookies>We use cookies. <a>Our policy</a></div>", None),
        ("<div class=navy>shown</div>", None),
        ("<body class=footer>shown", None),
    ],
)  # fmt: skip
def test_an_area_is_known_by_what_its_markup_says(around: str, area: PageArea | None) -> None:
    areas = {block.area for block in visible_blocks(around)}
    assert areas == {area or PageArea.CONTENT}


@pytest.mark.parametrize("around", ["<nav>{}</nav>", "<footer>{}</footer>",
                                    "<div class=testimonials>{}</div>"])  # fmt: skip
def test_a_price_is_content_wherever_it_stands(around: str) -> None:
    page = around.format("<p>menu</p><p>Pro: $99</p>")
    assert content(f"<p>words</p>{page}") == "words\nPro: $99"


def test_a_footer_that_much_follows_is_not_that_of_the_page() -> None:
    cards = "".join(
        f"<div><p>card {n}</p><div class=footer>in {n} days</div></div>" for n in "1234"
    )
    assert content(cards).splitlines()[:4] == ["card 1", "in 1 days", "card 2", "in 2 days"]
    assert content("<p>a</p><footer>end</footer><a>Back to top</a>") == "a\nBack to top"


def test_a_page_of_nothing_else_keeps_it_all() -> None:
    assert content("<nav>menu</nav>") == "menu"


@pytest.mark.parametrize(
    ("html", "shown"),
    [
        ("<dialog>secret</dialog>", ""), ("<dialog open>shown</dialog>", "shown"),
        ("<div role=dialog aria-hidden=true>secret</div>", ""),
        ("<div class=modal aria-hidden=true>secret</div>", ""),
        ("<span aria-hidden=true>$99</span>", "$99"),
        ("<p>by Ann, <time>May 3</time></p>", "by Ann,"),
    ],
)  # fmt: skip
def test_closed_dialogs_and_marked_times_are_left_out(html: str, shown: str) -> None:
    assert content(html) == shown


def test_the_outermost_area_counts() -> None:
    html = f"<footer><nav>a</nav><div class=cookie-bar>{BANNER}</div>b</footer>"
    assert {block.area for block in visible_blocks(html)} == {PageArea.FOOTER}
