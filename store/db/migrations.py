"""Migration of a database to the current schema."""

import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, event, text
from sqlalchemy.exc import OperationalError

from core.errors import Unavailable
from store.db.copies import copy_before_migration
from store.db.engine import BUSY_TIMEOUT, parse_url
from store.db.outages import is_outage

MIGRATIONS = Path(__file__).parents[1] / "migrations"
WAL_RETRY_INTERVAL: Final = 0.05
"""Seconds between two attempts to have a write-ahead log."""

MIGRATION_LOCK = 7_310_046
"""The id of the PostgreSQL advisory lock that serialises migrations."""


def migrate(url: str) -> None:
    """Run all migrations that the database at `url` lacks; several processes may do so at once.

    An SQLite database is copied first.

    Raises SettingsError if the URL is not supported, and Unavailable if the database cannot be
    reached.
    """
    parsed = parse_url(url)
    sqlite = parsed.get_backend_name() == "sqlite"
    if sqlite and parsed.database:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(parsed, connect_args={"timeout": BUSY_TIMEOUT} if sqlite else {})
    if sqlite:
        event.listen(engine, "connect", lambda connection, _: _autocommit(connection))
        event.listen(engine, "begin", lambda each: each.exec_driver_sql("BEGIN IMMEDIATE"))
    try:
        with engine.begin() as connection:
            if not sqlite:
                connection.execute(
                    text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK}
                )
            elif parsed.database:
                _keep_copy(connection, Path(parsed.database))
            command.upgrade(_config(connection), "head")
        if parsed.database and sqlite:
            use_write_ahead_log(Path(parsed.database))
    except OperationalError as error:
        if not is_outage(error):
            raise
        raise Unavailable("The database cannot be reached.") from error
    finally:
        engine.dispose()


def use_write_ahead_log(file: Path) -> None:
    """Have an SQLite database keep a write-ahead log; it stays so for whoever opens it later.

    Of two connections that ask for it at once SQLite refuses one, and does not wait as it does for
    a lock. Raises Unavailable if others use the database all the time.
    """
    deadline = time.monotonic() + BUSY_TIMEOUT
    with closing(sqlite3.connect(file, timeout=BUSY_TIMEOUT)) as connection:
        while True:
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                    raise
                if time.monotonic() >= deadline:
                    raise Unavailable("The database is locked.") from error
            time.sleep(WAL_RETRY_INTERVAL)


def _keep_copy(connection: Connection, database: Path) -> None:
    """Copy a database that is about to be migrated; the transaction keeps writers out.

    It may not keep readers out, of which the copy is one: a database that was restored is not in
    WAL mode yet.
    """
    config = _config(connection)
    head = ScriptDirectory.from_config(config).get_current_head()
    revision = MigrationContext.configure(connection).get_current_revision()
    if revision is not None and revision != head:
        copy_before_migration(database, revision)


def _autocommit(connection: object) -> None:
    connection.isolation_level = None  # type: ignore[attr-defined]


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config
