"""Changes of pages that show code, settings and Markdown: their signs are text, and no headings,
items or tables.
"""

from dataclasses import dataclass

import pytest

from core.changes.detection import DetectedChange, SeenPage, detect_change, detect_unmuted_change
from core.changes.diff import TextDifference
from core.changes.muting import ChangingLine, NoiseHistory
from core.changes.rules import ChangeType, Severity
from core.changes.text_diff import compare
from core.text.blocks import to_text
from core.text.stored_text import legacy_lines
from core.text.visible_text import content_blocks

SETTINGS = """\
# Listen here.
listen = 0.0.0.0
# When true, verify the broker hostname
# false: trust any certificate
verify = true
- plain
colours = #fff | #000
# The end."""

PYTHON = """\
import sys

# Read the arguments
def main() -> None:
    # the first one
    print(sys.argv[1])
    # - or the second
    print(sys.argv[2])"""

SHELL = """\
#!/bin/sh
# build it
cat log | sort | head
echo $1
make all"""

C = """\
#include <stdio.h>
# define ONE 1
#define TWO 2
int x = ONE | TWO;"""

MARKDOWN = """\
# Title
Some words.
- an item
- [ ] to do
| Plan | Price |
|---|---|
| Pro | many |
## More
The end."""

DOCS = "https://a.example/docs/broker"
HOME = "https://a.example/"


def sample(code: str, tag: str = "pre") -> str:
    """A page that shows `code` in its second section, in an element of that tag, or those."""
    first, *within = tag.split()
    opened = f"<{first}>\n" + "".join(f"<{each}>" for each in within)
    closed = "".join(f"</{each}>" for each in within) + f"\n</{first}>"
    return (
        "<h1>Broker</h1><p>What it is.</p><h2>Settings<a href='#settings'>#</a></h2>"
        "<ul><li><a href='#a'># One</a><li>#123</ul><p><a href='#b'># Contents</a></p>"
        f"<p>See below.</p>{opened}{code}{closed}<h2>Support</h2><p>Ask # 1, or us.</p>"
    )


@dataclass(frozen=True)
class Case:
    """What becomes of a line of a sample, and what is told of it."""

    code: str
    edit: tuple[str, str]
    summary: str
    url: str = DOCS


CASES = [
    pytest.param(case, id=case.summary)
    for case in (
        Case(SETTINGS, ("# false: trust any certificate\n", ""),
             "Removed “# false: trust any certificate”."),
        Case(SETTINGS, ("verify = true\n", "verify = true\n# Ports of it\nports = 1\n"),
             "Added “# Ports of it”, and 1 more block."),
        Case(SETTINGS, ("When true", "If true"),
             "Changed “When” to “If” in “# When true, verify the broker hostname”."),
        Case(SETTINGS, ("# false", "false"),
             "Removed “#” from “# false: trust any certificate”."),
        Case(SETTINGS, ("verify = true", "# verify = true"), "Added “#” to “verify = true”."),
        Case(SETTINGS, ("- plain\n", "- plain\n- ssl\n"), "Added “- ssl”.", HOME),
        Case(SETTINGS, ("- plain\n", ""), "Removed “- plain”.", HOME),
        Case(SETTINGS, ("#fff |", "#eee |"),
             "Changed “#fff” to “#eee” in “colours = #fff | #000”.", HOME),
        Case(PYTHON, ("    # the first one\n", ""), "Removed “# the first one”."),
        Case(PYTHON, ("# - or the second", "# - and the second"),
             "Changed “or” to “and” in “# - or the second”."),
        Case(SHELL, ("cat log | sort | head\n", ""), "Removed “cat log | sort | head”.", HOME),
        Case(SHELL, ("| head", "| tail"), "Changed “head” to “tail” in “cat log | sort | head”."),
        Case(SHELL, ("$1", "$2"), "Changed “$1” to “$2” in “echo $1”."),
        Case(C, ("# define ONE 1\n", ""), "Removed “# define ONE 1”."),
        Case(C, ("#include <stdio.h>\n", ""), "Removed “#include <stdio.h>”."),
        Case(C, ("ONE |", "2 |"), "Changed “ONE” to “2” in “int x = ONE | TWO;”."),
        Case(MARKDOWN, ("## More\n", "# Even\n## More\n"), "Added “# Even”."),
        Case(MARKDOWN, ("- an item\n", ""), "Removed “- an item”.", HOME),
        Case(MARKDOWN, ("| Pro | many |\n", ""), "Removed “| Pro | many |”.", HOME),
        Case(MARKDOWN, ("many |", "few |"), "Changed “many” to “few” in “| Pro | many |”."),
    )
]  # fmt: skip


def stored(html: str) -> str:
    return to_text(content_blocks(html))


def older(html: str) -> str:
    """The text in legacy form, without escapes."""
    return "\n".join(legacy_lines(stored(html)))


def told(before: str, after: str, url: str = DOCS) -> DetectedChange:
    found = detect_change(SeenPage(url, "T", before), SeenPage(url, "T", after))
    assert found is not None
    return found


def sections(difference: TextDifference) -> set[str | None]:
    """Where it differs."""
    return {block.place.section for block in difference.blocks}


def escaped(code: str) -> str:
    return code.replace("<", "&lt;")


def unescaped(code: str) -> str:
    return code.replace("&lt;", "<")


