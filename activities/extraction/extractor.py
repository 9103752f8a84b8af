"""Extraction of text, links and sitemaps, in processes: it takes tens of milliseconds a page."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from activities.extraction import processes
from activities.extraction.documents import StoredPage
from activities.extraction.pdf import pdf_text
from activities.extraction.processes import ReadingProcess
from core.changes.detection import SeenPage, fingerprint
from core.errors import (
    BlockedBySite,
    ConsentRequired,
    InternalError,
    JsonPathTooCostly,
    LoginRequired,
    NotAPage,
    UnderMaintenance,
    WatchedPartMissing,
)
from core.text.blocks import to_text
from core.text.javascript_shell import EmptyShell, shell_of
from core.text.packing import Packed, pack
from core.text.visible_text import content_blocks
from core.web.charsets import decode_html, decode_page
from core.web.crawl_settings import USUAL_COMPARISON, WHOLE_PAGE, Comparison, Frames, Parts
from core.web.document_kinds import DocumentKind, document_kind
from core.web.documents import NoJson, json_part, page_of
from core.web.frames import (
    FrameDocument,
    InlinedFrames,
    PageWithFrames,
    inline_frames,
    inlined_frames,
    is_frame_of,
    may_have_frames,
    wall_of_frame,
)
from core.web.links import PageLinks, extract_links
from core.web.page_types import classify_page
from core.web.sitemaps import Sitemap, parse_sitemap
from core.web.urls import origin_of, parse_domain
from core.web.walls import Wall, WallKind, wall_of
from core.web.watch_rules import WatchRules

PROCESSES: Final = 2
MAX_INLINE_BYTES: Final = 24 * 1024
MAX_INLINE_TAGS: Final = 5_000
"""Maximum numbers of bytes and tags of a page whose links are read on the event loop.

