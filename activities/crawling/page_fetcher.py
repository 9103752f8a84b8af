"""The fetch of a page: within its site, and as politely as the site asks for."""

import logging
from dataclasses import replace
from typing import Final

from activities.crawling.check import Check
from activities.crawling.stored_frames import StoredFrames
from activities.extraction.extractor import Extractor, PageSource, error_of_wall
from activities.http.fetch import NO_VALIDATORS, Fetched, Fetcher, FetchLimits, Validators
from activities.http.politeness import Politeness
from activities.http.responses import error_for_document, error_for_status
from activities.reporting import MAX_HOST_WAIT
from core.errors import (
    BlockedBySite,
    EmptyPage,
    FrameUnreadable,
    InternalError,
    InvalidAnswer,
    JobCancelled,
    JobError,
    NotAPage,
    PageGone,
    RedirectLoop,
    RedirectToOtherSite,
    SubjectGone,
    TooManyRedirects,
)
from core.web.cookies import CookieJar
from core.web.crawl_settings import Frames
from core.web.document_kinds import DocumentKind, document_kind
from core.web.frames import (
    MAX_FRAME_BYTES,
    MAX_FRAMES,
    FrameDocument,
    PageWithFrames,
    is_frame_of,
    may_have_frames,
)
from core.web.hash_routes import document_of, route_of, with_route
from core.web.links import may_refresh
from core.web.scope import ExclusionReason, exclusion_reason
from core.web.urls import Site, as_sent, host_of, parse_domain
from store.tables.domains import Domain

MAX_REFRESHES: Final = 5
"""Maximum number of meta refreshes followed in one fetch."""


UTF8_HTML: Final = "text/html; charset=utf-8"

log = logging.getLogger(__name__)


