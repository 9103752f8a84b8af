"""What people report of other tools, as pairs of pages: the change that is right, or none.

Each kind has the report, further forms of it, and pages that resemble it and must not trigger it.
"""

import pytest

from core.changes.detection import DetectedChange, SeenPage, detect_change
from core.changes.rules import ChangeType
from core.text.blocks import to_text
from core.text.visible_text import content_blocks
from core.web.crawl_settings import NOTHING_CHOSEN, CrawlSettings, MaskName
from core.web.links import extract_links

URL = "https://shop.example/page"
INTRO = "<h1>Desk lamp</h1><p>Warm light, a heavy foot, a long cable.</p>"


def seen(html: str, settings: CrawlSettings = NOTHING_CHOSEN, url: str = URL) -> SeenPage:
    text = to_text(content_blocks(html, settings.parts, url))
    return SeenPage(url, extract_links(html, url).title, text, settings.comparison)


def change(
    before: str, after: str, settings: CrawlSettings = NOTHING_CHOSEN, url: str = URL
) -> DetectedChange | None:
    return detect_change(seen(before, settings, url), seen(after, settings, url))


def summary(before: str, after: str, settings: CrawlSettings = NOTHING_CHOSEN) -> str:
    found = change(before, after, settings)
    assert found is not None
    return found.summary


def price_step(before: str, after: str) -> tuple[str, str]:
    """The amounts of the price change from one page to the other."""
    found = change(INTRO + before, INTRO + after)
    assert found is not None
    assert found.change_type is ChangeType.PRICE_CHANGE, found.summary
    words = found.summary.partition(" changed from ")[2]
    old, _, new = words.partition(" to ")
    for end in (" in “", ", and ", "."):
        new = new.partition(end)[0] if end != "." else new.removesuffix(".")
    return old, new


# dgtlmoon/changedetection.io#1301: images and their alternative texts are not compared.

MATRIX = "<h1>Plans</h1><table><tr><th>Feature<th>Team<tr><td>Sign-on<td>{}</table>"


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("<img src=t.svg alt=Included>", "<img src=c.svg alt='Not included'>", "Not included"),
        ("<img src=/i/tick.svg>", "<img src=/i/cross.svg>", "✗"),
        ("<svg role=img aria-label=Yes></svg>", "<svg role=img aria-label=No></svg>", "No"),
        ("<svg><title>Yes</title></svg>", "<svg><title>No</title></svg>", "No"),
        ("<i class='fa fa-check'></i>", "<i class='fa fa-times'></i>", "✗"),
        ("<span class='icon icon-tick'></span>", "<span class='icon icon-cross'></span>", "✗"),
        ("<svg><use href='#icon-check'></use></svg>", "<svg><use href='#icon-x'></use></svg>", "✗"),
        ("<span aria-label=Included></span>", "<span aria-label=Missing></span>", "Missing"),
        ("<i title=Included></i>", "<i title='Extra charge'></i>", "Extra charge"),
        ("<button aria-label=Add></button>", "<button aria-label=Remove></button>", "Remove"),
        ("<a aria-label=Add><svg/></a>", "<a aria-label=Remove><svg/></a>", "Remove"),
        ("<b title=Yes><i class=q></i></b>", "<b title=No><i class=q></i></b>", "No"),
        ("<svg><g><title>Yes</title></g></svg>", "<svg><g><title>No</title></g></svg>", "No"),
        ("<svg role=img><desc>Yes</desc></svg>", "<svg role=img><desc>No</desc></svg>", "No"),
        ("<em role=img aria-label=Yes>●</em>", "<em role=img aria-label=No>●</em>", "No"),
        (
            "<strong role=img aria-label=Yes></strong>",
            "<strong role=img aria-label=No></strong>",
            "No",
        ),
        ("<ion-icon name=checkmark></ion-icon>", "<ion-icon name=close-x></ion-icon>", "✗"),
        ("<i data-lucide=check></i>", "<i data-lucide=x></i>", "✗"),
        ("<svg><text>5 left</text></svg>", "<svg><text>2 left</text></svg>", "2 left"),
        ("<meter value=3 max=5></meter>", "<meter value=2 max=5></meter>", "2/5"),
        ("<progress value=.3></progress>", "<progress value=.6></progress>", ".6"),
        ("<ul><li class=included>SSO</ul>", "<ul><li class=not-included>SSO</ul>", "✗"),
        ("</td><td class=yes></td>", "</td><td class=no></td>", "✗"),
        (
            "<select><optgroup label=Now><option>A</select>",
            "<select><optgroup label=Later><option>A</select>",
            "Later",
        ),
        (
            "<x-a><template shadowrootmode=open>Yes</template></x-a>",
            "<x-a><template shadowrootmode=open>No</template></x-a>",
            "No",
        ),
        (
            "<math><mi>x</mi><mn>2</mn></math>",
            "<math><mi>x</mi><mn>3</mn><annotation>x</annotation></math>",
            "x3",
        ),
    ],
)
def test_what_an_icon_stands_for_is_compared(before: str, after: str, told: str) -> None:
    assert told in summary(MATRIX.format(before), MATRIX.format(after))


def test_an_icon_is_read_in_a_grid_of_roles_too() -> None:
    grid = (
        "<div role=row><div role=cell>SSO</div><div role=cell><i class='fa fa-{}'></i></div></div>"
    )
    assert "✗" in summary(INTRO + grid.format("check"), INTRO + grid.format("times"))


