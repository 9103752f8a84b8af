"""The fetch of a page: within its site, and as politely as the site asks for."""

from dataclasses import replace
from typing import Final

from activities.crawling.check import Check
from activities.extraction.extractor import Extractor, PageSource
from activities.http.fetch import NO_VALIDATORS, Fetched, Fetcher, Validators
from activities.http.politeness import Politeness
from activities.http.responses import error_for_document, error_for_status
from activities.reporting import MAX_HOST_WAIT
from core.errors import InvalidAnswer, NotAPage, RedirectLoop, RedirectToOtherSite, TooManyRedirects
from core.web.cookies import CookieJar
from core.web.documents import DocumentKind, document_kind
from core.web.links import may_refresh
from core.web.scope import ExclusionReason, exclusion_reason
from core.web.urls import Site, as_sent, host_of, parse_domain
from store.tables.domains import Domain

MAX_REFRESHES: Final = 5
"""Maximum number of meta refreshes followed in one fetch."""


class PageFetcher:
    """Fetches pages for their checks, when `politeness` admits it."""

    def __init__(self, fetcher: Fetcher, politeness: Politeness, extractor: Extractor) -> None:
        self._fetcher = fetcher
        self._politeness = politeness
        self._extractor = extractor

    async def fetch(self, check: Check, domain: Domain) -> Fetched:
        """The response for the page of `check`: a page, or a 304.

        A meta refresh within the site is followed, as in a browser. Such a response has no
        validators, because those of the target would be sent to the page that refreshes.

        Raises the job errors of the fetch and of the site, for example PageGone for 404 and 410,
        and RedirectToOtherSite if a redirect leaves the site of `domain`; HostBusy if the host's
        next slot, or a connection to it, is more than `MAX_HOST_WAIT` away.
        """
        site = parse_domain(domain.domain)
        jar = CookieJar()
        fetched = await self._fetch(check.page.url, check, site, check.validators, jar)
        refreshed: list[str] = []
        while (target := await self._refresh_target(fetched, site)) is not None:
            if _is_answered(target, fetched):
                break
            if target in refreshed and not fetched.set_cookies:
                raise RedirectLoop("The page refreshes in a circle.")
            if len(refreshed) == MAX_REFRESHES:
                raise TooManyRedirects(f"The page refreshes more than {MAX_REFRESHES} times.")
            refreshed.append(target)
            fetched = replace(
                await self._fetch(target, check, site, NO_VALIDATORS, jar), validators=NO_VALIDATORS
            )
        return fetched

    async def _fetch(
        self, url: str, check: Check, site: Site, validators: Validators, jar: CookieJar
    ) -> Fetched:
        async def admit(url: str) -> None:
            if exclusion_reason(url, site) is ExclusionReason.OTHER_HOST:
                raise RedirectToOtherSite(
                    f"The page now redirects to another site, {host_of(url)}."
                )
            await self._politeness.admit(url)

        fetched = await self._fetcher.fetch(
            url,
            validators=validators,
            profile=check.profile.request,
            before_request=admit,
            cache=check.cache,
            max_wait=MAX_HOST_WAIT,
            jar=jar,
        )
        if refused := error_for_status(fetched.status, fetched.retry_after):
            raise refused
        if fetched.not_modified:
            if validators == NO_VALIDATORS:
                raise InvalidAnswer(
                    "The site says that nothing changed, though it was not asked that."
                )
        elif unusable := error_for_document(fetched.content_type, fetched.body):
            raise unusable
        return fetched

    async def _refresh_target(self, fetched: Fetched, site: Site) -> str | None:
        """The URL, as sent, that the page refreshes to within `site`; None if it does not."""
        if fetched.not_modified or not may_refresh(fetched.body):
            return None
        if document_kind(fetched.content_type, fetched.body) is not DocumentKind.HTML:
            return None
        base = fetched.requested or fetched.url
        try:
            found = await self._extractor.links(
                PageSource(fetched.body, fetched.content_type, base)
            )
        except NotAPage:
            return None
        refresh = found.page.refresh
        if refresh is None or exclusion_reason(refresh, site) is ExclusionReason.OTHER_HOST:
            return None
        return as_sent(refresh, base)


def _is_answered(target: str, fetched: Fetched) -> bool:
    """Whether a request for `target` would be the one that `fetched` answers: a page that reloads
    itself from time to time.
    """
    if target != (fetched.requested or fetched.url):
        return False
    return not fetched.set_cookies
