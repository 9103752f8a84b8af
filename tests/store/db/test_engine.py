"""Connections: supported URLs, outages, and isolation."""

import asyncio
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import aiosqlite
import pytest
from sqlalchemy import func, make_url, select, text
from sqlalchemy.exc import IntegrityError

from core.errors import SettingsError, Unavailable
from store.db.engine import BUSY_TIMEOUT, Database, parse_url
from store.hosts import take_slot
from store.keys import create_key, list_keys
from store.tables.accounts import Organisation
from store.tables.hosts import HostSlot
from tests.eventually import HANG, eventually
from tests.postgres import PostgresServer, running_postgres
from tests.store.rows import HALF_SECOND, NOON, new_organisation


@pytest.mark.parametrize(
    ("url", "driver"),
    [
        ("sqlite:///diffy.db", "sqlite"),
        ("sqlite+aiosqlite:////var/lib/diffy.db", "sqlite"),
        ("postgresql://u:p@db/diffy", "postgresql+psycopg"),
        ("postgresql+asyncpg://u:p@db/diffy", "postgresql+psycopg"),
        ("postgresql+psycopg2://u:p@db:5432/diffy?sslmode=require", "postgresql+psycopg"),
    ],
)
def test_every_driver_of_the_two_databases_becomes_ours(url: str, driver: str) -> None:
    parsed = parse_url(url)
    assert parsed.drivername == driver
    assert parsed.database is not None
    assert parsed.database.endswith(("diffy", "diffy.db"))


@pytest.mark.parametrize(
    "url",
    [
        "",
        "diffy.db",
        "://",
        "mysql://db/diffy",
        "postgres://db/diffy",
        "oracle://db",
        "postgresql://db:port/diffy",
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite:///file:diffy?mode=memory&uri=true",
    ],
)
def test_other_urls_are_refused_and_the_variable_is_named(url: str) -> None:
    for use in (parse_url, Database.open):
        with pytest.raises(SettingsError, match="DIFFY_DATABASE_URL"):
            use(url)


def test_a_refused_url_is_not_shown_for_its_password() -> None:
    with pytest.raises(SettingsError) as refused:
        parse_url("mysql://user:secret@db/diffy")
    assert "secret" not in refused.value.message


async def test_writes_of_a_transaction_are_committed_together(database: Database) -> None:
    async with database.transaction() as session:
        await create_key(session, "acme")
        await create_key(session, "zenith")
        async with database.reading() as other:
            assert await list_keys(other) == []
    async with database.reading() as session:
        assert [row.org_name for row in await list_keys(session)] == ["acme", "zenith"]


@pytest.mark.parametrize("error", [RuntimeError, asyncio.CancelledError])
async def test_an_error_rolls_the_transaction_back(
    database: Database, error: type[BaseException]
) -> None:
    async def killed() -> None:
        async with database.transaction() as session:
            await create_key(session, "acme")
            raise error

    with pytest.raises(error):
        await killed()
    async with database.reading() as session:
        assert await list_keys(session) == []
    async with database.transaction() as session:
        await create_key(session, "acme")


async def test_what_the_database_refuses_rolls_the_transaction_back(database: Database) -> None:
    async def twice() -> None:
        async with database.transaction() as session:
            session.add(Organisation(name="acme", created_at=NOON))
            await session.flush()
            session.add(Organisation(name="acme", created_at=NOON))

    with pytest.raises(IntegrityError):
        await twice()
    async with database.reading() as session:
        assert await session.scalar(select(func.count()).select_from(Organisation)) == 0


async def test_reading_sees_one_consistent_state(database: Database) -> None:
    count = select(func.count()).select_from(Organisation)
    async with database.reading() as reader:
        assert await reader.scalar(count) == 0
        async with database.transaction() as writer:
            await new_organisation(writer)
        assert await reader.scalar(count) == 0
    async with database.reading() as reader:
        assert await reader.scalar(count) == 1


async def test_reading_writes_nothing(database: Database) -> None:
    async with database.reading() as session:
        await take_slot(session, "shop.example", HALF_SECOND, NOON)
    async with database.reading() as session:
        assert await session.scalar(select(func.count()).select_from(HostSlot)) == 0


async def test_many_transactions_at_once_all_succeed(database: Database) -> None:
    async def write(number: int) -> None:
        async with database.transaction() as session:
            await create_key(session, f"org {number}")

    await asyncio.gather(*(write(number) for number in range(30)))
    async with database.reading() as session:
        assert len(await list_keys(session)) == 30


async def test_a_database_that_answers_answers_a_ping(database: Database) -> None:
    await database.ping()


