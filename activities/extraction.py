"""Extraction in a pool of processes: it costs tens of milliseconds a page, and trafilatura has
crashed in threads.
"""

import asyncio
import ctypes
import gc
import logging
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from multiprocessing import resource_tracker
from typing import Final, TypeVar

from selectolax.lexbor import LexborHTMLParser

from core.crawlsettings import WHOLE, Parts
from core.errors import InternalError, NotAPage
from core.links import decode_html, extract_links
from core.news import SeenPage, fingerprint
from core.packing import Packed, pack
from core.selectors import selected
from core.shell import EmptyShell, shell_of
from core.site_errors import WatchedPartMissing
from core.visible import content_blocks, to_text

PROCESSES: Final = 2
DEADLINE: Final = 30.0
"""Seconds that one page may take."""

RECYCLE_AFTER: Final = 2_000
"""Pages after which the processes are replaced: they do not give memory back."""

LARGEST_KEPT: Final = 2**20
"""Bytes, compressed, that the HTML of a page may have to be kept: some 5 to 10 MiB of markup."""

PR_SET_PDEATHSIG: Final = 1

Page = TypeVar("Page")
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
    parts: Parts = WHOLE
    may_be_shell: bool = False


@dataclass(frozen=True)
class StoredPage:
    """The HTML that was kept of a page, and where the page was."""

    html: str
    url: str
    parts: Parts = WHOLE


@dataclass(frozen=True)
class Extracted:
    """What a page says. `text` is the content that a reader sees (`core.visible`), `main_text` what
    a library takes for the article; `text_hash` is the fingerprint of all that is compared. `html`
    is the document, unless it is too large to be kept.
    """

    title: str | None
    text: str
    main_text: str
    text_hash: str
    html: Packed | None


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
        main_text=seen.text if watched else _main_text(html, page),
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


class Extractor:
    """Reads pages off the event loop, a page at a time in each of its processes.

    Each process is a pool of one: a page that crashes or hangs takes no other page with it.
    """

    def __init__(self, processes: int = PROCESSES) -> None:
        self._processes = [_Process() for _ in range(processes)]
        self._idle: asyncio.LifoQueue[_Process] = asyncio.LifoQueue()
        for process in self._processes:
            self._idle.put_nowait(process)

    async def extract(self, page: PageSource) -> Extracted | SameText | EmptyShell:
        """What `page` says.

        Raises NotAPage when it shows no text or cannot be read in `DEADLINE` seconds, and
        InternalError when two processes died over it: that one dies may have other reasons.
        """
        return await self._run(extract_page, page)

    async def read_again(self, page: StoredPage) -> SeenPage:
        """What the rules of today read in `page`. Raises as `extract` does."""
        return await self._run(read_page, page)

    async def _run(self, read: Callable[[Page], Read], page: Page) -> Read:
        process = await self._idle.get()
        try:
            return await process.run(read, page)
        finally:
            self._idle.put_nowait(process)

    def close(self) -> None:
        """End the processes."""
        for process in self._processes:
            process.end()


def end_tracker() -> None:
    """End the helper that multiprocessing starts with the first process and would leave behind.

    For the end of a program: it waits for the helper, and the helper for every other process. What
    the pools held is let go of first, since to let go of it after would start the helper again.
    """
    gc.collect()
    resource_tracker._resource_tracker._stop()  # type: ignore[attr-defined]


class _Process:
    """One process, started when it is needed."""

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None
        self._taken = 0

    async def run(self, read: Callable[[Page], Read], page: Page) -> Read:
        try:
            return await self._tried(read, page)
        except BrokenProcessPool:
            self.end()
        try:
            return await self._tried(read, page)
        except BrokenProcessPool as error:
            self.end()
            raise InternalError("Diffy's extraction crashed over the page.") from error

    async def _tried(self, read: Callable[[Page], Read], page: Page) -> Read:
        if self._taken >= RECYCLE_AFTER:
            self.end()
        pool = self._pool = self._pool or _new_pool()
        self._taken += 1
        try:
            future = pool.submit(read, page)
            async with asyncio.timeout(DEADLINE):
                return await asyncio.wrap_future(future)
        except TimeoutError:
            self.end()
            raise NotAPage(f"The page could not be read within {DEADLINE:g} s.") from None
        except asyncio.CancelledError:
            self.end()
            raise

    def end(self) -> None:
        """End the process at once, whatever it is at."""
        if self._pool is None:
            return
        processes = list((self._pool._processes or {}).values())
        self._pool.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.kill()
        for process in processes:
            process.join()
        self._pool.shutdown(wait=True)  # its thread, which is at its end as well
        self._pool = None
        self._taken = 0


def _new_pool() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(
        1,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_prepare_process,
        initargs=(os.getpid(),),
    )


def _prepare_process(parent: int) -> None:
    """Ctrl-C is for the parent to act on; and with the parent its processes end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
    logging.getLogger("trafilatura").setLevel(logging.CRITICAL)
