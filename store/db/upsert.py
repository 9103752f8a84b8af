"""`INSERT ... ON CONFLICT` for SQLite and PostgreSQL."""

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase

ROWS_PER_STATEMENT = 500
"""Number of rows in one statement: both databases limit the number of its parameters."""


def upsert(
    session: AsyncSession, table: type[DeclarativeBase]
) -> sqlite.Insert | postgresql.Insert:
    """An insert into `table` with `on_conflict_do_nothing` and `on_conflict_do_update`."""
    target = table.__table__
    assert isinstance(target, Table)
    if session.get_bind().dialect.name == "postgresql":
        return postgresql.insert(target)
    return sqlite.insert(target)
