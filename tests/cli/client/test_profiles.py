"""`diffy login` and profiles: what is stored, who can read it, and where a key is sent."""

import json
import os
import stat
from pathlib import Path

import pytest

from cli.client.errors import BadUsage
from cli.client.profiles import (
    DEFAULT_URL,
    Connection,
    connection_of,
    load_profiles,
    parse_url,
    profiles_path,
    save_profiles,
)
from tests.cli.client.conftest import Installed

WORK = Connection("https://work.example", "key-of-work")
HOME = Connection("https://home.example", "key-of-home")


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's config folder, empty."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "config"


@pytest.fixture
def stored() -> None:
    """Two profiles, of which `home` is used."""
    profiles = load_profiles().with_profile("work", WORK).with_profile("home", HOME)
    save_profiles(profiles)


@pytest.mark.usefixtures("stored")
def test_the_file_is_readable_by_the_user_only() -> None:
    path = profiles_path()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_file_that_others_can_read_is_refused(mode: int) -> None:
    profiles_path().chmod(mode)
    with pytest.raises(BadUsage, match="chmod 600"):
        load_profiles()


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"current": null, "profiles": {"a": {"url": 1}}}', "\xff"]
)
def test_a_file_that_is_none_of_ours_says_so(text: str) -> None:
    profiles_path().parent.mkdir(parents=True)
    profiles_path().touch(0o600)
    profiles_path().write_bytes(text.encode("latin-1"))
    with pytest.raises(BadUsage, match="diffy login"):
        load_profiles()


def test_a_folder_that_cannot_be_written_says_so(config: Path) -> None:
    config.write_text("a file where the folder should be")
    with pytest.raises(BadUsage, match="cannot be"):
        save_profiles(load_profiles().with_profile("work", WORK))


@pytest.mark.parametrize(
    ("written", "origin"),
    [
        ("https://diffy.example", "https://diffy.example"),
        ("https://diffy.example/", "https://diffy.example"),
        ("https://diffy.example/api/", "https://diffy.example"),
        ("https://example.org/diffy/api", "https://example.org/diffy"),
        ("diffy.example", "https://diffy.example"),
        ("localhost:8000", "http://localhost:8000"),
        ("127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_an_address_may_be_written_short(written: str, origin: str) -> None:
    assert parse_url(written) == origin


@pytest.mark.parametrize(
    "written",
    [
        "",
        "ftp://x.example",
        "http://",
        "https://user:pw@x.example",
        "http://x.example:99999",
        "a?b",
    ],
)
def test_what_is_no_address_is_refused(written: str) -> None:
    with pytest.raises(BadUsage, match="address of an installation"):
        parse_url(written)


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize(
    ("profile", "environ", "used"),
    [
        (None, {}, HOME),
        ("work", {}, WORK),
        ("work", {"DIFFY_URL": "https://x.example", "DIFFY_API_KEY": "k"}, WORK),
        (None, {"DIFFY_PROFILE": "work"}, WORK),
        (
            None,
            {"DIFFY_URL": "https://x.example", "DIFFY_API_KEY": "k"},
            Connection("https://x.example", "k"),
        ),
        (None, {"DIFFY_API_KEY": "k"}, Connection(HOME.url, "k")),
        (None, {"DIFFY_URL": WORK.url + "/"}, WORK),
        (None, {"DIFFY_URL": ""}, HOME),
    ],
)
def test_the_environment_and_the_profile_choose_the_installation(
    profile: str | None, environ: dict[str, str], used: Connection
) -> None:
    assert connection_of(profile, environ) == used


@pytest.mark.usefixtures("stored")
def test_a_stored_key_is_sent_to_no_other_address() -> None:
    for url in ("https://evil.example", "http://home.example", "https://home.example:8443"):
        assert connection_of(None, {"DIFFY_URL": url}) == Connection(url, None)


def test_without_anything_it_is_the_installation_on_this_machine() -> None:
    assert connection_of(None, {}) == Connection(DEFAULT_URL, None)


async def test_login_checks_the_key_and_stores_it(installed: Installed, config: Path) -> None:
    alone = {"DIFFY_API_KEY": "", "DIFFY_URL": "", "XDG_CONFIG_HOME": str(config)}
    ran = await installed.run(
        "login", installed.url, "--profile", "demo", typed=f"{installed.key}\n", env=alone
    )
    assert (ran.returncode, ran.stdout) == (0, ""), ran.stderr
    assert installed.key not in ran.stderr
    assert load_profiles().named("demo") == Connection(installed.url, installed.key)
    assert (await installed.run("stats", env=alone)).returncode == 0
    listed = await installed.run("profiles", "list", env=alone)
    assert listed.stdout == f"demo\t{installed.url}\ttrue\n"
    assert (await installed.run("logout", "--profile", "demo", env=alone)).returncode == 0
    assert (await installed.run("logout", "--profile", "demo", env=alone)).returncode == 2
    assert json.loads(profiles_path().read_text())["profiles"] == {}


async def test_login_stores_no_key_that_is_refused(installed: Installed, config: Path) -> None:
    alone = {"DIFFY_API_KEY": "", "XDG_CONFIG_HOME": str(config)}
    for typed, code in (("diffy_wrong\n", 1), ("", 2), ("clé\n", 2)):
        ran = await installed.run("login", typed=typed, env=alone)
        assert ran.returncode == code, ran.stderr
    assert not profiles_path().exists()
