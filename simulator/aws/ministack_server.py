"""Runs ministack, taught what AWS can beyond it.

One thing is taught here, CloudFormation's functions within conditions: it evaluates ``Ref`` and
``Fn::Select`` there, and takes every other function for a text. So what ``Fn::Join`` and
``Fn::Split`` give is put in their places before it looks. The others are in the modules
``ministack_*`` beside this one.

Runs in ministack's own environment: of ours only what needs nothing else can be imported here.
"""

import sys
from pathlib import Path
from typing import Any

from ministack.app import main
from ministack.services.cloudformation import changesets, engine, handlers, stacks

sys.path.append(str(Path(__file__).resolve().parents[2]))

from simulator.aws import (
    ministack_athena,
    ministack_definitions,
    ministack_layers,
    ministack_maps,
    ministack_named_queries,
    ministack_operations,
    ministack_rights,
    ministack_sandboxes,
    ministack_sdk,
    ministack_updates,
)

_evaluate = engine._evaluate_conditions


def _resolved(value: Any, params: dict[str, Any], *, is_argument: bool = False) -> Any:
    """Put the results of ``Fn::Join`` and ``Fn::Split`` in their places, at any depth."""
    if isinstance(value, list):
        return [_resolved(item, params, is_argument=is_argument) for item in value]
    if not isinstance(value, dict):
        return value
    if "Fn::Join" in value:
        separator, items = _resolved(value["Fn::Join"], params, is_argument=True)
        return separator.join(items)
    if "Fn::Split" in value:
        separator, text = _resolved(value["Fn::Split"], params, is_argument=True)
        return text.split(separator)
    if is_argument and value.keys() == {"Ref"} and value["Ref"] in params:
        return str(params[value["Ref"]]["Value"])
    return {name: _resolved(item, params, is_argument=is_argument) for name, item in value.items()}


def _evaluate_with_functions(template: dict[str, Any], params: dict[str, Any]) -> dict[str, bool]:
    conditions = _resolved(template.get("Conditions", {}), params)
    evaluated: dict[str, bool] = _evaluate({**template, "Conditions": conditions}, params)
    return evaluated


for module in (engine, changesets, handlers, stacks):
    module._evaluate_conditions = _evaluate_with_functions

ministack_athena.teach()
ministack_definitions.teach()
ministack_layers.teach()
ministack_maps.teach()
ministack_named_queries.teach()
ministack_operations.teach()
ministack_rights.teach()
ministack_sandboxes.teach()
ministack_sdk.teach()
ministack_updates.teach()

if __name__ == "__main__":
    sys.exit(main())
