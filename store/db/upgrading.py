"""The run of migrations, by Alembic: apart from `store.db.migrations`, because a process that finds
its database up to date need not load it.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, create_engine, event, text
from sqlalchemy.exc import OperationalError

from core.errors import Unavailable
from store.db.copies import copy_before_migration
from store.db.engine import BUSY_TIMEOUT
from store.db.outages import is_outage
from store.db.revisions import MIGRATIONS

MIGRATION_LOCK = 7_310_046
"""The id of the PostgreSQL advisory lock that serialises migrations."""


def upgrade(url: URL) -> None:
    """Run all migrations that the database lacks; several processes may do so at once.

    An SQLite database is copied first. Raises Unavailable if the database cannot be reached.
    """
    sqlite = url.get_backend_name() == "sqlite"
    engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT} if sqlite else {})
    if sqlite:
        event.listen(engine, "connect", lambda connection, _: _autocommit(connection))
        event.listen(engine, "begin", lambda each: each.exec_driver_sql("BEGIN IMMEDIATE"))
    try:
        with engine.begin() as connection:
            if not sqlite:
                connection.execute(
                    text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK}
                )
            elif url.database:
                _keep_copy(connection, Path(url.database))
            command.upgrade(_config(connection), "head")
    except OperationalError as error:
        if not is_outage(error):
            raise
        raise Unavailable("The database cannot be reached.") from error
    finally:
        engine.dispose()


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
