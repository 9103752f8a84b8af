"""When API keys were last used: noted in memory at each request, and written now and then."""

import asyncio
import logging
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from sqlalchemy import or_, update

from core.errors import DiffyError
from store.db.engine import Database
from store.tables.accounts import ApiKey

WRITE_INTERVAL: Final = 60.0
"""Seconds between two writes: no request waits for one, and a crash loses the uses since."""

log = logging.getLogger(__name__)


class KeyUses:
    """The last uses of keys in this process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._last: dict[UUID, datetime] = {}
        self._unwritten: set[UUID] = set()

    def note(self, key_id: UUID) -> None:
        """The key is used now."""
        self._last[key_id] = datetime.now(UTC)
        self._unwritten.add(key_id)

    def last_use(self, key_id: UUID, stored: datetime | None) -> datetime | None:
        """The last use of a key, of which the store knows `stored`; None if it was never used."""
        return max(
            (each for each in (self._last.get(key_id), stored) if each is not None), default=None
        )

    async def write(self) -> None:
        """Write what is not written yet. Raises Unavailable; what is not written then stays."""
        written = {key_id: self._last[key_id] for key_id in self._unwritten}
        if not written:
            return
        async with self._database.transaction() as session:
            # Sorted, so that two processes cannot deadlock.
            for key_id, at in sorted(written.items()):
                # Another process may have seen a later use.
                older = or_(ApiKey.last_used_at.is_(None), ApiKey.last_used_at < at)
                await session.execute(
                    update(ApiKey).where(ApiKey.id == key_id, older).values(last_used_at=at)
                )
        self._unwritten -= {key_id for key_id, at in written.items() if self._last[key_id] == at}

    async def keep_writing(self, interval: float = WRITE_INTERVAL) -> None:
        """Write every so many seconds, until cancelled; then once more."""
        try:
            while True:
                await asyncio.sleep(interval)
                await self._try_to_write()
        finally:
            await self._try_to_write()

    async def _try_to_write(self) -> None:
        """Write; what is not written stays for the next time, whatever the reason."""
        try:
            await self.write()
        except DiffyError as error:
            log.warning("cannot write when keys were used: %s", error)
        except Exception:
            log.exception("cannot write when keys were used")
