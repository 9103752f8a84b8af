"""`diffy backup` and `diffy restore`: everything that an installation keeps, in one file.

A backup is a tar archive that ends with a manifest. It has another name until it is complete, so a
file of the given name is whole; one that was cut off later has no manifest, and is refused.

The store is copied before the embedded Temporal. What the store still has to tell Temporal is in
its outbox, and is told again after a restore: under the same ids, so nothing is doubled. In the
other order, jobs that were started in between would be missing.
"""

import hashlib
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from pydantic import ValidationError
from sqlalchemy import URL

from core.errors import SettingsError, Unavailable
from core.model import Model
from core.settings import Settings
from store.db.copies import copy_sqlite, sync
from store.db.engine import parse_url
from store.db.postgresql_dump import dump, load
from store.db.revisions import revisions
from store.db.schema import stored_revision
from store.secretkey import KEY_FILE

MANIFEST: Final = "manifest.json"
STORE: Final = "diffy.db"
STORE_DUMP: Final = "diffy.dump"
TEMPORAL: Final = "temporal.db"
MAX_MANIFEST: Final = 100_000
"""Bytes."""


class Manifest(Model):
    """What a backup holds: the SHA-256 of each file, by its name."""

    format: int = 1
    created_at: datetime
    revision: str
    files: dict[str, str]


def backup(settings: Settings, file: Path) -> list[str]:
    """Write a backup to `file`, also while the system runs; the names of what is in it.

    Raises SettingsError if `file` exists or there is nothing to back up, and Unavailable if a part
    cannot be copied.
    """
    if file.exists():
        raise SettingsError(f"{file} exists; choose another name.")
    url = parse_url(settings.resolved_database_url)
    try:
        with _scratch(file.absolute().parent, file.name) as folder:
            revision = _copy_store(url, folder)
            if settings.temporal_address is None:
                copy_sqlite(settings.data_dir / TEMPORAL, folder / TEMPORAL)
            key = settings.data_dir / KEY_FILE
            if settings.secret_key is None and key.exists():
                shutil.copyfile(key, folder / KEY_FILE)
            names = sorted(each.name for each in folder.iterdir())
            manifest = Manifest(
                created_at=datetime.now(UTC),
                revision=revision,
                files={name: _digest(folder / name) for name in names},
            )
            (folder / MANIFEST).write_text(manifest.model_dump_json(by_alias=True, indent=2))
            partial = folder / "archive"
            partial.touch(mode=0o600)
            with tarfile.open(partial, "w") as archive:
                for name in (*names, MANIFEST):
                    archive.add(folder / name, arcname=name, filter=_private)
            sync(partial)
            os.link(partial, file)  # unlike a rename, it replaces nothing
            sync(file.absolute().parent)
    except FileExistsError:
        raise SettingsError(f"{file} exists; choose another name.") from None
    except OSError as error:
        raise Unavailable(f"The backup cannot be written: {error}.") from error
    return names


def restore(settings: Settings, file: Path) -> list[str]:
    """Restore a backup into a new data directory, or an empty database; the names of what it held.

    Raises SettingsError, and changes nothing, if `file` is no whole backup of a version that this
    one knows, or if there is something that it would replace.
    """
    url = parse_url(settings.resolved_database_url)
    data_dir = settings.data_dir.absolute()
    if data_dir.exists() and (not data_dir.is_dir() or any(data_dir.iterdir())):
        raise SettingsError(
            f"DIFFY_DATA_DIR: {settings.data_dir} is not empty. Stop the system, move that "
            "directory away, and restore again."
        )
    try:
        data_dir.parent.mkdir(parents=True, exist_ok=True)
        with _scratch(data_dir.parent, data_dir.name) as folder:
            manifest = _extract(file, folder)
            _check_fit(manifest, settings, url)
            if STORE_DUMP in manifest.files:
                load(url, folder / STORE_DUMP)
                (folder / STORE_DUMP).unlink()
            elif url.database and (path := Path(url.database).absolute()) != data_dir / STORE:
                if path.exists():
                    raise SettingsError(f"{path} exists; move it away, and restore again.")
                path.parent.mkdir(parents=True, exist_ok=True)
                shutil.move(folder / STORE, path)
            for each in folder.iterdir():
                sync(each)
            # The directory appears with everything in it, or not at all.
            folder.replace(data_dir)
            sync(data_dir.parent)
    except OSError as error:
        raise Unavailable(f"The backup cannot be restored: {error}.") from error
    return sorted(manifest.files)


