"""The documents: what they list is what the code has, what they link to exists, and the README's
session is run word for word.
"""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click
import pytest

from api.crawl_settings import CrawlSettingsBody
from api.routes.jobs import AttemptView
from cli.main import diffy
from core.changes.rules import DOUBTS, SEVERITY_RULES, TYPE_RULES, ChangeType
from core.errors import JobError
from core.jobs.contract import (
    CrawlPageInput,
    CrawlPageResult,
    DiscoverPagesInput,
    DiscoverPagesResult,
)
from core.jobs.states import JobState
from core.model import Model
from core.settings import Settings, variable_name
from core.web.scope import ExclusionReason
from temporal.jobs.view import JobDetail
from tests.cli.command import DIFFY, ROOT, environment
from tests.eventually import HANG
from tests.needs import need
from tests.ports import free_port
from tests.reference import FOLDER, PAGES
from tests.test_architecture import MAY_IMPORT
from worker import WORKFLOWS

NO_DEFAULT: Final = {
    "log_format",
    "otel_exporter_otlp_endpoint",
    "api_metrics_port",
    "worker_metrics_port",
    "worker_version",
    "sdk_metrics_port",
    "temporal_address",
    "temporal_ui_url",
    "bootstrap_api_key",
    "database_url",
    "public_url",
    "cors_origins",
    "smtp_host",
    "smtp_username",
    "smtp_password",
    "smtp_from",
    "secret_key",
    "chromium",
    "contact",
}
DOCUMENTS: Final = sorted(
    (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "examples" / "README.md")
)
PATH: Final = re.compile(
    r"`((?:core|store|temporal|activities|workflows|api|cli|tests|benchmarks|docs|examples"
    r"|requirements)/[\w./-]*|[\w.-]+\.(?:py|yml|toml))`"
)
LINK: Final = re.compile(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)")


def text_of(path: Path) -> str:
    """The text of a document."""
    return path.read_text(encoding="utf-8")


README: Final = text_of(ROOT / "README.md")


def rows_of(page: str, heading: str | None = None) -> list[list[str]]:
    """The rows of the tables of a reference page, or of those below a heading of it."""
    text = text_of(FOLDER / page)
    if heading is not None:
        text = text.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    lines = re.findall(r"^\|(.+)\|$", text, re.MULTILINE)
    rows = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)] for line in lines]
    return [row for row in rows if row[0].startswith("`")]


def listed(page: str, heading: str | None = None) -> list[str]:
    """What the first column of these rows names."""
    return [name for row in rows_of(page, heading) for name in re.findall(r"`([^`]+)`", row[0])]


def fields_of(model: type[Model]) -> list[str]:
    """The fields of a model as they are in JSON."""
    return [field.alias or name for name, field in model.model_fields.items()]


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_is_what_the_code_says(name: str) -> None:
    assert text_of(FOLDER / name) == PAGES[name](), "run `make reference`"


def test_every_setting_is_in_the_table_with_its_default() -> None:
    rows = {row[0].strip("`"): row[1] for row in rows_of("settings.md")}
    assert set(rows) == {variable_name(field) for field in Settings.model_fields}
    for field, value in Settings().model_dump().items():
        if field not in NO_DEFAULT:
            shown = str(value).lower() if isinstance(value, bool) else f"{value}".removesuffix(".0")
            assert rows[variable_name(field)] == f"`{shown}`"


def test_every_error_of_a_job_is_in_the_table_with_whether_a_retry_may_help() -> None:
    rows = [row for row in rows_of("errors.md", "Errors of jobs") if row[1] in ("yes", "no")]
    errors = {error.code: "yes" if error.retryable else "no" for error in descendants(JobError)}
    found = {row[0].strip("`"): row[1] for row in rows}
    assert found == {code: helps for code, helps in errors.items() if code != JobError.code}
    assert len(rows) == len(found)


def descendants(error: type[JobError]) -> Iterator[type[JobError]]:
    for child in error.__subclasses__():
        if child.__module__.startswith("core."):
            yield child
            yield from descendants(child)


def test_the_states_fields_and_outcomes_of_jobs_are_listed() -> None:
    page = "job-states.md"
    assert set(listed(page, "States")) == set(JobState)
    assert listed(page, "Fields") == fields_of(JobDetail)
    outcomes = AttemptView.model_json_schema()["$defs"]["AttemptOutcome"]["enum"]
    assert listed(page, "Outcomes of attempts") == outcomes


def test_the_workflows_their_fields_and_the_reasons_are_listed() -> None:
    page = "workflows.md"
    types = {each.__temporal_workflow_definition.name for each in WORKFLOWS}  # type: ignore[attr-defined]
    overview = text_of(FOLDER / page).partition("\n## ")[0]
    assert set(re.findall(r"^\| `([\w.]+)` \|", overview, re.MULTILINE)) == types
    assert listed(page, "`crawl.page`") == fields_of(CrawlPageInput) + fields_of(CrawlPageResult)
    discovery = fields_of(DiscoverPagesInput) + fields_of(DiscoverPagesResult)
    assert listed(page, "`discover.pages`") == discovery
    assert set(listed(page, "Reasons in `leftOut`")) == set(ExclusionReason)