def test_a_changed_cell_is_told_with_its_row_and_column() -> None:
    told = summary(MATRIX.format("<img alt=Included>"), MATRIX.format("<img alt='Not included'>"))
    assert told == "Changed “Included” to “Not included” for “Team” in “Sign-on”."


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("<img src=/a.jpg?v=1 alt=Lamp>", "<img src=/b.jpg?v=2 alt=Lamp>"),
        ("<img src=/a.jpg>", "<img src=/b.jpg>"),
        ("<img src=/a.jpg alt=''>", "<img src=/b.jpg alt=''>"),
        ("<img alt='Wave 1' role=presentation>", "<img alt='Wave 2' role=presentation>"),
        (
            "<svg aria-hidden=true><title>a</title></svg>",
            "<svg aria-hidden=true><title>b</title></svg>",
        ),
        ("<i class='fa fa-star'></i>", "<i class='fa fa-heart'></i>"),
        ("<p>See <i class='icon-check'></i></p>", "<p>See <i class='icon-times'></i></p>"),
        ("<a href=/ title='Tip 1'>Home</a>", "<a href=/ title='Tip 2'>Home</a>"),
        ("<p aria-label='Part 1'>Words</p>", "<p aria-label='Part 2'>Words</p>"),
        ("<a title=T1><img alt=Lamp></a>", "<a title=T2><img alt=Lamp></a>"),
        ("<li class=active>A</li>", "<li class=disabled>A</li>"),
        ("<td class=even>A</td>", "<td class=no>A</td>"),
        (
            f"<svg><text>{'a chart ' * 9}1</text></svg>",
            f"<svg><text>{'a chart ' * 9}2</text></svg>",
        ),
        ("<template><p>A</p></template>", "<template><p>B</p></template>"),
    ],
)
def test_an_image_that_says_nothing_else_is_the_same(before: str, after: str) -> None:
    assert change(INTRO + before, INTRO + after) is None


# themarshallproject/klaxon#508: a link's words stay and it leads elsewhere.

LINKS = CrawlSettings(compare_links=True)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("<a href=/fees-2026.pdf>Fees</a>", "<a href=/fees-2027.pdf>Fees</a>"),
        ("<a href=/a#one>Fees</a>", "<a href=/a#two>Fees</a>"),
        ("<a href='/a?id=1'><img alt=Fees></a>", "<a href='/a?id=2'><img alt=Fees></a>"),
        (
            "<form action=/buy><button>Buy</button></form>",
            "<form action=/wait><button>Buy</button></form>",
        ),
        (
            "<form><button formaction=/a>Go</button></form>",
            "<form><button formaction=/b>Go</button></form>",
        ),
        ("<iframe src=/embed/1></iframe>", "<iframe src=/embed/2></iframe>"),
        ("<a href=mailto:ann@x.example>Write</a>", "<a href=mailto:bob@x.example>Write</a>"),
    ],
)
def test_where_a_link_leads_is_compared_if_that_is_set(before: str, after: str) -> None:
    assert change(INTRO + before, INTRO + after, LINKS) is not None
    assert change(INTRO + before, INTRO + after) is None


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("<a href=/fees>Fees</a>", "<a href=https://shop.example/fees>Fees</a>"),
        ("<a href=/fees>Fees</a>", "<a href=./fees>Fees</a>"),
        ("<a href='/fees?utm_source=a'>Fees</a>", "<a href='/fees?utm_source=b'>Fees</a>"),
        ("<a href='/f;jsessionid=A1B2C3'>Fees</a>", "<a href='/f;jsessionid=D4E5F6'>Fees</a>"),
        ("<a href='javascript:a()'>Fees</a>", "<a href='javascript:b()'>Fees</a>"),
        ("<a href='#a'>Fees</a>", "<a href='#b'>Fees</a>"),
        ("<nav><a href=/a>Fees</a></nav>", "<nav><a href=/b>Fees</a></nav>"),
    ],
)
def test_a_link_that_leads_to_the_same_page_is_the_same(before: str, after: str) -> None:
    assert change(INTRO + before, INTRO + after, LINKS) is None


# chalie-ai/chalie#1723: dates are lost that are the news.

DATED = (
    "<h1>Passports</h1><p id=next>{}</p><p>Opens on <time id=opens>{}</time>.</p>"
    "<p id=online>{} people are viewing this</p>"
    "<div id=ad class=ad-slot>{}</div><p>Bring papers.</p>"
)
BEFORE = DATED.format("12 May 2027", "4 January 2027", 5, "Buy now")


@pytest.mark.parametrize(
    ("selector", "changed"),
    [
        ("#next", ("3 March 2027", "4 January 2027", 5, "Buy now")),
        ("#opens", ("12 May 2027", "1 December 2026", 5, "Buy now")),
        ("p", ("12 May 2027", "1 December 2026", 5, "Buy now")),
        ("#online", ("12 May 2027", "4 January 2027", 6, "Buy now")),
        ("#ad", ("12 May 2027", "4 January 2027", 5, "Buy later")),
        ("h1, div", ("12 May 2027", "4 January 2027", 5, "Buy later")),
    ],
)
def test_what_a_person_selects_is_compared_without_masks(
    selector: str, changed: tuple[object, ...]
) -> None:
    after = DATED.format(*changed)
    assert change(BEFORE, after) is None
    found = change(BEFORE, after, CrawlSettings(watch_selector=selector))
    assert found is not None
    assert found.confidence > 0.9


def test_masks_can_be_turned_on_for_a_selected_part() -> None:
    after = DATED.format("3 March 2027", "1 December 2026", 6, "Buy later")
    masked = CrawlSettings(watch_selector="p, div", masks_off=())
    assert change(BEFORE, after, CrawlSettings(watch_selector="p, div")) is not None
    assert change(BEFORE, after, masked) is None


