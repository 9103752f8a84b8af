"""`diffy migrate-to`: moves the embedded installation to PostgreSQL, and to a Temporal server.

The jobs are moved before the store: the store is moved in one transaction, after which nothing is
left to do. So a move that was broken off is repeated, and moves what is left.
"""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from sqlalchemy import URL

from cli.data_directory import Moved, own_data_directory, record_move
from cli.embedded import HOST, EmbeddedTemporal
from cli.ports import Port, check_ports
from core.errors import SettingsError
from core.settings import Settings
from store.copying import check_target, copy_store
from store.db.engine import parse_url
from store.db.migrations import migrate
from store.db.revisions import revisions
from store.db.schema import stored_revision
from store.secretkey import KEY_FILE
from temporal.connection import connect
from temporal.moving import move_unfinished
from temporal.namespace import prepare_namespace

Report = Callable[[str], object]


def migrate_to(
    settings: Settings, database_url: str, temporal_address: str | None, report: Report
) -> None:
    """Move the store in the data directory to an empty PostgreSQL database, and, with an address,
    the unfinished jobs of the embedded Temporal to that server. `report` gets a line for each step.

    The installation must be stopped. Its files stay as they are. May be repeated.

    Raises SettingsError if something does not fit, and Unavailable if a part cannot be reached or
    the installation runs.
    """
    source, target = _source(settings), parse_url(database_url)
    if target.get_backend_name() != "postgresql":
        raise SettingsError("DIFFY_DATABASE_URL: move to a database of PostgreSQL.")
    _check_secret_key(settings)
    with own_data_directory(settings):
        migrate(source.render_as_string(hide_password=False))
        _check_revision(target)
        migrate(target.render_as_string(hide_password=False))
        check_target(source, target)
        if temporal_address is not None and not (settings.data_dir / "temporal.db").exists():
            report("There is no embedded Temporal: no job is moved, and its schedules stay.")
            temporal_address = None
        if temporal_address is not None:
            moved = asyncio.run(_move_jobs(settings, temporal_address))
            report(f"Unfinished jobs, started again at {temporal_address}: {moved}")
        counts = copy_store(source, target, schedules=temporal_address is not None)
        if counts is None:
            report(f"The database {target.database} holds this installation already.")
        else:
            report(f"Rows copied to the database {target.database}: {sum(counts.values())}")
            for name, count in sorted(counts.items()):
                report(f"  {name:<22}{count:>9}")
        record_move(settings, Moved.STORE)
        if temporal_address is not None:
            record_move(settings, Moved.TEMPORAL)


def _source(settings: Settings) -> URL:
    """The store that is moved. Raises SettingsError if there is none."""
    given = parse_url(settings.resolved_database_url)
    if given.get_backend_name() != "sqlite":  # it is where to move
        given = parse_url(settings.model_copy(update={"database_url": None}).resolved_database_url)
    if not Path(str(given.database)).exists():
        raise SettingsError(f"There is no database {given.database}; nothing is moved.")
    return given


def _check_secret_key(settings: Settings) -> None:
    """Raise SettingsError if the new installation could not read the secrets of the old one."""
    file = settings.data_dir / KEY_FILE
    if file.exists() and settings.secret_key != file.read_text(encoding="ascii").strip():
        raise SettingsError(
            "DIFFY_SECRET_KEY is not the key that seals the secrets of this installation: "
            f"export DIFFY_SECRET_KEY=$(cat {file})"
        )


def _check_revision(target: URL) -> None:
    """Raise SettingsError for a database of another version of Diffy: it is not to be migrated."""
    if stored_revision(target) not in (None, revisions()[-1]):
        raise SettingsError(
            f"The database {target.database} is that of another version of Diffy; move into an "
            "empty one."
        )


async def _move_jobs(settings: Settings, address: str) -> int:
    target = await connect(settings.model_copy(update={"temporal_address": address}))
    await prepare_namespace(target, timedelta(days=settings.job_retention_days))
    here = settings.model_copy(update={"temporal_address": None})
    check_ports([Port("DIFFY_TEMPORAL_PORT", HOST, here.temporal_port)])
    server = EmbeddedTemporal(
        database=here.data_dir / "temporal.db",
        port=here.temporal_port,
        ui_port=None,
        log=here.data_dir / "logs" / "temporal.log",
    )
    await server.start()
    try:
        return await move_unfinished(await connect(here), target)
    finally:
        await server.stop()
