"""One check of a page: what to ask with, and whether the answer can be compared."""

from dataclasses import dataclass

from activities.extraction import PageSource
from activities.fetch import NO_VALIDATORS, Fetched, Validators
from core.crawlsettings import CrawlProfile
from store.checks import is_baseline
from store.tables import Page


@dataclass(frozen=True)
class Check:
    """One check of a page, under the settings of `profile`."""

    job_id: str
    page: Page
    profile: CrawlProfile

    @property
    def comparable(self) -> bool:
        """Whether what was seen before was seen in the same way."""
        return not is_baseline(self.page, self.profile.fingerprint)

    @property
    def validators(self) -> Validators:
        """What to ask with whether the page is still the same."""
        if not self.comparable:
            return NO_VALIDATORS
        return Validators(etag=self.page.etag, last_modified=self.page.last_modified)

    def source(self, fetched: Fetched, *, may_be_shell: bool = False) -> PageSource:
        """What is to be read."""
        return PageSource(
            fetched.body,
            fetched.content_type,
            fetched.url,
            self.page.text_hash,
            self.profile.parts,
            may_be_shell,
        )
