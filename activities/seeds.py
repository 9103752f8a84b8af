"""Where a discovery begins: the domain's front page and what its sitemaps name."""

from collections import deque
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from activities.fetch import FetchLimits
from activities.visit import Visitor
from core.crawlsettings import HONEST, RequestProfile
from core.errors import InternalError, JobError
from core.robots import Robots
from core.urls import Site, normalise

MAX_SITEMAPS: Final = 50
"""Sitemap files read for one discovery; an index may name more, or itself."""

MAX_SEEDS: Final = 50_000
"""URLs taken from all sitemaps of one discovery."""

SITEMAP_LIMITS: Final = FetchLimits(
    deadline=timedelta(seconds=60), max_redirects=5, max_body=50 * 2**20
)
"""The protocol of sitemaps.org allows a file of 50 MB."""


@dataclass(frozen=True)
class Seeds:
    """The URLs a discovery begins with, as written, and the sitemaps they were read from."""

    urls: tuple[str, ...]
    sitemaps_read: int


async def find_seeds(
    site: Site, robots: Robots, visitor: Visitor, profile: RequestProfile = HONEST
) -> Seeds:
    """The front page, then every URL of the sitemaps that robots.txt names and of /sitemap.xml.

    A sitemap that cannot be read is passed over: links may still find what it would have named.
    Raises InternalError where it is not the site that keeps it from being read.
    """
    front = f"{site.origin}/"
    waiting = deque([*robots.sitemaps, f"{site.origin}/sitemap.xml"])
    seen: set[str] = set()
    found = {front: None}
    while waiting and len(seen) < MAX_SITEMAPS and len(found) < MAX_SEEDS:
        try:
            url = normalise(waiting.popleft(), front)
            if url in seen:
                continue
            seen.add(url)
            fetched = await visitor.fetcher.fetch(
                url, profile=profile, limits=SITEMAP_LIMITS, before_request=visitor.admit
            )
        except InternalError:
            raise
        except JobError:
            continue
        if fetched.status != 200:
            continue
        sitemap = await visitor.extractor.sitemap(fetched.body)
        waiting.extend(sitemap.sitemaps)
        found.update(dict.fromkeys(sitemap.pages[: MAX_SEEDS - len(found)]))
    return Seeds(tuple(found), len(seen))
