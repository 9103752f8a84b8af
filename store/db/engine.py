"""Connections to the database and transactions."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Final, Self

from sqlalchemy import URL, Connection, event, make_url, text
from sqlalchemy.engine.interfaces import DBAPIConnection, ExceptionContext
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from core.errors import SettingsError, Unavailable
from core.metrics import STATEMENTS
from core.tracing import is_tracing
from store.db.outages import is_outage, is_read_only, outage_name
from store.db.sqlite_connection import connection_to
from store.db.tracing import trace_statements

BUSY_TIMEOUT: Final = 10.0
"""Seconds for which a SQLite connection waits for the lock of another one."""

CONNECT_TIMEOUT: Final = 5
"""Seconds within which a PostgreSQL server must accept a connection."""

CONNECT_RETRY_INTERVAL: Final = 1.0
"""Seconds between two attempts to reach the database, within `outage_timeout`."""

WRITES_OPTION: Final = "diffy_writes"

log = logging.getLogger(__name__)


def parse_url(url: str) -> URL:
    """The URL with the driver that Diffy uses.

    Raises SettingsError if it is not a URL of PostgreSQL or of an SQLite file.
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


AWAY: Final = "The database cannot be reached now; try again in a few seconds."


class Database:
    """A database, as `Database.open` returns it."""

    def __init__(
        self,
        engine: AsyncEngine,
        reader: AsyncEngine | None = None,
        *,
        busy_timeout: float = BUSY_TIMEOUT,
        outage_timeout: float = 0,
    ) -> None:
        self._engine = engine
        self._busy_timeout = busy_timeout
        self._outage_timeout = outage_timeout
        self._reader = reader or engine
        self._writer = engine.execution_options(**{WRITES_OPTION: True})
        self._turn = asyncio.Lock() if engine.dialect.name == "sqlite" else None

    @classmethod
    def open(
        cls, url: str, *, busy_timeout: float = BUSY_TIMEOUT, outage_timeout: float = 0
    ) -> Self:
        """The database at `url`, which connects on first use.

        If the database cannot be reached or is locked, each new session retries for up to
        `outage_timeout` seconds. Raises SettingsError if the URL is not supported.
        """
        parsed = parse_url(url)
        database = cls._opened(parsed, busy_timeout, outage_timeout)
        if is_tracing():
            trace_statements(database._engine.sync_engine)
        return database

    @classmethod
    def _opened(cls, parsed: URL, busy_timeout: float, outage_timeout: float) -> Self:
        if parsed.get_backend_name() == "postgresql":
            engine = create_async_engine(
                parsed,
                hide_parameters=True,
                pool_pre_ping=True,
                pool_size=10,
                connect_args={"connect_timeout": CONNECT_TIMEOUT},
            )
            event.listen(engine.sync_engine, "handle_error", _leave_standby)
            # By default each statement in PostgreSQL sees its own snapshot.
            reader = engine.execution_options(isolation_level="REPEATABLE READ")
            return cls(engine, reader, outage_timeout=outage_timeout)
        engine = create_async_engine(
            parsed.set(drivername="sqlite+aiosqlite"),
            hide_parameters=True,
            connect_args={"timeout": busy_timeout, "async_creator_fn": connection_to},
        )
        event.listen(engine.sync_engine, "connect", _prepare_sqlite)
        event.listen(engine.sync_engine, "begin", _begin_sqlite)
        event.listen(engine.sync_engine, "invalidate", _roll_back_sqlite)
        return cls(engine, busy_timeout=busy_timeout, outage_timeout=outage_timeout)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """A session whose writes are committed at the end of the block.

        Raises Unavailable if the database cannot be reached or stays locked.
        """
        async with self._writing(), self._session(self._writer) as session:
            yield session
            await session.commit()

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[None]:
        """The turn of a writer of this process, for the length of the block.

        SQLite has one writer at a time. The others would try again after growing pauses, in no
        order. A writer waits for its turn as long as for a lock, and then Unavailable is raised.
        """
        if self._turn is None:
            yield
            return
        try:
            async with asyncio.timeout(self._busy_timeout + self._outage_timeout):
                await self._turn.acquire()
        except TimeoutError:
            raise Unavailable(AWAY) from None
        try:
            yield
        finally:
            self._turn.release()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """A read-only session on one consistent snapshot. Raises Unavailable as `transaction`."""
        async with self._session(self._reader) as session:
            yield session

    @asynccontextmanager
    async def _session(self, engine: AsyncEngine) -> AsyncIterator[AsyncSession]:
        began = time.perf_counter()
        outcome = "ok"
        try:
            session = await self._begin(engine)
            try:
                yield session
            finally:
                await _uncancelled(session.close())
        except SQLAlchemyError as error:
            outcome = "away" if is_outage(error) else "error"
            if outcome == "error":
                raise
            raise Unavailable(AWAY) from error
        finally:
            kind = "write" if engine is self._writer else "read"
            STATEMENTS.labels(kind, outcome).observe(time.perf_counter() - began)

    async def _begin(self, engine: AsyncEngine) -> AsyncSession:
        """A session in a transaction; retries outages for up to `outage_timeout` seconds."""
        deadline = time.monotonic() + self._outage_timeout
        while True:
            session = AsyncSession(engine, expire_on_commit=False)
            try:
                await session.connection()
                return session
            except BaseException as error:
                await _uncancelled(session.close())
                if not isinstance(error, SQLAlchemyError) or not is_outage(error):
                    raise
                if time.monotonic() >= deadline:
                    raise
                log.warning("the database is away; trying again (%s)", outage_name(error))
            await asyncio.sleep(CONNECT_RETRY_INTERVAL)

    async def ping(self) -> None:
        """Query the database. Raises Unavailable if it cannot be reached."""
        async with self.reading() as session:
            await session.execute(text("SELECT 1"))

    @property
    def checked_out(self) -> int:
        """The number of connections in use."""
        pool = self._engine.pool
        assert isinstance(pool, QueuePool)
        return pool.checkedout()

    async def close(self) -> None:
        """Close all connections."""
        await self._engine.dispose()


async def _uncancelled(work: Coroutine[None, None, None]) -> None:
    """Await `work` to its end, and only then raise a cancellation.

    Otherwise the session would close in the background, and an engine that is disposed meanwhile
    would leak the connection.
    """
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise


def _leave_standby(context: ExceptionContext) -> None:
    """Have the pool connect anew if a server turns out to be a standby.

    Its connections work, so that the pool would keep them after another server became the primary.
    """
    if context.sqlalchemy_exception is not None and is_read_only(context.sqlalchemy_exception):
        context.is_disconnect = True


def _prepare_sqlite(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()
    # Keep the driver from beginning transactions: `_begin_sqlite` does.
    connection.isolation_level = None


def _begin_sqlite(connection: Connection) -> None:
    """Begin a transaction; a write transaction takes the lock at once, so that it cannot fail later
    because of a lock.
    """
    writes = connection.get_execution_options().get(WRITES_OPTION, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _roll_back_sqlite(
    connection: DBAPIConnection, _: ConnectionPoolEntry, __: BaseException | None
) -> None:
    """Roll back the transaction of a connection that is discarded because of a cancellation.

    SQLite keeps a closed connection and its locks until its last statement is finalised, and the
    traceback of the cancellation refers to one.
    """
    with suppress(Exception):  # a broken connection holds no lock
        connection.rollback()