class PageFetcher:
    """Fetches pages for their checks, when `politeness` admits it."""

    def __init__(self, fetcher: Fetcher, politeness: Politeness, extractor: Extractor) -> None:
        self._fetcher = fetcher
        self._politeness = politeness
        self._extractor = extractor

    async def fetch(self, check: Check, domain: Domain) -> Fetched:
        """The response for the page of `check`: a page, or a 304.

        A meta refresh within the site is followed, as in a browser. Such a response has no
        validators, because those of the target would be sent to the page that refreshes. A redirect
        keeps the hash route of the page, as in a browser; a refresh leads elsewhere.

        Raises the job errors of the fetch and of the site, for example PageGone for 404 and 410,
        and RedirectToOtherSite if a redirect or refresh leaves the site of `domain`; HostBusy if
        the host's next slot, or a connection to it, is more than `MAX_HOST_WAIT` away.
        """
        site = parse_domain(domain.domain)
        jar = CookieJar()
        fetched = await self._fetch(check.page.url, check, site, check.validators, jar)
        refreshed: list[str] = []
        while (target := await self._refresh_target(fetched, check, site)) is not None:
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
        if refreshed:
            return fetched
        return replace(fetched, url=with_route(fetched.url, route_of(check.page.url)))

    async def with_frames(
        self, check: Check, domain: Domain, fetched: Fetched, stored: StoredFrames
    ) -> Fetched:
        """`fetched` with the documents of the frames that a reader sees, as far as the settings of
        `check` allow.

        Each is fetched as the page is, but no more than `MAX_FRAMES` documents and
        `MAX_FRAME_BYTES` bytes. A frame that does not exist or is no page is left out, and so is
        one that cannot be read and is no part of the `stored` version. Such a response has no
        validators: those of the page say nothing of its frames.

        Without a frame that is part of the stored version the page would look like a change: if it
        cannot be read, an error is raised that a retry may mend, or FrameUnreadable if the site
        refuses it. Without a stored version, errors of frames are raised if they may pass. Raises
        HostBusy as `fetch` does.
        """
        if check.profile.frames is Frames.NONE or fetched.not_modified:
            return fetched
        if not may_have_frames(fetched.body):
            return fetched
        if _kind(fetched, check) is not DocumentKind.HTML:
            return fetched
        site = parse_domain(domain.domain)
        page = FrameDocument(document_of(fetched.url), fetched.content_type, fetched.body)
        documents: dict[str, FrameDocument | None] = {}
        asked, left = 0, MAX_FRAME_BYTES
        while True:
            inlined = await self._extractor.frames(PageWithFrames(page, documents))
            if not inlined.missing:
                break
            wanted = list(inlined.missing)
            if len(wanted) > MAX_FRAMES - asked:
                # Those of the stored version come first: a new frame removes none of them.
                parts = {each for each in wanted if await stored.has(each)}
                wanted.sort(key=lambda each: each not in parts)
            for address in wanted:
                documents[address] = None
                if (
                    asked == MAX_FRAMES
                    or not left
                    or not is_frame_of(address, check.profile.frames, site)
                ):
                    continue
                asked += 1
                document = await self._frame(address, check, site, left, stored)
                if document is not None:
                    documents[address] = document
                    left = max(left - len(document.body), 0)
        if not asked:
            return fetched
        if inlined.html is None:
            return replace(fetched, validators=NO_VALIDATORS, has_frames=True)
        return replace(
            fetched,
            body=inlined.html.encode(errors="replace"),
            content_type=UTF8_HTML,
            validators=NO_VALIDATORS,
            has_frames=True,
        )

    async def _frame(
        self, address: str, check: Check, site: Site, left: int, stored: StoredFrames
    ) -> FrameDocument | None:
        """The document of a frame; None if it is left out."""
        try:
            return await self._frame_document(address, check, site, left)
        except (JobCancelled, SubjectGone, InternalError):
            raise
        except PageGone:
            return None  # nobody sees a document there any more
        except JobError as failed:
            is_part = await stored.has(address)
            if is_part is None:
                is_part = failed.retryable and not isinstance(failed, BlockedBySite)
            if not is_part:
                log.debug("a frame of %s is left out: %s", check.page.url, failed.message)
                return None
            failed.message = f"A frame of the page cannot be read, {address}: {failed.message}"
            if failed.retryable:
                raise
            raise FrameUnreadable(failed.message) from failed

    async def _frame_document(
        self, address: str, check: Check, site: Site, left: int
    ) -> FrameDocument:
        """The document of a frame. Raises the job errors of the fetch and of the site, and that of
        a wall.
        """

        async def admit(url: str) -> None:
            if not is_frame_of(url, check.profile.frames, site):
                raise RedirectToOtherSite(f"The frame redirects to another site, {host_of(url)}.")
            await self._politeness.admit(url)

        fetched = await self._fetcher.fetch(
            address,
            profile=check.profile.request,
            limits=FetchLimits(max_body=left),
            before_request=admit,
            cache=check.cache,
            max_wait=MAX_HOST_WAIT,
        )
        if refused := error_for_status(fetched.status, fetched.retry_after):
            raise refused
        if not fetched.body.strip():
            raise EmptyPage("The site sent an empty document.")
        document = FrameDocument(fetched.url, fetched.content_type, fetched.body)
        wall = await self._extractor.wall_of_frame(document)
        if wall is not None:
            raise error_of_wall(wall)
        return document

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
        elif unusable := error_for_document(
            fetched.content_type, fetched.body, check.profile.parts.kind
        ):
            raise unusable
        return fetched

    async def _refresh_target(self, fetched: Fetched, check: Check, site: Site) -> str | None:
        """The URL, as sent, that the page refreshes to; None if it does not.

        Raises RedirectToOtherSite if it leaves `site`.
        """
        if fetched.not_modified or not may_refresh(fetched.body):
            return None
        if _kind(fetched, check) is not DocumentKind.HTML:
            return None
        base = fetched.requested or fetched.url
        try:
            found = await self._extractor.links(
                PageSource(fetched.body, fetched.content_type, base)
            )
        except NotAPage:
            return None
        refresh = found.page.refresh
        if refresh is None:
            return None
        if exclusion_reason(refresh, site) is ExclusionReason.OTHER_HOST:
            raise RedirectToOtherSite(
                f"The page now refreshes to another site, {host_of(refresh)}."
            )
        return as_sent(refresh, base)


def _kind(fetched: Fetched, check: Check) -> DocumentKind | None:
    return document_kind(fetched.content_type, fetched.body, check.profile.parts.kind)


def _is_answered(target: str, fetched: Fetched) -> bool:
    """Whether a request for `target` would be the one that `fetched` answers: a page that reloads
    itself from time to time.
    """
    if target != (fetched.requested or fetched.url):
        return False
    return not fetched.set_cookies
