"""The fetch of a page: within its site, and as politely as the site asks for."""

from activities.crawling.check import Check
from activities.http.fetch import NO_VALIDATORS, Fetched, Fetcher
from activities.http.politeness import Politeness
from activities.http.responses import error_for_content, error_for_status
from activities.reporting import MAX_HOST_WAIT
from core.errors import InvalidAnswer, RedirectToOtherSite
from core.web.scope import ExclusionReason, exclusion_reason
from core.web.urls import host_of, parse_domain
from store.tables.domains import Domain


class PageFetcher:
    """Fetches pages for their checks, when `politeness` admits it."""

    def __init__(self, fetcher: Fetcher, politeness: Politeness) -> None:
        self._fetcher = fetcher
        self._politeness = politeness

    async def fetch(self, check: Check, domain: Domain) -> Fetched:
        """The response for the page of `check`: a page, or a 304.

        Raises the job errors of the fetch and of the site, for example PageGone for 404 and 410,
        and RedirectToOtherSite if a redirect leaves the site of `domain`; HostBusy if the host's
        next slot, or a connection to it, is more than `MAX_HOST_WAIT` away.
        """
        site = parse_domain(domain.domain)

        async def admit(url: str) -> None:
            if exclusion_reason(url, site) is ExclusionReason.OTHER_HOST:
                raise RedirectToOtherSite(
                    f"The page now redirects to another site, {host_of(url)}."
                )
            await self._politeness.admit(url)

        fetched = await self._fetcher.fetch(
            check.page.url,
            validators=check.validators,
            profile=check.profile.request,
            before_request=admit,
            cache=check.cache,
            max_wait=MAX_HOST_WAIT,
        )
        if refused := error_for_status(fetched.status, fetched.retry_after):
            raise refused
        if fetched.not_modified:
            if check.validators == NO_VALIDATORS:
                raise InvalidAnswer(
                    "The site says that nothing changed, though it was not asked that."
                )
        elif unusable := error_for_content(fetched.content_type, fetched.body):
            raise unusable
        return fetched
