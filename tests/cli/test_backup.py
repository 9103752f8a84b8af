"""Backup and restore: whole or refused, private, and nothing lost or doubled."""

import asyncio
import shutil
import sqlite3
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cli.backup import MANIFEST, STORE, TEMPORAL, backup, restore
from cli.embedded import EmbeddedTemporal
from core.errors import SettingsError, Unavailable
from core.jobs.states import JobState
from core.settings import Settings
from store.db.copies import COPIES, COPIES_KEPT, copy_before_migration, copy_sqlite
from store.db.migrations import migrate
from store.db.revisions import revisions
from tests.cli.command import diffy
from tests.ports import free_port
from tests.postgres import PostgresServer
from tests.site import FakeSite
from tests.system import System, running_system


def server(settings: Settings) -> EmbeddedTemporal:
    """The Temporal server of an installation."""
    folder = settings.data_dir
    return EmbeddedTemporal(
        database=folder / TEMPORAL,
        port=settings.temporal_port,
        ui_port=None,
        log=folder / "temporal.log",
    )


def installation(data_dir: Path) -> Settings:
    """The settings of an embedded installation."""
    return Settings(
        data_dir=data_dir, temporal_port=free_port(), allow_private_networks=True, host_rps=1000
    )


@pytest.fixture
async def embedded(tmp_path: Path) -> AsyncIterator[System]:
    """A system with a Temporal server of its own, in one data directory."""
    settings = installation(tmp_path / "data")
    temporal = server(settings)
    await temporal.start()
    async with running_system(settings) as system:
        yield system
    await temporal.stop()


@pytest.fixture
def whole(tmp_path: Path, settings: Settings) -> Path:
    """A backup of a store, whose Temporal is somewhere else."""
    file = tmp_path / "whole.tar"
    assert backup(settings, file) == [STORE]
    return file


def elsewhere(settings: Settings, tmp_path: Path) -> Settings:
    """The same settings with another data directory."""
    return settings.model_copy(update={"data_dir": tmp_path / "elsewhere" / "data"})


async def test_what_is_restored_elsewhere_goes_on_and_nothing_is_doubled(
    embedded: System, site: FakeSite, tmp_path: Path
) -> None:
    page_id = await embedded.lone_page(site)
    crawl = f"/api/pages/{page_id}/crawl"
    async with embedded.worker():
        done = await embedded.ask(crawl)
        await embedded.finished(done)
    waiting = await embedded.ask(crawl)
    (embedded.settings.data_dir / "secret.key").write_text("s" * 40)
    file = tmp_path / "backup.tar"
    names = await asyncio.to_thread(backup, embedded.settings, file)
    assert names == [STORE, "secret.key", TEMPORAL]
    assert file.stat().st_mode & 0o777 == 0o600
    lost = await embedded.ask(crawl)

    there = installation(tmp_path / "elsewhere" / "data")
    assert await asyncio.to_thread(restore, there, file) == names
    assert all(each.stat().st_mode & 0o077 == 0 for each in there.data_dir.iterdir())
    assert (there.data_dir / "secret.key").read_text() == "s" * 40
    temporal = server(there)
    await temporal.start()
    try:
        async with running_system(there) as restored, restored.worker():
            restored.api.headers = embedded.api.headers
            assert (await restored.finished(waiting)).state is JobState.COMPLETED
            assert (await restored.finished(done)).state is JobState.COMPLETED
            jobs = (await restored.jobs(pageId=page_id)).data
            assert {job.id for job in jobs} == {done, waiting}, f"without {lost}"
            snapshots = await restored.api.get(f"/api/pages/{page_id}/snapshots")
            assert len(snapshots.json()["data"]) == 1
    finally:
        await temporal.stop()


