"""One page of a site, fetched within the site and as politely as it asks for."""

from activities.crawling.check import Check
from activities.http.fetch import NO_VALIDATORS, Fetched, Fetcher
from activities.http.politeness import Politeness
from activities.http.responses import no_page, refusal
from activities.reporting import MOMENT
from core.errors import InvalidAnswer, RedirectToOtherSite
from core.web.scope import ExclusionReason, exclusion_reason
from core.web.urls import host_of, parse_domain
from store.tables.domains import Domain


class PageFetcher:
    """Fetches pages as the checks of them want, when `politeness` admits it."""

    def __init__(self, fetcher: Fetcher, politeness: Politeness) -> None:
        self._fetcher = fetcher
        self._politeness = politeness

    async def fetch(self, check: Check, domain: Domain) -> Fetched:
        """The page of `check`, or that it was not modified.

        Raises the errors of what the site does wrong (`core.errors`), PageGone among them, and
        HostBusy when the host's turn, or a connection to it, is more than a moment away.
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
            kept=check.kept,
            patience=MOMENT,
        )
        if refused := refusal(fetched.status, fetched.retry_after):
            raise refused
        if fetched.not_modified:
            if check.validators == NO_VALIDATORS:
                raise InvalidAnswer(
                    "The site says that nothing changed, though it was not asked that."
                )
        elif unusable := no_page(fetched.content_type, fetched.body):
            raise unusable
        return fetched
