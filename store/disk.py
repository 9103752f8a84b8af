"""The disk space left where this installation keeps its data."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from core.health import Part, Verdict, failed, ok
from core.settings import Settings
from store.db.engine import parse_url

MIN_FREE: Final = 500_000_000
"""Bytes. With less, a write-ahead log or a vacuum may soon fail."""

GIGABYTE: Final = 1_000_000_000


def data_folders(settings: Settings) -> list[Path]:
    """The folders of this machine in which databases are kept; none if all are elsewhere."""
    folders = [settings.data_dir] if settings.temporal_address is None else []
    url = parse_url(settings.resolved_database_url)
    if url.get_backend_name() == "sqlite" and url.database:
        folders.append(Path(url.database).parent)
    return folders


def free_bytes(folder: Path) -> int:
    """The bytes that this user may still write to the file system of `folder`."""
    return shutil.disk_usage(folder).free


def disk_verdict(folders: Sequence[Path], free: Callable[[Path], int] = free_bytes) -> Verdict:
    """Whether each of `folders` has space left."""
    if not folders:
        return ok(Part.DISK, "This machine keeps no data.")
    try:
        least = min(free(folder) for folder in folders)
    except OSError as error:
        return failed(
            Part.DISK,
            f"The data directory cannot be used ({error.strerror}).",
            "Create it, or give its user access; DIFFY_DATA_DIR names it.",
        )
    detail = f"{least / GIGABYTE:.1f} GB are free."
    if least < MIN_FREE:
        return failed(
            Part.DISK,
            detail,
            f"Free at least {MIN_FREE / GIGABYTE:g} GB: see docs/how-to/reclaim-disk-space.md.",
        )
    return ok(Part.DISK, detail)
