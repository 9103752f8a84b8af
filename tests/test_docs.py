"""The README: its settings are the settings, and its first session is run word for word."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from core.errors import JobError
from core.settings import Settings, variable_name
from tests.cli.command import DIFFY, ROOT, environment
from tests.eventually import HANG
from tests.needs import need
from tests.ports import free_port

README: Final = (ROOT / "README.md").read_text(encoding="utf-8")
NO_DEFAULT: Final = {
    "temporal_address",
    "temporal_ui_url",
    "bootstrap_api_key",
    "database_url",
    "secret_key",
    "chromium",
    "contact",
}


def test_every_setting_is_in_the_table_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `([A-Z_]+)` \| ([^|]+) \|", README, re.MULTILINE))
    assert set(rows) == {variable_name(field) for field in Settings.model_fields}
    for field, value in Settings().model_dump().items():
        if field not in NO_DEFAULT:
            shown = str(value).lower() if isinstance(value, bool) else f"{value}".removesuffix(".0")
            assert rows[variable_name(field)] == f"`{shown}`"


def test_what_it_links_to_exists() -> None:
    named = set(re.findall(r"`([\w./-]+/|[\w.-]+\.(?:py|yml))`", README))
    assert {path for path in named if not (ROOT / path).exists() and path != ".venv/"} == set()


def test_every_error_of_a_job_is_in_the_table_with_whether_a_retry_may_help() -> None:
    text = (ROOT / "docs" / "crawling.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([A-Z_]+)` \| .+ \| (yes|no) \|$", text, re.MULTILINE)
    errors = {error.code: "yes" if error.retryable else "no" for error in descendants(JobError)}
    assert dict(rows) == {code: helps for code, helps in errors.items() if code != JobError.code}
    assert len(rows) == len(dict(rows))


def descendants(error: type[JobError]) -> Iterator[type[JobError]]:
    for child in error.__subclasses__():
        if child.__module__ == JobError.__module__:
            yield child
            yield from descendants(child)


@pytest.fixture
def api_port(tmp_path: Path) -> Iterator[int]:
    """The port of a system that `diffy up` runs as the README's session asks for."""
    need("curl", "jq")
    port = free_port()
    settings = environment(
        tmp_path / "data",
        DIFFY_API_PORT=str(port),
        DIFFY_TEMPORAL_PORT=str(free_port()),
        DIFFY_TEMPORAL_UI_PORT=str(free_port()),
        DIFFY_ALLOW_PRIVATE_NETWORKS="true",
    )
    with subprocess.Popen([*DIFFY, "up"], cwd=ROOT, env=settings, stdout=subprocess.PIPE) as up:
        assert up.stdout is not None
        # Its first line comes when everything answers.
        assert up.stdout.readline().startswith(b"API:")
        yield port
        up.terminate()
        assert up.wait(HANG) == 0


def test_the_first_session_does_what_it_says(api_port: int, tmp_path: Path) -> None:
    session = README.partition("## A first session")[2].partition("\n## ")[0]
    script = "\n".join(re.findall(r"```sh\n(.*?)```", session, re.DOTALL))
    [promised] = re.findall(r"```json\n(.*?)```", session, re.DOTALL)
    site_port = free_port()
    for written, ours in (
        ("127.0.0.1:8000", f"127.0.0.1:{api_port}"),
        ("8081", str(site_port)),
        ("/tmp/", f"{tmp_path}/"),
    ):
        assert written in script
        script = script.replace(written, ours)
        promised = promised.replace(written, ours)
    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", f"trap 'kill $(jobs -p)' EXIT\n{script}"],
        cwd=ROOT,
        env=environment(tmp_path / "data"),
        capture_output=True,
        text=True,
        timeout=HANG,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.endswith(promised)
    assert '"pagesAdded": 2' in ran.stdout
