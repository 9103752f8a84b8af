"""Writes the lines of the audit log; one that cannot be stored is kept, and stored later."""

import asyncio
import logging
from collections import deque
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final
from uuid import UUID, uuid4

from core.shared_reads import SharedReads
from store.db.engine import Database
from store.db.upsert import upsert
from store.tables.audit import AuditLine

RETRY_INTERVAL: Final = 1.0
"""Seconds between two attempts to store lines that are kept in memory."""

MAX_KEPT: Final = 10_000
"""Lines that are kept in memory; of more, the oldest are in the log of the process alone."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class AuditEntry:
    """A line to write; the fields are those of `AuditLine`."""

    org_id: UUID
    at: datetime
    key_id: UUID
    method: str
    route: str
    subject_id: str | None
    status: int
    request_id: str | None


class AuditLog:
    """The audit log, as one process writes it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: deque[tuple[UUID, AuditEntry]] = deque(maxlen=MAX_KEPT)
        self._flushes = SharedReads[None, None](self._flush)

    async def write(self, entry: AuditEntry) -> None:
        """Store the line. Where that fails it is logged, and stored when the database answers
        again: what the request did has been done, and is not taken back for want of its line.
        """
        self._kept.append((uuid4(), entry))
        try:
            await self.flush()
        except Exception as error:
            log.warning("a line of the audit log waits for the database (%s): %s", error, entry)

    async def flush(self) -> None:
        """Store the lines that are kept. Raises Unavailable; they are then kept on.

        Requests that end meanwhile share the next attempt: while the database is locked, none waits
        for those of all others.
        """
        await self._flushes.get(None)

    async def _flush(self, _: None) -> None:
        lines = list(self._kept)
        if not lines:
            return  # they went with those of another request
        async with self._database.transaction() as session:
            rows = [{"id": line_id, **asdict(entry)} for line_id, entry in lines]
            # An attempt that took long may have stored some of them meanwhile.
            await session.execute(upsert(session, AuditLine).on_conflict_do_nothing(), rows)
        stored = {line_id for line_id, _ in lines}
        self._kept = deque((each for each in self._kept if each[0] not in stored), MAX_KEPT)

    async def keep_flushing(self, interval: float = RETRY_INTERVAL) -> None:
        """Store kept lines every so many seconds, until cancelled; then once more."""
        try:
            while True:
                await asyncio.sleep(interval)
                await self._try_to_flush()
        finally:
            await self._try_to_flush()

    async def _try_to_flush(self) -> None:
        try:
            await self.flush()
        except Exception as error:
            log.warning(
                "%d lines of the audit log wait for the database: %s", len(self._kept), error
            )
