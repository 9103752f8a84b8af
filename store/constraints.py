"""Which constraint a statement has violated."""

import sqlite3
from typing import Final

from sqlalchemy.exc import IntegrityError

FOREIGN_KEY_VIOLATION: Final = "23503"
"""SQLSTATE."""


def refers_to_nothing(error: IntegrityError) -> bool:
    """Whether a row refers to one that does not exist: it was deleted a moment ago."""
    cause = error.orig
    if isinstance(cause, sqlite3.Error):
        return cause.sqlite_errorcode == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY
    return getattr(cause, "sqlstate", None) == FOREIGN_KEY_VIOLATION
