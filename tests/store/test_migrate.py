"""Migrations: from any schema to the present one, by any number of processes at once."""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, inspect, text
from sqlalchemy.exc import OperationalError, ProgrammingError

from core.errors import SettingsError, Unavailable
from store.engine import Database, parse_url
from store.keys import create_key, list_keys
from store.migrate import MIGRATIONS, migrate
from store.tables import Base

SCRIPTS = ScriptDirectory(str(MIGRATIONS))
REVISIONS = [script.revision for script in SCRIPTS.walk_revisions()]
AT_ONCE = 3


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    """A connection of the test's own."""
    engine = create_engine(parse_url(url))
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def differences(url: str) -> list[object]:
    """How the schema differs from the one that the tables say."""
    with connected(url) as connection:
        return list(compare_metadata(MigrationContext.configure(connection), Base.metadata))


def revision(url: str) -> str | None:
    """The revision that the database says it has."""
    with connected(url) as connection:
        return MigrationContext.configure(connection).get_current_revision()


def move(url: str, to: str, *, up: bool) -> None:
    """Bring a database to a revision as a developer does."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with connected(url) as connection:
        config.attributes["connection"] = connection
        (command.upgrade if up else command.downgrade)(config, to)


def test_a_new_database_gets_the_schema_that_the_tables_say(empty_url: str) -> None:
    migrate(empty_url)
    assert differences(empty_url) == []
    assert revision(empty_url) == SCRIPTS.get_current_head()


def test_a_difference_would_be_seen(empty_url: str) -> None:
    migrate(empty_url)
    with connected(empty_url) as connection:
        connection.execute(text("ALTER TABLE pages DROP COLUMN etag"))
        connection.execute(text("DROP INDEX ix_changes_newest"))
    assert len(differences(empty_url)) == 2


async def test_migrating_again_changes_nothing(empty_url: str) -> None:
    migrate(empty_url)
    database = Database.open(empty_url)
    async with database.transaction() as session:
        await create_key(session, "acme")
    await asyncio.to_thread(migrate, empty_url)
    async with database.reading() as session:
        assert [row.org_name for row in await list_keys(session)] == ["acme"]
    await database.close()
    assert differences(empty_url) == []


@pytest.mark.parametrize("old", REVISIONS)
def test_every_older_schema_is_brought_up_to_date(empty_url: str, old: str) -> None:
    if empty_url.startswith("sqlite"):
        Path(parse_url(empty_url).database or "").parent.mkdir()
    move(empty_url, old, up=True)
    assert revision(empty_url) == old
    migrate(empty_url)
    assert differences(empty_url) == []
    assert revision(empty_url) == SCRIPTS.get_current_head()


def test_every_migration_can_be_taken_back(empty_url: str) -> None:
    migrate(empty_url)
    move(empty_url, "base", up=False)
    with connected(empty_url) as connection:
        assert inspect(connection).get_table_names() == ["alembic_version"]
    migrate(empty_url)
    assert differences(empty_url) == []


def test_there_is_one_newest_revision() -> None:
    assert len(SCRIPTS.get_heads()) == 1


async def test_several_processes_may_migrate_at_once(empty_url: str) -> None:
    program = f"from store.migrate import migrate; migrate({empty_url!r})"
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            program,
            stderr=asyncio.subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )
        for _ in range(AT_ONCE)
    ]
    for process in processes:
        _, complaint = await process.communicate()
        assert process.returncode == 0, complaint.decode()
    assert differences(empty_url) == []


def test_a_migration_that_fails_leaves_nothing_behind(empty_url: str) -> None:
    migrate(empty_url)
    move(empty_url, "base", up=False)
    with connected(empty_url) as connection:
        # In the way of the last table of the first migration.
        connection.execute(text("CREATE TABLE changes (id INTEGER)"))
    with pytest.raises((ProgrammingError, OperationalError)):
        migrate(empty_url)
    with connected(empty_url) as connection:
        assert set(inspect(connection).get_table_names()) == {"alembic_version", "changes"}
        connection.execute(text("DROP TABLE changes"))
    migrate(empty_url)
    assert differences(empty_url) == []


def test_the_folder_of_an_sqlite_file_is_made(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "diffy.db"
    migrate(f"sqlite:///{path}")
    assert path.exists()


@pytest.mark.parametrize("url", ["mysql://db/diffy", "sqlite://", "nonsense"])
def test_a_url_that_cannot_be_used_is_a_setting_at_fault(url: str) -> None:
    with pytest.raises(SettingsError, match="DIFFY_DATABASE_URL"):
        migrate(url)


def test_a_database_that_cannot_be_reached_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        migrate(f"postgresql://postgres@/diffy?host={tmp_path}")
    with pytest.raises(Unavailable):
        migrate(f"sqlite:///{tmp_path}")
