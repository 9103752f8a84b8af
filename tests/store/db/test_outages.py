"""Recognition of outages by error codes."""

import sqlite3

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import (
    DBAPIError,
    IntegrityError,
    InterfaceError,
    InternalError,
    OperationalError,
    ProgrammingError,
    TimeoutError,
)

from store.db.engine import Database
from store.db.outages import is_outage, outage_name


def sqlite_fault(code: int) -> OperationalError:
    cause = sqlite3.OperationalError("database is locked")  # the text decides nothing
    cause.sqlite_errorcode = code
    return OperationalError(None, None, cause)


@pytest.mark.parametrize(
    "code",
    [
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_BUSY_SNAPSHOT,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_IOERR_WRITE,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_READONLY_DBMOVED,
    ],
)
def test_a_locked_or_unreadable_sqlite_file_is_an_outage(code: int) -> None:
    assert is_outage(sqlite_fault(code))


@pytest.mark.parametrize("code", [sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT])
def test_a_statement_that_sqlite_cannot_run_is_none(code: int) -> None:
    assert not is_outage(sqlite_fault(code))
    assert not is_outage(OperationalError(None, None, sqlite3.OperationalError("locked")))


@pytest.mark.parametrize(
    "cause",
    [
        psycopg.errors.AdminShutdown(),
        psycopg.errors.CannotConnectNow(),
        psycopg.errors.TooManyConnections(),
        psycopg.errors.DiskFull(),
        psycopg.errors.DeadlockDetected(),
        psycopg.errors.LockNotAvailable(),
        psycopg.errors.ConnectionFailure(),
        psycopg.OperationalError("no connection"),
    ],
    ids=lambda cause: type(cause).__name__,
)
def test_a_server_that_stops_or_is_short_of_something_is_an_outage(cause: psycopg.Error) -> None:
    assert is_outage(OperationalError(None, None, cause))


def test_a_standby_that_refuses_to_write_is_an_outage() -> None:
    refused = psycopg.errors.ReadOnlySqlTransaction()
    assert is_outage(InternalError(None, None, refused))


def test_a_broken_connection_and_an_exhausted_pool_are_outages() -> None:
    assert is_outage(InterfaceError(None, None, psycopg.InterfaceError("closed")))
    assert is_outage(TimeoutError())


@pytest.mark.parametrize(
    "error",
    [
        OperationalError(None, None, psycopg.errors.InvalidPassword()),
        ProgrammingError(None, None, psycopg.errors.UndefinedTable()),
        IntegrityError(None, None, psycopg.errors.UniqueViolation()),
    ],
    ids=lambda error: type(error.orig).__name__,
)
def test_what_no_waiting_mends_is_none(error: DBAPIError) -> None:
    assert not is_outage(error)


async def test_a_missing_table_is_not_told_as_an_outage(database: Database) -> None:
    async def read() -> None:
        async with database.reading() as session:
            await session.execute(text("SELECT * FROM no_such_table"))

    with pytest.raises(DBAPIError):
        await read()


def test_a_log_names_the_outage_by_its_code() -> None:
    locked = sqlite_fault(sqlite3.SQLITE_BUSY)
    assert locked.orig is not None
    locked.orig.sqlite_errorname = "SQLITE_BUSY_RECOVERY"  # type: ignore[attr-defined]
    assert outage_name(locked) == "SQLITE_BUSY_RECOVERY"
    full = OperationalError(None, None, psycopg.errors.DiskFull())
    assert outage_name(full) == "53100"
    broken = OperationalError(None, None, psycopg.OperationalError("no connection"))
    assert outage_name(broken) == "OperationalError"
    assert outage_name(TimeoutError()) == "TimeoutError"
