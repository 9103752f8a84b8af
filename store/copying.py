"""Copies a whole store from SQLite into an empty PostgreSQL database."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final
from uuid import uuid4

from sqlalchemy import URL, Connection, Engine, Table, create_engine, func, insert, select, update
from sqlalchemy.exc import DBAPIError

import store.tables  # noqa: F401 - registers the tables in the metadata
from core.errors import SettingsError, Unavailable
from core.outbox import Message, PageScheduleMessage, ScheduleMessage
from store.db.base import Base
from store.db.engine import AWAY, CONNECT_TIMEOUT
from store.db.outages import is_outage
from store.tables.accounts import Organisation
from store.tables.domains import Domain
from store.tables.pages import Page
from store.tables.requests import OutboxMessage

ROWS_AT_ONCE: Final = 500
"""Rows that are read and written together: a text may have megabytes."""


def check_target(source: URL, target: URL) -> None:
    """Raise SettingsError if `target` holds anything but the organisations of `source`, and
    Unavailable if a database cannot be reached. Both must be at the current revision.
    """
    with (
        _engines(source, target) as (reader, writer),
        reader.connect() as read,
        writer.connect() as written,
    ):
        _is_copied(read, written)


def copy_store(source: URL, target: URL, *, schedules: bool) -> Mapping[str, int] | None:
    """Copy all rows of `source`, and return the number of rows of each table that had any.

    All of them are copied, or none. Both databases must be at the current revision, and nobody may
    write to them meanwhile. With `schedules`, all schedules are made anew in Temporal by the next
    process that delivers the outbox. Returns None, and copies no row, if `target` holds the
    organisations of `source` already. Raises as `check_target` does.
    """
    with (
        _engines(source, target) as (reader, writer),
        reader.connect() as read,
        writer.begin() as written,
    ):
        copied = _is_copied(read, written)
        counts = {} if copied else _copy(read, written)
        if schedules:
            _ask_for_schedules(written)
    return None if copied else counts


@contextmanager
def _engines(source: URL, target: URL) -> Iterator[tuple[Engine, Engine]]:
    reader = create_engine(source)
    writer = create_engine(target, connect_args={"connect_timeout": CONNECT_TIMEOUT})
    try:
        yield reader, writer
    except DBAPIError as error:
        if not is_outage(error):
            raise
        raise Unavailable(AWAY) from error
    finally:
        reader.dispose()
        writer.dispose()


def _is_copied(read: Connection, written: Connection) -> bool:
    """Whether the store was copied before. Raises SettingsError if there is another one."""
    if not _holds_rows(written):
        return False
    owners = select(Organisation.id)
    if set(read.scalars(owners)) & set(written.scalars(owners)):
        return True
    name = written.engine.url.database
    raise SettingsError(f"The database {name} is not empty; move into an empty one.")


def _copy(read: Connection, written: Connection) -> Mapping[str, int]:
    tables = Base.metadata.sorted_tables
    counts = {table.name: _copy_rows(read, written, table) for table in tables}
    return {name: count for name, count in counts.items() if count}


def _holds_rows(connection: Connection) -> bool:
    return any(
        connection.scalar(select(func.count()).select_from(select(table).limit(1).subquery()))
        for table in Base.metadata.sorted_tables
    )


def _copy_rows(read: Connection, written: Connection, table: Table) -> int:
    count = 0
    rows = read.execution_options(yield_per=ROWS_AT_ONCE).execute(select(table))
    for part in rows.mappings().partitions():
        written.execute(insert(table), [dict(row) for row in part])
        count += len(part)
    return count


def _ask_for_schedules(connection: Connection) -> None:
    """Write a message for each schedule that Temporal should have. All messages are due at once:
    nobody else delivers one.
    """
    now = datetime.now(UTC)
    messages: list[Message] = [
        ScheduleMessage.of(domain_id) for domain_id in connection.scalars(select(Domain.id))
    ]
    scheduled = select(Page.id, Page.domain_id).where(Page.schedule.is_not(None))
    messages += [PageScheduleMessage.of(*row) for row in connection.execute(scheduled)]
    waiting = {
        (subject_id, kind)
        for subject_id, kind in connection.execute(
            select(OutboxMessage.subject_id, OutboxMessage.kind)
        )
    }
    rows = [
        {
            "subject_id": each.subject_id,
            "kind": each.kind.value,
            "domain_id": each.domain_id,
            "message": each.model_dump(mode="json", by_alias=True),
            "version": uuid4(),
            "due_at": now,
        }
        for each in messages
        if (each.subject_id, each.kind.value) not in waiting
    ]
    connection.execute(update(OutboxMessage).values(due_at=now))
    if rows:
        connection.execute(insert(OutboxMessage), rows)
