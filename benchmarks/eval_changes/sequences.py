"""Sequences: ten crawls of a page with other noise each time, two real changes in between."""

from collections.abc import Iterator
from dataclasses import replace

from benchmarks.eval_changes.edits import REAL
from benchmarks.eval_changes.pages import PAGES, Around, Page, Visit
from benchmarks.eval_changes.render import SKINS, html_of
from benchmarks.eval_changes.score import Score, Truth
from benchmarks.eval_changes.subject import Subject, Version

CRAWLS = 10
CHANGES_AT = (4, 7)
"""The crawls that meet a real change."""


def noise_of(crawl: int) -> Around:
    """What a crawl meets around the page; no two alike."""
    base = Around()
    return replace(
        base,
        updated=f"May {3 + crawl}, 2026",
        ago=f"{crawl + 2} hours ago",
        clock=f"2026-05-{3 + crawl:02} 1{crawl}:12:4{crawl} UTC",
        token=f"{crawl}f86d081884c7d659a2feaa0c55ad0{crawl}5",
        session=f"sid-4f3c2a19be7{crawl}",
        views=f"1,2{crawl}4",
        online=str(11 + crawl * 3),
        cart=str(crawl % 3),
        testimonial=crawl,
        advert=crawl,
        variant="ab"[crawl % 2],
        consent=crawl % 3 == 0,
        attributes_reversed=crawl % 2 == 1,
        build=f"rendered in 0.1{crawl} s",
    )


def sequences() -> Iterator[tuple[str, list[Page], str]]:
    """Name, the page as each crawl finds it, and the making of the site."""
    for skin in SKINS:
        for page in PAGES:
            edits = [edit for edit, _ in REAL.values() if edit(page) is not None]
            first, second = edits[0], edits[-2]
            once = first(page) or page
            twice = second(once) or once
            states = [
                page if crawl < CHANGES_AT[0] else once if crawl < CHANGES_AT[1] else twice
                for crawl in range(CRAWLS)
            ]
            yield f"{skin}/{page.name}", states, skin


def measure(subject: Subject) -> Score:
    """The score of all crawls but the first of each sequence."""
    score = Score("sequences with noise")
    for name, states, skin in sequences():
        versions = [
            Version(page.url, html_of(Visit(page, noise_of(crawl)), skin))
            for crawl, page in enumerate(states)
        ]
        for crawl in range(1, CRAWLS):
            truth = Truth(states[crawl] != states[crawl - 1])
            verdict = subject.judge(versions[crawl - 1], versions[crawl])
            score.add(f"{name}, crawl {crawl + 1}", truth, verdict)
    return score
