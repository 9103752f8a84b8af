"""Which faults mean that the database is away or busy, and not that it was asked wrongly."""

import sqlite3
from typing import Final

from sqlalchemy.exc import (
    DBAPIError,
    InterfaceError,
    OperationalError,
    SQLAlchemyError,
    TimeoutError,
)

OUTAGE_ERRORS: Final = (OperationalError, InterfaceError, TimeoutError)
"""The classes that an outage may have; a statement that cannot be run may have them too."""

SQLITE_AWAY: Final = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_READONLY,
    }
)
"""Primary result codes: another connection's lock, and files that cannot be opened or used."""

PRIMARY_CODE_MASK: Final = 0xFF
"""The bits of an extended result code that are its primary one."""

POSTGRESQL_AWAY: Final = frozenset({"08", "40", "53", "55", "57", "58"})
"""Classes of SQLSTATE: connection, rollback for others' sake, resources, locks, an operator's
stop, and faults of the machine.
"""


def is_outage(error: SQLAlchemyError) -> bool:
    """Whether the same may succeed when it is tried again later."""
    if not isinstance(error, OUTAGE_ERRORS):
        return False
    if not isinstance(error, DBAPIError):
        return True  # no connection of the pool became free
    cause = error.orig
    if isinstance(cause, sqlite3.Error):
        code = getattr(cause, "sqlite_errorcode", None)
        return code is not None and code & PRIMARY_CODE_MASK in SQLITE_AWAY
    # A connection that cannot be made, or breaks off, has no SQLSTATE.
    state: str | None = getattr(cause, "sqlstate", None)
    return state is None or state[:2] in POSTGRESQL_AWAY
