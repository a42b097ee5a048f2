"""The engine's errors form the tree in the docstring of ``eventdrain.errors``."""

from __future__ import annotations

import ast
import re
from importlib import import_module
from pkgutil import walk_packages
from typing import TYPE_CHECKING

import eventdrain
from eventdrain import errors
from eventdrain.errors import DrainError
from simulator.aws import PROJECT_FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

_BRANCH = re.compile(r"^ {4}(?P<depth>[│ ]*)[├└]── (?P<name>\w+)", re.MULTILINE)


def _modules() -> Iterator[ModuleType]:
    for module in walk_packages(eventdrain.__path__, f"{eventdrain.__name__}."):
        yield import_module(module.name)
    yield import_module("functions.drain_events.app")
    yield import_module("functions.replay_events.app")


def _described() -> set[tuple[str, str]]:
    """Return the tree in the module's docstring, as pairs of error and base error."""
    above = ["DrainError"]
    found = set()
    for branch in _BRANCH.finditer(errors.__doc__ or ""):
        del above[len(branch["depth"]) // 4 + 1 :]
        found.add((branch["name"], above[-1]))
        above.append(branch["name"])
    return found


def _kinds(of: type[DrainError]) -> Iterator[tuple[str, str]]:
    for kind in of.__subclasses__():
        if kind.__module__ == errors.__name__:
            yield kind.__name__, of.__name__
            yield from _kinds(kind)


def test_tree_is_as_it_is_described() -> None:
    """The classes form the docstring's tree."""
    assert _described() == set(_kinds(DrainError))


def test_all_errors_are_in_the_tree() -> None:
    """No other module has errors, except adapters, which they never leave."""
    for module in _modules():
        for kind in vars(module).values():
            is_error = isinstance(kind, type) and issubclass(kind, BaseException)
            if not is_error or kind.__module__ != module.__name__:
                continue
            if module.__name__.startswith("eventdrain.adapters."):
                assert not issubclass(kind, DrainError)
            else:
                assert module is errors
                assert issubclass(kind, DrainError)


def test_text_is_made_of_the_fields() -> None:
    """An error's text is built from its fields."""
    error = DrainError("nothing works: made up", hint="do this", setting="MADE_UP")
    assert str(error) == "nothing works: made up. To fix this, do this."
    assert (error.reason, error.hint, error.setting) == (
        "nothing works: made up",
        "do this",
        "MADE_UP",
    )
    assert str(DrainError("nothing works: made up")) == "nothing works: made up"


def test_what_an_operator_must_mend_has_a_hint() -> None:
    """Errors that end a run before it starts have a hint for the operator."""
    calls = [
        (path, node)
        for folder in ("layers/eventdrain", "functions", "drainctl", "devtools")
        for path in (PROJECT_FOLDER / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in {"ConfigurationError", "CredentialsError"}
    ]
    assert calls
    for path, call in calls:
        assert "hint" in {each.arg for each in call.keywords}, f"{path.name}:{call.lineno}"


def test_nobody_parses_the_text_of_an_error() -> None:
    """Code decides by an error's fields, and uses its text only in other texts."""
    for folder in ("layers/eventdrain", "functions", "drainctl", "devtools"):
        for path in (PROJECT_FOLDER / folder).rglob("*.py"):
            tree = ast.parse(path.read_text())
            handlers = [each for each in ast.walk(tree) if isinstance(each, ast.ExceptHandler)]
            for handler in handlers:
                parsed = [
                    ast.unparse(part)
                    for node in ast.walk(handler)
                    if isinstance(node, ast.Attribute | ast.Compare)
                    for part in ast.iter_child_nodes(node)
                ]
                assert f"str({handler.name})" not in parsed, f"{path.name}:{handler.lineno}"
