"""The main texts of stored versions: read when somebody asks for one, and kept.

trafilatura takes two thirds of the time of an extraction, and most main texts are never asked for.
"""

import asyncio
import logging
import time
from typing import Final
from uuid import UUID

from activities.crawling.profiles import page_profile
from activities.extraction import processes
from activities.extraction.documents import StoredPage
from activities.extraction.processes import ReadingProcess
from core.errors import DiffyError, InternalError, SecretsUnreadable, SubjectGone
from core.text.stored_text import display_form
from core.web.crawl_settings import WHOLE_PAGE, Parts
from store.db.engine import Database
from store.pages import page_with_domain
from store.secretkey import SecretKey
from store.snapshots import store_main_text
from store.tables.snapshots import Snapshot

PAUSE_AFTER_TIMEOUT: Final = 600.0
"""Seconds for which a main text that took too long is not tried again."""

MAX_TOO_SLOW: Final = 1_000

log = logging.getLogger(__name__)


def main_text_of(page: StoredPage) -> str:
    """The article in `page`, as trafilatura finds it; empty if it finds none."""
    # Slow to load; only the process needs them.
    import trafilatura
    from selectolax.lexbor import LexborHTMLParser

    from core.web.selectors import selected

    # trafilatura finds nothing if `<html>`, `<head>` and `<body>` are omitted, which is allowed
    # (HTML standard, 13.1.2.4). The parser adds them.
    tree = LexborHTMLParser(page.html)
    selected(tree, page.parts)
    return trafilatura.extract(tree.html or "", url=page.url, fast=True) or ""


class MainTexts:
    """Reads main texts in one process, one after the other, and stores them in `database`."""

    def __init__(self, database: Database, secret_key: SecretKey) -> None:
        self._database = database
        self._secret_key = secret_key
        self._process = ReadingProcess()
        self._turn = asyncio.Lock()
        self._too_slow: dict[UUID, float] = {}

    async def of(self, snapshot: Snapshot) -> str:
        """The article of a snapshot that was loaded with its contents.

        It is the visible text if the HTML is not kept or cannot be read in time. It is so too if
        only a part of the page is watched, or if the crawl settings have changed since.
        """
        if snapshot.main_text is not None:
            return snapshot.main_text
        shown = display_form(snapshot.text)
        if time.monotonic() < self._too_slow.get(snapshot.id, 0):
            return shown
        parts = await self._parts(snapshot)
        if snapshot.html is None or parts is None or parts.is_chosen:
            return shown
        page = StoredPage(snapshot.html, snapshot.url, parts)
        try:
            # By the clock too: somebody waits for it, and others for their turn.
            async with self._turn, asyncio.timeout(processes.DOCUMENT_TIMEOUT):
                main_text = await self._process.run(main_text_of, page)
        except TimeoutError:
            log.warning("no main text of %s within %g s", snapshot.id, processes.DOCUMENT_TIMEOUT)
            # Kept it would be wrong for ever, where only the machine was slow.
            if len(self._too_slow) >= MAX_TOO_SLOW:
                self._too_slow.clear()
            self._too_slow[snapshot.id] = time.monotonic() + PAUSE_AFTER_TIMEOUT
            return shown
        except InternalError as crash:
            # The cause may be this machine, so the next one who asks tries again.
            log.warning("no main text of snapshot %s: %s", snapshot.id, crash.message)
            return shown
        await self._keep(snapshot, main_text)
        return main_text

    async def _parts(self, snapshot: Snapshot) -> Parts | None:
        """The parts of the page that the snapshot was read from; None if that is not known."""
        if snapshot.settings_fingerprint is None:
            return WHOLE_PAGE
        try:
            async with self._database.reading() as session:
                page, domain = await page_with_domain(session, snapshot.page_id)
            profile = page_profile(page, domain, self._secret_key)
        except (SecretsUnreadable, SubjectGone):
            return None
        return profile.parts if profile.fingerprint == snapshot.settings_fingerprint else None

    async def _keep(self, snapshot: Snapshot, main_text: str) -> None:
        try:
            async with self._database.transaction() as session:
                await store_main_text(session, snapshot.id, main_text)
        except DiffyError as error:
            log.warning("a main text was not stored: %s", error.message)

    def close(self) -> None:
        """Kill the process."""
        self._process.end()