@pytest.mark.parametrize("tag", ["pre", "textarea", "xmp", "pre code", "div samp"])
@pytest.mark.parametrize("case", CASES)
def test_a_line_of_a_sample_is_told_as_that_line(case: Case, tag: str) -> None:
    written = unescaped if tag == "xmp" else escaped
    code = written(case.code)
    old, new = map(written, case.edit)
    assert old in code
    edited = code.replace(old, new, 1)
    before, after = sample(code, tag), sample(edited, tag)
    detected = told(stored(before), stored(after), case.url)
    assert (detected.change_type, detected.severity) == (ChangeType.CONTENT_CHANGE, Severity.LOW)
    assert detected.summary == case.summary
    assert sections(detected.difference) == {"Settings#"}
    for block in detected.difference.for_display().blocks:
        assert block.before is None or block.before in unescaped(code).split("\n")
        assert block.after is None or block.after in unescaped(edited).split("\n")


@pytest.mark.parametrize("case", CASES)
def test_what_an_older_version_has_stored_is_compared_as_if_it_were_stored_now(case: Case) -> None:
    before, after = (
        sample(escaped(code)) for code in (case.code, case.code.replace(*case.edit, 1))
    )
    for one, other in ((before, after), (after, before)):
        now = told(stored(one), stored(other), case.url)
        for then in (
            told(older(one), stored(other), case.url),
            told(stored(one), older(other), case.url),
        ):
            assert (then.change_type, then.severity) == (now.change_type, now.severity)
            assert sections(then.difference) == sections(now.difference)
            # A bar at the end of a line was not stored.
            assert then.summary.replace(" |", "") == now.summary.replace(" |", "")
    for html in (before, after):
        assert compare(older(html), stored(html)).identical


def test_headings_items_and_rows_of_the_page_itself_still_are() -> None:
    page = stored(sample(SETTINGS))
    for old, new, change_type in (
        ("<h2>Support</h2>", "<h2>Prices</h2><p>Ask.</p><h2>Support</h2>", "section_added"),
        ("<li>#123", "<li>#123<li># Two", "feature_added"),
        ("<p>See", "<table><tr><td>A<td>B</table><p>See", "feature_added"),
    ):
        assert told(page, stored(sample(SETTINGS).replace(old, new)), HOME).change_type == (
            change_type
        )


@pytest.mark.parametrize(
    ("before", "after", "summary"),
    [
        # Text alone, or Markdown, which browsers show as one paragraph.
        (f"<title>T</title>{MARKDOWN}", f"<title>T</title>{MARKDOWN}\n# New", "Added “# New”."),
        (SHELL, SHELL.replace("# build it\n", ""), "Removed “# build it”."),
        # Signs of lists and tables that are typed.
        ("<p>a</p><p># b</p>", "<p>a</p><p># b</p><p># c</p>", "Added “# c”."),
        ("<p>- a<br>- b", "<p>- a<br>- c<br>- b", "Added “- c”."),
        ("<p>A | B</p><p>x", "<p>A | B</p><p>C | D</p><p>x", "Added “C | D”."),
        ("<p>a</p><div><code># b\nc</code></div>", "<p>a</p><div><code># b\nd</code></div>",
         "Changed “c” to “d”."),
    ],
)  # fmt: skip
def test_typed_signs_are_text_wherever_they_stand(before: str, after: str, summary: str) -> None:
    detected = told(stored(before), stored(after), HOME)
    assert (detected.change_type, detected.summary) == (ChangeType.CONTENT_CHANGE, summary)
    assert sections(detected.difference) == {None}
    assert {block.place.header for block in detected.difference.blocks} == {None}


@pytest.mark.parametrize(
    ("then", "html"),
    [
        ("a\nb | c", "<p>a</p><p>b | c |</p>"),
        ("# one # two - three", "<textarea># one\n# two\n- three</textarea>"),
        ("# one - two", "# one\n- two"),
        ("- def f():\n- # one\n- x | y", "<pre><ol><li>def f():<li># one<li>x | y</ol></pre>"),
        ("a\nx = 1 y = 2", "<p>a</p><div><code>x = 1\n  y = 2</code></div>"),
    ],
)
def test_what_is_read_in_other_lines_than_it_was_is_no_news(then: str, html: str) -> None:
    before, after = SeenPage(HOME, "T", then), SeenPage(HOME, "T", stored(html))
    assert detect_change(before, after) is None
    assert detect_change(after, before) is None


def test_noise_that_was_learned_below_a_line_that_was_taken_for_a_heading_stays_learned() -> None:
    then = sample("# Counted on this machine\nvisitors here so far = 12\n# end")
    now = then.replace("= 12", "= 17")
    line = ChangingLine("Counted on this machine", "visitors here so far = …")
    elsewhere = ChangingLine("Support", "visitors here so far = …")
    pages = SeenPage(DOCS, "T", older(then)), SeenPage(DOCS, "T", stored(now))
    detected, known = detect_unmuted_change(
        *pages, NoiseHistory(5, {line: (3, 4, 5)}, frozenset({line}))
    )
    assert detected is None
    assert known.muted == {line, ChangingLine("Settings#", line.words)}
    detected, known = detect_unmuted_change(
        *pages, NoiseHistory(5, {elsewhere: (3, 4, 5)}, frozenset({elsewhere}))
    )
    assert detected is not None, "the page has that heading, and it is another line"
    assert known.muted == {elsewhere}
