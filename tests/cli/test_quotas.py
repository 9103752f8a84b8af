"""`diffy quotas`."""

from pathlib import Path

import pytest

from core.settings import MAX_QUOTA
from tests.cli.command import diffy

pytestmark = pytest.mark.usefixtures("sqlite_path")


def listed(data_dir: Path) -> list[list[str]]:
    """What `diffy quotas list` prints."""
    ran = diffy("quotas", "list", data_dir=data_dir)
    assert ran.returncode == 0, ran.stderr
    return [line.split("\t") for line in ran.stdout.splitlines()]


def test_quotas_are_set_lifted_and_unset(tmp_path: Path) -> None:
    diffy("keys", "create", "--org", "acme", data_dir=tmp_path)
    assert listed(tmp_path) == [["acme", "", "", ""]]
    options = ["--pages", "5000", "--checks-per-day", "none", "--unfinished-jobs", "7"]
    ran = diffy("quotas", "set", "acme", *options, data_dir=tmp_path)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
    assert listed(tmp_path) == [["acme", "5000", "0", "7"]]
    diffy("quotas", "set", "acme", "--pages", "default", data_dir=tmp_path)
    assert listed(tmp_path) == [["acme", "", "0", "7"]]


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (("acme",), 2, "Name a quota"),
        (("acme", "--pages", "many"), 2, "neither a number"),
        (("acme", "--pages", "0"), 2, "neither a number"),
        (("acme", "--pages", "-1"), 2, "neither a number"),
        (("acme", "--checks-per-day", str(MAX_QUOTA + 1)), 2, "neither a number"),
        (("nobody", "--pages", "1"), 1, "no organisation nobody"),
    ],
)
def test_what_cannot_be_set_is_refused(
    tmp_path: Path, arguments: tuple[str, ...], code: int, complaint: str
) -> None:
    diffy("keys", "create", "--org", "acme", data_dir=tmp_path)
    ran = diffy("quotas", "set", *arguments, data_dir=tmp_path)
    assert ran.returncode == code
    assert complaint in ran.stderr
    assert listed(tmp_path) == [["acme", "", "", ""]]
