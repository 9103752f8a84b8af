"""Distinction of database outages from errors in statements."""

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
"""The error classes of outages; some invalid statements raise them too."""

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
"""Primary result codes of locks, and of files that cannot be opened or used."""

POSTGRESQL_READ_ONLY: Final = "25006"
"""The SQLSTATE of a write that a standby refuses: another server has become the primary, or this
one will.
"""

PRIMARY_CODE_MASK: Final = 0xFF
"""The bits of an extended result code that hold the primary one."""

POSTGRESQL_AWAY: Final = frozenset({"08", "40", "53", "55", "57", "58"})
"""Classes of SQLSTATE: connection, rollback, resources, object state (locks), operator
intervention, system error."""


def is_outage(error: SQLAlchemyError) -> bool:
    """Whether the error is an outage, so that a retry may succeed."""
    if is_read_only(error):
        return True
    if not isinstance(error, OUTAGE_ERRORS):
        return False
    if not isinstance(error, DBAPIError):
        return True  # the pool had no free connection
    cause = error.orig
    if isinstance(cause, sqlite3.Error):
        code = getattr(cause, "sqlite_errorcode", None)
        return code is not None and code & PRIMARY_CODE_MASK in SQLITE_AWAY
    # A failed or broken connection has no SQLSTATE.
    state: str | None = getattr(cause, "sqlstate", None)
    return state is None or state[:2] in POSTGRESQL_AWAY


def is_read_only(error: SQLAlchemyError) -> bool:
    """Whether a PostgreSQL server refused to write because it is a standby."""
    cause = error.orig if isinstance(error, DBAPIError) else None
    return getattr(cause, "sqlstate", None) == POSTGRESQL_READ_ONLY


def outage_name(error: SQLAlchemyError) -> str:
    """What an outage is called: the name of an SQLite result code, a SQLSTATE, or a class."""
    cause = getattr(error, "orig", None)
    name = getattr(cause, "sqlite_errorname", None) or getattr(cause, "sqlstate", None)
    return name or type(error).__name__
