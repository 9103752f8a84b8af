"""Extraction of visible text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.text.blocks import BlockKind, to_text
from core.text.stored_text import display_form
from core.text.visible_text import visible_blocks
from tests.cost import cost


def text(html: str) -> str:
    return display_form(to_text(visible_blocks(html)))


@pytest.mark.parametrize(
    ("html", "lines"),
    [
        ("", ""),
        ("   \n\t ", ""),
        ("plain words", "plain words"),
        ("<p>one</p><p>two</p>", "one\ntwo"),
        ("<p>  much \n\t white   space </p>", "much white space"),
        ("<p>a\u00a0b</p>", "a b"),
        ("<h1>Head</h1><h6>Small</h6>", "# Head\n# Small"),
        ("<h2><p>Head</p></h2>", "# Head"),
        ("<ul><li>one<li>two</ul>", "- one\n- two"),
        ("<ul><li><p>one</p></li></ul>", "- one"),
        ("<ul><li>one<ul><li>inner</ul>after</ul>", "- one\n- inner\n- after"),
        ("<ul><li><h3>Head</h3>words</ul>", "# Head\n- words"),
        ("<dl><dt>term<dd>meaning</dl>", "- term\n- meaning"),
        ("<p>a<br>b</p>", "a\nb"),
        ("<p>a<hr>b", "a\nb"),
        ("a<p>b</p>c", "a\nb\nc"),
        ("<p>un<b>break</b>able<i>!</i></p>", "unbreakable!"),
        ("<p><a href=/><b><i><span>deep</span></i></b></a> inline</p>", "deep inline"),
        ("<p>H<sub>2</sub>O costs <del>$5</del> <ins>$4</ins></p>", "H2O costs $5 $4"),
        ("<button>Buy</button><label>Name</label>", "Buy\nName"),
        ("<details><summary>More</summary>inside</details>", "More\ninside"),
        ("<select><option>one<option>two</select>", "one\ntwo"),
        ("<textarea>typed\n  words</textarea>", "typed\n  words"),
        ("<div><code>a\n  b</code></div><p><code>a\nb</code>", "a\n  b\na b"),
        ("<ul><li><code>a\nb</code></ul><div><samp>a\nb</samp> c</div>", "- a b\na b c"),
        ("<pre>\ta\n&nbsp; b &lt;\n</pre>", "\ta\n  b <"),
        ("<pre><ol><li> a<li> b</ol></pre><pre><h2> c</h2></pre>", " a\n b\n# c"),
        ("a\n  b", "a\n  b"),
        ("<figure><img alt=x><figcaption>Shown</figcaption></figure>", "x\nShown"),
        ("<p>a<img alt='the sea' src=s.png>b <img src=t.png></p>", "a the sea b"),
        ("<nav>Menu</nav><header>Top</header><aside>By</aside><footer>End</footer>",
         "Menu\nTop\nBy\nEnd"),
        ("<pricing-card><x-price>$19.99</x-price></pricing-card>", "$19.99"),
        ("<p>&lt;b&gt; &amp; &euro;5 &#x1F600;</p>", "<b> & €5 \U0001f600"),
        ("<p>unclosed <b>tags", "unclosed tags"),
        ("</div></p>stray", "stray"),
        ("<frameset><frame src=x></frameset>", ""),
    ],
)  # fmt: skip
def test_what_is_shown_is_kept_in_order(html: str, lines: str) -> None:
    assert text(html) == lines


def test_nothing_of_a_price_card_is_lost() -> None:
    card = """
      <div class="card"><div class="badge">Popular</div><h3>Pro</h3>
        <div><span class="cur">$</span><span class="amount">19</span><sup>.99</sup>
          <span>/ month</span></div>
        <ul><li><svg><title>tick</title></svg>10 users<li>Support <b>24/7</b></ul>
        <a class="btn" href="/buy">Start now</a><small>No card needed</small>
      </div>"""
    assert text(card).splitlines() == [
        "Popular", "# Pro", "$19.99 / month", "- tick 10 users", "- Support 24/7",
        "Start nowNo card needed",
    ]  # fmt: skip


def test_a_table_row_is_one_line() -> None:
    table = """
      <table><caption>Plans</caption>
      <thead><tr><th>Plan<th>Price</tr></thead>
      <tbody><tr><td>Pro</td><td><b>$</b>19</td></tr><tr><td></td><td>none</td></tr>
      <tr><td>two<p>parts</p></td><td>end</td></tr><tr><td>only</td><td></td></tr></table>"""
    assert text(table).splitlines() == [
        "Plans", "Plan | Price", "Pro | $19", "none", "two", "parts", "end", "only",
    ]  # fmt: skip


def test_code_keeps_its_lines() -> None:
    code = "<pre><code>def f():\n    return <b>1</b>\n\nx = 2\n</code></pre><p>a\nb</p>"
    assert text(code) == "def f():\n    return 1\nx = 2\na b"


@pytest.mark.parametrize(
    "hidden",
    [
        "<script>secret</script>", "<style>secret{}</style>", "<template>secret</template>",
        "<noscript>secret</noscript>", "<!-- secret -->",
        "<svg><metadata>secret</metadata></svg>",
        "<iframe>secret</iframe>", "<object>secret</object>", "<p hidden>secret</p>",
        "<p hidden=''>secret</p>", "<div style='display:none'>secret</div>",
        "<div style='color:red; DISPLAY : None'>secret</div>",
        "<div style='display:\nnone'>secret</div>",
        "<span style='visibility: hidden'>secret</span>",
        "<div hidden><p>deep <b>secret</b></p></div>", "<?php secret ?>", "<![CDATA[secret]]>",
        "<video>secret</video>", "<audio>secret</audio>", "<canvas>secret</canvas>",
        "<math><annotation>secret</annotation></math>", "<input type=hidden value=secret>",
        "<img src='secret.png'>",
    ],
)  # fmt: skip
def test_what_is_not_shown_is_left_out(hidden: str) -> None:
    page = f"<head><title>secret</title></head><p>before</p>{hidden}<p>after</p>"
    assert text(page) == "before\nafter"


def test_a_hidden_element_does_not_hide_what_follows_it() -> None:
    assert text("<ul><li hidden>a<li>b</ul><p style>c<p style='display:block'>d") == "- b\nc\nd"


def test_elements_deeper_than_python_recurses_are_read() -> None:
    deep = "<div>" * 5_000 + "deep" + "</div>" * 5_000
    assert text(f"<p>before</p>{deep}<p>after</p>") == "before\ndeep\nafter"


@pytest.mark.parametrize(
    "piece",
    ["<p>word <b>bold</b></p>", "<td>cell", "<li>item", "<span>word</span> ", "<br>x"],
)
def test_the_time_grows_with_the_page_and_no_faster(piece: str) -> None:
    def least(count: int) -> float:
        return min(cost(lambda: visible_blocks(piece * count))[1] for _ in range(3))

    assert least(20_000) < 8 * least(5_000) + 1


@given(st.text())
def test_any_text_can_be_read(html: str) -> None:
    text(html)


TAGS = "p div span b ul li table tr td th pre h1 br template svg math select html body head hr x-y"
PIECES = [f"<{tag}>" for tag in TAGS.split()] + [f"</{tag}>" for tag in TAGS.split()]
HARMLESS = "p div span b ul li pre h1 br hr x-y section"


@given(st.lists(st.sampled_from([*PIECES, "word", " ", "\n", "\0", "<p hidden>", "&nbsp;"])))
def test_any_tags_can_be_read(pieces: list[str]) -> None:
    for block in visible_blocks("".join(pieces)):
        indented = block.text.lstrip() if block.kind is BlockKind.VERBATIM else block.text
        assert indented == " ".join(block.text.split()) != ""


@given(
    st.lists(
        st.sampled_from(HARMLESS.split()).map(lambda tag: f"<{tag}>")
        | st.integers(0, 999).map(lambda number: f"word{number} ")
    )
)
def test_no_word_is_lost_or_told_twice(pieces: list[str]) -> None:
    words = [piece.strip() for piece in pieces if piece.startswith("word")]
    shown = [block.text for block in visible_blocks("".join(pieces))]
    assert " ".join(shown).split() == words
