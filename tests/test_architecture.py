"""Who may import whom."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.loaded import loaded_by

ROOT = Path(__file__).parents[1]
OURS = {"core", "store", "temporal", "activities", "workflows", "api", "cli", "worker"}
MAY_IMPORT = {
    "core": set[str](),
    "store": {"core"},
    "temporal": {"core", "store", "workflows"},
    "activities": {"core", "store", "temporal"},
    "workflows": {"core"},
    "api": {"core", "store", "temporal", "workflows"},
    "worker": OURS - {"api", "cli"},
    "cli": OURS,
}


def modules(room: str) -> list[Path]:
    """The source files of a room."""
    return sorted((ROOT / room).rglob("*.py")) or [ROOT / f"{room}.py"]


@cache
def imports(path: Path) -> tuple[ast.Import | ast.ImportFrom, ...]:
    """The imports of a module, wherever in it."""
    nodes = ast.walk(ast.parse(path.read_text()))
    return tuple(node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom))


def rooms_imported(path: Path) -> Iterator[str]:
    """The rooms that a module imports from."""
    for node in imports(path):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        else:
            assert node.level == 0, f"{path} imports relatively"
            yield (node.module or "").split(".")[0]


@pytest.mark.parametrize("room", sorted(OURS))
def test_a_room_imports_only_what_it_may(room: str) -> None:
    forbidden = OURS - MAY_IMPORT[room] - {room}
    found = {(str(path), used) for path in modules(room) for used in rooms_imported(path)}
    assert {each for each in found if each[1] in forbidden} == set()


def test_the_rules_know_nothing_of_temporal() -> None:
    found = {str(path) for path in modules("core") if "temporalio" in rooms_imported(path)}
    assert found == set()


@pytest.mark.parametrize("module", ["api.app", "cli.main"])
def test_the_extraction_stack_is_not_loaded_by(module: str) -> None:
    loaded = {name.split(".")[0] for name in loaded_by(f"import {module}")}
    assert module.split(".")[0] in loaded
    assert loaded & {"trafilatura", "lxml", "activities"} == set()


def test_the_client_knows_only_the_rest_api() -> None:
    allowed = {"cli.client", "cli.die_with_parent"}
    # What reads files of other tools applies the rules by which the API judges them.
    readers = allowed | {"core.changes", "core.tags", "core.web"}
    found = {
        (str(path), name)
        for path in (ROOT / "cli" / "client").rglob("*.py")
        for name in modules_imported(path)
        if name.split(".")[0] in OURS
        and ".".join(name.split(".")[:2]) not in (readers if "imports" in path.parts else allowed)
    }
    assert found == set()


def modules_imported(path: Path) -> Iterator[str]:
    """The modules that a module imports, or imports from."""
    for node in imports(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        else:
            # What is imported may be a module itself.
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