async def test_a_locked_sqlite_file_is_unavailable_and_well_again(
    sqlite_path: Path,
) -> None:
    database = Database.open(f"sqlite:///{sqlite_path}", busy_timeout=0.05)

    async def write() -> None:
        async with database.transaction() as session:
            await new_organisation(session)

    await write()
    other = sqlite3.connect(sqlite_path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable):
        await write()
    # A writer keeps no reader away.
    await database.ping()
    other.execute("ROLLBACK")
    other.close()
    await write()
    await database.close()


CHANGED_ROWS: Final = text("UPDATE organisations SET name = name WHERE 1 = 1 RETURNING id")
"""A statement that changes rows and still has rows to return."""


async def test_each_statement_of_sqlite_wakes_its_thread_once(
    sqlite_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database.open(f"sqlite:///{sqlite_path}")
    await database.ping()
    asked: list[str] = []
    ask = aiosqlite.Connection._execute

    async def counted(self: aiosqlite.Connection, work: Any, *given: Any) -> Any:
        asked.append(next((each for each in given if isinstance(each, str)), work.__name__))
        return await ask(self, work, *given)  # type: ignore[no-untyped-call]

    monkeypatch.setattr(aiosqlite.Connection, "_execute", counted)
    async with database.transaction() as session:
        await session.execute(CHANGED_ROWS)
    assert [each.split()[0] for each in asked] == ["BEGIN", "UPDATE", "commit"]
    asked.clear()
    async with database.reading() as session:
        await session.execute(text("SELECT 1"))
    assert [each.split()[0] for each in asked] == ["BEGIN", "SELECT", "rollback"]
    await database.close()


async def test_writers_of_a_process_take_turns_in_the_order_of_their_coming(
    sqlite_path: Path,
) -> None:
    database = Database.open(f"sqlite:///{sqlite_path}", busy_timeout=HANG)
    came: list[int] = []
    first_has_begun, may_end = asyncio.Event(), asyncio.Event()

    async def write(number: int) -> None:
        async with database.transaction():
            came.append(number)
            first_has_begun.set()
            await may_end.wait()

    writers = [asyncio.create_task(write(0))]
    await first_has_begun.wait()
    for number in range(1, 10):
        writers.append(asyncio.create_task(write(number)))
    await asyncio.sleep(0)  # all wait for their turn
    writers[5].cancel()
    may_end.set()
    await asyncio.wait(writers)
    assert came == [0, 1, 2, 3, 4, 6, 7, 8, 9], "one that gives up keeps no other from its turn"
    await database.close()


async def test_a_turn_is_waited_for_no_longer_than_a_lock(sqlite_path: Path) -> None:
    database = Database.open(f"sqlite:///{sqlite_path}", busy_timeout=0.05)
    async with database.transaction():
        with pytest.raises(Unavailable):
            async with asyncio.timeout(BUSY_TIMEOUT / 2), database.transaction():
                pass
        await database.ping()
    async with database.transaction() as session:
        await new_organisation(session)
    await database.close()


async def test_with_patience_a_lock_beyond_the_busy_timeout_is_waited_out(
    sqlite_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("store.db.engine.CONNECT_RETRY_INTERVAL", 0.01)
    database = Database.open(f"sqlite:///{sqlite_path}", busy_timeout=0.01, outage_timeout=HANG)
    other = sqlite3.connect(sqlite_path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")

    async def write() -> None:
        async with database.transaction() as session:
            await create_key(session, "acme")

    async def refusals() -> int:
        return len(caplog.records)

    writing = asyncio.create_task(write())
    await eventually(refusals, lambda seen: seen >= 2)
    other.close()
    await writing
    async with database.reading() as session:
        assert [row.org_name for row in await list_keys(session)] == ["acme"]
    await database.close()


async def test_patience_ends_also_with_its_owner(
    sqlite_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    database = Database.open(f"sqlite:///{sqlite_path}/no/folder", outage_timeout=3600)

    async def refusals() -> int:
        return len(caplog.records)

    pinging = asyncio.create_task(database.ping())
    await eventually(refusals, lambda seen: seen >= 1)
    pinging.cancel()
    with pytest.raises(asyncio.CancelledError):
        await pinging
    await database.close()


async def test_a_waiting_sqlite_writer_goes_on_when_the_other_has_finished(
    sqlite_path: Path,
) -> None:
    database = Database.open(f"sqlite:///{sqlite_path}")
    written = asyncio.Event()

    async def write() -> None:
        async with database.transaction() as session:
            await new_organisation(session)
        written.set()

    async with database.transaction():
        task = asyncio.create_task(write())
        async with database.reading() as session:
            await session.execute(text("SELECT 1"))
        assert not written.is_set()
    await task
    await database.close()


async def test_a_file_that_cannot_be_opened_is_unavailable(tmp_path: Path) -> None:
    database = Database.open(f"sqlite:///{tmp_path / 'missing' / 'diffy.db'}")
    with pytest.raises(Unavailable):
        await database.ping()
    await database.close()


async def test_a_server_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    database = Database.open(f"postgresql://postgres@/diffy?host={tmp_path}")
    with pytest.raises(Unavailable):
        await database.ping()
    await database.close()


@pytest.fixture
def stopped_later(postgres: PostgresServer) -> Iterator[PostgresServer]:
    """The server, for a test that stops it."""
    yield postgres
    if not postgres.running:
        postgres.start()


async def test_postgresql_that_stops_is_unavailable_and_well_again_when_it_is_back(
    stopped_later: PostgresServer,
) -> None:
    with stopped_later.migrated() as url:
        database = Database.open(url)
        async with database.transaction() as session:
            await create_key(session, "acme")

        async def terminated_report() -> None:
            async with database.transaction() as session:
                await create_key(session, "lost")
                await asyncio.to_thread(stopped_later.stop)

        with pytest.raises(Unavailable):
            await terminated_report()
        with pytest.raises(Unavailable):
            await database.ping()
        with pytest.raises(Unavailable):
            async with database.transaction() as other:
                await create_key(other, "refused")
        await asyncio.to_thread(stopped_later.start)
        await database.ping()
        async with database.transaction() as other:
            await create_key(other, "zenith")
        async with database.reading() as other:
            assert [row.org_name for row in await list_keys(other)] == ["acme", "zenith"]
        await database.close()


async def test_a_server_that_is_no_primary_is_left_once_there_is_one(
    postgres: PostgresServer,
) -> None:
    with postgres.migrated() as url:
        name = make_url(url).database
        database = Database.open(url)

        async def write() -> None:
            async with database.transaction() as session:
                await take_slot(session, "shop.example", HALF_SECOND, NOON)

        postgres.run(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        try:
            with pytest.raises(Unavailable):
                await write()
        finally:
            postgres.run(f"ALTER DATABASE {name} RESET default_transaction_read_only")
        await write()  # not by a connection from then
        await database.close()


@pytest.mark.usefixtures("postgres")
async def test_a_promoted_standby_goes_on_with_all_that_was_committed() -> None:
    with (
        running_postgres(synchronous_commit="on", synchronous_standby_names="*") as primary,
        running_postgres(primary) as standby,
    ):
        primary.run("CREATE DATABASE shop TEMPLATE template0")
        database = Database.open(primary.url_with(standby, "shop"), outage_timeout=HANG)
        async with database.transaction() as session:
            await session.execute(text("CREATE TABLE kept (number integer)"))
            await session.execute(text("INSERT INTO kept VALUES (1)"))
        primary.kill()
        writing = asyncio.create_task(add_another(database))
        standby.promote()
        await writing
        async with database.reading() as session:
            kept = await session.scalars(text("SELECT number FROM kept ORDER BY number"))
            assert kept.all() == [1, 2]
        await database.close()


async def add_another(database: Database) -> None:
    async with database.transaction() as session:
        await session.execute(text("INSERT INTO kept VALUES (2)"))


async def test_a_session_that_is_cancelled_while_it_closes_gives_its_connection_back(
    database: Database,
) -> None:
    held = asyncio.Event()

    async def hold() -> None:
        async with database.reading() as session:
            await session.execute(text("SELECT 1"))
            held.set()
            await asyncio.Event().wait()

    for _ in range(3):
        held.clear()
        holding = asyncio.create_task(hold())
        await held.wait()
        holding.cancel()
        await asyncio.sleep(0)  # it has begun to close
        holding.cancel()
        await asyncio.wait({holding})
        assert database.checked_out == 0


async def test_a_write_that_is_cancelled_at_any_point_leaves_no_lock_behind(
    database: Database,
) -> None:
    """The tracebacks are kept: they hold the statements, and those once held the lock."""
    kept: list[BaseException] = []

    async def write() -> None:
        try:
            async with database.transaction() as session:
                await session.execute(CHANGED_ROWS)
                await new_organisation(session)
        except asyncio.CancelledError as error:
            kept.append(error)
            raise

    for turns in range(60):
        writing = asyncio.create_task(write())
        for _ in range(turns):
            await asyncio.sleep(0.0005)
        writing.cancel()
        await asyncio.wait({writing})
        async with asyncio.timeout(HANG), database.transaction() as session:
            await new_organisation(session)
    assert kept
    assert database.checked_out == 0
