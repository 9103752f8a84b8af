"""The connection to the database, and transactions on it."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Final, Self

from sqlalchemy import URL, Connection, event, make_url, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from core.errors import SettingsError, Unavailable
from store.db.outages import is_outage

BUSY_TIMEOUT: Final = 10.0
"""Seconds a SQLite connection waits for another one's write."""

CONNECT_TIMEOUT: Final = 5
"""Seconds that a PostgreSQL server may take to accept a connection."""

CONNECT_RETRY_INTERVAL: Final = 1.0
"""Seconds between two tries of a database that is away, for whoever has outage_timeout."""

WRITES_OPTION: Final = "diffy_writes"

log = logging.getLogger(__name__)


def parse_url(url: str) -> URL:
    """The URL with the driver that serves it here.

    Raises SettingsError for anything but PostgreSQL and SQLite in a file.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise SettingsError("DIFFY_DATABASE_URL is not an SQLAlchemy URL.") from None
    match parsed.get_backend_name():
        case "sqlite":
            if parsed.database in {None, "", ":memory:"} or parsed.query.get("mode") == "memory":
                raise SettingsError(
                    "DIFFY_DATABASE_URL names no file; several processes share the database."
                )
            return parsed.set(drivername="sqlite")
        case "postgresql":
            return parsed.set(drivername="postgresql+psycopg")
        case other:
            raise SettingsError(
                f"DIFFY_DATABASE_URL names {other}; Diffy works with sqlite and postgresql."
            )


class Database:
    """An open database. `Database.open` makes one."""

    def __init__(
        self, engine: AsyncEngine, reader: AsyncEngine | None = None, outage_timeout: float = 0
    ) -> None:
        self._engine = engine
        self._outage_timeout = outage_timeout
        self._reader = reader or engine
        self._writer = engine.execution_options(**{WRITES_OPTION: True})

    @classmethod
    def open(
        cls, url: str, *, busy_timeout: float = BUSY_TIMEOUT, outage_timeout: float = 0
    ) -> Self:
        """The database at `url`, which connects on first use.

        If the database cannot be reached or is locked, each new session retries for up to
        `outage_timeout` seconds. Raises SettingsError if the URL is not supported.
        """
        parsed = parse_url(url)
        if parsed.get_backend_name() == "postgresql":
            engine = create_async_engine(
                parsed,
                hide_parameters=True,
                pool_pre_ping=True,
                pool_size=10,
                connect_args={"connect_timeout": CONNECT_TIMEOUT},
            )
            # By default each statement of PostgreSQL sees a state of its own.
            reader = engine.execution_options(isolation_level="REPEATABLE READ")
            return cls(engine, reader, outage_timeout)
        engine = create_async_engine(
            parsed.set(drivername="sqlite+aiosqlite"),
            hide_parameters=True,
            connect_args={"timeout": busy_timeout},
        )
        event.listen(engine.sync_engine, "connect", _prepare_sqlite)
        event.listen(engine.sync_engine, "begin", _begin_sqlite)
        event.listen(engine.sync_engine, "invalidate", _let_go_of_sqlite)
        return cls(engine, outage_timeout=outage_timeout)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """A session whose writes are committed together at the end of the block.

        Raises Unavailable when the database cannot be reached or stays locked.
        """
        async with self._session(self._writer) as session:
            yield session
            await session.commit()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """A session for reading one consistent state. Raises Unavailable as `transaction` does."""
        async with self._session(self._reader) as session:
            yield session

    @asynccontextmanager
    async def _session(self, engine: AsyncEngine) -> AsyncIterator[AsyncSession]:
        try:
            session = await self._begun(engine)
            try:
                yield session
            finally:
                await _to_its_end(session.close())
        except SQLAlchemyError as error:
            if not is_outage(error):
                raise
            raise Unavailable(
                "The database cannot be reached now; try again in a few seconds."
            ) from error

    async def _begun(self, engine: AsyncEngine) -> AsyncSession:
        """A session whose transaction has begun, tried for as long as outage_timeout lasts."""
        deadline = time.monotonic() + self._outage_timeout
        while True:
            session = AsyncSession(engine, expire_on_commit=False)
            try:
                await session.connection()
                return session
            except BaseException as error:
                await _to_its_end(session.close())
                if not isinstance(error, SQLAlchemyError) or not is_outage(error):
                    raise
                if time.monotonic() >= deadline:
                    raise
                log.warning("the database is away; trying again (%s)", type(error).__name__)
            await asyncio.sleep(CONNECT_RETRY_INTERVAL)

    async def ping(self) -> None:
        """Raises Unavailable when the database cannot be reached."""
        async with self.reading() as session:
            await session.execute(text("SELECT 1"))

    @property
    def checked_out(self) -> int:
        """How many connections are in use now."""
        pool = self._engine.pool
        assert isinstance(pool, QueuePool)
        return pool.checkedout()

    async def close(self) -> None:
        """Close every connection."""
        await self._engine.dispose()


async def _to_its_end(work: Coroutine[None, None, None]) -> None:
    """Await `work`, also when the waiting is cancelled: the cancellation goes on after it.

    SQLAlchemy's own session goes on closing in the background then, and an engine that is disposed
    meanwhile loses the connection.
    """
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise


def _prepare_sqlite(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()
    # The driver must not begin transactions of its own: `_begin_sqlite` does.
    connection.isolation_level = None


def _begin_sqlite(connection: Connection) -> None:
    """A write takes the lock at once: it waits then, instead of failing half way."""
    writes = connection.get_execution_options().get(WRITES_OPTION, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _let_go_of_sqlite(
    connection: DBAPIConnection, _: ConnectionPoolEntry, __: BaseException | None
) -> None:
    """Ends the transaction of a connection that is thrown away because its work was cancelled.

    SQLite keeps a closed connection, and the lock of its transaction, until the last of its
    statements is gone; the traceback of the cancellation holds one.
    """
    with suppress(Exception):  # a connection that is broken holds no lock
        connection.rollback()
