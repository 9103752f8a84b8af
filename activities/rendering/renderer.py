"""Rendering of a page: its document after its scripts have run in a browser."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from activities.http.fetch import NO_VALIDATORS, Fetched, Fetcher, FetchLimits
from activities.rendering.browser import Browser
from activities.rendering.proxy import GuardingProxy, ProxyLimits
from core.errors import BrowserElsewhere, JobError, PageTooLarge, RenderingFailed
from core.web.crawl_settings import RequestProfile
from core.web.hash_routes import document_of, route_of, with_route
from core.web.urls import origin_of

if TYPE_CHECKING:
    from playwright.async_api import Browser as Chromium
    from playwright.async_api import BrowserContext, Page, Route

LOADED_RESOURCE_TYPES: Final = frozenset(
    {"script", "xhr", "fetch", "stylesheet", "websocket", "other"}
)
"""Resource types that pages may load: no images, media, fonts, frames or pings."""

UTF8_HTML: Final = "text/html; charset=utf-8"


@dataclass(frozen=True)
class RenderingLimits:
    """Limits of one page.

    `settle` is the number of seconds after which a page is read even if it still loads; `deadline`
    is the number of seconds in all. `largest` is the number of bytes of the rendered document, and
    of a resource that the fetcher requests.
    """

    settle: float = 10.0
    deadline: float = 30.0
    requests: int = 150
    largest: int = 10 * 2**20
    network: ProxyLimits = field(default_factory=ProxyLimits)


class Renderer:
    """Opens pages in the worker's browser, unless pages are not rendered `here`. `user_agent`
    applies unless a profile has its own.
    """

    def __init__(
        self,
        browser: Browser,
        fetcher: Fetcher,
        *,
        user_agent: str,
        limits: RenderingLimits | None = None,
        here: bool = True,
    ) -> None:
        self._here = here
        self._browser = browser
        self._fetcher = fetcher
        self._user_agent = user_agent
        self._limits = limits or RenderingLimits()

    def check_is_here(self) -> None:
        """Raises BrowserElsewhere if this worker renders no pages."""
        if not self._here:
            raise BrowserElsewhere

    async def render(self, fetched: Fetched, profile: RequestProfile) -> Fetched:
        """The document of `fetched` after its scripts have run, without requesting it again. It is
        opened at the hash route of its URL.

        It has no validators: those of `fetched` do not cover what the scripts load.

        Raises BrowserElsewhere if this worker renders no pages, BrowserMissing if no browser is
        installed, and InternalError if it does not start. Raises RenderingFailed if the page
        exceeds the deadline or crashes the browser, and PageTooLarge.
        """
        self.check_is_here()
        async with self._browser.lent() as chromium:
            body = await self._rendered(chromium, fetched, profile)
        return replace(fetched, body=body, content_type=UTF8_HTML, validators=NO_VALIDATORS)

    async def _rendered(
        self, chromium: "Chromium", fetched: Fetched, profile: RequestProfile
    ) -> bytes:
        from playwright.async_api import Error

        seconds = self._limits.deadline
        try:
            async with (
                asyncio.timeout(seconds),
                GuardingProxy(self._fetcher.network, self._limits.network) as proxy,
            ):
                context = await chromium.new_context(
                    proxy={"server": proxy.address, "bypass": "<-loopback>"},
                    user_agent=profile.user_agent or self._user_agent,
                    accept_downloads=False,
                    service_workers="block",
                    permissions=[],
                )
                try:
                    visit = _PageLoad(self._fetcher, self._limits, fetched, profile)
                    html = await visit.read(context)
                finally:
                    with suppress(Error, TimeoutError):
                        async with asyncio.timeout(5):
                            await context.close()
        except TimeoutError:
            raise RenderingFailed(
                f"The page kept the browser busy for more than {seconds:g} s."
            ) from None
        except Error as error:
            raise RenderingFailed("The browser crashed over the page.") from error
        body = html.encode(errors="replace")
        if len(body) > self._limits.largest:
            most = f"{self._limits.largest / 2**20:g} MiB"
            raise PageTooLarge(f"Scripts made the page larger than the {most} that it may have.")
        return body


class _PageLoad:
    """The load of one page in a browser context of its own, with its requests filtered."""

    def __init__(
        self,
        fetcher: Fetcher,
        limits: RenderingLimits,
        document: Fetched,
        profile: RequestProfile,
    ) -> None:
        self._fetcher = fetcher
        self._limits = limits
        self._document: Fetched | None = document
        requested = document.requested or document_of(document.url)
        self._url = with_route(requested, route_of(document.url))
        self._profile = profile
        self._requests = 0

    async def read(self, context: "BrowserContext") -> str:
        from playwright.async_api import TimeoutError as NotSettled

        await context.route("**/*", self._answer)
        page = await context.new_page()
        context.on("page", _close)
        page.on("dialog", lambda dialog: dialog.dismiss())
        seconds = self._limits.settle
        # A page that still loads is read as it is.
        with suppress(NotSettled):
            await page.goto(self._url, wait_until="domcontentloaded", timeout=seconds * 1000)
            await page.wait_for_load_state("networkidle", timeout=seconds * 1000)
        return await page.content()

    async def _answer(self, route: "Route") -> None:
        from playwright.async_api import Error

        # The page may be closed by now.
        with suppress(Error):
            request = route.request
            self._requests += 1
            if request.is_navigation_request():
                document, self._document = self._document, None
                if document is None:
                    # Any other error code would replace the page by an error page.
                    await route.abort("aborted")
                    return
                await route.fulfill(
                    status=200,
                    headers={"Content-Type": document.content_type or UTF8_HTML},
                    body=document.body,
                )
            elif (
                request.resource_type not in LOADED_RESOURCE_TYPES
                or self._requests > self._limits.requests
            ):
                await route.abort("blockedbyclient")
            elif self._needs_secrets(request.url, request.method):
                await self._with_secrets(route, request.url)
            else:
                await route.continue_()

    def _needs_secrets(self, url: str, method: str) -> bool:
        return (
            self._profile.has_secrets
            and method == "GET"
            and url.startswith(("http:", "https:"))
            and origin_of(url) == self._profile.origin
        )

    async def _with_secrets(self, route: "Route", url: str) -> None:
        """Request `url` by the fetcher: the browser would send the secrets along redirects too."""
        limits = FetchLimits(max_body=self._limits.largest)
        try:
            fetched = await self._fetcher.fetch(url, profile=self._profile, limits=limits)
        except JobError:
            await route.abort("failed")
            return
        await route.fulfill(
            status=fetched.status,
            headers={"Content-Type": fetched.content_type or "application/octet-stream"},
            body=fetched.body,
        )


async def _close(page: "Page") -> None:
    """Close a window that the page opened."""
    from playwright.async_api import Error

    with suppress(Error):
        await page.close()
