"""One check of a page: what is asked with, compared and stored under the page's settings."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from activities.extraction.extractor import Extracted, PageSource
from activities.http.fetch import NO_VALIDATORS, Answers, Fetched, Validators
from core.changes.detection import SeenPage
from core.web.crawl_settings import CrawlProfile
from store.checks import PageVersion, is_baseline
from store.pending_confirmations import PreviousFetch
from store.tables.pages import Page, PageStatus
from store.tables.snapshots import Snapshot

MOST_LOOKS: Final = 3
"""Looks that one job takes at a page. The third is for a page that shows news at the second look of
which only a part was there at the first.
"""


@dataclass(frozen=True)
class Check:
    """One check of a page, under the settings of `profile`; `earlier` is the job's look at the page
    before this one, where there was one, and `kept` what this look has heard of sites.
    """

    job_id: str
    page: Page
    profile: CrawlProfile
    earlier: PreviousFetch | None = None
    kept: Answers | None = None

    @property
    def was_gone(self) -> bool:
        """Whether it is known of the page that it does not exist."""
        return self.page.status is PageStatus.GONE and self.page.snapshot_id is not None

    @property
    def needs_confirmation(self) -> bool:
        """Whether news that this look finds is to be seen again before it is told."""
        if self.profile.confirm_after is None:
            return False
        return self.earlier is None or (self.was_gone and self.earlier.seen is None)

    @property
    def may_be_restored(self) -> bool:
        """Whether a page that this look finds is one that was gone, and is to be seen again too."""
        return self.needs_confirmation and self.was_gone

    @property
    def may_look_again(self) -> bool:
        """Whether there is another look after this one."""
        look = 1 + (self.earlier.number if self.earlier else 0)
        return self.profile.confirm_after is not None and look < MOST_LOOKS

    def look(self, seen: SeenPage | None, at: datetime) -> PreviousFetch:
        """What this look is to the one after it; `seen` is None where the page was gone."""
        assert self.profile.confirm_after is not None, "nobody wants to look again"
        number = 1 + (self.earlier.number if self.earlier else 0)
        return PreviousFetch(number, at + self.profile.confirm_after, seen)

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
            settings_fingerprint=self.profile.fingerprint,
        )
