"""The crawl settings of a page or domain, with their secrets decrypted for one job."""

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
    """The crawl profile of the page: from its own settings, then from those of its domain.

    Raises SecretsUnreadable if `secret_key` is not the key that encrypted the secrets.
    """
    return _opened(chosen_for(page, domain), page.url, domain, secret_key)


def chosen_for(page: Page, domain: Domain) -> CrawlSettings:
    """The crawl settings of the page, completed by those of its domain."""
    return (page.crawl_settings or NOTHING_CHOSEN).over(domain.crawl_settings or NOTHING_CHOSEN)


class SiteProfiles:
    """The request profiles of a discovery, from its domain's settings; `new_page` is the profile by
    which a page without settings of its own is crawled.

    Raises SecretsUnreadable as `page_profile` does.
    """

    def __init__(self, domain: Domain, secret_key: SecretKey) -> None:
        self._origin = domain.origin
        chosen = domain.crawl_settings or NOTHING_CHOSEN
        self.new_page = _opened(chosen, domain.origin + "/", domain, secret_key)

    def of(self, url: str) -> RequestProfile:
        """The profile of a request for `url`, which must be in the site."""
        return self.new_page.request.at(url, self._origin)


def _opened(chosen: CrawlSettings, url: str, domain: Domain, secret_key: SecretKey) -> CrawlProfile:
    box = secret_key.for_opening() if has_secrets(chosen) else None
    return profile_of(chosen, url, domain.origin, box)
