"""The crawl settings of a page or domain, opened for the length of one job."""

from core.web.crawl_settings import (
    NOTHING_CHOSEN,
    CrawlProfile,
    CrawlSettings,
    RequestProfile,
    has_secrets,
    profile_of,
)
from store.secretkey import SecretKey
from store.tables.domains import Domain
from store.tables.pages import Page


def page_profile(page: Page, domain: Domain, secret_key: SecretKey) -> CrawlProfile:
    """How the page is crawled: by its own settings, and by its domain's where it has none.

    Raises SecretsUnreadable when the key is not the one that its secrets were sealed with.
    """
    return _opened(chosen_for(page, domain), page.url, domain, secret_key)


def chosen_for(page: Page, domain: Domain) -> CrawlSettings:
    """The page's own settings, and its domain's where it has none."""
    return (page.crawl_settings or NOTHING_CHOSEN).over(domain.crawl_settings or NOTHING_CHOSEN)


class SiteProfiles:
    """What requests of a discovery say, by its domain's settings, and how it reads pages: `render`.

    Raises SecretsUnreadable as `page_profile` does.
    """

    def __init__(self, domain: Domain, secret_key: SecretKey) -> None:
        self._origin = domain.origin
        chosen = domain.crawl_settings or NOTHING_CHOSEN
        profile = _opened(chosen, domain.origin + "/", domain, secret_key)
        self._own = profile.request
        self.render = profile.render

    def of(self, url: str) -> RequestProfile:
        """What a request for `url`, which is in the site, says."""
        return self._own.at(url, self._origin)


def _opened(chosen: CrawlSettings, url: str, domain: Domain, secret_key: SecretKey) -> CrawlProfile:
    box = secret_key.for_opening() if has_secrets(chosen) else None
    return profile_of(chosen, url, domain.origin, box)
