"""Migration of a database to the current schema."""

import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Final

from core.errors import Unavailable
from store.db.engine import BUSY_TIMEOUT, parse_url
from store.db.outages import PRIMARY_CODE_MASK, SQLITE_AWAY
from store.db.revisions import revisions
from store.db.schema import stored_revision

WAL_RETRY_INTERVAL: Final = 0.05
"""Seconds between two attempts to have a write-ahead log."""


def migrate(url: str) -> None:
    """Run all migrations that the database at `url` lacks; several processes may do so at once.

    An SQLite database is copied first.

    Raises SettingsError if the URL is not supported, and Unavailable if the database cannot be
    reached.
    """
    parsed = parse_url(url)
    file = Path(parsed.database or "") if parsed.get_backend_name() == "sqlite" else None
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
    if stored_revision(parsed) != revisions()[-1]:
        from store.db.upgrading import upgrade

        upgrade(parsed)
    if file is not None:
        use_write_ahead_log(file)


def use_write_ahead_log(file: Path) -> None:
    """Have an SQLite database keep a write-ahead log; it stays so for whoever opens it later.

    Of two connections that ask for it at once SQLite refuses one, and does not wait as it does for
    a lock. Raises Unavailable if the database cannot be reached, or others use it all the time.
    """
    deadline = time.monotonic() + BUSY_TIMEOUT
    with closing(sqlite3.connect(file, timeout=BUSY_TIMEOUT)) as connection:
        while True:
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                code = error.sqlite_errorcode & PRIMARY_CODE_MASK
                if code not in SQLITE_AWAY:
                    raise
                if code != sqlite3.SQLITE_BUSY or time.monotonic() >= deadline:
                    raise Unavailable("The database cannot be reached.") from error
            time.sleep(WAL_RETRY_INTERVAL)
