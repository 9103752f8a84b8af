"""Copies of SQLite databases that are in use."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from core.errors import Unavailable

COPIES_KEPT: Final = 3
"""Copies that are kept of those made before migrations."""

COPIES: Final = "backups"
"""The folder of these copies, beside the database."""


def copy_sqlite(source: Path, target: Path) -> None:
    """Copy a database in one consistent state, while others read and write it.

    The copy is complete on disk when this returns. Writers are not blocked: the source is in WAL
    mode. Raises Unavailable if the source cannot be read, the target not be written, or the copy is
    damaged.
    """
    try:
        target.touch(mode=0o600, exist_ok=False)
        with (
            closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as read,
            closing(sqlite3.connect(target)) as written,
        ):
            # All pages in one step: a copy in several starts again whenever somebody writes.
            read.backup(written, pages=-1)
            # One file is the whole database; the next process to open it chooses WAL again.
            written.execute("PRAGMA journal_mode = DELETE").fetchall()
            found = written.execute("PRAGMA quick_check(1)").fetchone()
        if found != ("ok",):
            raise Unavailable(f"The copy of {source} is damaged: {found[0]}.")
        sync(target)
    except (sqlite3.Error, OSError) as error:
        raise Unavailable(f"{source} cannot be copied to {target}: {error}.") from error


def sync(path: Path) -> None:
    """Wait until a file or folder is on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def copy_before_migration(database: Path, revision: str) -> Path:
    """Keep a copy of the database at `revision`, beside it; the oldest copies are removed.

    A copy that was not finished has another name, and is overwritten.
    """
    folder = database.parent / COPIES
    folder.mkdir(mode=0o700, exist_ok=True)
    copy = folder / f"{database.stem}-{revision}.db"
    unfinished = copy.with_suffix(".partial")
    unfinished.unlink(missing_ok=True)
    copy_sqlite(database, unfinished)
    unfinished.replace(copy)
    sync(folder)
    copies = sorted(folder.glob(f"{database.stem}-*.db"), key=lambda each: each.stat().st_mtime_ns)
    for old in copies[:-COPIES_KEPT]:
        old.unlink()
    return copy
