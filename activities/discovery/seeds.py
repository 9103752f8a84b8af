"""The seeds of a discovery: the URLs in the sitemaps of its domain."""

from collections.abc import Iterable
from contextlib import suppress
from datetime import timedelta
from typing import Final

from activities.discovery.visit import Visitor
from activities.http.fetch import FetchLimits, ResponseCache
from activities.http.responses import error_for_status
from core.errors import InternalError, InvalidAddress, JobError, PageGone
from core.jobs.checkpoint import Seeding
from core.web.crawl_settings import DEFAULT_PROFILE, RequestProfile
from core.web.robots import Robots
from core.web.sitemaps import EMPTY, MAX_SITEMAP_SIZE, MAX_SITEMAP_URLS
from core.web.urls import Site, as_sent

MAX_SITEMAPS: Final = 500
"""Maximum number of sitemap files read in one discovery. An index may list more, or itself."""

MAX_REQUESTS: Final = 1_000
"""Maximum number of requests for sitemaps, redirects included."""

MAX_SEEDS: Final = 50_000
"""Maximum number of URLs taken from all sitemaps of one discovery."""

MAX_PROBLEMS: Final = 3
"""Maximum number of sitemaps whose problem is told."""

TOO_LONG: Final = (
    f"Only its first {MAX_SITEMAP_URLS:,} addresses were read, of at most "
    f"{MAX_SITEMAP_SIZE // 2**20} MiB."
)

MAX_URL_QUOTED: Final = 150

USUAL_PLACES: Final = (
    "/sitemap_index.xml",
    "/sitemap-index.xml",
    "/wp-sitemap.xml",
    "/sitemap.xml.gz",
    "/sitemap_index.xml.gz",
    "/sitemapindex.xml",
    "/sitemap/sitemap.xml",
    "/sitemap/index.xml",
    "/sitemaps.xml",
    "/sitemap1.xml",
    "/sitemap.txt",
)
"""Where sites and their content management systems put a sitemap without telling robots.txt."""

MOST_USUAL: Final = 3
"""Number of the usual places that a slow site is asked for."""

SHORT_INTERVAL: Final = timedelta(seconds=2)

SITEMAP_LIMITS: Final = FetchLimits(
    deadline=timedelta(seconds=60), max_body=50 * 2**20, max_redirects=10
)
"""The protocol of sitemaps.org allows a file of 50 MB."""


def first_sitemaps(site: Site, robots: Robots) -> Seeding:
    """The state before the first sitemap: those of robots.txt, and /sitemap.xml, are waiting."""
    return _waiting(Seeding(), site, [*robots.sitemaps, "/sitemap.xml"])


def usual_sitemaps(seeding: Seeding, site: Site, interval: timedelta) -> Seeding | None:
    """`seeding` with the usual places of sitemaps waiting; None if they were read already, or if
    the sitemaps that the site names list URLs.

    Only the most usual ones are waiting if the site asks for a long `interval` between requests.
    """
    if seeding.usual_places or seeding.urls or seeding.waiting:
        return None
    places = USUAL_PLACES if interval <= SHORT_INTERVAL else USUAL_PLACES[:MOST_USUAL]
    return _waiting(seeding.model_copy(update={"usual_places": True}), site, places)


async def read_sitemap(
    seeding: Seeding,
    site: Site,
    visitor: Visitor,
    profile: RequestProfile = DEFAULT_PROFILE,
    cache: ResponseCache | None = None,
) -> tuple[Seeding, tuple[str, ...]]:
    """Read the first waiting sitemap; the state after it, and the URLs it lists, not normalised.

    A sitemap that cannot be read lists no URLs: links may still lead to its pages. `cache` has the
    redirects of an earlier attempt.

    Raises HostBusy if the host's next slot is too far away; InternalError if this machine cannot
    fetch or read it.
    """
    url, *waiting = seeding.waiting
    read = seeding.model_copy(
        update={
            "waiting": tuple(waiting),
            "asked": (*seeding.asked, url),
            "read": seeding.read + 1,
        }
    )
    try:
        fetched = await visitor.fetcher.fetch(
            url,
            profile=profile,
            limits=SITEMAP_LIMITS,
            before_request=visitor.admit,
            cache=cache,
        )
        if refused := error_for_status(fetched.status, fetched.retry_after):
            raise refused
    except InternalError:
        raise
    except PageGone:
        # Most sites have no /sitemap.xml.
        return _waiting(read, site), ()
    except JobError as error:
        return _waiting(_failed(_with_problem(read, url, error.message)), site), ()
    hops = [fetched.requested or fetched.url, *fetched.redirects]
    read = read.model_copy(update={"asked": tuple(dict.fromkeys([*read.asked, *hops]))})
    sitemap = await visitor.extractor.sitemap(fetched.body)
    guess = _is_guess(url, site)
    if sitemap.problem is not None and not guess:
        read = _with_problem(read, url, sitemap.problem)
    if sitemap.truncated:
        read = _failed(_with_problem(read, url, TOO_LONG))
    if sitemap.problem not in (None, EMPTY) and not (guess and _is_html(fetched.content_type)):
        read = _failed(read)
    urls = sitemap.pages[: MAX_SEEDS - read.urls]
    named = read.model_copy(
        update={
            "urls": read.urls + len(urls),
            "urls_passed_over": read.urls_passed_over + len(sitemap.pages) - len(urls),
        }
    )
    return _waiting(named, site, sitemap.sitemaps), urls


def _is_guess(url: str, site: Site) -> bool:
    """Whether nobody named the sitemap: a site may answer such an address with a page."""
    return url in {f"{site.origin}{place}" for place in ("/sitemap.xml", *USUAL_PLACES)}


def _is_html(content_type: str | None) -> bool:
    return (content_type or "").lower().startswith(("text/html", "application/xhtml"))


def _with_problem(seeding: Seeding, url: str, problem: str) -> Seeding:
    if len(seeding.problems) == MAX_PROBLEMS:
        return seeding
    sentence = f"{url[:MAX_URL_QUOTED]}: {problem}"
    return seeding.model_copy(update={"problems": (*seeding.problems, sentence)})


def _failed(seeding: Seeding) -> Seeding:
    return seeding.model_copy(update={"failed": True})


def _waiting(seeding: Seeding, site: Site, more: Iterable[str] = ()) -> Seeding:
    """`seeding` with `more` waiting sitemaps, up to the limits; finished if none is waiting."""
    added: dict[str, None] = {}
    for written in more:
        with suppress(InvalidAddress):
            url = as_sent(written, f"{site.origin}/")
            if url not in seeding.asked:
                added[url] = None
    waiting = list(dict.fromkeys([*seeding.waiting, *added]))
    room = max(min(MAX_SITEMAPS - seeding.read, MAX_REQUESTS - len(seeding.asked)), 0)
    if seeding.urls >= MAX_SEEDS:
        room = 0
    left = {
        "waiting": tuple(waiting[:room]),
        "passed_over": seeding.passed_over + len(waiting[room:]),
    }
    return seeding.model_copy(update=left)