def _copy_store(url: URL, folder: Path) -> str:
    """Copy the store into `folder`; the revision of its schema."""
    if url.get_backend_name() == "postgresql":
        dump(url, folder / STORE_DUMP)
    else:
        source = Path(str(url.database))
        if not source.exists():
            raise SettingsError(f"There is no database {source}; nothing is backed up.")
        copy_sqlite(source, folder / STORE)
        url = url.set(database=str(folder / STORE))
    revision = stored_revision(url)
    if revision is None:
        raise SettingsError("The database has no schema of Diffy; nothing is backed up.")
    return revision


def _extract(file: Path, folder: Path) -> Manifest:
    """Extract the files of a backup into `folder`, each checked against the manifest."""
    try:
        with tarfile.open(file, "r:") as archive:
            members = {each.name: each for each in archive.getmembers() if each.isreg()}
            manifest = _manifest(archive, members)
            for name, digest in manifest.files.items():
                if name not in members or name not in (STORE, STORE_DUMP, TEMPORAL, KEY_FILE):
                    raise SettingsError(f"{file} is no backup that this version can restore.")
                reader = archive.extractfile(members[name])
                assert reader is not None, "it is a regular file"
                target = folder / name
                target.touch(mode=0o600)
                with reader, target.open("wb") as written:
                    shutil.copyfileobj(reader, written)
                if _digest(target) != digest:
                    raise SettingsError(f"{file} is damaged: {name} is not what it was.")
            return manifest
    except FileNotFoundError:
        raise SettingsError(f"There is no file {file}.") from None
    except (tarfile.TarError, ValidationError, KeyError) as error:
        raise SettingsError(f"{file} is no whole backup of Diffy.") from error


def _manifest(archive: tarfile.TarFile, members: dict[str, tarfile.TarInfo]) -> Manifest:
    member = members[MANIFEST]
    reader = archive.extractfile(member)
    if reader is None or member.size > MAX_MANIFEST:
        raise KeyError(MANIFEST)
    with reader:
        return Manifest.model_validate_json(reader.read())


def _check_fit(manifest: Manifest, settings: Settings, url: URL) -> None:
    if manifest.format != 1 or manifest.revision not in revisions():
        raise SettingsError(
            "A newer version of Diffy wrote this backup; restore it with that version."
        )
    if (STORE_DUMP in manifest.files) != (url.get_backend_name() == "postgresql"):
        wanted = "PostgreSQL" if STORE_DUMP in manifest.files else "SQLite"
        raise SettingsError(f"DIFFY_DATABASE_URL: this backup is of a {wanted} database.")
    if (TEMPORAL in manifest.files) != (settings.temporal_address is None):
        raise SettingsError(
            "This backup holds the embedded Temporal; unset TEMPORAL_ADDRESS."
            if TEMPORAL in manifest.files
            else "This backup does not hold Temporal; set TEMPORAL_ADDRESS to the server of then."
        )


@contextmanager
def _scratch(parent: Path, name: str) -> Iterator[Path]:
    """A private folder on the disk of the result; it is gone after the block."""
    folder = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _private(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Without the names of accounts of this machine."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode = 0o600
    return member


def _digest(path: Path) -> str:
    with path.open("rb") as read:
        return hashlib.file_digest(read, "sha256").hexdigest()
