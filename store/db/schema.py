"""The revision of the schema: that of a database, and the one that this version of Diffy needs."""

from typing import Final

from sqlalchemy import URL, create_engine, text
from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError
from sqlalchemy.ext.asyncio import AsyncSession

from core.errors import Unavailable
from core.health import Part, Verdict, failed, ok
from store.db.engine import BUSY_TIMEOUT
from store.db.outages import is_outage
from store.db.revisions import revisions

STORED: Final = text("SELECT version_num FROM alembic_version")


async def revision_of(session: AsyncSession) -> str | None:
    """The revision of the database; None if no migration has run."""
    try:
        found: str | None = await session.scalar(STORED)
    except DBAPIError as error:
        if is_outage(error):
            raise
        return None  # there is no such table
    return found


def stored_revision(url: URL) -> str | None:
    """The revision of the database at `url`; None if no migration has run.

    Raises Unavailable if it cannot be reached, and DatabaseError if the file is no database.
    """
    sqlite = url.get_backend_name() == "sqlite"
    engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT} if sqlite else {})
    try:
        with engine.connect() as connection:
            found: str | None = connection.scalar(STORED)
    except DBAPIError as error:
        if is_outage(error):
            raise Unavailable("The database cannot be reached.") from error
        if not isinstance(error, OperationalError | ProgrammingError):
            raise  # the file is no database
        return None  # there is no such table
    finally:
        engine.dispose()
    return found


def schema_verdict(revision: str | None) -> Verdict:
    """Whether this version of Diffy can work with a database at `revision`."""
    known = revisions()
    if revision == known[-1]:
        return ok(Part.SCHEMA, f"The schema is at revision {revision}.")
    if revision is None or revision in known:
        at = f"at revision {revision}" if revision else "empty"
        return failed(
            Part.SCHEMA,
            f"The schema is {at}; this version of Diffy needs {known[-1]}.",
            "Start the API or a worker of this version: it runs the migrations.",
        )
    return failed(
        Part.SCHEMA,
        f"The schema is at a revision that this version of Diffy does not know; it knows those up "
        f"to {known[-1]}.",
        "Run the version of Diffy that migrated the database, or a newer one.",
    )
