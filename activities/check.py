"""One check of a page: what is asked with, compared and stored under the page's settings."""

from dataclasses import dataclass

from activities.extraction import Extracted, PageSource
from activities.fetch import NO_VALIDATORS, Fetched, Validators
from core.crawlsettings import CrawlProfile
from core.news import SeenPage
from store.checks import PageVersion, is_baseline
from store.tables import Page, Snapshot


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

    def versions(
        self, before: Snapshot, fetched: Fetched, extracted: Extracted
    ) -> tuple[SeenPage, SeenPage]:
        """What is to be compared: what the page showed and what it shows."""
        watched = self.profile.parts.watch is not None
        # The title belongs to the page, not to the part of it that is watched.
        title = extracted.title if watched else before.title
        return (
            SeenPage(before.url, title, before.text),
            SeenPage(fetched.url, extracted.title, extracted.text),
        )

    def version(self, fetched: Fetched, extracted: Extracted, body_hash: str) -> PageVersion:
        """What is to be stored."""
        return PageVersion(
            url=fetched.url,
            status_code=fetched.status,
            title=extracted.title,
            text=extracted.text,
            main_text=extracted.main_text,
            html=extracted.html,
            text_hash=extracted.text_hash,
            body_hash=body_hash,
            etag=fetched.validators.etag,
            last_modified=fetched.validators.last_modified,
            seen_under=self.profile.fingerprint,
        )
