"""What is measured: the code that a crawl runs, without network and store."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from core.changes.boilerplate import (
    OwnChange,
    Sibling,
    SiblingVersion,
    most_similar_pages,
    without_boilerplate,
)
from core.changes.detection import DetectedChange, SeenPage, detect_change
from core.text.blocks import to_text
from core.text.visible_text import content_blocks
from core.web.crawl_settings import NOTHING_CHOSEN, CrawlSettings
from core.web.links import extract_links
from core.web.walls import wall_of
from store.siblings import MAX_SIBLING_CANDIDATES


@dataclass(frozen=True)
class Version:
    """A page as a site sent it."""

    url: str
    html: str


@dataclass(frozen=True)
class Verdict:
    """What would be reported of two versions; `change_type` is None where nothing would."""

    change_type: str | None
    summary: str


@dataclass
class Clock:
    """Seconds that comparing took, reading the text of both pages included."""

    seconds: float = 0.0
    pairs: int = 0
    slowest: float = 0.0


@dataclass
class Subject:
    """Judges pairs, and keeps the time."""

    clock: Clock = field(default_factory=Clock)

    def judge(
        self, before: Version, after: Version, settings: CrawlSettings = NOTHING_CHOSEN
    ) -> Verdict:
        """What a crawl that found `after` would report, had the last one found `before`."""
        return _verdict(self._compared(before, after, settings).detected)

    def judge_site(self, pages: Sequence[tuple[Version, Version]]) -> list[tuple[Verdict, Verdict]]:
        """What crawls of all pages of a site, one after the other, would report, each beside what
        would be reported of the page by itself.
        """
        compared = [self._compared(before, after) for before, after in pages]
        crawled = _Crawled(compared)
        return [
            (_verdict(crawled.told(number)), _verdict(each.detected))
            for number, each in enumerate(compared)
        ]

    def _compared(
        self, before: Version, after: Version, settings: CrawlSettings = NOTHING_CHOSEN
    ) -> "_Compared":
        begun = time.perf_counter()
        seen = _seen(before, settings), _seen(after, settings)
        hidden = wall_of(after.html, after.url) is not None
        compared = _Compared(*seen, None if hidden else detect_change(*seen))
        taken = time.perf_counter() - begun
        self.clock.seconds += taken
        self.clock.pairs += 1
        self.clock.slowest = max(self.clock.slowest, taken)
        return compared


@dataclass(frozen=True)
class _Compared:
    """A page in two versions, and what is new."""

    before: SeenPage
    after: SeenPage
    detected: DetectedChange | None


@dataclass(frozen=True)
class _Numbered:
    """A page of the site."""

    number: int
    url: str


class _Crawled:
    """A site in the middle of its second crawl: what a store would hold of its pages."""

    def __init__(self, pages: Sequence[_Compared]) -> None:
        self._before = [page.before for page in pages]
        self._after = [page.after for page in pages]
        self._news = [page.detected for page in pages]
        self._newest = list(range(len(pages)))
        self._stored: set[int] = set()

    def told(self, number: int) -> DetectedChange | None:
        """What is told of the page, which is stored if there is any news of it."""
        detected = self._news[number]
        if detected is None:
            return None
        known = {each.number: self._sibling(each.number) for each in self._alike(number)}
        judged = self._judged(number, detected, list(known.values()))
        probe = next(
            (
                other
                for other, sibling in known.items()
                if any(edit.applies_to(sibling.now) for edit in judged.suspects)
            ),
            None,
        )
        if probe is not None:
            seen = Sibling(_version(self._after[probe]), known[probe].now)
            judged = self._judged(number, detected, list(known.values()), seen)
        self._stored.add(number)
        self._newest.remove(number)
        self._newest.insert(0, number)
        return judged.detected

    def _judged(
        self,
        number: int,
        detected: DetectedChange,
        siblings: Sequence[Sibling],
        probe: Sibling | None = None,
    ) -> OwnChange:
        before, after = self._before[number], self._after[number]
        return without_boilerplate(detected, before, after, siblings, probe)

    def _alike(self, number: int) -> list[_Numbered]:
        others = [_Numbered(each, self._before[each].url) for each in self._newest]
        others.remove(_Numbered(number, self._before[number].url))
        return most_similar_pages(self._before[number].url, others[:MAX_SIBLING_CANDIDATES])

    def _sibling(self, number: int) -> Sibling:
        before = _version(self._before[number])
        if number not in self._stored:
            return Sibling(before)
        return Sibling(_version(self._after[number]), before)


def _version(page: SeenPage) -> SiblingVersion:
    return SiblingVersion(page.title, page.text)


def _verdict(detected: DetectedChange | None) -> Verdict:
    return Verdict(detected.change_type if detected else None, detected.summary if detected else "")


def _seen(version: Version, settings: CrawlSettings) -> SeenPage:
    html, url = version.html, version.url
    text = to_text(content_blocks(html, settings.parts, url))
    return SeenPage(url, extract_links(html, url).title, text, settings.comparison)
