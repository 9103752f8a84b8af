"""The command: its exit codes, and what it does not load."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.command import ROOT, diffy
from tests.loaded import loaded_by

HEAVY = ("trafilatura", "lxml", "temporalio", "fastapi", "sqlalchemy", "rich", "httpx2")


@pytest.mark.parametrize("command", [("up",), ("worker",), ("api",), ("keys", "list")])
def test_a_bad_setting_ends_every_command_with_2_and_its_name(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    ran = diffy(*command, data_dir=tmp_path, DIFFY_HOST_RPS="many")
    assert ran.returncode == 2
    assert "DIFFY_HOST_RPS" in ran.stderr
    assert ran.stdout == ""


def test_a_database_that_is_not_supported_is_a_bad_setting(tmp_path: Path) -> None:
    ran = diffy("keys", "list", data_dir=tmp_path, DIFFY_DATABASE_URL="mysql://localhost/x")
    assert ran.returncode == 2
    assert "DIFFY_DATABASE_URL" in ran.stderr


def test_help_loads_nothing_heavy() -> None:
    loaded = loaded_by("from cli.main import diffy\ndiffy(['--help'], standalone_mode=False)")
    assert "cli.main" in loaded
    assert {*HEAVY, "asyncio", "pydantic", "core.settings"}.isdisjoint(loaded)


def test_up_does_not_load_what_its_children_load() -> None:
    loaded = loaded_by("import cli.up")
    assert "cli.preparation" in loaded
    assert {"sqlalchemy", "alembic", "fastapi", "temporalio"}.isdisjoint(loaded)


def test_services_do_not_load_what_only_terminals_show() -> None:
    loaded = loaded_by("import cli.api, worker, core.logs.service")
    assert "structlog.dev" in loaded
    assert {"rich", "pygments"}.isdisjoint(loaded)


def test_a_bad_setting_is_told_before_anything_heavy_is_loaded() -> None:
    program = (
        "import os, sys\n"
        "from cli.main import main\n"
        "os.environ['DIFFY_HOST_RPS'] = 'many'\n"
        "sys.argv = ['diffy', 'worker']\n"
        "try:\n"
        "    main()\n"
        "finally:\n"
        "    print(*sys.modules)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 2, ran.stderr
    assert "core.settings" in ran.stdout.split()
    assert {*HEAVY, "worker"}.isdisjoint(ran.stdout.split())