@pytest.mark.parametrize(
    ("mask", "before", "after"),
    [
        (MaskName.DATES, "<p>12 May 2027</p>", "<p>3 March 2027</p>"),
        (MaskName.DATES, "<p>On <time>12 May</time></p>", "<p>On <time>3 March</time></p>"),
        (MaskName.DATES, "<p>2 days ago</p>", "<p>3 days ago</p>"),
        (MaskName.DURATIONS, "<p>rendered in 2.1 s</p>", "<p>rendered in 2.4 s</p>"),
        (MaskName.COUNTERS, "<p>1,200 views</p>", "<p>1,300 views</p>"),
        (MaskName.COPYRIGHT, "<p>© 2026 Acme</p>", "<p>© 2027 Acme</p>"),
        (MaskName.IDS, "<p>Request ID: ab12cd34ef</p>", "<p>Request ID: cd34ef56ab</p>"),
        (MaskName.VERSIONS, "<title>Lamp | Acme 2.3</title>", "<title>Lamp | Acme 2.4</title>"),
        (MaskName.NAVIGATION, "<nav>Home Shop</nav>", "<nav>Home Jobs</nav>"),
        (MaskName.FOOTER, "<footer>About</footer>", "<footer>Press</footer>"),
        (MaskName.ADVERTISEMENTS, "<div class=ads>Buy a</div>", "<div class=ads>Buy b</div>"),
        (
            MaskName.TESTIMONIALS,
            "<div class=testimonials>A</div>",
            "<div class=testimonials>B</div>",
        ),
        (
            MaskName.CONSENT,
            "<div class=cookies>We use 1 cookie <button>OK</button></div>",
            "<div class=cookies>We use 2 cookies <button>OK</button></div>",
        ),
    ],
)
def test_each_mask_can_be_turned_off(mask: MaskName, before: str, after: str) -> None:
    assert change(before + INTRO, after + INTRO) is None
    assert change(before + INTRO, after + INTRO, CrawlSettings(masks_off=(mask,))) is not None
    others = tuple(set(MaskName) - {mask})
    assert change(before + INTRO, after + INTRO, CrawlSettings(masks_off=others)) is None


AD = "<div class=ad><h3>{}</h3><p>{}</p></div>"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "".join(AD.format(f"Bike {n}", f"${n}50") for n in "123"),
            "".join(AD.format(f"Bike {n}", f"${n}50") for n in "124"),
        ),
        (
            "<div class=ads>" + "<p>Room to let, €400</p>" * 4 + "</div>",
            "<div class=ads>" + "<p>Room to let, €450</p>" * 4 + "</div>",
        ),
        (
            "<div class=sponsored><p>Our story began in 1920, in a shed behind the mill.</p>"
            "<p>It has grown.</p><p>We are 12.</p></div>",
            "<div class=sponsored><p>Our story began in 1920, in a shed behind the mill.</p>"
            "<p>It has grown.</p><p>We are 13.</p></div>",
        ),
        (
            "<div class=testimonials><p>Dr. Ann Lee, surgeon, open on Mondays and on Fridays</p>"
            "<p>Dr. Bo Day, dentist</p><p>Dr. Cy Fox, nurse</p></div>",
            "<div class=testimonials><p>Dr. Ann Lee, surgeon, open on Tuesdays and on Fridays</p>"
            "<p>Dr. Bo Day, dentist</p><p>Dr. Cy Fox, nurse</p></div>",
        ),
        (
            "".join(
                f"<div class=ad><h3>Cook {n}</h3><p>In Bern, shift {n}</p></div>" for n in "123456"
            ),
            "".join(
                f"<div class=ad><h3>Cook {n}</h3><p>In Bern, shift {n}</p></div>" for n in "123457"
            ),
        ),
        (
            "".join(f"<div class=testimonial><p>Dr {n}, on Mondays</p></div>" for n in "ABCDEF"),
            "".join(f"<div class=testimonial><p>Dr {n}, on Mondays</p></div>" for n in "ABCDEG"),
        ),
        (
            "<div class=footer><p>Our opening hours in the week are from nine to five o'clock.</p>"
            "<p>On Sundays and on public holidays the whole house is closed to visitors.</p></div>",
            "<div class=footer><p>Our opening hours in the week are from nine to six o'clock.</p>"
            "<p>On Sundays and on public holidays the whole house is closed to visitors.</p></div>",
        ),
    ],
)
def test_what_most_of_a_page_is_in_is_content_whatever_its_class(before: str, after: str) -> None:
    title = "<p>Offers</p>"
    assert change(title + before, title + after) is not None


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("<div class=ad-slot>Shoes for $99</div>", "<div class=ad-slot>Hats for $49</div>"),
        ("<div class=ads><p>Buy a</p><p>Buy b</p></div>", "<div class=ads><p>Buy c</p></div>"),
        ("<div class=testimonials><p>Great</p></div>", "<div class=testimonials><p>Fine</p></div>"),
        (
            "<div class=nav>" + "<a>Home</a><br>" * 20 + "</div>",
            "<div class=nav>" + "<a>Start</a><br>" * 20 + "</div>",
        ),
        (
            "<p>$1</p><p>$2</p><p>$3</p><p>$4</p><div class=ads><p>$5</p><p>$6</p><p>$7</p></div>",
            "<p>$1</p><p>$2</p><p>$3</p><p>$4</p><div class=ads><p>$8</p><p>$9</p><p>$6</p></div>",
        ),
    ],
)
def test_an_advertisement_beside_the_content_is_none(before: str, after: str) -> None:
    assert change(INTRO + before, INTRO + after) is None


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("Header_nav__x1Y2z", "Header_nav__qWert"),
        ("_nav_1a2b3_12", "_nav_9z8y7_14"),
        ("nav__a1b2c", "nav__hgkdw"),
        ("css-1x2y3z-nav", "css-9k8j7h-nav"),
        ("makeStyles-nav-12", "makeStyles-nav-31"),
        ("nav-3f9k2", "nav-8h2j1"),
        ("site-nav_1a2b3", "site-nav_2b3c4"),
        ("ad", "bf"),
        ("ft", "k"),
        ("zz", "ad"),
    ],
)
def test_a_class_that_a_build_tool_makes_anew_moves_no_boundary(before: str, after: str) -> None:
    def page(name: str, word: str) -> str:
        short = "".join(f"<b class={a}{b}>x</b>" for a in "uvw" for b in "pqr")
        links = f"<div class={name}><a>Home</a><a>{word}</a></div>"
        return f"<p>{short if len(name) < 3 else ''}</p>{INTRO}{links}"

    assert change(page(before, "Shop"), page(after, "Shop")) is None
    is_menu = len(before) > 3
    assert (change(page(before, "Shop"), page(after, "Jobs")) is None) is is_menu


