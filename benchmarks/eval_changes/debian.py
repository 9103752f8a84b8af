"""Real pairs: the same documentation in two versions of a Debian package.

The truth about a pair is the text outside the site's own header, footer and sidebar, for which each
site's markup is named here; the code under test knows nothing of this. Each package is judged
twice, as a site whose pages are crawled one after the other, and each page by itself.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from selectolax.lexbor import LexborHTMLParser

from benchmarks.eval_changes.archive import unpacked
from benchmarks.eval_changes.score import Score, Truth
from benchmarks.eval_changes.subject import Subject, Version


@dataclass(frozen=True)
class Pair:
    """A package in two versions; `around` are the selectors of what is not its content."""

    package: str
    before: str
    after: str
    folder: str
    around: tuple[str, ...]
    stamp: str = r"(?!)"
    """What says when the page was made, where it stands amid the content."""


SPHINX: Final = ("div.related", "div.sphinxsidebar", "div.footer", "div.mobile-nav", "nav")

READ_THE_DOCS: Final = ("nav", "footer", "[role=navigation]")
"""The theme that Sphinx has of that name; `debian-policy` changes to it."""

PAIRS: Final = (
    Pair("python3.11-doc", "3.11.2-6+deb12u8", "3.11.2-6+deb12u9",
         "usr/share/doc/python3.11/html", SPHINX, r"Last updated on: \w+ \d+, \d+"),
    Pair("python-django-doc", "3:3.2.25-0+deb12u3", "3:3.2.25-0+deb12u7",
         "usr/share/doc/python-django-doc/html", ("#hd", "#ft", ".nav", "#sidebar", *SPHINX)),
    Pair("debian-policy", "4.6.2.0", "4.7.2.0", "usr/share/doc/debian-policy",
         (*SPHINX, *READ_THE_DOCS)),
    Pair("apache2-doc", "2.4.68-1~deb12u1", "2.4.71-1~deb12u1",
         "usr/share/doc/apache2-doc/manual",
         ("#page-header", "#path", ".toplang", ".bottomlang", ".lang-toggle", "#footer", ".up",
          ".top", "#quickview")),
    Pair("postgresql-doc-15", "15.18-0+deb12u1", "15.20-0+deb12u1",
         "usr/share/doc/postgresql-doc-15/html", (".navheader", ".navfooter")),
    Pair("debian-policy", "4.5.1.0", "4.6.2.0", "usr/share/doc/debian-policy", SPHINX),
    Pair("tomcat10-docs", "10.1.55-1~deb12u1", "10.1.60-1~deb12u1",
         "usr/share/tomcat10-docs/docs", ("header", "footer", "#mainLeft")),
    Pair("bind9-doc", "1:9.18.49-1~deb12u1", "1:9.18.49-1~deb12u3",
         "usr/share/doc/bind9-doc/arm", READ_THE_DOCS),
    Pair("glance-doc", "2:25.1.0-2+deb12u3", "2:25.1.0-2+deb12u5",
         "usr/share/doc/glance-doc/html", ("nav", "footer", ".docs-updated", ".docs-sidebar")),
    Pair("libgpgmepp-doc", "1.18.0-3", "1.18.0-3+deb12u1",
         "usr/share/doc/libgpgmepp-dev/html", ("#top", ".footer", "address")),
    Pair("git-doc", "1:2.39.5-0+deb12u2", "1:2.39.5-0+deb12u3", "usr/share/doc/git-doc",
         ("#footer",)),
)  # fmt: skip
UNSEEN: Final = ("head", "script", "style", "template", "noscript", "svg")


@dataclass(frozen=True)
class Scores:
    """How a package was judged: as a site, and page by page."""

    site: Score
    pages: Score


def measure(subject: Subject, cache: Path) -> Iterator[Scores]:
    """The scores of each pair whose versions can be had."""
    for pair in PAIRS:
        before, after = (
            unpacked(pair.package, version, cache) for version in (pair.before, pair.after)
        )
        if before is None or after is None:
            print(f"{pair.package}: skipped, a version of it cannot be had here")
            continue
        yield _measure_pair(subject, pair, before / pair.folder, after / pair.folder)


def _measure_pair(subject: Subject, pair: Pair, before: Path, after: Path) -> Scores:
    pages = list(_pages(pair, before, after))
    name = f"{pair.package} {pair.before} -> {pair.after}"
    scores = Scores(Score(name), Score(f"{name}, each page by itself"))
    judged = subject.judge_site([page.versions for page in pages])
    for page, (of_site, of_page) in zip(pages, judged, strict=True):
        scores.site.add(page.name, page.truth, of_site)
        scores.pages.add(page.name, page.truth, of_page)
    return scores


@dataclass(frozen=True)
class PagePair:
    """A page in two versions."""

    name: str
    versions: tuple[Version, Version]
    truth: Truth


def _pages(pair: Pair, before: Path, after: Path) -> Iterator[PagePair]:
    for old in sorted(before.rglob("*.html*")):
        name = str(old.relative_to(before))
        new = after / name
        if old.is_symlink() or old.suffix == ".gz" or not (old.is_file() and new.is_file()):
            continue
        then, now = (
            Version(f"https://docs.example/{name}", each.read_text("utf-8", "replace"))
            for each in (old, new)
        )
        changed = _content(then.html, pair) != _content(now.html, pair)
        yield PagePair(name, (then, now), Truth(changed))


def _content(html: str, pair: Pair) -> str:
    tree = LexborHTMLParser(html)
    tree.strip_tags(list(UNSEEN))
    for node in tree.css(", ".join(pair.around)):
        node.decompose()
    text = tree.root.text() if tree.root else ""
    return " ".join(re.sub(pair.stamp, "", text).split())
