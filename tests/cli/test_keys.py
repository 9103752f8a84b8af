"""`diffy keys`."""

import re
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from cli.keys import create_first, ensure_bootstrap_key, listed, opened
from core.settings import DEFAULT_ORGANISATION, Settings
from store.keys import organisation_of
from tests.cli.command import diffy, diffy_process


def rows(data_dir: Path) -> list[list[str]]:
    """What `diffy keys list` prints: id, made, standing, organisation."""
    ran = diffy("keys", "list", data_dir=data_dir)
    assert ran.returncode == 0, ran.stderr
    return [line.split("\t") for line in ran.stdout.splitlines()]


def test_create_prints_the_key_alone(tmp_path: Path) -> None:
    ran = diffy_process("keys", "create", "--org", "acme", data_dir=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert re.fullmatch(r"diffy_[A-Za-z0-9_-]{43}\n", ran.stdout)
    assert ran.stderr == ""


@pytest.mark.usefixtures("sqlite_path")
def test_list_shows_keys_and_no_secret(tmp_path: Path) -> None:
    made = [
        diffy("keys", "create", "--org", name, data_dir=tmp_path).stdout.strip()
        for name in ("acme", "zenith")
    ]
    shown = rows(tmp_path)
    assert [(row[2], row[3]) for row in shown] == [("valid", "acme"), ("valid", "zenith")]
    assert not any(key in cell for key in made for row in shown for cell in row)


@pytest.mark.usefixtures("sqlite_path")
def test_revoke_says_so_in_the_list_and_may_be_repeated(tmp_path: Path) -> None:
    diffy("keys", "create", "--org", "acme", data_dir=tmp_path)
    key_id = rows(tmp_path)[0][0]
    for _ in range(2):
        ran = diffy("keys", "revoke", key_id, data_dir=tmp_path)
        assert (ran.returncode, ran.stdout) == (0, "")
    assert rows(tmp_path)[0][2].startswith("revoked 20")


@pytest.mark.usefixtures("sqlite_path")
def test_a_key_has_a_name_a_scope_and_an_end(tmp_path: Path) -> None:
    options = ["--name", "our dashboard", "--scope", "read", "--expires-in", "90d"]
    ran = diffy("keys", "create", "--org", "acme", *options, data_dir=tmp_path)
    assert ran.returncode == 0, ran.stderr
    [row] = rows(tmp_path)
    assert (row[2], row[4], row[6]) == ("valid", "read", "our dashboard")
    assert datetime.fromisoformat(row[5]) - datetime.fromisoformat(row[1]) == timedelta(days=90)


@pytest.mark.parametrize("option", ["--scope=all", "--expires-in=soon", "--expires-in=0d"])
def test_a_scope_or_an_end_that_there_is_not_is_bad_usage(tmp_path: Path, option: str) -> None:
    ran = diffy("keys", "create", "--org", "acme", option, data_dir=tmp_path)
    assert (ran.returncode, ran.stdout) == (2, "")


@pytest.mark.usefixtures("sqlite_path")
def test_revoking_an_unknown_key_fails(tmp_path: Path) -> None:
    ran = diffy("keys", "revoke", str(uuid4()), data_dir=tmp_path)
    assert ran.returncode == 1
    assert ran.stderr.startswith("diffy: ")


async def test_the_first_key_is_made_once(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    first = await create_first(settings)
    assert first is not None
    assert await create_first(settings) is None
    assert [row.id for row in await listed(settings)] == [first.id]


async def test_the_bootstrap_key_is_a_key_of_the_default_organisation(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, bootstrap_api_key="bootstrap-key-0123456789")
    async with opened(settings) as database:
        for _ in range(2):
            await ensure_bootstrap_key(settings, database)
        async with database.reading() as session:
            owner = await organisation_of(session, "bootstrap-key-0123456789")
    assert owner.name == DEFAULT_ORGANISATION
    assert await create_first(settings) is None
