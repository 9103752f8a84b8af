"""Recognition of constraint violations."""

import sqlite3
from typing import Final

from sqlalchemy.exc import IntegrityError

FOREIGN_KEY_VIOLATION: Final = "23503"
"""SQLSTATE."""


def is_foreign_key_violation(error: IntegrityError) -> bool:
    """Whether the referenced row does not exist, because another transaction has deleted it."""
    cause = error.orig
    if isinstance(cause, sqlite3.Error):
        return cause.sqlite_errorcode == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY
    return getattr(cause, "sqlstate", None) == FOREIGN_KEY_VIOLATION
