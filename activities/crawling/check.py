"""One check of a page under its crawl settings, and its inputs for fetch, decision and write."""

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from activities.extraction.extractor import Extracted, PageSource
from activities.http.fetch import NO_VALIDATORS, Fetched, ResponseCache, Validators
from core.changes.decision import CheckState, KnownVersion
from core.changes.detection import SeenPage
from core.changes.muting import NoiseHistory
from core.web.crawl_settings import CrawlProfile
from store.checks import PageVersion, is_baseline
from store.pending_confirmations import PreviousFetch
from store.tables.pages import Page, PageStatus
from store.tables.snapshots import Snapshot

FRAMED: Final = "frames:"
"""Mark of the hash of a body that has the documents of frames in it: the bytes of the page alone do
not tell whether they are as they were.
"""

MAX_NOT_MODIFIED: Final = 9
"""Maximum number of consecutive 304s; the next request is unconditional, because some servers
answer 304 whatever becomes of the page."""


@dataclass(frozen=True)
class Check:
    """One check of `page` by the job `job_id`, under the settings of `profile`.

    `earlier` is the previous fetch of the page by the same job, None for the first. `cache` holds
    the responses that the attempt has had already. `site_fails` is whether the checks of most pages
    of the site were told to fail.
    """

    job_id: str
    page: Page
    profile: CrawlProfile
    earlier: PreviousFetch | None = None
    cache: ResponseCache | None = None
    site_fails: bool = False

    @property
    def state(self) -> CheckState:
        """What the decision depends on, apart from the versions of the page."""
        has_version = self.page.snapshot_id is not None
        return CheckState(
            has_version=has_version,
            was_gone=has_version and self.page.status is PageStatus.GONE,
            requires_confirmation=self.profile.confirm_after is not None,
            fetches=self.earlier.number if self.earlier else 0,
            previous=self.earlier.seen if self.earlier else None,
        )

    def pending(self, seen: SeenPage | None, at: datetime) -> PreviousFetch:
        """The record of this fetch for the next one; `seen` is None if the page was missing."""
        assert self.profile.confirm_after is not None, "the settings ask for no confirmation"
        return PreviousFetch(self.state.fetches + 1, at + self.profile.confirm_after, seen)

    @property
    def comparable(self) -> bool:
        """Whether the stored version, if any, was read under the same crawl settings."""
        return not is_baseline(self.page, self.profile.fingerprint)

    @property
    def is_full_fetch_due(self) -> bool:
        """Whether the site has answered 304 so often that it is asked for the page itself."""
        return self.page.not_modified_count >= MAX_NOT_MODIFIED

    @property
    def validators(self) -> Validators:
        """The validators of a conditional request; none if a 304 would say nothing."""
        page = self.page
        wanted = self.profile.conditional_requests and not page.validators_mislead
        if not self.comparable or not wanted or self.is_full_fetch_due:
            return NO_VALIDATORS
        return Validators(etag=self.page.etag, last_modified=self.page.last_modified)

    def source(self, fetched: Fetched, *, may_be_shell: bool = False) -> PageSource:
        """The document to extract."""
        return PageSource(
            fetched.body,
            fetched.content_type,
            fetched.url,
            self.page.text_hash,
            self.profile.parts,
            may_be_shell,
            self.page.url,
            self.profile.comparison,
        )

    def known_version(
        self,
        before: Snapshot,
        noise: NoiseHistory,
        fetched: SeenPage | None,
        read_again: SeenPage | None = None,
    ) -> KnownVersion:
        """The stored version, to be compared with `fetched`, or with itself if that is None.

        `read_again` is what today's rules read in a version that older rules have read.
        """
        title = before.title if read_again is None else read_again.title
        text = before.text if read_again is None else read_again.text
        if fetched is not None and self.profile.parts.is_chosen:
            # The title belongs to the page, not to the part of it that is watched.
            title = fetched.title
        page = SeenPage(before.url, title, text, self.profile.comparison)
        return KnownVersion(page, noise, is_outdated=read_again is not None)

    def version(self, fetched: Fetched, extracted: Extracted, body_hash: str) -> PageVersion:
        """The version to store; `body_hash` is that of the response."""
        version = version_of(fetched, extracted, self.profile, body_hash)
        return replace(version, validators_mislead=self._is_misled_by(fetched, body_hash))

    def _is_misled_by(self, fetched: Fetched, body_hash: str) -> bool:
        """Whether the new version has the validators of the stored one: 304 says nothing then."""
        page, received = self.page, fetched.validators
        return page.validators_mislead or (
            self.comparable
            and received != NO_VALIDATORS
            and (received.etag, received.last_modified) == (page.etag, page.last_modified)
            and body_hash != page.body_hash
        )


def version_of(
    fetched: Fetched, extracted: Extracted, profile: CrawlProfile, body_hash: str
) -> PageVersion:
    """The first version of a page that is read under the settings of `profile`."""
    return PageVersion(
        url=fetched.url,
        status_code=fetched.status,
        title=extracted.title,
        text=extracted.text,
        html=extracted.html,
        text_hash=extracted.text_hash,
        body_hash=body_hash,
        etag=fetched.validators.etag,
        last_modified=fetched.validators.last_modified,
        settings_fingerprint=profile.fingerprint,
    )


def body_hash_of(fetched: Fetched) -> str:
    """The SHA-256 of the body, in hexadecimal digits; marked if frames are part of it."""
    digest = hashlib.sha256(fetched.body).hexdigest()
    return f"{FRAMED}{digest}" if fetched.has_frames else digest