def test_the_types_severities_and_doubts_of_changes_are_listed() -> None:
    page = "changes.md"
    rows = rows_of(page, "Types and severities")
    types = [row[0].strip("`") for row in rows]
    assert types[: len(TYPE_RULES)] == [rule.change_type for rule in TYPE_RULES]
    assert set(types) == set(ChangeType)
    assert {row[0].strip("`"): row[1].split("; ") for row in rows} == {
        kind: [rule.severity for rule in SEVERITY_RULES if rule.change_type == kind]
        for kind in ChangeType
    }
    doubts = text_of(FOLDER / page).partition("## Doubts\n")[2]
    assert re.findall(r"^\| ([\w ]+) \| ([\d.]+) \|$", doubts, re.MULTILINE) == [
        (doubt.name, str(doubt.factor)) for doubt in DOUBTS
    ]


def test_the_crawl_settings_are_listed() -> None:
    assert listed("crawl-settings.md") == fields_of(CrawlSettingsBody)


def test_the_commands_and_targets_are_listed() -> None:
    written = listed("command-line.md")
    assert {each for each in map(command_of, written) if each} == set(commands(diffy, "diffy"))
    makefile = text_of(ROOT / "Makefile")
    [phony] = re.findall(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)
    assert {each.removeprefix("make ") for each in written if each.startswith("make ")} == set(
        phony.split()
    )


def command_of(written: str) -> str:
    """A documented command without its arguments; empty for a target of make."""
    return " ".join(re.findall(r"(?<![\w-])[a-z][a-z-]*", written)) if "diffy" in written else ""


def commands(group: click.Group, name: str) -> Iterator[str]:
    """Every command below a group."""
    for each in group.commands.values():
        called = f"{name} {each.name}"
        if isinstance(each, click.Group):
            yield from commands(each, called)
        else:
            yield called


def test_contributing_says_who_may_import_whom() -> None:
    text = text_of(ROOT / "CONTRIBUTING.md").partition("### Who may import whom")[2]
    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", text.partition("\n## ")[0], re.MULTILINE)
    assert {room for room, _ in rows} == set(MAY_IMPORT)
    for room, allowed in rows:
        everything = set(MAY_IMPORT) - {room}
        others = set(re.findall(r"`(\w+)`", allowed)) & everything
        if allowed.startswith("all"):
            others = everything - others
        assert others == MAY_IMPORT[room] - {room}, room


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_a_document_names_exists(document: Path) -> None:
    text = text_of(document)
    missing = {path for path in PATH.findall(text) if not (ROOT / path).exists()}
    assert missing == set()
    for target, anchor in LINK.findall(text):
        linked = (document.parent / target).resolve() if target else document
        assert linked.exists(), target
        assert not anchor or anchor in anchors(text_of(linked)), f"{target}#{anchor}"


def anchors(text: str) -> set[str]:
    """The anchors of the headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings}


def test_every_document_can_be_reached_from_the_readme() -> None:
    reached = {ROOT / "README.md"}
    new = set(reached)
    while new:
        found = {
            (document.parent / target).resolve()
            for document in new
            for target, _ in LINK.findall(text_of(document))
            if target.endswith(".md")
        }
        new = found - reached
        reached |= new
    assert set(DOCUMENTS) - reached == set()


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


SCRIPT: Final = re.compile(r"```sh\n(.*?)```", re.DOTALL)
ANSWER: Final = re.compile(r"```json\n(.*?)```", re.DOTALL)


def test_the_first_session_does_what_it_says(api_port: int, tmp_path: Path) -> None:
    session = README.partition("## A first session")[2].partition("\n## ")[0]
    tutorial = text_of(ROOT / "docs" / "tutorial.md")
    assert SCRIPT.findall(tutorial) == SCRIPT.findall(session), "the tutorial explains the session"
    script = "\n".join(SCRIPT.findall(session))
    [promised] = ANSWER.findall(session)
    explained = "\n".join(ANSWER.findall(tutorial))
    site_port = free_port()
    for written, ours in (
        ("127.0.0.1:8000", f"127.0.0.1:{api_port}"),
        ("8081", str(site_port)),
        ("/tmp/", f"{tmp_path}/"),
    ):
        assert written in script
        script = script.replace(written, ours)
        promised = promised.replace(written, ours)
        explained = explained.replace(written, ours)
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
    shown = list(values_in(ran.stdout))
    for answer in values_in(explained):
        assert answer in shown


def values_in(text: str) -> Iterator[Any]:
    """The JSON values in what `jq` has printed, and the results of jobs in them."""
    decoder = json.JSONDecoder()
    text = text[text.index("{") :]
    while text := text.lstrip():
        value, end = decoder.raw_decode(text)
        text = text[end:]
        yield value
        if isinstance(value, dict) and "returnValue" in value:
            yield value["returnValue"]
