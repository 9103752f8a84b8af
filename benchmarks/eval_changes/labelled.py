"""The labelled set: every edit on every page that has something to edit, and every noise."""

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.eval_changes.edits import NOISE, REAL
from benchmarks.eval_changes.pages import PAGES, QUIET, Around, Page, Visit
from benchmarks.eval_changes.render import SKINS, html_of
from benchmarks.eval_changes.score import Score, Truth
from benchmarks.eval_changes.subject import Subject, Version


def all_noise() -> Around:
    """Everything that can differ at once."""
    around = QUIET
    for noise in NOISE.values():
        around = noise(around)
    return around


@dataclass(frozen=True)
class LabelledPair:
    """Two visits to a page of a site made by `skin`."""

    name: str
    before: Visit
    after: Visit
    skin: str
    truth: Truth


def pairs() -> Iterator[LabelledPair]:
    """Real changes, in quiet and amid all the noise there is; then noise alone."""
    for skin in SKINS:
        for page in PAGES:
            yield from _real(page, skin)
            yield from _noise(page, skin)


def _real(page: Page, skin: str) -> Iterator[LabelledPair]:
    for name, (edit, types) in REAL.items():
        edited = edit(page)
        if edited is None:
            continue
        # Where a plan is a row of a table its features are words of a cell: any type will do.
        in_a_cell = skin == "plain" and bool(page.plans) and name.startswith("feature ")
        truth = Truth(True, () if in_a_cell else types)
        for amid, around in (("", QUIET), (" in noise", all_noise())):
            after = Visit(edited, around)
            yield LabelledPair(f"{skin}/{page.name}/{name}{amid}", Visit(page), after, skin, truth)


def _noise(page: Page, skin: str) -> Iterator[LabelledPair]:
    before = Visit(page)
    for name, around in (
        *((name, noise(QUIET)) for name, noise in NOISE.items()),
        ("all noise", all_noise()),
    ):
        after = Visit(page, around)
        if html_of(before, skin) != html_of(after, skin):
            yield LabelledPair(f"{skin}/{page.name}/{name}", before, after, skin, Truth(False))


def measure(subject: Subject) -> Score:
    """The score of the set."""
    score = Score("labelled pairs")
    for pair in pairs():
        before, after = (
            Version(each.page.url, html_of(each, pair.skin)) for each in (pair.before, pair.after)
        )
        score.add(pair.name, pair.truth, subject.judge(before, after))
    return score