# edgi-govdata-archiving/web-monitoring-ui#128: changes in what one click shows.

MONTHLY = (
    "<button role=tab>Monthly</button><button role=tab id=t2 aria-controls=yearly>Yearly</button>"
)


@pytest.mark.parametrize(
    "panel",
    [
        "<div role=tabpanel hidden><h2>Pro</h2><p>{} a year.</p></div>",
        "<div role=tabpanel style='display: none'><h2>Pro</h2><p>{} a year.</p></div>",
        "<div id=yearly hidden><h2>Pro</h2><p>{} a year.</p></div>",
        "<div class='tab-pane fade' hidden><h2>Pro</h2><p>{} a year.</p></div>",
        "<div class=accordion-body style='display:none'><h2>Pro</h2><p>{} a year.</p></div>",
        "<details><summary>Pro</summary><h2>Pro</h2><p>{} a year.</p></details>",
        "<div hidden=until-found><h2>Pro</h2><p>{} a year.</p></div>",
        "<a data-toggle=collapse href='#c1'>Pro</a><div id=c1 hidden><h2>Pro</h2>{} a year.</div>",
        "<button data-bs-target='#c2'>Pro</button><div id=c2 hidden><h2>Pro</h2>{} a year.</div>",
        "<ul><li><a href='#c3'>Pro</a></ul><div id=c3 hidden><h2>Pro</h2>{} a year.</div>",
        "<button role=tab id=t4>Pro</button><div aria-labelledby=t4 hidden><h2>Pro</h2>{}.</div>",
        "<a href='#' onclick=\"show('c5')\">More</a><div id=c5 hidden><h2>Pro</h2>{} a year.</div>",
        "<button aria-expanded=false>More</button> <div hidden><h2>Pro</h2>{} a year.</div>",
        "<h3><button aria-expanded=false>Pro</button></h3>\n<div hidden>{} a year.</div>",
        "<dl><dt><button aria-expanded=false>Pro</button><dd hidden><h2>Pro</h2>{} a year.</dl>",
        "<div role=button aria-expanded=false>Pro</div><!-- a --><section style='display:none'>"
        "<h2>Pro</h2>{} a year.</section>",
        "<div class=q><span role=button aria-expanded=false>Pro</span></div><p hidden>Pro: {}</p>",
    ],
)
def test_what_one_click_shows_is_compared(panel: str) -> None:
    told = summary(INTRO + MONTHLY + panel.format("$190"), INTRO + MONTHLY + panel.format("$240"))
    assert told == "Price of Pro changed from $190 to $240."


@pytest.mark.parametrize(
    "hidden",
    [
        "<div hidden>{}</div>",
        "<p style='display:none'>{}</p>",
        "<div class=modal hidden>{}</div>",
        "<div role=dialog id=yearly hidden>{}</div>",
        "<div role=menu hidden>{}</div>",
        "<ul><li><a href='#m2'>Log in</a></ul><div id=m2 role=dialog hidden>{}</div>",
        "<ul><li><a href='#cart'>Cart</a></ul><div id=cart hidden>{}</div>",
        "<ul><li><a href='#l'>Sign in</a></ul><div id=l class='modal mfp-hide' hidden>{}</div>",
        "<ul><li><a href='#mobile-menu'>Menu</a></ul><div id=mobile-menu hidden>{}</div>",
        "<button aria-haspopup=menu aria-expanded=false id=b>M</button>"
        "<div aria-labelledby=b hidden>{}</div>",
        "<button aria-haspopup=true aria-controls=m>Menu</button><ul id=m hidden><li>{}</ul>",
        "<input aria-controls=s role=combobox><div id=s hidden>{}</div>",
        "<button aria-expanded=false class=menu-toggle>Menu</button><ul hidden><li>{}</ul>",
        "<nav><button aria-expanded=false>Shop</button><div hidden>{}</div></nav>",
        "<button aria-expanded=false>More</button><p>Words</p><div hidden>{}</div>",
        "<button aria-expanded=false>More</button> Words <div hidden>{}</div>",
        "<button aria-expanded=false aria-haspopup=true>M</button><div hidden>{}</div>",
        "<button aria-expanded=false aria-label='Open cart'>C</button><div hidden>{}</div>",
        "<button aria-expanded=false>More</button><div class=site-search hidden>{}</div>",
        "<div>Words <button aria-expanded=false>More</button></div><div hidden>{}</div>",
        "<template>{}</template>",
        "<dialog>{}</dialog>",
        "<div class=error hidden>{}</div>",
    ],
)
def test_what_no_click_on_a_tab_shows_is_not_compared(hidden: str) -> None:
    assert (
        change(INTRO + MONTHLY + hidden.format("a"), INTRO + MONTHLY + hidden.format("b")) is None
    )


