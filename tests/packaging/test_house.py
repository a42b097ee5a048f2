"""The structure of the code: packages, their exports, and their dependencies."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

import pytest

from simulator.aws import PROJECT_FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOUSES: Final = {
    "eventdrain": PROJECT_FOLDER / "layers/eventdrain/eventdrain",
    **{name: PROJECT_FOLDER / name for name in ("drainctl", "devtools", "simulator")},
}
PRODUCT: Final = ("layers/eventdrain", "functions", "drainctl", "devtools", "simulator")
FOLDERS: Final = (*PRODUCT, "benchmarks", "tests")
FLOORS: Final = {
    "eventdrain": (
        ("errors", "backoff"),
        ("events", "json_shape"),
        ("ports", "settings"),
        ("auth", "drain", "replay"),
        ("adapters", "run"),
        ("wiring", "replay_wiring"),
    ),
    "drainctl": (
        ("interrupt",),
        ("errors", "lazy_group", "make_command", "output", "shell"),
        ("catalogue", "stack"),
        ("pseudonyms", "target"),
        ("credentials", "plan", "verify"),
        ("delete", "deploy", "doctor", "erase", "replay", "tail"),
        ("group",),
        ("__main__",),
    ),
}
"""The packages by layer, the lowest first: each may import those in lower layers."""


def _files(*folders: str) -> Iterator[Path]:
    return (path for folder in folders for path in (PROJECT_FOLDER / folder).rglob("*.py"))


def _module(path: Path) -> str:
    """Return the name of a file's module; empty if it is in none of these packages."""
    for house, folder in HOUSES.items():
        if path.is_relative_to(folder):
            parts = path.relative_to(folder).with_suffix("").parts
            return ".".join((house, *parts)).removesuffix(".__init__")
    return ""


MODULES: Final = {_module(path) for folder in HOUSES.values() for path in folder.rglob("*.py")}
PACKAGES: Final = {
    package
    for package in (name.rpartition(".")[0] for name in MODULES)
    if package in MODULES and package not in HOUSES
}
CORRIDORS: Final = {package.rpartition(".")[0] for package in PACKAGES}
"""Packages whose subpackages are imported directly."""


def _exports(package: str) -> list[str]:
    house, *inner = package.split(".")
    tree = ast.parse(HOUSES[house].joinpath(*inner, "__init__.py").read_text())
    (*_, last) = tree.body
    return list(ast.literal_eval(last.value)) if isinstance(last, ast.Assign) else []


def _imports(path: Path) -> Iterator[str]:
    """Yield the modules of these packages that a file imports, also for annotations.

    A test may import a whole module from its package, to patch it.
    """
    is_test = path.is_relative_to(PROJECT_FOLDER / "tests")
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names if each.name in MODULES)
        elif isinstance(node, ast.ImportFrom) and node.module in MODULES:
            for each in node.names:
                inner = f"{node.module}.{each.name}"
                is_hidden = inner in MODULES and each.name not in _exports(node.module)
                yield inner if is_hidden and not is_test else node.module


def _room(module: str) -> str:
    """Return the package around a module; empty for a package itself, or outside of all."""
    package = module.rpartition(".")[0]
    return package if package in PACKAGES - CORRIDORS else ""


def _is_tested_by(room: str, path: Path) -> bool:
    """Return whether a file is a test of a package of drainctl, by its name or its folder's."""
    house, _, package = room.partition(".")
    about = {*path.stem.split("_"), *path.parent.name.split("_")}
    return (
        house == "drainctl" and package in about and path.is_relative_to(PROJECT_FOLDER / "tests")
    )


def test_nobody_imports_past_a_package() -> None:
    """Inner modules are imported only within their package, so they can be renamed or split.

    Tests of a package of drainctl are an exception, as nothing is exported only for tests.
    """
    past = [
        f"{path.relative_to(PROJECT_FOLDER)} imports {module}"
        for path in _files(*FOLDERS)
        for module in _imports(path)
        if (room := _room(module))
        and not f"{_module(path)}.".startswith(f"{room}.")
        and not _is_tested_by(room, path)
    ]
    assert not past


def test_modules_beside_the_commands_are_drainctls_own() -> None:
    """The product and the benchmarks import packages of drainctl, or drainctl itself."""
    past = [
        f"{path.relative_to(PROJECT_FOLDER)} imports {module}"
        for path in _files(*PRODUCT, "benchmarks")
        for module in _imports(path)
        if module.startswith("drainctl.")
        and module not in PACKAGES
        and not path.is_relative_to(HOUSES["drainctl"])
    ]
    assert not past


def test_product_imports_nothing_of_the_tests() -> None:
    """What is deployed, or run by users, works without the tests."""
    wrong = [
        f"{path.relative_to(PROJECT_FOLDER)} imports {node.module}"
        for path in _files(*PRODUCT)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and f"{node.module}.".startswith("tests.")
    ]
    assert not wrong


@pytest.mark.parametrize("house", FLOORS)
def test_arrows_go_down_only(house: str) -> None:
    """A package imports only those in lower layers."""
    floor_of = {room: floor for floor, rooms in enumerate(FLOORS[house]) for room in rooms}
    upward = [
        f"{_module(path)} imports {module}"
        for path in HOUSES[house].rglob("*.py")
        if _module(path) != house
        for module in _imports(path)
        if module.startswith(f"{house}.")
        and (room := _module(path).split(".")[1]) != (other := module.split(".")[1])
        and floor_of[other] >= floor_of[room]
    ]
    assert not upward
