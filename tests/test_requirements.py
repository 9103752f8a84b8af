"""The locks in requirements/: each holds exactly what pyproject.toml needs on each Python."""

import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path
from typing import Final

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT: Final = Path(__file__).parents[1]
PROJECT: Final = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
SERVED: Final = SpecifierSet(PROJECT["project"]["requires-python"])
PYTHONS: Final = [version for version in (f"3.{n}" for n in range(30)) if version in SERVED]
EXTRAS: Final = {
    "service": (),
    "embedded": ("embedded",),
    "browser": ("embedded", "browser"),
    "tracing": ("tracing",),
    "dev": ("embedded", "browser", "dev"),
}


def environment(python: str) -> dict[str, str]:
    """What markers are judged by: this machine with another Python."""
    machine = {name: str(value) for name, value in default_environment().items()}
    return {**machine, "python_version": python, "python_full_version": f"{python}.0"}


def applies(requirement: Requirement, python: str, extra: str = "") -> bool:
    marker = requirement.marker
    return marker is None or marker.evaluate({**environment(python), "extra": extra})


def locked(file: str) -> dict[str, Requirement]:
    """The pins of a lock, each of which must have hashes."""
    text = (ROOT / "requirements" / f"{file}.txt").read_text(encoding="utf-8")
    pins = re.findall(
        r"^([^#\s].*?) \\$((?:\n    --hash=sha256:[0-9a-f]{64}(?: \\)?$)+)", text, re.M
    )
    assert len(pins) == len(re.findall(r"^[^#\s]", text, re.MULTILINE))
    requirements = [Requirement(pin) for pin, _ in pins]
    return {canonicalize_name(each.name): each for each in requirements}


def asked_for(file: str) -> Iterator[Requirement]:
    """What pyproject.toml asks for itself."""
    project = PROJECT["project"]
    optional = project["optional-dependencies"]
    for written in (
        *PROJECT["build-system"]["requires"],
        *project["dependencies"],
        *(each for extra in EXTRAS[file] for each in optional[extra]),
    ):
        yield Requirement(written)


def test_the_makefile_takes_the_pythons_that_are_served() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    [lowest, above] = re.findall(r"\((3, \d+)\)", makefile)
    assert SpecifierSet(f">={lowest},<{above}".replace(", ", ".")) == SERVED


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("file", EXTRAS)
def test_a_lock_holds_what_is_needed_and_nothing_else(file: str, python: str) -> None:
    pins = {name: pin for name, pin in locked(file).items() if applies(pin, python)}
    needed = set()
    left = [each for each in asked_for(file) if applies(each, python)]
    while left:
        wanted = left.pop()
        name = canonicalize_name(wanted.name)
        [version] = pins[name].specifier
        assert wanted.specifier.contains(version.version, prereleases=True), wanted
        if (name, extras := frozenset(wanted.extras)) in needed:
            continue
        needed.add((name, extras))
        marker = pins[name].marker
        if marker is not None and not marker.evaluate():
            continue  # it is not installed here, so what it needs is not known
        found = distribution(name)
        if "Requires-Python" in found.metadata:
            assert python in SpecifierSet(found.metadata["Requires-Python"])
        left += [
            each
            for each in map(Requirement, found.requires or ())
            if any(applies(each, python, extra) for extra in ("", *extras))
        ]
    assert {name for name, _ in needed} == pins.keys()
