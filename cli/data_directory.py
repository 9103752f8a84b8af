"""The data directory of an installation: who uses it, and what has been moved out of it."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

from core.errors import SettingsError, Unavailable
from core.settings import Settings
from store.db.copies import sync


class Moved(StrEnum):
    """What `diffy migrate-to` has moved elsewhere: the name of the file that says so."""

    STORE = "diffy.db.moved"
    TEMPORAL = "temporal.db.moved"


@contextmanager
def own_data_directory(settings: Settings) -> Iterator[None]:
    """Lock the data directory for the length of the block: two servers must not share one SQLite
    file. It is created.

    Raises SettingsError if it cannot be used, and Unavailable if another process has it.
    """
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        lock = (settings.data_dir / "lock").open("w")
    except OSError as error:
        raise SettingsError(
            f"DIFFY_DATA_DIR: {settings.data_dir} cannot be used: {error.strerror}."
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Unavailable(
                f"Another `diffy up` runs on {settings.data_dir}; stop it, or set DIFFY_DATA_DIR."
            ) from error
        yield


def is_moved(settings: Settings, part: Moved) -> bool:
    """Whether a part was moved elsewhere."""
    return (settings.data_dir / part).exists()


def record_move(settings: Settings, part: Moved) -> None:
    """Write down that a part was moved elsewhere."""
    (settings.data_dir / part).touch()
    sync(settings.data_dir)


def check_nothing_moved(settings: Settings) -> None:
    """Raise SettingsError if the settings use a part that was moved elsewhere: its jobs would run
    twice, and its sites be checked twice.
    """
    used = {
        Moved.STORE: (
            "DIFFY_DATABASE_URL",
            settings.resolved_database_url.startswith("sqlite"),
        ),
        Moved.TEMPORAL: ("TEMPORAL_ADDRESS", settings.temporal_address is None),
    }
    for part, (variable, is_embedded) in used.items():
        if is_embedded and is_moved(settings, part):
            raise SettingsError(
                f"{variable} does not say where this installation was moved. Set it, or remove "
                f"{settings.data_dir / part} to use what is left."
            )
