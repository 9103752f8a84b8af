"""The frames that the stored version of a page contains."""

from activities.crawling.check import Check
from activities.extraction.documents import StoredPage
from activities.extraction.extractor import Extractor
from core.errors import InternalError, InvalidAddress, NotAPage
from core.web.frames import frame_name
from store.db.engine import Database
from store.snapshots import snapshot_with_html


class StoredFrames:
    """The frames whose documents are parts of the version that a check compares with.

    They are read from its HTML when they are first asked for.
    """

    def __init__(self, database: Database, extractor: Extractor, check: Check) -> None:
        self._database = database
        self._extractor = extractor
        self._check = check
        self._names: frozenset[str] | None = None
        self._read = False

    async def has(self, address: str) -> bool | None:
        """Whether the document at `address` is a part of the stored version.

        None if there is no version to compare with, or its HTML is not kept. Raises SubjectGone if
        the page was deleted.
        """
        if not self._read:
            self._names, self._read = await self._stored(), True
        if self._names is None:
            return None
        try:
            return frame_name(address) in self._names
        except InvalidAddress:
            return False

    async def _stored(self) -> frozenset[str] | None:
        page = self._check.page
        if page.snapshot_id is None or not self._check.comparable:
            return None
        async with self._database.reading() as session:
            version = await snapshot_with_html(session, page.snapshot_id)
        if version.html is None:
            return None
        try:
            return await self._extractor.inlined_frames(
                StoredPage(version.html, version.url, self._check.profile.parts)
            )
        except (NotAPage, InternalError):
            return None