# dgtlmoon/changedetection.io#1258: a sale beside the old price is not told as a price.

PRICE = "<p class=price>$129.00</p>"


@pytest.mark.parametrize(
    "sale",
    [
        "<p class=price><del>$129.00</del> <ins>$99.00</ins></p>",
        "<p class=price><ins>$99.00</ins> <del>$129.00</del></p>",
        "<p class=price><s>$129.00</s><b>$99.00</b></p>",
        "<p><span class=old-price>$129.00</span> Now <span>$99.00</span></p>",
        "<p><span style='text-decoration: line-through'>$129.00</span> $99.00</p>",
        "<p>Was $129.00, now $99.00</p>",
        "<p>$129.00 $99.00</p>",
        "<p class=price><del>$129.00</del></p><p class=price>$99.00</p>",
        "<p class=price>$99.00</p><p class=price><del>$129.00</del></p>",
        "<div class=price__was-price>$129.00</div><div>Now $99.00</div>",
        "<p>Was $129.00</p><p>$99.00</p>",
    ],
)
def test_a_lower_price_beside_a_struck_one_is_a_price_that_fell(sale: str) -> None:
    assert price_step(PRICE, sale) == ("$129.00", "$99.00")
    assert price_step(sale, PRICE) == ("$99.00", "$129.00")


@pytest.mark.parametrize(
    ("before", "after", "step"),
    [
        ("R$ 129,90", "De R$ 129,90 por R$ 99,90", ("R$ 129,90", "R$ 99,90")),
        ("R$ 129,90", "<del>de: R$ 129,90</del></p><p>por: R$ 99,90", ("R$ 129,90", "R$ 99,90")),
        ("129,00 zł", "99,00 zł Najniższa cena z 30 dni przed obniżką: 129,00 zł",
         ("129,00 zł", "99,00 zł")),
        ("129 €", "99 € Niedrigster Preis der letzten 30 Tage: 119 €", ("129 €", "99 €")),
        ("129 Kč", "Původní cena 129 Kč, akční cena 99 Kč", ("129 Kč", "99 Kč")),
        ("129 lei", "PRP: 129 lei Preț redus: 99 lei", ("129 lei", "99 lei")),
        ("299 ر.س", "199 ر.س بدلاً من 299 ر.س", ("299 ر.س", "199 ر.س")),
        ("₪129", "₪99 במקום ₪129", ("₪129", "₪99")),
        ("10,000円", "通常価格 10,000円 → 特別価格 8,000円", ("10,000円", "8,000円")),
        ("200元", "原价200元，现价150元", ("200元", "150元")),
        ("1.299.000 ₫", "Giá gốc: 1.299.000 ₫ 999.000 ₫", ("1.299.000 ₫", "999.000 ₫")),
        ("2 990 ₽", "Старая цена 2 990 ₽, теперь 1 990 ₽", ("2 990 ₽", "1 990 ₽")),
        ("129,95 €", "Au lieu de 129,95 € : 99,95 €", ("129,95 €", "99,95 €")),
    ],
)  # fmt: skip
def test_a_sale_is_told_in_the_words_of_its_country(
    before: str, after: str, step: tuple[str, str]
) -> None:
    assert price_step(f"<p>{before}</p>", f"<p>{after}</p>") == step


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("$99 Save $30", "$99 Save $40"),
        ("$5 off", "$10 off"),
        ("Coupon: 5 €", "Coupon: 10 €"),
        ("-$5", "-$10"),
        ("£1.29 each", "2 for £2"),
        ("$1.29", "3/$5"),
        ("1,29 €", "2 für 2 €"),
        ("R$ 129,90", "10x de R$ 12,99"),
        ("$129", "$129 $5 coupon"),
        ("$12.90", "$1.19/100 g"),
        ("售价200元", "原价200，150元"),
        ("$129.99", "$129. 99"),
        ("129 USD", "12 mil USD"),
    ],
)
def test_another_amount_beside_a_price_is_no_price_of_it(before: str, after: str) -> None:
    found = change(f"{INTRO}<p>{before}</p>", f"{INTRO}<p>{after}</p>")
    assert found is not None
    assert found.change_type is not ChangeType.PRICE_CHANGE, found.summary


def test_a_row_called_price_names_nothing() -> None:
    row = "<table><tr><th>Price<td>$129</table>", "<table><tr><th>Price<td>$99</table>"
    assert summary(INTRO + row[0], INTRO + row[1]) == (
        "Price of Desk lamp changed from $129 to $99."
    )


