"""One visit of a discovery: one request for a URL, and the meaning of its response."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from activities.extraction.extractor import Extractor, PageSource
from activities.http.fetch import Fetched, Fetcher
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
    RenderingFailed,
)
from core.web.crawl_settings import DEFAULT_PROFILE, Render, RequestProfile
from core.web.links import FEED_TYPES, PageLinks
from core.web.page_types import PageType, classify_page
from core.web.scope import ExclusionReason
from core.web.soft_404 import says_it_is_gone
from core.web.urls import normalise

XML: Final = frozenset({"application/xml", "text/xml"})
"""Generic media types that feeds use too."""


@dataclass(frozen=True)
class FoundPage:
    """The outcome of a visit to a page.

    `links` and `feeds` are absolute URLs; `links` is empty if the page asks robots not to follow
    links.
    """

    page_type: PageType
    title: str | None
    links: tuple[str, ...]
    feeds: tuple[str, ...] = ()


@dataclass(frozen=True)
class Excluded:
    """The outcome of a visit to a URL that is not a page of its own.

    `instead` is the URL that replaces it: the target of a redirect, or the canonical URL. `error`
    is the site's error, if there was one. `links` are the URLs in a feed.
    """

    reason: ExclusionReason
    instead: str | None = None
    error: JobError | None = None
    links: tuple[str, ...] = ()


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
        render: Render = Render.AUTO,
    ) -> Visit:
        """Request `url` once; a redirect is not followed, because its target is a URL of its own.

        `in_site` says whether a canonical URL is in the site; others are ignored. `profile` has
        further header fields, and `render` decides whether a browser renders the page.

        Raises InternalError if this machine cannot make the request, and HostBusy as `admit` does.
        """
        try:
            return await self._visit(url, in_site, profile, render)
        except InternalError:
            raise
        except JobError as error:
            return Excluded(_reason(error), error=error)

    async def _visit(
        self, url: str, in_site: Callable[[str], bool], profile: RequestProfile, render: Render
    ) -> Visit:
        fetched = await self.fetcher.fetch(
            url, profile=profile, before_request=self.admit, follow_redirects=False
        )
        if fetched.location is not None:
            return Excluded(ExclusionReason.REDIRECT, normalise(fetched.location, url))
        if refused := error_for_status(fetched.status, fetched.retry_after):
            return Excluded(_reason(refused), error=refused)
        if _is_feed(fetched.content_type):
            listed = (await self.extractor.sitemap(fetched.body)).pages
            if listed:
                return Excluded(ExclusionReason.NOT_A_PAGE, links=listed)
        if unusable := error_for_content(fetched.content_type, fetched.body):
            return Excluded(ExclusionReason.NOT_A_PAGE, error=unusable)
        try:
            page = await self._read(fetched, profile, render)
        except InternalError as crash:
            return Excluded(ExclusionReason.UNREADABLE, error=crash)
        return _found(url, page, in_site)

    async def _read(self, fetched: Fetched, profile: RequestProfile, render: Render) -> PageLinks:
        """The links of the page: rendered if `render` asks for it and it succeeds, else as sent."""
        found = None
        if render is not Render.ALWAYS:
            found = await self.extractor.links(_source(fetched, may_be_shell=render is Render.AUTO))
            if not found.shell:
                return found.page
        try:
            rendered = await self.renderer.render(fetched, profile)
        except (BrowserMissing, RenderingFailed, InternalError, PageTooLarge):
            found = found or await self.extractor.links(_source(fetched))
        else:
            found = await self.extractor.links(_source(rendered))
        return found.page


def _source(fetched: Fetched, *, may_be_shell: bool = False) -> PageSource:
    return PageSource(fetched.body, fetched.content_type, fetched.url, may_be_shell=may_be_shell)


def _is_feed(content_type: str | None) -> bool:
    declared = (content_type or "").partition(";")[0].strip().lower()
    return declared in FEED_TYPES or declared in XML


def _found(url: str, page: PageLinks, in_site: Callable[[str], bool]) -> Visit:
    for instead, reason in (
        (page.refresh, ExclusionReason.REDIRECT),
        (page.canonical, ExclusionReason.DUPLICATE),
    ):
        if instead is None:
            continue
        target = _normalised(instead, url)
        if target is not None and target != url and in_site(target):
            return Excluded(reason, target)
    if says_it_is_gone(url, page.title):
        return Excluded(ExclusionReason.SOFT_NOT_FOUND)
    page_type = classify_page(url, page.title, page.kinds)
    links = () if page.nofollow else page.links
    return FoundPage(page_type, page.title, links, page.feeds)


def _normalised(url: str, base: str) -> str | None:
    try:
        return normalise(url, base)
    except InvalidAddress:
        return None


def _reason(error: JobError) -> ExclusionReason:
    match error:
        case BlockedByRobots():
            return ExclusionReason.BLOCKED_BY_ROBOTS
        case InvalidAddress():
            return ExclusionReason.REDIRECT  # its target is invalid; the visited URL is not
        case PageGone():
            return ExclusionReason.NOT_FOUND
        case AccessRefused():
            return ExclusionReason.ACCESS_REFUSED
        case NotAPage() | PageTooLarge():
            return ExclusionReason.NOT_A_PAGE
        case _:
            return ExclusionReason.UNREACHABLE
