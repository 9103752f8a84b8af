"""The statements that a block runs, and how the database finds their rows."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.engine import Engine
from sqlalchemy.ext.asyncio import AsyncSession


@dataclass(frozen=True)
class Statement:
    """A statement and its parameters."""

    text: str
    parameters: Any


@contextmanager
def statements() -> Iterator[list[Statement]]:
    """The statements that are run in the block."""
    seen: list[Statement] = []

    def keep(_: Connection, __: object, statement: str, parameters: Any, *___: object) -> None:
        seen.append(Statement(statement, parameters))

    event.listen(Engine, "before_cursor_execute", keep)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", keep)


async def plan_of(session: AsyncSession, statement: Statement) -> str:
    """How the database finds the rows of the statement."""
    explain = "EXPLAIN" if session.get_bind().dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
    connection = await session.connection()
    plan = await connection.exec_driver_sql(f"{explain} {statement.text}", statement.parameters)
    return str(plan.all())