def test_a_sale_in_a_table_and_a_deeper_one_are_told() -> None:
    row = "<table><tr><th>Plan<th>Price<tr><td>Pro<td>{}</table>"
    assert price_step(row.format("€50"), row.format("<s>€50</s> €40")) == ("€50", "€40")
    one, other = (f"<p><del>$129</del> ${n}</p>" for n in (99, 89))
    assert price_step(one, other) == ("$99", "$89")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (PRICE, "<p>$129.00, or with a heavy foot $199.00</p>"),
        (PRICE, "<p>$129.00, delivery $9.00</p>"),
        (PRICE, "<p class=price>$129.00</p><p>Delivery: $9.00</p>"),
        (PRICE, "<p class=price><del>$129.00</del></p><p>Sold out</p>"),
        ("<p>Only today</p>", "<p><del>Only today</del> Closed</p>"),
    ],
)
def test_a_second_amount_alone_is_no_sale(before: str, after: str) -> None:
    found = change(INTRO + before, INTRO + after)
    assert found is None or found.change_type is not ChangeType.PRICE_CHANGE


# dylants/price-finder#97: the cents of a price are read as hundreds.


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("<span class=price>${}<sup>{}</sup></span>", "${}.{}"),
        ("<sup>$</sup>{}<sup>{}</sup>", "${}.{}"),
        ("${} <sup>{}</sup>", "${}.{}"),
        ("${}<small>{}</small>", "${}.{}"),
        ("<span>$</span><span>{}</span><span class=cents>{}</span>", "${}.{}"),
        ("<span>$</span><span>{}</span><span class=price-fraction>{}</span>", "${}.{}"),
        ("{}<sup>{}</sup> €", "{}.{} €"),
        ("{}<sup>{} €</sup>", "{}.{} €"),
        ("{}€{}", "{}€{}"),
        ("${}<span style='vertical-align: super'>{}</span>", "${}.{}"),
        ("£1.2{}<sup>{}</sup>", "£1.2{},{}"),
        ("${}<sup>.{}</sup>", "${}.{}"),
    ],
)
def test_raised_cents_are_cents(written: str, read: str) -> None:
    before, after = (
        f"<p>Basic costs {written.format(*each)} a month</p>"
        for each in (("19", "99"), ("24", "49"))
    )
    assert price_step(before, after) == (read.format("19", "99"), read.format("24", "49"))


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("costs $99<sup>1</sup> a month", "costs $99¹ a month"),
        ("costs $99<sup><a href='#n'>12</a></sup>", "costs $99¹²"),
        ("10<sup>12</sup> bytes", "10¹² bytes"),
        ("the 1<sup>st</sup> of May", "the 1st of May"),
        ("5 m<sup>2</sup>, H<sub>2</sub>O", "5 m2, H2O"),
        ("$24<small>/month</small>", "$24/month"),
        ("$24.49<small>12 months</small>", "$24.49 12 months"),
        ("room 1<b>0</b>1", "room 101"),
        ("$1<b>000</b>", "$1000"),
    ],
)
def test_raised_digits_that_are_no_cents_are_told_apart(html: str, text: str) -> None:
    assert seen(f"<p>{html}</p>").text.endswith(text)


@pytest.mark.parametrize(
    "price",
    [
        "<span>35</span> <span>{}</span> €",
        "$35<data>{}</data>",
        "$35<font size=1>{}</font>",
        "<b>$</b><output>35</output><label>{}</label>",
        "<span>35</span>\n<small class=x>{}</small> zł",
    ],
)
def test_loose_cents_are_no_price_of_their_own(price: str) -> None:
    before, after = (f"{INTRO}<p>Basic costs {price.format(cents)}" for cents in ("00", "99"))
    found = change(before, after)
    assert found is not None
    assert found.change_type is not ChangeType.PRICE_CHANGE, found.summary


@pytest.mark.parametrize("price", ["$35 {}", "<i>$</i><b>35</b><b>{}</b>", "$5 1{}0 users"])
def test_a_figure_that_can_be_two_amounts_is_told_as_text(price: str) -> None:
    found = change(INTRO + f"<p>{price.format('00')}</p>", INTRO + f"<p>{price.format('99')}</p>")
    assert found is not None
    assert found.change_type is ChangeType.CONTENT_CHANGE


# dgtlmoon/changedetection.io#2469: order alone is no news.


def listed(*items: str, tag: str = "ul", heading: str = "Open positions") -> str:
    lines = "".join(f"<li>{item}</li>" for item in items)
    return f"<h1>{heading}</h1><{tag}>{lines}</{tag}><p>Write to us.</p>"


JOBS = ("Baker for the night", "Driver of lorries", "Accountant, part time", "Gardener")


@pytest.mark.parametrize("order", [(3, 2, 0, 1), (1, 0, 2, 3), (3, 2, 1, 0), (2, 3, 0, 1)])
def test_the_order_of_a_plain_list_is_no_news(order: tuple[int, ...]) -> None:
    assert change(listed(*JOBS), listed(*(JOBS[n] for n in order))) is None


def test_what_comes_into_a_list_that_is_put_in_another_order_is_news() -> None:
    found = change(listed(*JOBS), listed(JOBS[3], "Cook", JOBS[1], JOBS[0], JOBS[2]))
    assert found is not None
    assert found.summary == "Added “Cook”."


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (listed(*JOBS, tag="ol"), listed(*JOBS[::-1], tag="ol")),
        (listed(*JOBS, heading="Top teams"), listed(*JOBS[::-1], heading="Top teams")),
        (listed(*JOBS, heading="Steps"), listed(*JOBS[::-1], heading="Steps")),
        (listed("1. Ann", "2. Bo", "3. Cy"), listed("2. Bo", "1. Ann", "3. Cy")),
        ("<ul><li>A<li>B</ul><ul><li>C<li>D</ul>", "<ul><li>A<li>C</ul><ul><li>B<li>D</ul>"),
        (
            "<ul><li>Free<ul><li>Mail</ul><li>Pro<ul><li>Chat</ul></ul>",
            "<ul><li>Free<ul><li>Chat</ul><li>Pro<ul><li>Mail</ul></ul>",
        ),
        ("<h1>A</h1><p>One day.</p><p>Two days.</p>", "<h1>A</h1><p>Two days.</p><p>One day.</p>"),
        (
            "<h2>In</h2><ul><li>Chat<li>Mail</ul><h2>Out</h2><ul><li>Sign-on<li>Logs</ul>",
            "<h2>In</h2><ul><li>Chat<li>Sign-on</ul><h2>Out</h2><ul><li>Mail<li>Logs</ul>",
        ),
    ],
)
def test_an_order_that_means_something_is_news(before: str, after: str) -> None:
    assert change(before, after) is not None


