"""A connection to SQLite on a thread of its own, which is asked once for each statement.

The driver's own cursors ask the thread four times: for a cursor, for the statement, for its rows
and for the end of the cursor. Each question wakes the thread and then the event loop, which costs
more than most statements.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple, Self

import aiosqlite

ROWS_OF_NOTHING: Final = -1
"""The row count of a cursor that has run no statement (PEP 249)."""


class _Done(NamedTuple):
    """What a statement that ran gives."""

    description: Any
    rowcount: int
    lastrowid: int | None
    rows: Sequence[Any]


NOTHING_DONE: Final = _Done(None, ROWS_OF_NOTHING, None, ())


class StatementCursor:
    """A cursor as SQLAlchemy needs one: it runs statements and has all of their rows at once.

    So there is no streaming of rows in sessions.
    """

    arraysize = 1

    def __init__(self, connection: "StatementConnection") -> None:
        self._connection = connection
        self._done = NOTHING_DONE

    async def __aenter__(self) -> Self:
        return self

    @property
    def description(self) -> Any:
        """The columns of the rows; None if the statement has none."""
        return self._done.description

    @property
    def rowcount(self) -> int:
        """The number of rows that the statement changed."""
        return self._done.rowcount

    @property
    def lastrowid(self) -> int | None:
        """The id of the row that was inserted last."""
        return self._done.lastrowid

    async def execute(self, sql: str, parameters: Sequence[Any] = ()) -> Self:
        """Run a statement."""
        self._done = await self._connection.run(sqlite3.Cursor.execute, sql, parameters)
        return self

    async def executemany(self, sql: str, parameters: Iterable[Sequence[Any]]) -> Self:
        """Run a statement once for each of the `parameters`."""
        self._done = await self._connection.run(sqlite3.Cursor.executemany, sql, parameters)
        return self

    async def fetchall(self) -> Sequence[Any]:
        """All rows of the statement."""
        return self._done.rows

    async def close(self) -> None:
        """Nothing is open any more."""


class StatementConnection(aiosqlite.Connection):
    """A connection whose statements, and whose ends of transactions, take one question each."""

    _has_ended = False

    def cursor(self) -> StatementCursor:  # type: ignore[override]
        """A cursor; its thread does not know it."""
        return StatementCursor(self)

    async def run(self, execute: Any, sql: str, parameters: Any) -> _Done:
        """What the statement gives that `execute` runs."""
        self._has_ended = False
        done: _Done = await self._execute(  # type: ignore[no-untyped-call]
            _run, self._conn, execute, sql, parameters
        )
        return done

    async def commit(self) -> None:
        """Commit the transaction."""
        await super().commit()
        self._has_ended = True

    async def rollback(self) -> None:
        """Roll the transaction back, unless it has ended: the pool does it again to be sure."""
        if not self._has_ended:
            await super().rollback()
            self._has_ended = True


def connection_to(database: str, **options: Any) -> StatementConnection:
    """A connection that opens when it is awaited, as SQLAlchemy's dialect makes its own.

    Its thread ends with the process.
    """
    connection = StatementConnection(lambda: sqlite3.connect(database, **options), 1)
    connection._thread.daemon = True
    return connection


def _run(connection: sqlite3.Connection, execute: Any, sql: str, parameters: Any) -> _Done:
    cursor = connection.cursor()
    try:
        execute(cursor, sql, parameters)
        rows = cursor.fetchall() if cursor.description else ()
        return _Done(cursor.description, cursor.rowcount, cursor.lastrowid, rows)
    finally:
        # A statement that is not finalised keeps the locks of a connection that was closed.
        cursor.close()
