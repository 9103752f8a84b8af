"""What is measured: the code that a crawl runs, without network and store."""

import time
from dataclasses import dataclass, field

from core.links import extract_links
from core.news import SeenPage, news_between
from core.visible import content_blocks, to_text


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

    def judge(self, before: Version, after: Version) -> Verdict:
        """What a crawl that found `after` would report, had the last one found `before`."""
        begun = time.perf_counter()
        verdict = _verdict(before, after)
        taken = time.perf_counter() - begun
        self.clock.seconds += taken
        self.clock.pairs += 1
        self.clock.slowest = max(self.clock.slowest, taken)
        return verdict


def _verdict(before: Version, after: Version) -> Verdict:
    news = news_between(_seen(before), _seen(after))
    return Verdict(news.change_type if news else None, news.summary if news else "")


def _seen(version: Version) -> SeenPage:
    html = version.html
    return SeenPage(
        version.url, extract_links(html, version.url).title, to_text(content_blocks(html))
    )
