"""The house: the engine's packages, what each exports, and which way the arrows go."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from drainctl.group import COMMANDS
from simulator.aws import PROJECT_FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ENGINE: Final = PROJECT_FOLDER / "layers/eventdrain/eventdrain"
DRAINCTL: Final = PROJECT_FOLDER / "drainctl"
FOLDERS: Final = (
    "layers/eventdrain",
    "functions",
    "drainctl",
    "devtools",
    "simulator",
    "benchmarks",
    "tests",
)
FLOORS: Final = (
    ("errors", "backoff"),
    ("events", "json_shape"),
    ("ports", "settings"),
    ("auth", "drain", "replay"),
    ("adapters",),
    ("wiring", "replay_wiring"),
)
"""The rooms of the engine, the lowest first: each may import those of the floors below it."""


def _imports(path: Path, house: str = "eventdrain") -> Iterator[str]:
    """Yield the engine's modules that a file imports, for its annotations too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{house}."):
            yield str(node.module).removeprefix(f"{house}.")


def _package(module: str) -> str:
    return ".".join(module.split(".")[: 2 if module.startswith("adapters.") else 1])


def _module(path: Path) -> str:
    """Return an engine file's module; empty for a file of no package of the engine."""
    if not path.is_relative_to(ENGINE):
        return ""
    return ".".join(path.relative_to(ENGINE).with_suffix("").parts)


def test_nobody_imports_past_a_package() -> None:
    """An inner module can be renamed or split without a look at anything outside its package."""
    past = [
        f"{path.relative_to(PROJECT_FOLDER)} imports eventdrain.{module}"
        for folder in FOLDERS
        for path in (PROJECT_FOLDER / folder).rglob("*.py")
        for module in _imports(path)
        if module != _package(module) != _package(_module(path))
    ]
    assert not past


def test_arrows_go_down_only() -> None:
    """A room knows only the floors below its own."""
    floor_of = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
    room_of = {path: _module(path).split(".")[0] for path in ENGINE.rglob("*.py")}
    del room_of[ENGINE / "__init__.py"]
    upward = [
        f"{path.relative_to(ENGINE)} imports {module}"
        for path, room in room_of.items()
        for module in _imports(path)
        if (other := module.split(".")[0]) != room and floor_of[other] >= floor_of[room]
    ]
    assert not upward


def test_simulator_is_imported_by_its_packages() -> None:
    """Nobody imports past a package of the simulator, which itself imports nothing of the tests."""
    wrong = []
    for folder in FOLDERS:
        for path in (PROJECT_FOLDER / folder).rglob("*.py"):
            parts = path.relative_to(PROJECT_FOLDER).parts
            for node in ast.walk(ast.parse(path.read_text())):
                module = (isinstance(node, ast.ImportFrom) and node.module) or ""
                match module.split("."):
                    case ["simulator", "event_server" | "aws" | "athena" as package, _]:
                        is_wrong = parts[:2] != ("simulator", package)
                    case ["tests", *_]:
                        is_wrong = folder == "simulator"
                    case _:
                        is_wrong = False
                wrong += [f"{'/'.join(parts)} imports {module}"] if is_wrong else []
    assert not wrong


def _is_past(path: Path, module: str) -> bool:
    command, _, inner = module.partition(".")
    if command in COMMANDS:
        return bool(inner) and path.parent != DRAINCTL / command
    return DRAINCTL not in path.parents and command != "catalogue"


def test_nobody_imports_past_a_command() -> None:
    """A command's inner modules are its own, and drainctl's are those of its commands.

    Tests may import them: nothing is exported for tests alone.
    """
    past = [
        f"{path.relative_to(PROJECT_FOLDER)} imports drainctl.{module}"
        for folder in FOLDERS
        if folder != "tests"
        for path in (PROJECT_FOLDER / folder).rglob("*.py")
        for module in _imports(path, "drainctl")
        if _is_past(path, module)
    ]
    assert not past
