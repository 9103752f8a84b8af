"""What `diffy up` has a child do before its services start."""

import asyncio
import shutil
from pathlib import Path

import pytest

from cli.preparation import first_key, is_prepared, prepare
from core.errors import SettingsError, Unavailable
from core.settings import load_settings
from tests.eventually import eventually
from tests.processes import processes_of


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of an installation whose Temporal server does not answer."""
    monkeypatch.setenv("DIFFY_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
    return tmp_path


async def test_the_first_key_is_made_once() -> None:
    made = await first_key()
    assert made is not None
    assert made.startswith("diffy_")
    assert await first_key() is None


async def test_an_installation_that_has_run_needs_no_child(
    data: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load_settings()
    assert not is_prepared(settings), "there is no file"
    shutil.copy(sqlite_template, data / "diffy.db")
    assert not is_prepared(settings), "there is no key"
    await first_key()
    assert is_prepared(settings)
    with monkeypatch.context() as patch:
        patch.setattr("cli.preparation.OwnedProcess", None)
        assert await prepare(settings)
    with monkeypatch.context() as patch:
        patch.setattr("cli.preparation.revisions", lambda: ("9999",))
        assert not is_prepared(settings), "it is of another version"
    elsewhere = settings.model_copy(update={"database_url": f"sqlite:///{data}/other.db"})
    assert not is_prepared(elsewhere)
    (data / "diffy.db").write_bytes(b"no database" * 1000)
    assert not is_prepared(settings), "the child says what is wrong"


async def test_a_setting_that_does_not_fit_is_told_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIFFY_DATABASE_URL", "mysql://localhost/x")
    with pytest.raises(SettingsError, match="DIFFY_DATABASE_URL names mysql"):
        await prepare(load_settings())


async def test_a_database_that_is_away_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIFFY_DATABASE_URL", "postgresql://127.0.0.1:1/x")
    with pytest.raises(Unavailable, match="The database cannot be reached"):
        await prepare(load_settings())


async def test_a_child_that_fails_is_told_and_its_log_says_why(
    data: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (data / "diffy.db").write_bytes(b"no database" * 1000)
    with pytest.raises(Unavailable, match="could not be prepared"):
        await prepare(load_settings())
    assert "file is not a database" in capfd.readouterr().err


async def test_one_who_stops_waiting_ends_the_child(data: Path) -> None:
    preparing = asyncio.create_task(prepare(load_settings()))

    async def children() -> str:
        return " ".join(processes_of(data).values())

    await eventually(children, lambda commands: "cli.preparation" in commands)
    preparing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await preparing
    assert processes_of(data) == {}
