"""Real pairs: the same documentation in two versions of a Debian package.

The packages are fetched with apt into a cache folder, never committed. The truth about a pair is
the text outside the site's own header, footer and sidebar, for which each site's markup is named
here; the code under test knows nothing of this.
"""

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from selectolax.lexbor import LexborHTMLParser

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

PAIRS: Final = (
    Pair("python3.11-doc", "3.11.2-6+deb12u8", "3.11.2-6+deb12u9",
         "usr/share/doc/python3.11/html", SPHINX, r"Last updated on: \w+ \d+, \d+"),
    Pair("python-django-doc", "3:3.2.25-0+deb12u3", "3:3.2.25-0+deb12u7",
         "usr/share/doc/python-django-doc/html", ("#hd", "#ft", ".nav", "#sidebar", *SPHINX)),
    Pair("debian-policy", "4.6.2.0", "4.7.0.0", "usr/share/doc/debian-policy", SPHINX),
    Pair("apache2-doc", "2.4.68-1~deb12u1", "2.4.71-1~deb12u1",
         "usr/share/doc/apache2-doc/manual",
         ("#page-header", "#path", ".toplang", ".bottomlang", ".lang-toggle", "#footer", ".up",
          ".top", "#quickview")),
    Pair("postgresql-doc-15", "15.18-0+deb12u1", "15.20-0+deb12u1",
         "usr/share/doc/postgresql-doc-15/html", (".navheader", ".navfooter")),
    Pair("git-doc", "1:2.39.5-0+deb12u2", "1:2.39.5-0+deb12u3", "usr/share/doc/git-doc",
         ("#footer",)),
)  # fmt: skip
UNSEEN: Final = ("head", "script", "style", "template", "noscript", "svg")


def measure(subject: Subject, cache: Path) -> Iterator[Score]:
    """The score of each pair whose versions can be had."""
    for pair in PAIRS:
        before, after = (_unpacked(pair, version, cache) for version in (pair.before, pair.after))
        if before is None or after is None:
            print(f"{pair.package}: skipped, a version of it cannot be had here")
            continue
        yield _measure_pair(subject, pair, before, after)


def _measure_pair(subject: Subject, pair: Pair, before: Path, after: Path) -> Score:
    score = Score(f"{pair.package} {pair.before} -> {pair.after}")
    for old in sorted(before.rglob("*.html*")):
        name = str(old.relative_to(before))
        new = after / name
        if old.is_symlink() or old.suffix == ".gz" or not (old.is_file() and new.is_file()):
            continue
        versions = [
            Version(f"https://docs.example/{name}", each.read_text("utf-8", "replace"))
            for each in (old, new)
        ]
        texts = [_content(each.html, pair) for each in versions]
        score.add(name, Truth(texts[0] != texts[1]), subject.judge(*versions))
    return score


def _content(html: str, pair: Pair) -> str:
    tree = LexborHTMLParser(html)
    tree.strip_tags(list(UNSEEN))
    for node in tree.css(", ".join(pair.around)):
        node.decompose()
    text = tree.root.text() if tree.root else ""
    return " ".join(re.sub(pair.stamp, "", text).split())


def _unpacked(pair: Pair, version: str, cache: Path) -> Path | None:
    """The folder of the package's pages, fetched where it is not there yet."""
    target = cache / f"{pair.package}_{version.replace(':', '%3a')}"
    if not target.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        fetched = subprocess.run(
            ["apt-get", "download", f"{pair.package}={version}"],
            cwd=cache, capture_output=True, check=False,
        )  # fmt: skip
        archives = sorted(cache.glob(f"{pair.package}_{version.replace(':', '%3a')}_*.deb"))
        if fetched.returncode != 0 or not archives:
            return None
        subprocess.run(["dpkg", "-x", archives[0], target], check=True)
    folder = target / pair.folder
    return folder if folder.is_dir() else None
