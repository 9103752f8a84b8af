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
    return insert_of(dialect_of(session), table)


def dialect_of(session: AsyncSession) -> str:
    """The name of the dialect of the database."""
    return session.get_bind().dialect.name


def insert_of(dialect: str, table: type[DeclarativeBase]) -> sqlite.Insert | postgresql.Insert:
    """The same of the dialect with that name."""
    target = table.__table__
    assert isinstance(target, Table)
    return postgresql.insert(target) if dialect == "postgresql" else sqlite.insert(target)