def test_a_backup_that_fails_in_the_middle_leaves_no_file(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("tarfile.TarFile.add", killed)
    with pytest.raises(KeyboardInterrupt):
        backup(settings, folder / "a.tar")
    assert list(folder.iterdir()) == []


@pytest.mark.sqlite
def test_a_backup_replaces_no_file(settings: Settings, whole: Path) -> None:
    before = whole.read_bytes()
    with pytest.raises(SettingsError, match="exists"):
        backup(settings, whole)
    assert whole.read_bytes() == before


@pytest.mark.parametrize("left", [0, 0.3, 0.9])
@pytest.mark.sqlite
def test_a_part_of_a_backup_is_refused_and_restores_nothing(
    settings: Settings, whole: Path, tmp_path: Path, left: float
) -> None:
    content = whole.read_bytes()
    whole.write_bytes(content[: int(len(content) * left)])
    there = elsewhere(settings, tmp_path)
    with pytest.raises(SettingsError, match="no whole backup"):
        restore(there, whole)
    assert list(there.data_dir.parent.iterdir()) == []


@pytest.mark.sqlite
def test_a_damaged_or_foreign_or_newer_backup_is_refused(
    settings: Settings, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = elsewhere(settings, tmp_path)
    content = bytearray(whole.read_bytes())
    content[4096] ^= 0xFF
    damaged = tmp_path / "damaged.tar"
    damaged.write_bytes(content)
    with pytest.raises(SettingsError, match="damaged"):
        restore(there, damaged)
    with pytest.raises(SettingsError, match="There is no file"):
        restore(there, tmp_path / "nothing.tar")
    with pytest.raises(SettingsError, match="does not hold Temporal"):
        restore(there.model_copy(update={"temporal_address": None}), whole)
    with pytest.raises(SettingsError, match="SQLite"):
        restore(there.model_copy(update={"database_url": "postgresql://localhost/x"}), whole)
    monkeypatch.setattr("cli.backup.revisions", lambda: ("0001",))
    with pytest.raises(SettingsError, match="newer version"):
        restore(there, whole)
    assert not there.data_dir.exists()


@pytest.mark.sqlite
def test_a_name_in_a_backup_leads_nowhere_else(
    settings: Settings, whole: Path, tmp_path: Path
) -> None:
    with tarfile.open(whole) as archive:
        archive.extractall(tmp_path / "x", filter="data")
    manifest = tmp_path / "x" / MANIFEST
    manifest.write_text(manifest.read_text().replace(STORE, "../evil"))
    forged = tmp_path / "forged.tar"
    with tarfile.open(forged, "w") as archive:
        archive.add(tmp_path / "x" / STORE, "../evil")
        archive.add(manifest, MANIFEST)
    with pytest.raises(SettingsError, match="no backup that this version"):
        restore(elsewhere(settings, tmp_path), forged)
    assert not list(tmp_path.rglob("evil"))


@pytest.mark.sqlite
def test_a_data_directory_in_use_is_left_alone(settings: Settings, whole: Path) -> None:
    before = sorted(settings.data_dir.iterdir())
    ran = diffy(
        "restore",
        str(whole),
        data_dir=settings.data_dir,
        TEMPORAL_ADDRESS=str(settings.temporal_address),
    )
    assert ran.returncode == 2
    assert "is not empty" in ran.stderr
    assert sorted(settings.data_dir.iterdir()) == before


def test_an_installation_that_keeps_nothing_has_no_backup(tmp_path: Path) -> None:
    ran = diffy("backup", str(tmp_path / "a.tar"), data_dir=tmp_path / "none")
    assert ran.returncode == 2
    assert "nothing is backed up" in ran.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_store_on_postgresql_is_dumped_and_loaded_into_an_empty_database(
    postgres: PostgresServer, settings: Settings, tmp_path: Path
) -> None:
    with postgres.migrated() as one, postgres.database() as other:
        here = settings.model_copy(update={"database_url": one})
        file = tmp_path / "pg.tar"
        assert backup(here, file) == ["diffy.dump"]
        there = elsewhere(settings, tmp_path).model_copy(update={"database_url": other})
        assert restore(there, file) == ["diffy.dump"]
        migrate(other)
        again = there.model_copy(update={"data_dir": tmp_path / "again"})
        with pytest.raises(SettingsError, match="not empty"):
            restore(again, file)


def test_a_database_is_copied_before_it_is_migrated_and_few_copies_are_kept(
    sqlite_path: Path,
) -> None:
    folder = sqlite_path.parent / COPIES
    migrate(f"sqlite:///{sqlite_path}")
    assert not folder.exists(), "it was up to date"
    for number in range(COPIES_KEPT + 2):
        copy_before_migration(sqlite_path, f"{number:04}")
    assert sorted(each.name for each in folder.iterdir()) == [
        f"diffy-{number:04}.db" for number in range(2, COPIES_KEPT + 2)
    ]
    assert folder.stat().st_mode & 0o077 == 0


def test_a_copy_is_whole_while_somebody_writes(sqlite_path: Path, tmp_path: Path) -> None:
    writer = sqlite3.connect(sqlite_path, isolation_level=None)
    writer.execute("PRAGMA journal_mode = WAL").fetchall()
    writer.execute("CREATE TABLE t (a)")
    writer.execute("INSERT INTO t VALUES (1)")
    writer.execute("BEGIN EXCLUSIVE")
    writer.execute("INSERT INTO t VALUES (2)")
    copy_sqlite(sqlite_path, tmp_path / "copy.db")
    writer.close()
    copy = sqlite3.connect(tmp_path / "copy.db")
    assert copy.execute("SELECT a FROM t").fetchall() == [(1,)]
    copy.close()
    with pytest.raises(Unavailable, match="cannot be copied"):
        copy_sqlite(tmp_path / "none.db", tmp_path / "other.db")


def test_the_way_back_after_an_upgrade_is_the_copy(sqlite_path: Path) -> None:
    """As the how-to says: the old file in place of the new one."""
    older = revisions()[-2]
    connection = sqlite3.connect(sqlite_path)
    connection.execute("UPDATE alembic_version SET version_num = ?", (older,))
    connection.commit()
    connection.close()
    copy = copy_before_migration(sqlite_path, older)
    shutil.copyfile(copy, sqlite_path)
    connection = sqlite3.connect(sqlite_path)
    assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == (older,)
    connection.close()
