"""The template as it is written: parameters and the function's environment, without SAM's tools."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

_TEMPLATE: Final = Path(__file__).parents[2] / "template.yaml"


class _Loader(yaml.SafeLoader):
    """Reads ``!Ref x`` as ``{"Ref": "x"}``, and other functions in the same way."""


def _function(loader: yaml.SafeLoader, name: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        return {name: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    assert isinstance(node, yaml.MappingNode)
    return {name: loader.construct_mapping(node, deep=True)}


_Loader.add_multi_constructor("!", _function)


@cache
def _template() -> Any:
    return yaml.load(_TEMPLATE.read_text(), _Loader)  # noqa: S506 - a safe loader's subclass


def parameters() -> dict[str, dict[str, Any]]:
    """Return the template's parameters by name."""
    found: dict[str, dict[str, Any]] = _template()["Parameters"]
    return found


def function_variables() -> dict[str, Any]:
    """Return the drain function's environment variables by name."""
    function = _template()["Resources"]["DrainEventsFunction"]["Properties"]
    found: dict[str, Any] = function["Environment"]["Variables"]
    return found


def parameter_of(variable: str) -> dict[str, Any] | None:
    """Return the parameter that an environment variable passes on; None if it is no parameter's."""
    match function_variables()[variable]:
        case {"Ref": name}:
            return parameters().get(name)
    return None
