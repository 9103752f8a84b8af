"""Dumps of a PostgreSQL database, by PostgreSQL's own programs."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from sqlalchemy import URL

from core.errors import SettingsError, Unavailable

PARAMETERS: Final = {
    "host": "PGHOST",
    "port": "PGPORT",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "dbname": "PGDATABASE",
    "target_session_attrs": "PGTARGETSESSIONATTRS",
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
}
"""Parameters of a connection that the programs read from the environment."""


def dump(url: URL, target: Path) -> None:
    """Write the whole database to `target`, in one consistent state, while others use it.

    Raises SettingsError if `pg_dump` is not installed, and Unavailable if it fails.
    """
    target.touch(mode=0o600, exist_ok=False)
    # The texts are packed already: more effort takes twice as long and saves 3 %.
    options = ("--format=custom", "--compress=1", "--no-owner", "--no-acl")
    _run(["pg_dump", *options, f"--file={target}"], url)


def load(url: URL, source: Path) -> None:
    """Load a dump into an empty database: all of it, or nothing.

    Raises SettingsError if the database is not empty or `pg_restore` is not installed, and
    Unavailable if it fails.
    """
    tables = _run(
        ["psql", "--no-psqlrc", "--tuples-only", "--no-align", "--command", TABLES], url
    ).strip()
    if tables != "0":
        raise SettingsError(f"The database {url.database} is not empty; restore into an empty one.")
    options = ["--single-transaction", "--exit-on-error", "--no-owner", "--no-acl"]
    _run(["pg_restore", *options, f"--dbname={url.database}", str(source)], url)


TABLES: Final = (
    "SELECT count(*) FROM information_schema.tables WHERE table_schema = current_schema()"
)


def _run(command: Sequence[str], url: URL) -> str:
    """The output of the command. The password is in its environment, which others cannot read."""
    # Of several hosts the driver and the programs take the same lists.
    _, options = url.get_dialect()().create_connect_args(url)
    given = {PARAMETERS[key]: str(value) for key, value in options.items() if key in PARAMETERS}
    environ = {**os.environ, **given}
    try:
        ran = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise SettingsError(
            f"{command[0]} is not installed; it comes with PostgreSQL's client programs."
        ) from None
    if ran.returncode != 0:
        raise Unavailable(f"{command[0]} failed: {ran.stderr.strip()}")
    return ran.stdout