Sending a small page to a process costs as much as reading it. The worst page within these limits,
with all bytes in the attributes of one tag, or with nested tags, takes 0.15 s.
"""

MAX_KEPT_HTML: Final = 2**20
"""Maximum number of compressed bytes of HTML that is stored: about 5 to 10 MiB of markup."""

MAX_QUOTED: Final = 100

Document = TypeVar("Document")
Read = TypeVar("Read")


@dataclass(frozen=True)
class PageSource:
    """A page as sent, with the text hash of its stored version, if any.

    If `may_be_shell`, the page is checked for being an empty shell that only a browser can fill. If
    `rendered`, a browser has filled it.
    `asked_url` is the address before redirects, that of the page unless given.
    """

    body: bytes
    content_type: str | None
    url: str
    known_text_hash: str | None = None
    parts: Parts = WHOLE_PAGE
    may_be_shell: bool = False
    asked_url: str | None = None
    comparison: Comparison = USUAL_COMPARISON
    frames: Frames = Frames.SITE
    rendered: bool = False


@dataclass(frozen=True)
class Extracted:
    """The content of a page.

    `text` is the visible content (`core.text.visible_text`) in its stored form
    (`core.text.stored_text`). `text_hash` is the fingerprint of everything that is compared. `html`
    is None if it is too large to be stored.
    """

    title: str | None
    text: str
    text_hash: str
    html: Packed | None


@dataclass(frozen=True)
class FoundLinks:
    """The links and metadata of a page; if `shell`, only a browser finds all of them.

    With a `wall` the page is hidden behind it. `content` is what a crawl would read, None unless it
    was asked for and can be read.
    """

    page: PageLinks
    shell: bool = False
    wall: Wall | None = None
    content: Extracted | None = None


@dataclass(frozen=True)
class NewPageSource:
    """A page that is not known yet; its content is read if `watched` allows it."""

    page: PageSource
    watched: WatchRules


@dataclass(frozen=True)
class SameText:
    """The text hash of the page is the stored one."""


def extract_page(page: PageSource) -> Extracted | SameText | EmptyShell:
    """The content of `page`, or SameText, or EmptyShell if `page.may_be_shell`.

    Raises as `read_page` does, and the error of a wall (`core.web.walls`) that hides the page.
    """
    kind = document_kind(page.content_type, page.body, page.parts.kind) or DocumentKind.HTML
    if kind is DocumentKind.PDF:
        text = pdf_text(page.body)
    else:
        text = decode_html(page.body, page.content_type)
    html = page_of(kind, text, page.body)
    is_page = kind is DocumentKind.HTML
    # In place of a document that a person has named, a wall is a page all the same.
    may_be_wall = is_page or (kind is page.parts.kind and text.lstrip().startswith("<"))
    if may_be_wall and (wall := wall_of(text, page.asked_url or page.url)):
        raise error_of_wall(wall)
    if (path := page.parts.json_path) is not None:
        try:
            selected = json_part(text, path)
        except NoJson:
            raise WatchedPartMissing(
                f"The document is no JSON, in which its watchJsonPath points: {path}"
            ) from None
        if selected is None:
            raise WatchedPartMissing(
                f"The document has nothing where its watchJsonPath points: {path}"
            )
        html, is_page = selected, False
    if is_page and page.may_be_shell and isinstance(shell := shell_of(html), EmptyShell):
        return shell
    return _content(html, page, extract_links(html, page.url).title)


def _content(html: str, page: PageSource, title: str | None) -> Extracted | SameText:
    """The content of the decoded page, or SameText. Raises as `read_page` does."""
    seen = replace(_seen(StoredPage(html, page.url, page.parts), title), how=page.comparison)
    watched = page.parts.is_chosen
    # The title belongs to the page, not to the part of it that is watched.
    text_hash = fingerprint(replace(seen, title=None) if watched else seen)
    if text_hash == page.known_text_hash:
        return SameText()
    return Extracted(
        title=seen.title,
        text=seen.text,
        text_hash=text_hash,
        html=_kept(html),
    )


def error_of_wall(wall: Wall) -> BlockedBySite:
    """The job error for a page that is hidden behind `wall`."""
    said = f"“{wall.said[:MAX_QUOTED]}”"
    match wall.kind:
        case WallKind.BOT_CHECK:
            return BlockedBySite(f"The site asks for a proof of a human: {said}.")
        case WallKind.ACCESS_DENIED:
            return BlockedBySite(f"The site refuses us the page: {said}.")
        case WallKind.CONSENT:
            return ConsentRequired(f"The site asks for a consent before it shows the page: {said}.")
        case WallKind.LOGIN:
            return LoginRequired(f"The site asks for a login before it shows the page: {said}.")
        case WallKind.MAINTENANCE:
            return UnderMaintenance(f"The site says that it is closed for a while: {said}.")


def read_page(page: StoredPage) -> SeenPage:
    """The parts of `page` that are compared.

    Raises NotAPage if it has no visible text, and WatchedPartMissing if the watched part has none.
    """
    return _seen(page, extract_links(page.html, page.url).title)


def _seen(page: StoredPage, title: str | None) -> SeenPage:
    text = to_text(content_blocks(page.html, page.parts, page.url))
    if not text and page.parts.watch is not None:
        raise WatchedPartMissing(
            f"The page shows no text where its watchSelector points: {page.parts.watch}"
        )
    if not text:
        raise NotAPage("The page shows no text.")
    return SeenPage(page.url, title, text)


def _kept(html: str) -> Packed | None:
    packed = pack(html)
    return packed if len(packed.data) <= MAX_KEPT_HTML else None


def read_links(page: PageSource) -> FoundLinks:
    """The links and metadata of `page`, as sent."""
    return _links(page)[0]


def _links(page: PageSource) -> tuple[FoundLinks, str]:
    """The links and metadata of `page`, and its decoded HTML."""
    html, encoding = decode_page(page.body, page.content_type)
    shell = page.may_be_shell and isinstance(shell_of(html), EmptyShell)
    wall = wall_of(html, page.asked_url or page.url)
    links = extract_links(html, page.url, encoding, routes=page.rendered)
    return FoundLinks(links, shell, wall), html


def read_inlined_frames(page: StoredPage) -> frozenset[str]:
    """The names of the frames whose documents are in the stored `page`."""
    return inlined_frames(page.html, page.url)


def _has_frames_to_read(page: PageSource) -> bool:
    """Whether documents of frames have to be fetched, which are parts of the page."""
    if not may_have_frames(page.body):
        return False
    document = FrameDocument(page.url, page.content_type, page.body)
    missing = inline_frames(PageWithFrames(document, {})).missing
    site = parse_domain(origin_of(page.url))
    return any(is_frame_of(address, page.frames, site) for address in missing)


def read_new_page(source: NewPageSource) -> FoundLinks:
    """The links and metadata of a page, and its content, which is read as a crawl does.

    Without the content if the page is not watched, a shell or hidden behind a wall, if it has no
    text, or if it refreshes or has frames: a crawl follows these.
    """
    page = source.page
    found, html = _links(page)
    links = found.page
    if found.shell or found.wall is not None or links.refresh is not None:
        return found
    if page.parts.kind not in (None, DocumentKind.HTML):
        return found  # a crawl does not read it as a page
    if page.frames is not Frames.NONE and _has_frames_to_read(page):
        return found
    if not source.watched.allows(page.url, classify_page(page.url, links.title, links.kinds)):
        return found
    try:
        content = _content(html, page, links.title)
    except (NotAPage, WatchedPartMissing):
        return found
    return replace(found, content=content) if isinstance(content, Extracted) else found


class Extractor:
    """Reads documents in `count` processes, one at a time in each.

    A document that crashes its process, or hangs in it, affects no other document.
    """

    def __init__(self, count: int = PROCESSES) -> None:
        self._processes = [ReadingProcess() for _ in range(count)]
        self._idle: asyncio.LifoQueue[ReadingProcess] = asyncio.LifoQueue()
        for process in self._processes:
            self._idle.put_nowait(process)

    async def extract(self, page: PageSource) -> Extracted | SameText | EmptyShell:
        """The content of `page`, or SameText, or EmptyShell if `page.may_be_shell`.

        Raises NotAPage if it has no visible text or exceeds `processes.DOCUMENT_TIMEOUT`, and
        WatchedPartMissing if the watched part has no text. Raises JsonPathTooCostly if the JSON
        path takes too long on the document, and InternalError if the process crashes.
        """
        path = page.parts.json_path
        if path is None:
            return await self._page(extract_page, page)
        try:
            return await self._run(extract_page, page)
        except TimeoutError:
            raise JsonPathTooCostly(
                f"The watchJsonPath {path} was not followed through the document within "
                f"{processes.DOCUMENT_TIMEOUT:g} s."
            ) from None

    async def read_again(self, page: StoredPage) -> SeenPage:
        """The compared parts of `page` by today's rules. Raises as `extract` does."""
        return await self._page(read_page, page)

    async def links(self, page: PageSource) -> FoundLinks:
        """The links and metadata of `page`. Raises NotAPage and InternalError as `extract` does."""
        small = len(page.body) <= MAX_INLINE_BYTES and page.body.count(b"<") <= MAX_INLINE_TAGS
        return read_links(page) if small else await self._page(read_links, page)

    async def new_page(self, page: PageSource, watched: WatchRules) -> FoundLinks:
        """The links and metadata of `page`, and its content if `watched` allows it.

        Without the content if that takes too long to read, or crashes the process. Raises as
        `links` does.
        """
        try:
            return await self._run(read_new_page, NewPageSource(page, watched))
        except (TimeoutError, InternalError):
            return await self.links(page)

    async def frames(self, page: PageWithFrames) -> InlinedFrames:
        """`page` with the documents of its frames. Raises NotAPage and InternalError as `extract`
        does.
        """
        return await self._page(inline_frames, page)

    async def inlined_frames(self, page: StoredPage) -> frozenset[str]:
        """The names of the frames whose documents are in the stored `page`. Raises as `frames`."""
        return await self._page(read_inlined_frames, page)

    async def wall_of_frame(self, document: FrameDocument) -> Wall | None:
        """The wall in place of the document of a frame, if any. Raises as `frames` does."""
        small = len(document.body) <= MAX_INLINE_BYTES
        if small and document.body.count(b"<") <= MAX_INLINE_TAGS:
            return wall_of_frame(document)
        return await self._page(wall_of_frame, document)

    async def sitemap(self, body: bytes) -> Sitemap:
        """The sitemap in `body`; one with a problem if it takes too long or crashes the process."""
        try:
            return await self._run(parse_sitemap, body)
        except TimeoutError:
            return Sitemap(problem=f"It could not be read within {processes.DOCUMENT_TIMEOUT:g} s.")
        except InternalError:
            return Sitemap(problem="Its reader crashed.")

    async def _page(self, read: Callable[[Document], Read], page: Document) -> Read:
        try:
            return await self._run(read, page)
        except TimeoutError:
            raise NotAPage(
                f"The page could not be read within {processes.DOCUMENT_TIMEOUT:g} s."
            ) from None

    async def _run(self, read: Callable[[Document], Read], document: Document) -> Read:
        process = await self._idle.get()
        try:
            return await process.run(read, document)
        finally:
            self._idle.put_nowait(process)

    def close(self) -> None:
        """Kill the processes."""
        for process in self._processes:
            process.end()
