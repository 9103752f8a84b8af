"""The Compose files and the Dockerfile: what can be checked without a container engine."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from packaging.specifiers import SpecifierSet

from core.settings import Settings, load_settings, variable_name

ROOT = Path(__file__).parents[1]
COMPOSE = ROOT / "docker-compose.yml"
WITH_BROWSER = ROOT / "docker-compose.browser.yml"
OURS = ("api", "worker")
REFERENCE = re.compile(r"\$\{(\w+):([-?])([^}]*)\}")


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    """The services, references to variables replaced by their defaults, or their own names."""
    text = REFERENCE.sub(
        lambda found: found[3] if found[2] == "-" else found[1],
        COMPOSE.read_text(encoding="utf-8"),
    )
    services: dict[str, Any] = yaml.safe_load(text)["services"]
    return services


@pytest.mark.parametrize("file", [COMPOSE, WITH_BROWSER], ids=["plain", "browser"])
def test_the_file_follows_the_compose_specification(file: Path) -> None:
    command = ["-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(file)]
    ran = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize("name", OURS)
def test_our_services_are_configured_by_settings_that_exist(
    services: dict[str, Any], name: str
) -> None:
    environment = services[name]["environment"]
    known = {variable_name(field) for field in Settings.model_fields}
    assert set(environment) <= known
    loaded = load_settings({key: str(value or "") for key, value in environment.items()})
    assert loaded.temporal_address == "temporal:7233"
    assert loaded.resolved_database_url.startswith("postgresql+psycopg://")
    unset = {"api_host", "database_url", "temporal_address"}
    defaults = Settings().model_dump(exclude=unset)
    assert loaded.model_dump(exclude=unset) == defaults, "the same defaults as everywhere"


def test_every_setting_can_be_given_to_our_services(services: dict[str, Any]) -> None:
    within = {"data_dir", "api_port", "temporal_port", "temporal_ui_port"}
    wanted = {variable_name(field) for field in Settings.model_fields.keys() - within}
    assert set(services["api"]["environment"]) == wanted


def test_what_a_service_waits_for_exists_and_can_come_true(services: dict[str, Any]) -> None:
    for name, service in services.items():
        for other, wait in service.get("depends_on", {}).items():
            waited = services[other]
            if wait["condition"] == "service_healthy":
                assert "healthcheck" in waited, f"{name} waits for {other}"
            else:
                assert waited["restart"] == "on-failure:5", f"{name} waits for {other}"


def test_temporal_is_the_version_that_is_embedded(services: dict[str, Any]) -> None:
    printed = subprocess.run(
        [str(Path(sys.executable).with_name("temporal")), "--version"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    versions = dict(re.findall(r"(Server|UI) ([\d.]+)", printed))
    assert services["temporal"]["image"] == f"temporalio/server:{versions['Server']}"
    assert services["schema"]["image"] == f"temporalio/admin-tools:{versions['Server']}"
    assert services["temporal-ui"]["image"] == f"temporalio/ui:{versions['UI']}"


def test_the_image_holds_every_package_and_installs_by_hash() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    kept = {
        line.removeprefix("!")
        for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line.startswith("!")
    }
    assert all((ROOT / path).exists() for path in kept)
    setuptools = project["tool"]["setuptools"]
    packages = {name.rstrip("*") for name in setuptools["packages"]["find"]["include"]}
    modules = {f"{name}.py" for name in setuptools["py-modules"]}
    requirements = {f"requirements/{each}.txt" for each in ("browser", "service", "tracing")}
    assert packages | modules | requirements | {"pyproject.toml"} == kept
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert "--require-hashes" in dockerfile
    base = re.search(r"^FROM python:(\d+\.\d+)-slim$", dockerfile, re.MULTILINE)
    assert base is not None
    assert base[1] in SpecifierSet(project["project"]["requires-python"])


def test_what_is_no_python_is_installed_with_its_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    data = project["tool"]["setuptools"]["package-data"]
    installed = {
        path
        for package, globs in data.items()
        for glob in globs
        for path in (ROOT / package.replace(".", "/")).glob(glob)
    }
    rooms = [
        each.rstrip("*") for each in project["tool"]["setuptools"]["packages"]["find"]["include"]
    ]
    needed = {
        path
        for room in rooms
        for path in (ROOT / room).rglob("*.*")
        if path.suffix not in (".py", ".pyc") and path.is_file()
    }
    assert len(needed) > 10
    assert needed == installed


def test_the_browser_is_an_argument_of_the_image_and_changes_the_worker_alone(
    services: dict[str, Any],
) -> None:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    changed = yaml.safe_load(WITH_BROWSER.read_text(encoding="utf-8"))["services"]
    assert changed.keys() == {"worker"}
    worker = changed["worker"]
    assert worker["image"] != services["worker"]["image"], "the others go on without it"
    [argument] = worker["build"]["args"]
    assert f'ARG {argument}=""' in dockerfile, "none by default"


@pytest.mark.parametrize("traced", ["", "1"])
@pytest.mark.parametrize(("argument", "file"), [("", "service"), ("1", "browser")])
def test_the_image_installs_the_requirements_of_what_it_holds(
    argument: str, file: str, traced: str, tmp_path: Path
) -> None:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    lines = dockerfile.replace("\\\n", "").splitlines()
    steps = [line.removeprefix("RUN ") for line in lines if line.startswith("RUN ")]
    # Commands that only say what they were asked for; there are no others on this path.
    for name in ("apt-get", "pip", "rm", "useradd"):
        command = tmp_path / name
        command.write_text('#!/bin/sh\necho "${0##*/} $*"\n')
        command.chmod(0o755)
    ran = subprocess.run(
        ["/bin/sh", "-euc", "\n".join(steps)],
        env={"BROWSER": argument, "TRACING": traced, "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"--require-hashes --requirement requirements/{file}.txt" in ran.stdout
    assert ("--require-hashes --requirement requirements/tracing.txt" in ran.stdout) is bool(traced)
    assert ("apt-get install --yes --no-install-recommends chromium" in ran.stdout) is bool(
        argument
    )


def test_no_password_has_a_default_and_our_services_can_do_no_more_than_they_need(
    services: dict[str, Any],
) -> None:
    text = COMPOSE.read_text(encoding="utf-8")
    passwords = {found[2] for found in REFERENCE.finditer(text) if found[1] == "POSTGRES_PASSWORD"}
    assert passwords == {"?"}, "the file cannot be used without one"
    for name in OURS:
        service = services[name]
        assert service["read_only"] is True
        assert service["tmpfs"] == ["/tmp"]
        assert service["cap_drop"] == ["ALL"]
        assert "mem_limit" in service
    for name, service in services.items():
        if service["restart"] == "unless-stopped":
            assert "no-new-privileges:true" in service["security_opt"], name
    assert "USER diffy" in (ROOT / "Dockerfile").read_text(encoding="utf-8")


def test_only_the_api_is_published_to_the_network(services: dict[str, Any]) -> None:
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}
    api = published.pop("api")
    assert api == ["8000:8000"]
    assert published == {"temporal-ui": ["127.0.0.1:8233:8080"]}, "it has no log-in"


KUBERNETES = ROOT / "examples" / "kubernetes"
SECRETS = {"DIFFY_DATABASE_URL", "DIFFY_SECRET_KEY"}


def manifests() -> list[dict[str, Any]]:
    """What `kubectl apply --kustomize` creates, but for the images."""
    listed = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text(encoding="utf-8"))
    assert {*listed["resources"], "kustomization.yaml"} == {
        path.name for path in KUBERNETES.iterdir()
    }
    return [
        manifest
        for name in listed["resources"]
        for manifest in yaml.safe_load_all((KUBERNETES / name).read_text(encoding="utf-8"))
    ]


@pytest.mark.parametrize(
    "manifest", manifests(), ids=lambda each: f"{each['kind']} {each['metadata']['name']}"
)
def test_a_manifest_follows_the_schema_of_kubernetes(manifest: dict[str, Any]) -> None:
    kubernetes_validate.validate(manifest, "1.34", strict=True)


def test_the_manifests_set_settings_that_exist_and_fit_together() -> None:
    by_name = {(each["kind"], each["metadata"]["name"]): each for each in manifests()}
    values = by_name["ConfigMap", "diffy-settings"]["data"]
    assert values.keys() <= {variable_name(field) for field in Settings.model_fields}
    loaded = load_settings(values)
    service = by_name["Service", "diffy-api"]["spec"]
    ingress = by_name["Ingress", "diffy"]["spec"]["rules"][0]
    assert f"https://{ingress['host']}" == loaded.public_url
    for part, metrics_port in (
        ("api", loaded.api_metrics_port),
        ("worker", loaded.worker_metrics_port),
    ):
        deployment = by_name["Deployment", f"diffy-{part}"]["spec"]
        pod = deployment["template"]["spec"]
        [container] = pod["containers"]
        assert container["args"] == ["diffy", part]
        assert deployment["selector"]["matchLabels"] == deployment["template"]["metadata"]["labels"]
        ports = {each["name"]: each["containerPort"] for each in container["ports"]}
        assert ports["metrics"] == metrics_port
        if part == "api":
            assert ports[service["ports"][0]["targetPort"]] == loaded.api_port
            assert service["selector"] == deployment["selector"]["matchLabels"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["enableServiceLinks"] is False, "a Service would set DIFFY_API_PORT"
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["resources"]["limits"]["memory"]


def test_the_secrets_of_the_manifests_are_in_none_of_them() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in KUBERNETES.iterdir())
    assert not re.search(rf"({'|'.join(SECRETS)}): ", text)
