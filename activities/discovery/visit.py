"""One visit of a discovery: one request for a URL, and the meaning of its response."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Final

from activities.crawling.check import body_hash_of, version_of
from activities.extraction.extractor import Extractor, FoundLinks, PageSource, error_of_wall
from activities.http.fetch import Fetched, Fetcher, ResponseCache
from activities.http.responses import error_for_content, error_for_status
from activities.rendering.renderer import Renderer
from core.errors import (
    AccessRefused,
    BlockedByRobots,
    BrowserMissing,
    InternalError,
    InvalidAddress,
    JobError,
    NotAPage,
    PageGone,
    PageTooLarge,
    RedirectLoop,
    RenderingFailed,
    TooManyRedirects,
)
from core.web.cookies import CookieJar
from core.web.crawl_settings import (
    DEFAULT_CRAWL,
    DEFAULT_PROFILE,
    CrawlProfile,
    Render,
    RequestProfile,
)
from core.web.hash_routes import document_of, route_of, with_route
from core.web.links import FEED_TYPES, PageLinks
from core.web.page_types import PageType, classify_page
from core.web.scope import ExclusionReason
from core.web.sitemaps import is_sitemap
from core.web.soft_404 import says_it_is_gone
from core.web.urls import as_sent, carries, name_after_redirects, normalise, without_visit
from core.web.watch_rules import WatchRules
from store.checks import PageVersion

MAX_REDIRECTS: Final = 20
"""Maximum number of redirects followed in one visit, as in browsers."""

XML: Final = frozenset({"application/xml", "text/xml"})
"""Generic media types that feeds use too."""


@dataclass(frozen=True)
class FoundPage:
    """The outcome of a visit to a page.

    `links` and `feeds` are absolute URLs; `links` is empty if the page asks robots not to follow
    links. `version` is the page as its first crawl would store it, None unless it was asked for and
    could be read. `rendered` says that a browser read the page, so that hash routes among its links
    are pages.
    """

    page_type: PageType
    title: str | None
    links: tuple[str, ...]
    feeds: tuple[str, ...] = ()
    version: PageVersion | None = None
    rendered: bool = False


@dataclass(frozen=True)
class Reading:
    """How a visit reads a page: under the settings of `profile`, with its content if `watched`
    allows it, without any content if that is None.
    """

    profile: CrawlProfile = DEFAULT_CRAWL
    watched: WatchRules | None = None


LINKS_ONLY: Final = Reading()


@dataclass(frozen=True)
class Excluded:
    """The outcome of a visit to a URL that is not a page of its own.

    `instead` is the URL that replaces it: the target of a redirect, or the canonical URL. `error`
    is the site's error, if there was one. `links` are the URLs in a feed or sitemap, or in a page
    that names another address as canonical: the pages of a list often name the first one.
    `rendered` is as in FoundPage.
    """

    reason: ExclusionReason
    instead: str | None = None
    error: JobError | None = None
    links: tuple[str, ...] = ()
    rendered: bool = False


Visit = FoundPage | Excluded


@dataclass(frozen=True)
class Visitor:
    """Makes the visits of a discovery; `admit` is awaited before every request of the fetcher."""

    fetcher: Fetcher
    extractor: Extractor
    renderer: Renderer
    admit: Callable[[str], Awaitable[None]]

    async def visit(
        self,
        url: str,
        in_site: Callable[[str], bool],
        profile: RequestProfile = DEFAULT_PROFILE,
        reading: Reading = LINKS_ONLY,
        cache: ResponseCache | None = None,
    ) -> Visit:
        """Request `url`; a redirect to another page is not followed, because its target counts.

        `in_site` says whether a canonical URL is in the site; others are ignored. `profile` has
        further header fields, and `reading` decides whether a browser renders the page. `cache` has
        the redirects of `url` that an earlier attempt followed. A URL with a hash route is no page
        unless a browser renders it.

        Raises InternalError if this machine cannot make the request, and HostBusy as `admit` does.
        """
        try:
            return await self._visit(url, in_site, profile, reading, cache)
        except InternalError:
            raise
        except JobError as error:
            return Excluded(_reason(error), error=error)

    async def _visit(
        self,
        url: str,
        in_site: Callable[[str], bool],
        profile: RequestProfile,
        reading: Reading,
        cache: ResponseCache | None,
    ) -> Visit:
        route = route_of(url)
        if route and reading.profile.render is Render.NEVER:
            return Excluded(ExclusionReason.NOT_A_PAGE)
        fetched = await self._fetch(document_of(url), in_site, profile, cache)
        if isinstance(fetched, Excluded):
            return fetched
        fetched = replace(fetched, url=with_route(fetched.url, route))
        if refused := error_for_status(fetched.status, fetched.retry_after):
            return Excluded(_reason(refused), error=refused)
        if _is_feed(fetched.content_type) or is_sitemap(fetched.body):
            sitemap = await self.extractor.sitemap(fetched.body)
            if listed := sitemap.pages + sitemap.sitemaps:
                return Excluded(ExclusionReason.NOT_A_PAGE, links=listed)
        if unusable := error_for_content(fetched.content_type, fetched.body):
            return Excluded(ExclusionReason.NOT_A_PAGE, error=unusable)
        try:
            found, read = await self._read(fetched, profile, reading)
        except InternalError as crash:
            return Excluded(ExclusionReason.UNREADABLE, error=crash)
        if found.wall is not None:
            return Excluded(ExclusionReason.BLOCKED_BY_SITE, error=error_of_wall(found.wall))
        page = found.page
        links = without_visit(page.links, fetched.requested or url, url)
        visit = outcome_of(url, replace(page, links=links), in_site, rendered=read is not fetched)
        if isinstance(visit, FoundPage) and found.content is not None:
            version = version_of(read, found.content, reading.profile, body_hash_of(read))
            return replace(visit, version=version)
        return visit

    async def _fetch(
        self,
        url: str,
        in_site: Callable[[str], bool],
        profile: RequestProfile,
        cache: ResponseCache | None,
    ) -> Fetched | Excluded:
        """The response for `url`, or its exclusion as a redirect to a page of another address.

        A redirect is followed if it may lead back to the page of `url`: to the same address with
        more parameters, with a cookie, or to an address that carries `url` to come back to.
        """
        jar = CookieJar()
        chain = [url]
        asked: set[tuple[str, tuple[tuple[str, str | None], ...]]] = {(url, ())}
        may_return = False
        while True:
            fetched = await self.fetcher.fetch(
                chain[-1],
                profile=profile,
                before_request=self.admit,
                follow_redirects=False,
                cache=cache,
                jar=jar,
            )
            if fetched.location is None:
                break
            target = as_sent(fetched.location, chain[-1])
            request = (target, tuple(jar.for_request(target).items()))
            if request in asked:
                raise RedirectLoop("The site redirects in a circle.")
            asked.add(request)
            if len(chain) > MAX_REDIRECTS:
                raise TooManyRedirects(f"The site redirects more than {MAX_REDIRECTS} times.")
            chain.append(target)
            name = name_after_redirects(chain)
            may_return = may_return or bool(fetched.set_cookies) or carries(target, url)
            if not in_site(normalise(target)) or (name != url and not may_return):
                return Excluded(ExclusionReason.REDIRECT, name)
        name = name_after_redirects(chain)
        return (
            replace(fetched, url=url) if name == url else Excluded(ExclusionReason.REDIRECT, name)
        )

    async def _read(
        self, fetched: Fetched, profile: RequestProfile, reading: Reading
    ) -> tuple[FoundLinks, Fetched]:
        """What the page has, and the response it was read from: rendered if the settings ask for it
        and it succeeds, else as sent.

        Raises the errors of rendering for a page with a hash route, which is not what was sent.
        """
        found = None
        if not reading.profile.renders(fetched.url):
            may_be_shell = reading.profile.render is Render.AUTO
            source = _source(fetched, reading, may_be_shell=may_be_shell)
            found = await self._extracted(source, reading)
            if not found.shell:
                return found, fetched
        try:
            rendered = await self.renderer.render(fetched, profile)
        except (BrowserMissing, RenderingFailed, InternalError, PageTooLarge):
            if route_of(fetched.url):
                raise
            # A crawl fails with this error, so there is no content.
            return found or await self.extractor.links(_source(fetched, reading)), fetched
        source = replace(_source(rendered, reading), rendered=True)
        return await self._extracted(source, reading), rendered

    async def _extracted(self, source: PageSource, reading: Reading) -> FoundLinks:
        if reading.watched is None:
            return await self.extractor.links(source)
        return await self.extractor.new_page(source, reading.watched)


def _source(fetched: Fetched, reading: Reading, *, may_be_shell: bool = False) -> PageSource:
    return PageSource(
        fetched.body,
        fetched.content_type,
        fetched.url,
        parts=reading.profile.parts,
        may_be_shell=may_be_shell,
        comparison=reading.profile.comparison,
        frames=reading.profile.frames,
    )


def _is_feed(content_type: str | None) -> bool:
    declared = (content_type or "").partition(";")[0].strip().lower()
    return declared in FEED_TYPES or declared in XML


def outcome_of(
    url: str, page: PageLinks, in_site: Callable[[str], bool], *, rendered: bool
) -> Visit:
    """What a visit to a page with these links comes to; `rendered` says that a browser read it."""
    for instead, reason in (
        (page.refresh, ExclusionReason.REDIRECT),
        (page.canonical, ExclusionReason.DUPLICATE),
    ):
        if instead is None:
            continue
        target = _normalised(instead, url, routes=rendered)
        # The document of an application says the same of all its routes.
        of_all_routes = reason is ExclusionReason.DUPLICATE and (
            route_of(url) and not route_of(target or "")
        )
        says_nothing = target in (None, url, document_of(url)) or of_all_routes
        leaves = reason is ExclusionReason.REDIRECT
        if target is not None and not says_nothing and (leaves or in_site(target)):
            links = page.links if reason is ExclusionReason.DUPLICATE and not page.nofollow else ()
            return Excluded(reason, target, links=links, rendered=rendered)
    if says_it_is_gone(url, page.title):
        return Excluded(ExclusionReason.SOFT_NOT_FOUND)
    page_type = classify_page(url, page.title, page.kinds)
    links = () if page.nofollow else page.links
    return FoundPage(page_type, page.title, links, page.feeds, rendered=rendered)


def _normalised(url: str, base: str, *, routes: bool) -> str | None:
    try:
        return normalise(url, base, routes=routes)
    except InvalidAddress:
        return None


def _reason(error: JobError) -> ExclusionReason:
    match error:
        case BlockedByRobots():
            return ExclusionReason.BLOCKED_BY_ROBOTS
        case InvalidAddress() | RedirectLoop() | TooManyRedirects():
            return ExclusionReason.REDIRECT  # to something that cannot be visited
        case PageGone():
            return ExclusionReason.NOT_FOUND
        case AccessRefused():
            return ExclusionReason.ACCESS_REFUSED
        case NotAPage() | PageTooLarge():
            return ExclusionReason.NOT_A_PAGE
        case _:
            return ExclusionReason.UNREACHABLE
