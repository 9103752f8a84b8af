"""What pages and sitemaps say, read in processes: it costs tens of milliseconds a page."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from selectolax.lexbor import LexborHTMLParser

from activities.extraction import processes
from activities.extraction.processes import ReadingProcess
from core.changes.detection import SeenPage, fingerprint
from core.errors import InternalError, NotAPage, WatchedPartMissing
from core.text.blocks import to_text
from core.text.javascript_shell import EmptyShell, shell_of
from core.text.packing import Packed, pack
from core.text.stored_text import display_form
from core.text.visible_text import content_blocks
from core.web.crawl_settings import WHOLE_PAGE, Parts
from core.web.links import PageLinks, decode_html, extract_links
from core.web.selectors import selected
from core.web.sitemaps import Sitemap, parse_sitemap

PROCESSES: Final = 2
MOST_READ_HERE: Final = 24 * 1024
MOST_TAGS_READ_HERE: Final = 5_000
"""Bytes, and tags, of a page whose links are read where they are asked for: to send a large page to
a process costs as much as to read it. At worst, as attributes of one tag, or each tag in the one
before, they take 0.15 s.
"""

LARGEST_KEPT: Final = 2**20
"""Bytes, compressed, that the HTML of a page may have to be kept: some 5 to 10 MiB of markup."""

Document = TypeVar("Document")
Read = TypeVar("Read")


@dataclass(frozen=True)
class PageSource:
    """A page as it was sent, and the `text_hash` it had the last time.

    `may_be_shell`: it is told apart from a page that needs a browser to be read.
    """

    body: bytes
    content_type: str | None
    url: str
    known_text_hash: str | None = None
    parts: Parts = WHOLE_PAGE
    may_be_shell: bool = False


@dataclass(frozen=True)
class StoredPage:
    """The HTML that was kept of a page, and where the page was."""

    html: str
    url: str
    parts: Parts = WHOLE_PAGE


@dataclass(frozen=True)
class Extracted:
    """What a page says.

    `text` is the content that a reader sees (`core.text.visible_text`), in the form that is stored
    (`core.text.stored_text`). `main_text` is what a library takes for the article. `text_hash` is
    the fingerprint of all that is compared. `html` is the document, None if it is too large to be
    kept.
    """

    title: str | None
    text: str
    main_text: str
    text_hash: str
    html: Packed | None


@dataclass(frozen=True)
class FoundLinks:
    """What a page says of itself and of other pages; of a `shell`, a browser finds more."""

    page: PageLinks
    shell: bool = False


@dataclass(frozen=True)
class SameText:
    """The page says what it said the last time."""


def extract_page(page: PageSource) -> Extracted | SameText | EmptyShell:
    """What `page` says; its main text, ten times the work, only if the text is a new one.

    Raises NotAPage when it shows no text.
    """
    html = decode_html(page.body, page.content_type)
    if page.may_be_shell and isinstance(shell := shell_of(html), EmptyShell):
        return shell
    seen = read_page(StoredPage(html, page.url, page.parts))
    watched = page.parts.watch is not None
    # The title belongs to the page, not to the part of it that is watched.
    text_hash = fingerprint(replace(seen, title=None) if watched else seen)
    if text_hash == page.known_text_hash:
        return SameText()
    return Extracted(
        title=seen.title,
        text=seen.text,
        main_text=display_form(seen.text) if watched else _main_text(html, page),
        text_hash=text_hash,
        html=_kept(html),
    )


def _main_text(html: str, page: PageSource) -> str:
    import trafilatura  # here, so that only the processes of the pool load it

    # The document as browsers complete it: trafilatura finds nothing where `<html>`, `<head>` and
    # `<body>` are left out, as they may be (HTML standard, 13.1.2.4).
    tree = LexborHTMLParser(html)
    selected(tree, page.parts)
    return trafilatura.extract(tree.html or "", url=page.url, fast=True) or ""


def read_page(page: StoredPage) -> SeenPage:
    """What is compared of `page`.

    Raises NotAPage when it shows no text, and WatchedPartMissing when what is watched shows none.
    """
    text = to_text(content_blocks(page.html, page.parts))
    if not text and page.parts.watch is not None:
        raise WatchedPartMissing(
            f"The page shows no text where its watchSelector points: {page.parts.watch}"
        )
    if not text:
        raise NotAPage("The page shows no text.")
    return SeenPage(page.url, extract_links(page.html, page.url).title, text)


def _kept(html: str) -> Packed | None:
    packed = pack(html)
    return packed if len(packed.data) <= LARGEST_KEPT else None


def read_links(page: PageSource) -> FoundLinks:
    """What `page` says of itself and of other pages."""
    html = decode_html(page.body, page.content_type)
    shell = page.may_be_shell and isinstance(shell_of(html), EmptyShell)
    return FoundLinks(extract_links(html, page.url), shell)


class Extractor:
    """Reads documents off the event loop, one at a time in each of its processes.

    Each process is a pool of one: a document that crashes or hangs takes no other with it.
    """

    def __init__(self, count: int = PROCESSES) -> None:
        self._processes = [ReadingProcess() for _ in range(count)]
        self._idle: asyncio.LifoQueue[ReadingProcess] = asyncio.LifoQueue()
        for process in self._processes:
            self._idle.put_nowait(process)

    async def extract(self, page: PageSource) -> Extracted | SameText | EmptyShell:
        """What `page` says.

        Raises NotAPage when it shows no text or cannot be read in its deadline, and InternalError
        when processes die over it.
        """
        return await self._page(extract_page, page)

    async def read_again(self, page: StoredPage) -> SeenPage:
        """What the rules of today read in `page`. Raises as `extract` does."""
        return await self._page(read_page, page)

    async def links(self, page: PageSource) -> FoundLinks:
        """What `page` says of itself and of other pages. Raises as `extract` does."""
        small = len(page.body) <= MOST_READ_HERE and page.body.count(b"<") <= MOST_TAGS_READ_HERE
        return read_links(page) if small else await self._page(read_links, page)

    async def sitemap(self, body: bytes) -> Sitemap:
        """What `body` names; nothing, with a problem, where it cannot be read in its deadline or
        processes die over it.
        """
        try:
            return await self._run(parse_sitemap, body)
        except TimeoutError:
            return Sitemap(problem=f"It could not be read within {processes.DEADLINE:g} s.")
        except InternalError:
            return Sitemap(problem="Its reader crashed.")

    async def _page(self, read: Callable[[Document], Read], page: Document) -> Read:
        try:
            return await self._run(read, page)
        except TimeoutError:
            raise NotAPage(f"The page could not be read within {processes.DEADLINE:g} s.") from None

    async def _run(self, read: Callable[[Document], Read], document: Document) -> Read:
        process = await self._idle.get()
        try:
            return await process.run(read, document)
        finally:
            self._idle.put_nowait(process)

    def close(self) -> None:
        """End the processes."""
        for process in self._processes:
            process.end()
