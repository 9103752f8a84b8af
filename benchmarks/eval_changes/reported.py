"""The reported set: what people report of other tools, kind by kind, and pages that resemble it.

Each pair is written by hand and judged as a reader of the page would judge it. The forms differ
from those in tests/core/changes/test_public_reports.py, by which the rules were made.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.eval_changes.score import Score, Truth
from benchmarks.eval_changes.subject import Subject, Version
from core.web.crawl_settings import NOTHING_CHOSEN, CrawlSettings
from core.web.document_kinds import DocumentKind
from core.web.documents import page_of


@dataclass(frozen=True)
class Reported:
    """Two states of a part of a page.

    `types` are those that a person may give the change; none where the page says the same to a
    reader. `says` are words that the summary must have. Without `around` the states are whole
    pages.
    """

    name: str
    before: str
    after: str
    types: tuple[str, ...] = ()
    says: tuple[str, ...] = ()
    settings: CrawlSettings = NOTHING_CHOSEN
    around: bool = True


PRICE = ("price_change",)
TEXT = ("content_change",)
ANY = (
    "content_change",
    "price_change",
    "feature_added",
    "feature_removed",
    "section_added",
    "section_removed",
    "terms_update",
    "title_change",
)
LINKS = CrawlSettings(compare_links=True)


def same(name: str, before: str, after: str, settings: CrawlSettings = NOTHING_CHOSEN) -> Reported:
    """A pair of which nothing should be told."""
    return Reported(name, before, after, settings=settings)


def watching(selector: str) -> CrawlSettings:
    """Settings that watch one part."""
    return CrawlSettings(watch_selector=selector)


def price(name: str, form: str, old: tuple[str, ...], new: tuple[str, ...]) -> Reported:
    """A price in the words of `form` that changes; `old` and `new` end with how it is told."""
    *was, told_before = old
    *now, told_after = new
    return Reported(name, form.format(*was), form.format(*now), PRICE, (told_before, told_after))


PRICES = (
    price(
        "cents in a nested superscript",
        "<div class=buybox><span class=amount><b>$</b>{}<sup><span>{}</span></sup></span></div>",
        ("7", "49", "$7.49"),
        ("8", "99", "$8.99"),
    ),
    price(
        "cents in a class of their own",
        "<p class=tag><span class=int>{}</span><span class=decimal>{}</span> <span>€</span></p>",
        ("12", "90", "12.90"),
        ("14", "50", "14.50"),
    ),
    price("pounds and pence", "<h3>Hat</h3><p>£{}</p>", ("4.75", "£4.75"), ("5.25", "£5.25")),
    price(
        "rupees in lakhs",
        "<h3>Car</h3><p>₹{}</p>",
        ("7,49,000", "₹7,49,000"),
        ("7,89,000", "₹7,89,000"),
    ),
    price(
        "Swiss apostrophes",
        "<h3>Sofa</h3><p>Fr. {}</p>",
        ("2'450.–", "2'450"),
        ("2'290.–", "2'290"),
    ),
    price(
        "narrow spaces and kronor",
        "<h3>Stol</h3><p>{} kr</p>",
        ("1\u202f299", "299 kr"),
        ("1\u202f499", "499 kr"),
    ),
    price(
        "Arabic digits",
        "<h3>كتاب</h3><p>{} ر.س</p>",
        ("٤٥", "٤٥"),
        ("٥٢", "٥٢"),
    ),
    price(
        "Devanagari digits",
        "<h3>पुस्तक</h3><p>₹{}</p>",
        ("२५०", "२५०"),
        ("२७५", "२७५"),
    ),
    price("yen in words", "<h3>本</h3><p>{}円</p>", ("1,980", "1,980円"), ("2,200", "2,200円")),
    price("won", "<h3>책</h3><p>₩{}</p>", ("15,000", "₩15,000"), ("18,000", "₩18,000")),
    price("złoty", "<h3>Lampa</h3><p>{} zł</p>", ("49,99", "49,99 zł"), ("59,99", "59,99 zł")),
    price(
        "a code before",
        "<h3>Visa fee</h3><p>USD {}</p>",
        ("185", "USD 185"),
        ("205", "USD 205"),
    ),
    price(
        "a code behind, in a row",
        "<table><tr><th>Room<th>Night<tr><td>Suite<td>{} EUR</table>",
        ("240", "240 EUR"),
        ("265", "265 EUR"),
    ),
    price(
        "words for a currency",
        "<p>Entry costs {} euros for adults.</p>",
        ("8", "8 euros"),
        ("9", "9 euros"),
    ),
    price("reais", "<h3>Mesa</h3><p>R$ {}</p>", ("1.249,90", "1.249,90"), ("1.349,90", "1.349,90")),
    price("an amount with k", "<h3>Van</h3><p>From ${}</p>", ("24k", "$24k"), ("26k", "$26k")),
    price("roubles", "<h3>Чай</h3><p>{} ₽</p>", ("1 290", "1 290 ₽"), ("1 390", "1 390 ₽")),
    Reported(
        "a sale that begins in a definition list",
        "<dl><dt>Tent<dd>$320.00</dl>",
        "<dl><dt>Tent<dd><s>$320.00</s> <strong>$249.00</strong></dl>",
        PRICE,
        ("$320", "$249"),
    ),
    Reported(
        "a sale that ends",
        "<h2>Tent</h2><p><del>$320.00</del> <ins>$249.00</ins></p>",
        "<h2>Tent</h2><p>$320.00</p>",
        PRICE,
        ("$249", "$320"),
    ),
    Reported(
        "a sale told in German words",
        "<h2>Zelt</h2><p>320,00 €</p>",
        "<h2>Zelt</h2><p>Statt 320,00 € jetzt 249,00 €</p>",
        PRICE,
        ("320,00 €", "249,00 €"),
    ),
    Reported(
        "a deeper sale with a label for screen readers",
        "<h2>Tent</h2><p><span class=sr-only>Was</span> <s>$320</s> <span>Now</span> $249</p>",
        "<h2>Tent</h2><p><span class=sr-only>Was</span> <s>$320</s> <span>Now</span> $229</p>",
        PRICE,
        ("$249", "$229"),
    ),
    Reported(
        "a plan that is no longer free",
        "<h2>Solo</h2><p>Free</p>",
        "<h2>Solo</h2><p>$5 a month</p>",
        (*PRICE, *TEXT),
        ("$5",),
    ),
    Reported(
        "a range that moves",
        "<h2>Bikes</h2><p>$400 – $900</p>",
        "<h2>Bikes</h2><p>$400 – $950</p>",
        PRICE,
        ("$900", "$950"),
    ),
    Reported(
        "a figure that can be two amounts",
        "<h2>Ink</h2><p>$35 00</p>",
        "<h2>Ink</h2><p>$35 99</p>",
        TEXT,
    ),
    Reported(
        "a percentage on a line between",
        "<h3>Tent</h3><p>€200</p>",
        "<h3>Tent</h3><p><s>€200</s></p><p>−30 %</p><p>€140</p>",
        PRICE,
        ("€200", "€140"),
    ),
    Reported(
        "an arrow between",
        "<h3>Boat</h3><p>£900</p>",
        "<h3>Boat</h3><p>£900 ➜ £750</p>",
        PRICE,
        ("£900", "£750"),
    ),
    Reported(
        "a fall in Portuguese words",
        "<h3>Mesa</h3><p>R$ 500,00</p>",
        "<h3>Mesa</h3><p>De R$ 500,00 por apenas R$ 420,00</p>",
        PRICE,
        ("500,00", "420,00"),
    ),
    Reported(
        "the lowest price of a month",
        "<h3>Stol</h3><p>450 kr</p>",
        "<h3>Stol</h3><p>380 kr Lägsta pris senaste 30 dagarna: 420 kr</p>",
        PRICE,
        ("450 kr", "380 kr"),
    ),
    Reported(
        "a Turkish sale",
        "<h3>Masa</h3><p>900 TL</p>",
        "<h3>Masa</h3><p>Eski fiyat: 900 TL Şimdi: 700 TL</p>",
        PRICE,
        ("900 TL", "700 TL"),
    ),
    Reported(
        "instalments behind the price",
        "<h3>Sofa</h3><p>$800</p>",
        "<h3>Sofa</h3><p>$720 or 12 payments of $60</p>",
        PRICE,
        ("$800", "$720"),
    ),
    Reported(
        "a price of a kilogram before the price",
        "<h3>Cheese</h3><p>€9.00</p>",
        "<h3>Cheese</h3><p>€32.00/kg — €8.00</p>",
        PRICE,
        ("€9.00", "€8.00"),
    ),
    price("won in thousands", "<h3>집</h3><p>{}만원</p>", ("5백", "5백만원"), ("6백", "6백만원")),
    price(
        "rupiah in thousands", "<h3>Tas</h3><p>Rp {}rb</p>", ("90", "Rp 90rb"), ("95", "Rp 95rb")
    ),
    price("a term and its price", "<dl><dt>Preis<dd>{}</dl>", ("70 €", "70 €"), ("80 €", "80 €")),
)

NO_PRICES = (
    # Told, but not as a price.
    Reported(
        "a struck word",
        "<h2>Trip</h2><p>Seats left</p>",
        "<h2>Trip</h2><p><s>Seats left</s> Full</p>",
        TEXT,
    ),
    Reported(
        "a footnote at a price",
        "<h2>Trip</h2><p>$99 each way</p>",
        "<h2>Trip</h2><p>$99<sup>1</sup> each way</p>",
        TEXT,
    ),
    Reported(
        "a fee beside a price",
        "<h2>Trip</h2><p>$450.00</p><p>Booking in a shop</p>",
        "<h2>Trip</h2><p>$450.00</p><p>Booking in a shop costs $5.00 more</p>",
        ANY,
    ),
    Reported(
        "square metres",
        "<h2>Flat</h2><p>The flat has 84 m<sup>2</sup> of floor.</p>",
        "<h2>Flat</h2><p>The flat has 86 m<sup>2</sup> of floor.</p>",
        TEXT,
    ),
    Reported(
        "a count in a price",
        "<h2>Box</h2><p>$5 for 10 users</p>",
        "<h2>Box</h2><p>$5 for 20 users</p>",
        ANY,
    ),
    # The same price, written in another way.
    same(
        "a price in other elements",
        "<h3>Cup</h3><p>$<span>4</span>.<span>50</span></p>",
        "<h3>Cup</h3><p><b>$4.50</b></p>",
    ),
    same(
        "a price with another space", "<h3>Cup</h3><p>4,50 €</p>", "<h3>Cup</h3><p>4,50\u00a0€</p>"
    ),
    same(
        "a price with narrow spaces",
        "<h3>Car</h3><p>12 500 zł</p>",
        "<h3>Car</h3><p>12\u202f500\u00a0zł</p>",
    ),
    same(
        "cents raised by another element",
        "<h3>Cup</h3><p>$4<sup>50</sup></p>",
        "<h3>Cup</h3><p>$4<sup class=cents>50</sup></p>",
    ),
    same(
        "a counter beside a price",
        "<h3>Cup</h3><p>$4.50</p><p>1,204 views</p>",
        "<h3>Cup</h3><p>$4.50</p><p>1,377 views</p>",
    ),
    same(
        "an advertisement with a price",
        "<h3>Cup</h3><p>$4.50</p><div class=ad-banner><a href=/x>Hosting from $3</a></div>",
        "<h3>Cup</h3><p>$4.50</p><div class=ad-banner><a href=/y>Hosting from $2</a></div>",
    ),
    Reported(
        "a saving alone", "<p>€90</p><p>You save €5</p>", "<p>€90</p><p>You save €9</p>", TEXT
    ),
    Reported("a discount", "<p>$10 off your order</p>", "<p>$20 off your order</p>", TEXT),
    Reported("a German saving", "<p>Sie sparen 5 €</p>", "<p>Sie sparen 9 €</p>", TEXT),
    Reported("two for one amount", "<p>$3 each</p>", "<p>4 for $10</p>", TEXT),
    Reported("French instalments", "<p>90 €</p>", "<p>3 x 25 €</p>", TEXT),
    Reported("a price of a measure", "<p>$8</p>", "<p>$0.90 per 100 ml</p>", TEXT),
    Reported("two amounts and one comma", "<p>价格300元</p>", "<p>原价300，250元</p>", TEXT),
    Reported("a voucher beside the price", "<p>€50</p>", "<p>€50 €5 voucher</p>", TEXT),
)

ICONS = (
    Reported(
        "a tick that becomes a cross, by the name of a file",
        "<table><tr><th><th>Solo<tr><td>Export<td><img src=/static/ok.png></table>",
        "<table><tr><th><th>Solo<tr><td>Export<td><img src=/static/no.png></table>",
        (*TEXT, "feature_removed"),
    ),
    Reported(
        "an alternative text in a list",
        "<ul><li>Parking <img alt='at the house'></ul>",
        "<ul><li>Parking <img alt='in the street'></ul>",
        TEXT,
    ),
    Reported(
        "a rating in a label",
        "<p><span role=img aria-label='4.5 out of 5 stars'></span></p>",
        "<p><span role=img aria-label='3.5 out of 5 stars'></span></p>",
        TEXT,
    ),
    Reported(
        "a chart whose text says another figure",
        "<figure><img src=/c.png alt='Unemployment: 5.1 percent'></figure>",
        "<figure><img src=/c.png alt='Unemployment: 5.6 percent'></figure>",
        TEXT,
    ),
    Reported(
        "a button that is an icon",
        "<button aria-label='Join the waiting list'><svg></svg></button>",
        "<button aria-label='Book a place'><svg></svg></button>",
        TEXT,
    ),
    Reported(
        "a word in a title of a drawing",
        "<p>Lift: <svg role=img><title>in service</title><path d='M0'/></svg></p>",
        "<p>Lift: <svg role=img><title>out of order</title><path d='M0'/></svg></p>",
        TEXT,
    ),
    same(
        "another photo",
        "<figure><img src=/a.jpg alt='The house'></figure>",
        "<figure><img src=/b.jpg alt='The house' loading=lazy></figure>",
    ),
    same(
        "other sizes of an image",
        "<img src=/a.jpg srcset='/a1.jpg 1x' alt=Map>",
        "<img src=/a.jpg srcset='/a2.jpg 2x' alt=Map width=3>",
    ),
    same(
        "a decorative image",
        "<img src=/wave-1.svg alt='' role=presentation>",
        "<img src=/wave-2.svg alt='' role=presentation>",
    ),
    same(
        "a drawing hidden from readers",
        "<p>Go <svg aria-hidden=true><title>arrow</title></svg></p>",
        "<p>Go <svg aria-hidden=true><title>chevron</title></svg></p>",
    ),
    same(
        "a pixel that counts",
        "<img src='/p.gif?id=1' width=1 height=1>",
        "<img src='/p.gif?id=2' width=1 height=1>",
    ),
    same(
        "a tooltip on words",
        "<p><a href=/help title='Help (1)'>Help</a></p>",
        "<p><a href=/help title='Help (2)'>Help</a></p>",
    ),
    same(
        "an icon font with another theme",
        "<p>Fast <i class='icon icon-bolt'></i></p>",
        "<p>Fast <i class='icon icon-bolt-outline'></i></p>",
    ),
    same(
        "an image that loads later",
        "<img data-src=/a.jpg alt='The hall'>",
        "<img src=/a.jpg alt='The hall'>",
    ),
    Reported(
        "a badge that is drawn",
        "<p>Stock</p><svg viewBox='0 0 9 9'><text>In stock</text></svg>",
        "<p>Stock</p><svg viewBox='0 0 9 9'><text>Gone</text></svg>",
        ANY,
        ("Gone",),
    ),
    Reported(
        "a gauge",
        "<p>Places taken</p><meter value=12 max=40></meter>",
        "<p>Places taken</p><meter value=38 max=40></meter>",
        ANY,
        ("38",),
    ),
    Reported(
        "an item that its style crosses out",
        "<ul><li class='feature included'>Support<li class='feature included'>Backups</ul>",
        "<ul><li class='feature included'>Support<li class='feature not-included'>Backups</ul>",
        ANY,
        ("✗",),
    ),
)

TARGETS = (
    Reported(
        "a form to another year",
        "<p>Apply by <a href=/forms/2026.pdf>this form</a>.</p>",
        "<p>Apply by <a href=/forms/2027.pdf>this form</a>.</p>",
        TEXT,
        settings=LINKS,
    ),
    Reported(
        "another shop behind a button",
        "<a class=btn href=https://pay.example/a>Pay</a>",
        "<a class=btn href=https://pay.other.example/a>Pay</a>",
        TEXT,
        settings=LINKS,
    ),
    Reported(
        "another telephone number",
        "<p><a href=tel:+4930123>Call</a></p>",
        "<p><a href=tel:+4930999>Call</a></p>",
        TEXT,
        settings=LINKS,
    ),
    Reported(
        "the newest file behind a picture",
        "<a href=/dl/app-1.2.zip><img alt=Download></a>",
        "<a href=/dl/app-1.3.zip><img alt=Download></a>",
        TEXT,
        settings=LINKS,
    ),
    same(
        "a target, where none is compared",
        "<p>Apply by <a href=/forms/2026.pdf>this form</a>.</p>",
        "<p>Apply by <a href=/forms/2027.pdf>this form</a>.</p>",
    ),
    same(
        "a target with the id of a campaign",
        "<p><a href='/a?utm_campaign=may&x=1'>Offer</a></p>",
        "<p><a href='/a?x=1&utm_campaign=june'>Offer</a></p>",
        LINKS,
    ),
    same(
        "a target with the id of a visit",
        "<p><a href='/a?PHPSESSID=4f3c2a19be77d3a1'>Offer</a></p>",
        "<p><a href='/a?PHPSESSID=0a9e8d7c6b5a4f3e'>Offer</a></p>",
        LINKS,
    ),
    same(
        "a target in a menu",
        "<nav><ul><li><a href=/old>Jobs</a></ul></nav>",
        "<nav><ul><li><a href=/new>Jobs</a></ul></nav>",
        LINKS,
    ),
    same(
        "the same target, in full",
        "<p><a href='terms'>Terms</a></p>",
        "<p><a href='https://shop.example/terms'>Terms</a></p>",
        LINKS,
    ),
)

DATES = (
    Reported(
        "a date in a sentence",
        "<p>The court decides on 4 May 2027 in Berlin.</p>",
        "<p>The court decides on 11 May 2027 in Berlin.</p>",
        TEXT,
    ),
    Reported(
        "a deadline in a row",
        "<table><tr><th>Call<th>Closes<tr><td>Arts<td>1 March 2027</table>",
        "<table><tr><th>Call<th>Closes<tr><td>Arts<td>15 March 2027</table>",
        TEXT,
    ),
    Reported(
        "a date in a list",
        "<h2>Exams</h2><ul><li>12 June 2027<li>3 July 2027</ul>",
        "<h2>Exams</h2><ul><li>12 June 2027<li>10 July 2027</ul>",
        ANY,
    ),
    Reported(
        "a date as heading",
        "<h2>14 August 2027</h2><p>Open air in the park.</p>",
        "<h2>21 August 2027</h2><p>Open air in the park.</p>",
        ANY,
    ),
    Reported(
        "a chosen time element",
        "<p>Doors <time id=d datetime=2027-05-01T19:00>19:00</time></p>",
        "<p>Doors <time id=d datetime=2027-05-01T20:00>20:00</time></p>",
        TEXT,
        settings=watching("#d"),
    ),
    Reported(
        "a chosen date alone",
        "<div class=next><span>2027-05-12</span></div>",
        "<div class=next><span>2027-03-03</span></div>",
        TEXT,
        settings=watching(".next"),
    ),
    Reported(
        "a chosen counter",
        "<p id=seats>12 people are watching this</p>",
        "<p id=seats>13 people are watching this</p>",
        TEXT,
        settings=watching("#seats"),
    ),
    Reported(
        "opening hours",
        "<p>Open from 9:00 to 17:00 on weekdays.</p>",
        "<p>Open from 9:00 to 16:00 on weekdays.</p>",
        TEXT,
    ),
    same(
        "when a page was edited",
        "<p>Last updated: 3 May 2026</p><p>Rules of the pool.</p>",
        "<p>Last updated: 9 June 2026</p><p>Rules of the pool.</p>",
    ),
    same(
        "a German stamp",
        "<p>Zuletzt aktualisiert: 03.05.2026, 10:12 Uhr</p>",
        "<p>Zuletzt aktualisiert: 04.05.2026, 11:40 Uhr</p>",
    ),
    same("how long ago", "<p>Posted 2 hours ago</p>", "<p>Posted 5 hours ago</p>"),
    same("today", "<p>Friday, May 1, 2026</p>", "<p>Saturday, May 2, 2026</p>"),
    same("a clock", "<p>10:12:44 UTC</p>", "<p>23:01:09 UTC</p>"),
    same("a byline", "<p>By Ann, <time>2 May</time></p>", "<p>By Ann, <time>3 May</time></p>"),
    same("a year of rights", "<p>© 2026 Pool Ltd.</p>", "<p>© 2027 Pool Ltd.</p>"),
    same("who is here", "<p>31 people are viewing this</p>", "<p>7 people are viewing this</p>"),
    same("time to render", "<p>Page rendered in 0.31 s</p>", "<p>Page rendered in 0.29 s</p>"),
)

PANELS = (
    Reported(
        "the second tab",
        "<div role=tablist><a role=tab aria-controls=p2>Year</a></div>"
        "<section id=p2 role=tabpanel aria-hidden=true hidden><h3>Team</h3><p>$90</p></section>",
        "<div role=tablist><a role=tab aria-controls=p2>Year</a></div>"
        "<section id=p2 role=tabpanel aria-hidden=true hidden><h3>Team</h3><p>$96</p></section>",
        PRICE,
        ("$90", "$96"),
    ),
    Reported(
        "an answer of an accordion",
        "<button aria-expanded=false aria-controls=a1>Can I pay later?</button>"
        "<div id=a1 hidden><p>Yes, within 30 days.</p></div>",
        "<button aria-expanded=false aria-controls=a1>Can I pay later?</button>"
        "<div id=a1 hidden><p>Yes, within 14 days.</p></div>",
        TEXT,
    ),
    Reported(
        "closed details",
        "<details><summary>Delivery</summary><p>Three days.</p></details>",
        "<details><summary>Delivery</summary><p>Five days.</p></details>",
        TEXT,
    ),
    Reported(
        "a document within",
        "<iframe srcdoc='<h3>Ferry</h3><p>Runs every hour.</p>'></iframe>",
        "<iframe srcdoc='<h3>Ferry</h3><p>Runs every two hours.</p>'></iframe>",
        TEXT,
    ),
    Reported(
        "a tab of a library",
        "<a data-bs-toggle=tab href='#tech'>Data</a>"
        "<div class=tab-pane id=tech style='display:none'>Weight: 2 kg</div>",
        "<a data-bs-toggle=tab href='#tech'>Data</a>"
        "<div class=tab-pane id=tech style='display:none'>Weight: 3 kg</div>",
        TEXT,
    ),
    same(
        "another tab is open",
        "<div role=tablist><button role=tab aria-selected=true aria-controls=x>A</button></div>"
        "<div role=tabpanel id=x>One</div><div role=tabpanel id=y hidden>Two</div>",
        "<div role=tablist><button role=tab aria-selected=false aria-controls=x>A</button></div>"
        "<div role=tabpanel id=x hidden>One</div><div role=tabpanel id=y>Two</div>",
    ),
    same(
        "details that stand open",
        "<details><summary>More</summary><p>Words.</p></details>",
        "<details open><summary>More</summary><p>Words.</p></details>",
    ),
    same(
        "a hidden message",
        "<div class=toast hidden>Saved 1</div>",
        "<div class=toast hidden>Saved 2</div>",
    ),
    same(
        "a menu that opens",
        "<a aria-haspopup=menu aria-controls=m>Shop</a><ul id=m role=menu hidden><li>A</ul>",
        "<a aria-haspopup=menu aria-controls=m>Shop</a><ul id=m role=menu hidden><li>B</ul>",
    ),
    same(
        "a closed dialog",
        "<dialog><p>Subscribe and save 10%</p></dialog>",
        "<dialog><p>Subscribe and save 20%</p></dialog>",
    ),
    same("a template", "<template><p>{{a}}</p></template>", "<template><p>{{b}}</p></template>"),
    same(
        "words for a page without scripts",
        "<script>let a = 1</script><p style='display: none'>v1</p>",
        "<script>let a = 2</script><p style='display: none'>v2</p>",
    ),
    Reported(
        "an answer below its question",
        "<h3><button aria-expanded=false>Is it warm?</button></h3><div hidden>To 5 degrees.</div>",
        "<h3><button aria-expanded=false>Is it warm?</button></h3><div hidden>To 2 degrees.</div>",
        TEXT,
    ),
    Reported(
        "a definition that a term opens",
        "<dl><dt><button aria-expanded=false>Days</button><dd style='display:none'>Monday</dl>",
        "<dl><dt><button aria-expanded=false>Days</button><dd style='display:none'>Friday</dl>",
        TEXT,
    ),
    same(
        "a hidden part behind words",
        "<button aria-expanded=false>More</button><p>Words.</p><div hidden>a</div>",
        "<button aria-expanded=false>More</button><p>Words.</p><div hidden>b</div>",
    ),
)

TEAMS = ("Otters, from the north", "Badgers, from the hills", "Foxes", "Larks, juniors")


def items(*words: str, tag: str = "ul") -> str:
    """A list."""
    return f"<{tag}>" + "".join(f"<li>{each}" for each in words) + f"</{tag}>"


ORDER = (
    Reported(
        "one more amid another order",
        "<h2>Our teams</h2>" + items(*TEAMS),
        "<h2>Our teams</h2>" + items(TEAMS[2], TEAMS[0], "Herons", TEAMS[3], TEAMS[1]),
        ("feature_added", *TEXT),
        ("Herons",),
    ),
    Reported(
        "a ranking",
        "<h2>Ranking of the league</h2>" + items(*TEAMS),
        "<h2>Ranking of the league</h2>" + items(TEAMS[1], TEAMS[0], *TEAMS[2:]),
        ANY,
    ),
    Reported(
        "a numbered list",
        "<h2>How to open it</h2>" + items("Turn the key", "Lift", "Pull", tag="ol"),
        "<h2>How to open it</h2>" + items("Lift", "Turn the key", "Pull", tag="ol"),
        ANY,
    ),
    Reported(
        "an item from one list into another",
        "<h3>Included</h3>" + items("Mail", "Chat") + "<h3>Extra</h3>" + items("Calls", "Fax"),
        "<h3>Included</h3>" + items("Mail") + "<h3>Extra</h3>" + items("Chat", "Calls", "Fax"),
        ANY,
    ),
    Reported(
        "one item less amid another order",
        "<h2>Our teams</h2>" + items(*TEAMS),
        "<h2>Our teams</h2>" + items(TEAMS[3], TEAMS[0], TEAMS[1]),
        ("feature_removed", *TEXT),
        ("Foxes",),
    ),
    same(
        "a list that is shuffled",
        "<h2>Our teams</h2>" + items(*TEAMS),
        "<h2>Our teams</h2>" + items(TEAMS[3], TEAMS[1], TEAMS[0], TEAMS[2]),
    ),
    same(
        "two exchanged",
        "<h2>Partners</h2>" + items("Acme", "Bolt", "Crux", "Dune"),
        "<h2>Partners</h2>" + items("Acme", "Crux", "Bolt", "Dune"),
    ),
    same(
        "links that are shuffled",
        "<h2>Related</h2>"
        + items("<a href=/a>Cups</a>", "<a href=/b>Pans</a>", "<a href=/c>Pots</a>"),
        "<h2>Related</h2>"
        + items("<a href=/c>Pots</a>", "<a href=/a>Cups</a>", "<a href=/b>Pans</a>"),
    ),
    same(
        "paragraphs, where order is told to be none",
        "<p>One house.</p><p>Two houses.</p><p>Three.</p>",
        "<p>Three.</p><p>One house.</p><p>Two houses.</p>",
        CrawlSettings(ignore_order=True),
    ),
    same(
        "rows, where order is told to be none",
        "<table><tr><td>Ann<td>12<tr><td>Bo<td>9</table>",
        "<table><tr><td>Bo<td>9<tr><td>Ann<td>12</table>",
        CrawlSettings(ignore_order=True),
    ),
)

CHARACTERS = (
    Reported("an accent", "<p>The résumé of Ann.</p>", "<p>The resume of Ann.</p>", TEXT),
    Reported("a minus sign", "<p>It is 5 degrees.</p>", "<p>It is −5 degrees.</p>", TEXT),
    Reported("a raised digit", "<p>The area is x².</p>", "<p>The area is x³.</p>", TEXT),
    Reported("a word apart", "<p>Every day it opens.</p>", "<p>Everyday it opens.</p>", TEXT),
    Reported("another picture sign", "<p>Pool: ✅</p>", "<p>Pool: ❌</p>", TEXT),
    same("soft hyphens", "<p>Donaudampfschiff</p>", "<p>Donau\u00addampf\u00adschiff</p>"),
    same("zero-width spaces", "<p>long/path/name</p>", "<p>long/\u200bpath/\u200bname</p>"),
    same("another normal form", "<p>Zürich, São Paulo</p>", "<p>Zu\u0308rich, Sa\u0303o Paulo</p>"),
    same("direction marks", "<p>שלום (1)</p>", "<p>\u200fשלום\u200e (1)</p>"),
    same("a variation selector", "<p>Sun ☀ today</p>", "<p>Sun ☀\ufe0f today</p>"),
    same("hard spaces", "<p>10 km to go</p>", "<p>10\u00a0km\u2009to\u202fgo</p>"),
    same("a mark at the start", "<p>Words</p>", "<p>\ufeffWords</p>"),
    same("joined letters", "<p>first office</p>", "<p>\ufb01rst o\ufb03ce</p>"),
    same("entities", "<p>Café & Bar</p>", "<p>Caf&eacute; &amp; Bar</p>"),
    same("white space", "<p>A  long\n line</p>", "<p>A long line </p>"),
    same("a word joiner", "<p>24/7 service</p>", "<p>24\u2060/\u20607 service</p>"),
    same("isolates", "<p>Model X1</p>", "<p>\u2068Model X1\u2069</p>"),
)

LD = '<script type="application/ld+json">{"@context": "https://schema.org", %s}</script>'
OFFER = '"@type": "Product", "name": "%s", "offers": {"@type": "Offer", "price": %s,'
OFFER += ' "priceCurrency": "EUR", "availability": "https://schema.org/%s"}'


def product(name: str = "Kettle", amount: str = "49", state: str = "InStock") -> str:
    """A product whose text does not say its price."""
    return LD % (OFFER % (name, amount, state)) + "<h2>Kettle</h2><p>Of steel.</p>"


STATES = (
    Reported("a price for machines", product(), product(amount="59"), PRICE, ("49", "59")),
    Reported("a product out of stock", product(), product(state="OutOfStock"), TEXT),
    Reported("a product that may be ordered", product(), product(state="PreOrder"), TEXT),
    Reported(
        "a button that is switched off",
        "<button class=buy>Add to basket</button>",
        "<button class=buy disabled>Add to basket</button>",
        TEXT,
    ),
    Reported(
        "a size that is gone",
        "<select><option>40<option>41<option>42</select>",
        "<select><option>40<option disabled>41<option>42</select>",
        TEXT,
    ),
    Reported(
        "an option more",
        "<select name=time><option>9 am<option>11 am</select>",
        "<select name=time><option>9 am<option>10 am<option>11 am</select>",
        ANY,
    ),
    Reported(
        "words on a button",
        "<input type=submit value='Register'>",
        "<input type=submit value='Registration is closed'>",
        TEXT,
    ),
    same(
        "the token of a form",
        "<form><input type=hidden name=csrf value=a81f0c><button>Send</button></form>",
        "<form><input type=hidden name=csrf value=77b2de><button>Send</button></form>",
    ),
    same(
        "numbers for machines",
        LD % '"@type": "Product", "name": "Kettle", "sku": "A1", "gtin": "12"',
        LD % '"@type": "Product", "name": "Kettle", "sku": "A2", "gtin": "13"',
    ),
    same(
        "an address of a schema",
        product(),
        product().replace("https://schema.org/InStock", "http://schema.org/InStock"),
    ),
    same(
        "a price for machines that ends with zeros",
        product(amount="49"),
        product(amount='"49.00"'),
    ),
    same(
        "a menu that stands open",
        "<button aria-expanded=false>Filter</button>",
        "<button aria-expanded=true>Filter</button>",
    ),
    same(
        "the list of a site for machines",
        LD % '"@type": "BreadcrumbList", "itemListElement": [{"position": 1, "name": "A"}]',
        LD % '"@type": "BreadcrumbList", "itemListElement": [{"position": 2, "name": "B"}]',
    ),
)

OFFERS = "".join(
    f"<div class=ad><h3>Bike {n}</h3><p>Good frame, {n} gears.</p><b>€{n}50</b></div>"
    for n in (2, 3, 4)
)
STORY = (
    "<p>The mill was built in 1820 by two brothers who had come down the river with a boat.</p>"
    "<p>It burned twice. It was bought by the town in 1961 and is a museum today.</p>"
) * 3

NAMES = (
    Reported(
        "classified advertisements are the page",
        f"<h2>Bikes</h2>{OFFERS}",
        "<h2>Bikes</h2>" + OFFERS.replace("€350", "€320"),
        PRICE,
        ("€350", "€320"),
    ),
    Reported(
        "a story in a part called sponsored",
        f"<div class=sponsored>{STORY}</div>",
        f"<div class=sponsored>{STORY.replace('museum', 'school')}</div>",
        TEXT,
    ),
    Reported(
        "a chosen advertisement",
        "<div class=ad-slot id=x>Rooms to let</div>",
        "<div class=ad-slot id=x>No rooms</div>",
        TEXT,
        settings=watching("#x"),
    ),
    same(
        "an advertisement beside the text",
        "<p>The mill.</p><div class='ad-slot'>Try our cloud</div>",
        "<p>The mill.</p><div class='ad-slot'>Learn to paint</div>",
    ),
    same(
        "names that a build tool makes, of a menu",
        "<div class=Header_nav__a1B2c><a href=/>Home</a> <a href=/s>Shop</a></div><p>Mill.</p>",
        "<div class=Header_nav__Zz9Yx><a href=/>Home</a> <a href=/t>Tours</a></div><p>Mill.</p>",
    ),
    same(
        "names that a build tool makes, of the content",
        "<div class=css-1a2b3c><h2>Mill</h2><p>Open.</p></div>",
        "<div class=css-9z8y7x><h2>Mill</h2><p>Open.</p></div>",
    ),
    same(
        "voices that rotate",
        "<section class=testimonials><blockquote>Great place.</blockquote></section><p>Mill.</p>",
        "<section class=testimonials><blockquote>We came twice.</blockquote></section><p>Mill.</p>",
    ),
    same(
        "a banner for cookies",
        "<p>Mill.</p>",
        "<div id=cookie-consent><p>We use cookies.</p><button>Accept</button></div><p>Mill.</p>",
    ),
)


def document(kind: DocumentKind, text: str) -> str:
    """A document that is no page, as a page."""
    return page_of(kind, text, text.encode())


def documents(name: str, kind: DocumentKind, before: str, after: str, *types: str) -> Reported:
    """Two states of a document that is no page."""
    old, new = document(kind, before), document(kind, after)
    return Reported(name, old, new, types, around=False)


RSS = "<rss version='2.0'><channel><title>News</title>%s</channel></rss>"
ENTRY = "<item><title>%s</title><link>/p/1</link><pubDate>%s</pubDate></item>"
ATOM = "<feed xmlns='http://www.w3.org/2005/Atom'><title>Log</title><updated>%s</updated>%s</feed>"
ATOM_ENTRY = "<entry><title>%s</title><updated>%s</updated></entry>"

DOCUMENTS = (
    documents(
        "a value of JSON",
        DocumentKind.JSON,
        '{"plans": [{"name": "Pro", "usd": 19}]}',
        '{"plans": [{"name": "Pro", "usd": 29}]}',
        *ANY,
    ),
    documents(
        "a value that JSON gets",
        DocumentKind.JSON,
        '{"open": true}',
        '{"open": true, "until": "5 pm"}',
        *ANY,
    ),
    documents("a line of text", DocumentKind.TEXT, "state: open\n", "state: closed\n", *ANY),
    documents("a row of CSV", DocumentKind.CSV, "a,b\n1,2\n", "a,b\n1,2\n3,4\n", *ANY),
    documents("a cell of CSV", DocumentKind.CSV, "a;b\nx;2\n", "a;b\nx;3\n", *ANY),
    documents(
        "an entry of a feed",
        DocumentKind.FEED,
        RSS % (ENTRY % ("One", "1 May")),
        RSS % (ENTRY % ("Two", "2 May") + ENTRY % ("One", "1 May")),
        *ANY,
    ),
    documents(
        "a title of an entry",
        DocumentKind.FEED,
        ATOM % ("2026", ATOM_ENTRY % ("Version 1", "2026")),
        ATOM % ("2026", ATOM_ENTRY % ("Version 1.1", "2026")),
        *ANY,
    ),
    documents("an element", DocumentKind.XML, "<a><b>Bern</b></a>", "<a><b>Basel</b></a>", *ANY),
    documents("an attribute", DocumentKind.XML, "<a b='1 kg'/>", "<a b='2 kg'/>", *ANY),
    documents("a heading of notes", DocumentKind.MARKDOWN, "# 1.0\n\nA\n", "# 1.1\n\nA\n", *ANY),
    documents("JSON in other white space", DocumentKind.JSON, '{"a": [1, 2]}', '{"a":[1,\n2]}'),
    documents("JSON in another escape", DocumentKind.JSON, '{"a": "é"}', '{"a": "\\u00e9"}'),
    documents("text with other ends of lines", DocumentKind.TEXT, "a\nb\n", "a\r\nb\r\n\r\n"),
    documents("CSV with quotes", DocumentKind.CSV, "a,b\n1,2\n", '"a","b"\n"1","2"\n'),
    documents(
        "a feed that was built again",
        DocumentKind.FEED,
        ATOM % ("2026-05-01", ATOM_ENTRY % ("One", "2026-05-01")),
        ATOM % ("2026-05-02", ATOM_ENTRY % ("One", "2026-05-02")),
    ),
    documents("XML with a comment", DocumentKind.XML, "<a><b>x</b></a>", "<a><!--1--><b>x</b></a>"),
)

SHOP = (
    "<title>Kettle | House</title><h1>Kettle</h1><p>€49.00</p><p>Of steel, for 1.5 litres.</p>"
    "<ul><li>Two years of warranty<li>In stock</ul><a href=/>Home</a> <a href=/pots>Pots</a>"
)


def wall(name: str, after: str) -> Reported:
    """A page that is hidden by a wall: nothing is told of it."""
    return Reported(name, SHOP, after, around=False)


def about(name: str, form: str, before: str, after: str) -> Reported:
    """A page about what walls say, which changes."""
    return Reported(name, form % before, form % after, ANY, around=False)


LONG = "<p>" + "It has been written about for years and it is still not settled who is right. " * 3

WALLS = (
    wall(
        "a check of the browser",
        "<title>One moment, please</title><h1>Checking your browser before accessing the site</h1>"
        "<p>This process is automatic.</p><div id=cf-challenge></div>",
    ),
    wall(
        "a slider",
        "<title>Security check</title><h2>Slide to verify that you are human</h2>"
        "<div class=captcha-slider></div>",
    ),
    wall(
        "a refusal with a reference",
        "<title>Access denied</title><h1>Access denied</h1><p>You do not have permission to view"
        " this page. Reference: 0.7d3a. Your IP: 203.0.113.9</p>",
    ),
    wall(
        "a closed shop",
        "<title>House</title><h1>We are down for maintenance</h1><p>Back at 9 am.</p>",
    ),
    wall(
        "a login",
        "<title>Sign in</title><h1>Please sign in to continue</h1><form><input name=user>"
        "<input type=password name=pass><button>Sign in</button></form>",
    ),
    wall(
        "a consent",
        "<title>House</title><h1>Before you continue</h1><p>We and our partners use cookies and"
        " store data on your device.</p><button>Reject all</button><button>Accept all</button>",
    ),
    wall(
        "a French check",
        "<title>Vérification de sécurité</title><h1>Vérifiez que vous êtes humain</h1>"
        "<form action=/captcha><input name=code><button>Envoyer</button></form>",
    ),
    wall(
        "a Spanish refusal",
        "<title>Acceso denegado</title><h1>Acceso denegado</h1><p>Su IP ha sido bloqueada.</p>",
    ),
    about(
        "an encyclopaedia on captchas",
        f"<title>CAPTCHA</title><h1>CAPTCHA</h1>{LONG * 3}<p>Since %s a test asks: are you human?",
        "2000",
        "1997",
    ),
    about(
        "a product against robots",
        "<title>Captcha for shops: prices</title><h1>Tell people from robots</h1><p>“I am not a"
        " robot” costs %s a month.</p><a href=/docs>Docs</a><a href=/login>Log in</a>" + LONG,
        "$20",
        "$25",
    ),
    about(
        "a form with a captcha",
        "<title>Contact</title><h1>Contact</h1><p>We answer within %s days.</p><form><input"
        " type=email><textarea></textarea><div class=g-recaptcha></div>I am not a robot</form>",
        "two",
        "three",
    ),
    about(
        "news of a maintenance",
        f"<title>Maintenance on Sunday</title><h1>Maintenance on Sunday</h1>{LONG}<p>Power is off"
        f" from %s.</p>{LONG}<a href=/news>News</a>",
        "8 to 10",
        "9 to 11",
    ),
    about(
        "help about a refusal",
        f"<title>What “access denied” means</title><h1>What it means</h1>{LONG * 2}<p>Call %s.</p>"
        "<a href=/help>Help</a><a href=/shop>Shop</a>",
        "Ann",
        "Bo",
    ),
    about(
        "a page with a small login",
        f"<title>Tours</title><h1>Tours</h1>{LONG}<p>The tour costs %s.</p><form>Sign in"
        "<input name=u><input type=password></form>",
        "€30",
        "€35",
    ),
    about(
        "a page with a banner",
        f"<title>Tours</title><div id=consent><p>We use cookies.</p><button>Accept all</button>"
        f"</div><h1>Tours</h1>{LONG}<p>The tour takes %s hours.</p>",
        "two",
        "three",
    ),
    about(
        "a museum that is closed",
        "<title>Museum</title><h1>Museum</h1><p>The house is closed for maintenance of its roof"
        " until %s.</p><a href=/art>Art</a><a href=/map>Map</a><h2>Art</h2>" + LONG,
        "May",
        "June",
    ),
    wall(
        "an update of the shop",
        "<title>House</title><h1>Back soon</h1><p>We are updating our shop. Thanks for waiting."
        "</p>",
    ),
    wall(
        "technical difficulties",
        "<title>House</title><h1>We're having technical difficulties</h1><p>Please try again later."
        "</p>",
    ),
    wall(
        "a Portuguese maintenance",
        "<title>Casa</title><h1>Estamos em manutenção</h1><p>O site volta às 9 horas.</p>",
    ),
    wall(
        "a question for the age",
        "<title>House of wine</title><h2>Are you of legal drinking age?</h2><button>Yes</button>"
        "<button>No</button>",
    ),
    about(
        "a shop on holiday",
        "<title>House</title><h1>We'll be back soon</h1><p>The house is closed until %s. Opening"
        " hours: Tue-Sat 10-18.</p>",
        "5 May",
        "9 May",
    ),
    about(
        "a water main",
        "<title>Town</title><h1>Scheduled maintenance</h1><p>Mill Street has no water from %s.</p>",
        "8 to 10",
        "9 to 11",
    ),
    about(
        "a status page",
        "<title>Status</title><h1>Everything runs</h1><h2>Planned maintenance</h2><p>Mail: %s."
        " All services are operational.</p>",
        "Monday",
        "Tuesday",
    ),
    about(
        "a bakery in German",
        "<title>Bäckerei</title><h1>Wir sind bald wieder da</h1><p>Urlaub bis %s. Danach täglich ab"
        " sechs.</p>",
        "zum 5. Mai",
        "zum 9. Mai",
    ),
    about(
        "a play",
        "<title>Forbidden</title><h1>Forbidden</h1><p>A play in three acts, with %s.</p>",
        "Ann Lee",
        "Bo Day",
    ),
)

KINDS = {
    "walls": WALLS,
    "prices": PRICES,
    "no prices": NO_PRICES,
    "icons": ICONS,
    "targets": TARGETS,
    "dates": DATES,
    "panels": PANELS,
    "order": ORDER,
    "characters": CHARACTERS,
    "states": STATES,
    "names": NAMES,
    "documents": DOCUMENTS,
}


def _page(kind: str, part: str) -> str:
    return (
        f"<!doctype html><html lang=en><head><title>{kind.title()} | House</title></head><body>"
        "<header><nav><a href=/>Home</a> <a href=/news>News</a></nav></header>"
        f"<main><h1>The house of {kind}</h1><p>A page with a heading and a few words.</p>{part}"
        "<p>Write to the house if a word is wrong.</p></main>"
        "<footer><p>© 2026 House</p></footer></body></html>"
    )


URL = "https://shop.example/house"


def pairs() -> Iterator[tuple[str, Reported]]:
    """The pairs, each with its name."""
    for kind, reported in KINDS.items():
        for pair in reported:
            yield f"{kind}/{pair.name}", pair


def measure(subject: Subject) -> Score:
    """The score of the pairs; a change told without the right words counts as mistyped."""
    score = Score("reported kinds")
    for name, pair in pairs():
        kind = name.partition("/")[0]
        before, after = (
            Version(URL, _page(kind, part) if pair.around else part)
            for part in (pair.before, pair.after)
        )
        truth = Truth(bool(pair.types), pair.types, pair.says)
        score.add(name, truth, subject.judge(before, after, pair.settings))
    return score