ANY_ORDER = CrawlSettings(ignore_order=True)


def test_order_is_ignored_everywhere_if_that_is_set() -> None:
    before, after = (
        "<p>One day.</p><h2>B</h2><p>Two days.</p>",
        "<p>Two days.</p><h2>B</h2><p>One day.</p>",
    )
    assert change(before, after) is not None
    assert change(before, after, ANY_ORDER) is None
    assert change(listed(*JOBS, tag="ol"), listed(*JOBS[::-1], tag="ol"), ANY_ORDER) is None
    assert "Three" in summary(before, after + "<p>Three weeks.</p>", ANY_ORDER)


def test_prices_that_are_exchanged_are_news_even_if_order_is_ignored() -> None:
    before = "<h2>Basic</h2><p>$10</p><h2>Pro</h2><p>$20</p>"
    after = "<h2>Basic</h2><p>$20</p><h2>Pro</h2><p>$10</p>"
    assert change(before, after, ANY_ORDER) is not None
    assert change(before, "<h2>Pro</h2><p>$20</p><h2>Basic</h2><p>$10</p>", ANY_ORDER) is None


# adbar/trafilatura#43: pages begin to write characters that no reader can see.


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("Unternehmerkredit", "Unter\u00adnehmer\u00adkredit"),
        ("ann@x.example", "ann@\u200bx.example"),
        ("Café crème", "Cafe\u0301 cre\u0300me"),
        ("word", "\ufeffword"),
        ("a b", "a\u00a0b"),
        ("10 000 km", "10\u202f000\u2009km"),
        ("heart ❤", "heart ❤\ufe0f"),
        ("left right", "left \u200eright\u200f"),
        ("می\u200cخواهم", "میخواهم"),
        ("well-known", "well\u2011known"),
        ("office", "o\ufb03ce"),
        ("abc", "\u2066abc\u2069"),
        ("do\u2060it", "doit"),
        ("سلام", "\ufeb3\ufefc\ufee1"),
        ("ab", "a\u3164b"),
        ("ab", "a\u115fb"),
        ("a b", "a\u2800b"),
        ("ab", "a\x7fb"),
        ("ab", "a\x80b"),
        ("ab", "a\U000e0020b"),
        ("ab", "a\U0001d173b"),
        ("ab", "a\ufffcb"),
    ],
)
def test_what_no_reader_can_see_is_no_news(before: str, after: str) -> None:
    page = "<title>{0}</title><h1>{0}</h1><ul><li>{0}</ul><p>{0}</p><pre>{0}</pre>"
    assert change(page.format(before), page.format(after)) is None


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("café", "cafe"),
        ("a b", "ab"),
        ("x²", "x2"),
        ("1-2", "1–2"),
        ("Ω", "O"),
        ("ß", "ss"),
        ("10 000", "10000"),
        ("don't", "dont"),
        ("🏴", "🏳"),
        ("🏴", "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f"),  # of Scotland
    ],
)
def test_what_a_reader_can_see_is_news(before: str, after: str) -> None:
    assert change(f"<h1>A</h1><p>{before}</p>", f"<h1>A</h1><p>{after}</p>") is not None


def test_invisible_characters_are_not_told_as_words_of_another_change() -> None:
    told = summary("<p>The credit of 2026 is open.</p>", "<p>The cre\u00addit of 2027 is open.</p>")
    assert told == "Changed “2026” to “2027” in “The credit of 2026 is open.”."


# Availability, price and name in structured data; the state of buttons and form fields.

LD = '<script type="application/ld+json">{}</script>'
PRODUCT = LD.format(
    '{{"@type": "Product", "name": "{0}", "offers": {{"@type": "Offer", "price": "{1}",'
    ' "priceCurrency": "USD", "availability": "https://schema.org/{2}"}}}}'
)


