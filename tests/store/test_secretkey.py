"""The secret key: its sources, and the errors if it is missing."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core.errors import Conflict, SecretsUnreadable, SettingsError
from core.settings import Settings
from store.secretkey import KEY_FILE, SecretKey


def embedded(folder: Path) -> SecretKey:
    return SecretKey(Settings(data_dir=folder))


def test_the_embedded_default_makes_a_key_once_for_its_owner_only(tmp_path: Path) -> None:
    data = tmp_path / "data"
    token = embedded(data).for_sealing().seal("x")
    path = data / KEY_FILE
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(path.read_text().strip()) >= 32
    assert embedded(data).for_opening().open(token) == "x"
    assert embedded(data).for_sealing().open(token) == "x"
    assert [each.name for each in data.iterdir()] == [KEY_FILE]


def test_of_several_that_make_a_key_at_once_all_use_one(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        tokens = list(threads.map(lambda _: embedded(tmp_path).for_sealing().seal("x"), range(16)))
    assert {embedded(tmp_path).for_opening().open(token) for token in tokens} == {"x"}


def test_a_setting_counts_instead_of_the_file(tmp_path: Path) -> None:
    key = SecretKey(Settings(data_dir=tmp_path, secret_key="k" * 32))
    token = key.for_sealing().seal("x")
    assert list(tmp_path.iterdir()) == []
    elsewhere = Settings(database_url="postgresql://db/diffy", secret_key="k" * 32)
    assert SecretKey(elsewhere).for_opening().open(token) == "x"


def test_with_a_database_of_your_own_no_key_is_made_up(tmp_path: Path) -> None:
    key = SecretKey(Settings(data_dir=tmp_path, database_url="postgresql://db/diffy"))
    with pytest.raises(Conflict, match="DIFFY_SECRET_KEY is not set"):
        key.for_sealing()
    with pytest.raises(SecretsUnreadable, match="DIFFY_SECRET_KEY is not set"):
        key.for_opening()
    assert list(tmp_path.iterdir()) == []


def test_a_key_that_is_missing_or_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(SecretsUnreadable, match=KEY_FILE):
        embedded(tmp_path).for_opening()
    (tmp_path / KEY_FILE).write_text("short")
    with pytest.raises(SettingsError, match="no key of 32 characters"):
        embedded(tmp_path).for_opening()


def test_a_wrong_key_that_is_put_right_counts_at_once(tmp_path: Path) -> None:
    key = embedded(tmp_path)
    token = key.for_sealing().seal("x")
    right = (tmp_path / KEY_FILE).read_text()
    (tmp_path / KEY_FILE).write_text("wrong" * 8)
    with pytest.raises(SecretsUnreadable, match="under another DIFFY_SECRET_KEY"):
        key.for_opening().open(token)
    (tmp_path / KEY_FILE).write_text(right)
    assert key.for_opening().open(token) == "x"
