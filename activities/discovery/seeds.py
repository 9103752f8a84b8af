"""The seeds of a discovery: the URLs in the sitemaps of its domain."""

from collections.abc import Iterable
from contextlib import suppress
from datetime import timedelta
from typing import Final

from activities.discovery.visit import Visitor
from activities.http.fetch import FetchLimits
from core.errors import InternalError, InvalidAddress, JobError
from core.jobs.checkpoint import Seeding
from core.web.crawl_settings import DEFAULT_PROFILE, RequestProfile
from core.web.robots import Robots
from core.web.sitemaps import EMPTY
from core.web.urls import Site, normalise

MAX_SITEMAPS: Final = 50
"""Maximum number of sitemap files read in one discovery. An index may list more, or itself."""

MAX_REQUESTS: Final = 100
"""Maximum number of requests for sitemaps, redirects included."""

MAX_SEEDS: Final = 50_000
"""Maximum number of URLs taken from all sitemaps of one discovery."""

SITEMAP_LIMITS: Final = FetchLimits(deadline=timedelta(seconds=60), max_body=50 * 2**20)
"""The protocol of sitemaps.org allows a file of 50 MB."""


NO_SITEMAP: Final = frozenset({404, 410})
"""Statuses of a sitemap that does not exist. Any other error hides the URLs in it."""


def first_sitemaps(site: Site, robots: Robots) -> Seeding:
    """The state before the first sitemap: those of robots.txt, and /sitemap.xml, are waiting."""
    return _waiting(Seeding(), site, [*robots.sitemaps, "/sitemap.xml"])


async def read_sitemap(
    seeding: Seeding, site: Site, visitor: Visitor, profile: RequestProfile = DEFAULT_PROFILE
) -> tuple[Seeding, tuple[str, ...]]:
    """Read the first waiting sitemap; the state after it, and the URLs it lists, not normalised.

    A sitemap that cannot be read lists no URLs: links may still lead to its pages. A redirect is
    one step: its target is then the first waiting sitemap.

    Raises HostBusy if the host's next slot is too far away, before any request; InternalError if
    this machine cannot fetch or read it.
    """
    url, *waiting = seeding.waiting
    asked = seeding.model_copy(update={"waiting": tuple(waiting), "asked": (*seeding.asked, url)})
    read = asked.model_copy(update={"read": seeding.read + 1})
    try:
        fetched = await visitor.fetcher.fetch(
            url,
            profile=profile,
            limits=SITEMAP_LIMITS,
            before_request=visitor.admit,
            follow_redirects=False,
        )
    except InternalError:
        raise
    except JobError:
        return _waiting(_failed(read), site), ()
    if fetched.location is not None:
        return _waiting(asked, site, [fetched.location], base=url, first=True), ()
    if fetched.status in NO_SITEMAP:
        return _waiting(read, site), ()
    if fetched.status != 200:
        return _waiting(_failed(read), site), ()
    sitemap = await visitor.extractor.sitemap(fetched.body)
    if sitemap.problem not in (None, EMPTY) and not _is_html(fetched.content_type):
        read = _failed(read)
    urls = sitemap.pages[: MAX_SEEDS - read.urls]
    named = read.model_copy(update={"urls": read.urls + len(urls)})
    return _waiting(named, site, sitemap.sitemaps), urls


def _is_html(content_type: str | None) -> bool:
    """Whether it is a page: many sites answer with one for what they do not have."""
    return (content_type or "").lower().startswith(("text/html", "application/xhtml"))


def _failed(seeding: Seeding) -> Seeding:
    return seeding.model_copy(update={"failed": True})


def _waiting(
    seeding: Seeding,
    site: Site,
    more: Iterable[str] = (),
    *,
    base: str | None = None,
    first: bool = False,
) -> Seeding:
    """`seeding` with `more` waiting sitemaps, up to the limits; finished if none is waiting."""
    room = min(MAX_SITEMAPS - seeding.read, MAX_REQUESTS - len(seeding.asked))
    if room <= 0 or seeding.urls >= MAX_SEEDS:
        return Seeding(failed=seeding.failed)
    added: dict[str, None] = {}
    for written in more:
        if len(added) == room:
            break
        with suppress(InvalidAddress):
            url = normalise(written, base or f"{site.origin}/")
            if url not in seeding.asked:
                added[url] = None
    ordered = [*added, *seeding.waiting] if first else [*seeding.waiting, *added]
    done = Seeding(failed=seeding.failed)
    waiting = tuple(dict.fromkeys(ordered))[:room]
    return seeding.model_copy(update={"waiting": waiting}) if waiting else done