def product(name: str = "Lamp", price: str = "129.00", availability: str = "InStock") -> str:
    return PRODUCT.format(name, price, availability) + INTRO


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (product(), product(availability="OutOfStock"), "out of stock"),
        (product(), product(price="99.00"), "from 129 USD to 99 USD"),
        (product(), product(name="Lamp Mk2"), "Mk2"),
        (
            "<div itemscope itemtype='https://schema.org/Product'><meta itemprop=price content=129>"
            "<link itemprop=availability href='https://schema.org/InStock'><p>Lamp</p></div>",
            "<div itemscope itemtype='https://schema.org/Product'><meta itemprop=price content=129>"
            "<link itemprop=availability href='https://schema.org/SoldOut'><p>Lamp</p></div>",
            "sold out",
        ),
        (
            "<meta property='product:price:amount' content=129><meta name='product:availability'"
            " content=instock>" + INTRO,
            "<meta property='product:price:amount' content=129><meta name='product:availability'"
            " content='out of stock'>" + INTRO,
            "out of stock",
        ),
        (
            LD.format(
                '{"@graph": [{"@type": ["Product"], "name": "Lamp", "offers": [{"price": 1.5}]}]}'
            )
            + INTRO,
            LD.format(
                '{"@graph": [{"@type": ["Product"], "name": "Lamp", "offers": [{"price": 2.5}]}]}'
            )
            + INTRO,
            "2.5",
        ),
    ],
)
def test_what_structured_data_say_is_compared(before: str, after: str, told: str) -> None:
    assert told in summary(before, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (product(), INTRO),
        (INTRO, product()),
        (
            LD.format('{"@type": "Product", "name": "L", "sku": "1"}') + INTRO,
            LD.format('{"@type": "Product", "name": "L", "sku": "2"}') + INTRO,
        ),
        (
            LD.format('{"@type": "ItemList", "itemListElement": [{"price": 1}]}') + INTRO,
            LD.format('{"@type": "ItemList", "itemListElement": [{"price": 2}]}') + INTRO,
        ),
        (LD.format('{"price": 1}') + INTRO, LD.format("{broken") + INTRO),
        (product(), product(availability="https://schema.org/InStock")),
        (product(price="129.00"), product(price="129")),
        (product(price="129.5"), product(price="129.500")),
    ],
)
def test_structured_data_that_say_nothing_else_are_the_same(before: str, after: str) -> None:
    assert change(before, after) is None


def test_an_event_that_is_cancelled_is_told() -> None:
    data = LD.format('{{"@type": "Event", "name": "Fair", "eventStatus": "Event{}"}}')
    assert "event cancelled" in summary(
        INTRO + data.format("Scheduled"), INTRO + data.format("Cancelled")
    )


@pytest.mark.parametrize(
    "data",
    [
        '{"@type": "MusicEvent", "name": "L", "offers": {"price": PRICE}}',
        '{"@type": "Hotel", "name": "L", "makesOffer": {"@type": "Offer", "price": PRICE}}',
        '/*<![CDATA[*/{"@type": "Product", "name": "L", "offers": {"price": PRICE}}/*]]>*/',
        '<!-- {"@type": "Product", "name": "L", "offers": {"price": PRICE}} -->',
        '{"@type": "Product", "name": "L", "description": "a\nb", "offers": {"price": PRICE}}',
        '{"@type": "Product", "name": "L", "offers": {"price": PRICE,},}',
    ],
)
def test_structured_data_are_read_as_leniently_as_search_engines_do(data: str) -> None:
    before, after = (
        f"<script type='application/ld+json; charset=utf-8'>{data.replace('PRICE', price)}</script>"
        for price in ("129", "99")
    )
    assert "99" in summary(before + INTRO, after + INTRO)


def test_what_the_text_tells_too_is_told_once() -> None:
    found = change(product() + "<p>$129.00</p>", product(price="99.00") + "<p>$99.00</p>")
    assert found is not None
    assert len(found.difference.blocks) == 1
    assert found.summary.startswith("Price of Desk lamp changed from $129.00 to $99.00")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("<button>Buy</button>", "<button disabled>Buy</button>"),
        ("<button>Buy</button>", "<button aria-disabled=true>Buy</button>"),
        ("<a class=btn>Buy</a>", "<a class='btn disabled'>Buy</a>"),
        ("<input type=submit value='Add to cart'>", "<input type=submit value='Sold out'>"),
        ("<select><option>S<option>M</select>", "<select><option>S<option disabled>M</select>"),
        (
            "<select><option selected>S<option>M</select>",
            "<select><option>S<option selected>M</select>",
        ),
        ("<input type=checkbox checked> Extra", "<input type=checkbox> Extra"),
        (
            "<span role=switch aria-checked=true>Open</span>",
            "<span role=switch aria-checked=false>Open</span>",
        ),
        (
            "<fieldset><button>Buy</button></fieldset>",
            "<fieldset disabled><button>Buy</button></fieldset>",
        ),
        ("<input type=number value=3>", "<input type=number value=5>"),
    ],
)
def test_the_state_of_a_field_is_compared(before: str, after: str) -> None:
    form = "<form>{}</form>"
    assert change(INTRO + form.format(before), INTRO + form.format(after)) is not None


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("<input type=hidden value=a1>", "<input type=hidden value=b2>"),
        ("<input type=password value=a>", "<input type=password value=b>"),
        ("<input type=checkbox value=a>", "<input type=checkbox value=b>"),
        ("<button value=1>Go</button>", "<button value=2>Go</button>"),
        ("<button aria-expanded=true>Go</button>", "<button aria-expanded=false>Go</button>"),
        ("<a role=tab aria-selected=true>Go</a>", "<a role=tab aria-selected=false>Go</a>"),
    ],
)
def test_a_field_that_shows_the_same_is_the_same(before: str, after: str) -> None:
    assert change(f"{INTRO}<form>{before}</form>", f"{INTRO}<form>{after}</form>") is None


# dgtlmoon/changedetection.io#494: the text of an iframe is not compared.


@pytest.mark.parametrize("outside", ["{}", "<div>{}</div>", "<main>{}</main>", "<p>{}", "<td>{}"])
def test_a_document_inside_the_page_is_compared(outside: str) -> None:
    def page(price: str) -> str:
        frame = (
            f"<iframe srcdoc='&lt;h2&gt;Double room&lt;/h2&gt;&lt;p&gt;{price}&lt;/p&gt;'></iframe>"
        )
        return INTRO + outside.format(frame)

    assert summary(page("$120"), page("$140")) == "Price of Double room changed from $120 to $140."
