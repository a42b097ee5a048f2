"""Extensions of ministack's CloudFormation.

- ``Fn::Join`` and ``Fn::Split`` in conditions: ministack evaluates only ``Ref`` and ``Fn::Select``
  there, so these functions are replaced by their results first.
- The types `AWS::Athena::NamedQuery` and `AWS::Logs::QueryDefinition`, and alarms on metric math,
  which ministack rejects. Such an alarm is stored, and stays in its first state.
- State machines whose definition is a YAML file: ministack reads only JSON.
- Nested stacks: on an update, ministack loses the attributes (`Fn::GetAtt`) of unchanged resources.
  On deletion, it also deletes resources that must be retained. `RetainExceptOnCreate` retains,
  unless the deletion is the rollback of the stack's creation.
"""

import json
import uuid
from typing import Any

import yaml
from ministack.services import athena
from ministack.services.cloudformation import (
    _stacks,
    changesets,
    engine,
    handlers,
    provisioners,
    stacks,
)

_Resource = tuple[str, dict[str, Any]]

_evaluate = engine._evaluate_conditions
_record = provisioners._cw_metric_alarm_record
_definition = provisioners._sfn_definition
_provision = provisioners._provision_resource
_update = provisioners._update_resource
_delete_nested = provisioners._cfn_nested_stack_delete
_known: dict[tuple[str, str], dict[str, Any]] = {}


def _resolved(value: Any, params: dict[str, Any], *, is_argument: bool = False) -> Any:
    """Replace ``Fn::Join`` and ``Fn::Split`` by their results, at any depth."""
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


def _create_named_query(_logical_id: str, props: dict[str, Any], _stack_name: str) -> _Resource:
    _, _, body = athena._create_named_query(props)
    query_id = str(json.loads(body)["NamedQueryId"])
    return query_id, {"NamedQueryId": query_id}


def _replace_named_query(
    physical_id: str, _old_props: dict[str, Any], new_props: dict[str, Any], stack_name: str
) -> _Resource:
    _delete_named_query(physical_id, new_props)
    return _create_named_query("", new_props, stack_name)


def _delete_named_query(physical_id: str, _props: dict[str, Any]) -> None:
    athena._delete_named_query({"NamedQueryId": physical_id})


def _create_log_query(_logical_id: str, props: dict[str, Any], _stack_name: str) -> _Resource:
    if missing := [key for key in ("Name", "QueryString") if not props.get(key)]:
        raise ValueError(f"a QueryDefinition needs {' and '.join(missing)}")
    query_id = str(uuid.uuid4())
    return query_id, {"QueryDefinitionId": query_id}


def _record_of_any(name: str, props: dict[str, Any]) -> dict[str, Any]:
    metrics = props.get("Metrics")
    if not metrics:
        plain: dict[str, Any] = _record(name, props)
        return plain
    returned = [each for each in metrics if str(each.get("ReturnData", True)).lower() == "true"]
    if len(returned) != 1:
        raise ValueError(f"exactly one of an alarm's Metrics must return data, not {len(returned)}")
    of_one = {"Metrics": None, "MetricName": "Expression", "Namespace": "Expression"}
    alarm: dict[str, Any] = _record(name, {**props, **of_one})
    for key in (*of_one, "Statistic", "ExtendedStatistic", "Period", "Dimensions"):
        alarm.pop(key, None)
    return {**alarm, "Metrics": metrics}


def _definition_as_json(props: dict[str, Any]) -> str:
    text: str = _definition(props)
    return json.dumps(yaml.safe_load(text)) if props.get("DefinitionS3Location") else text


def _provision_and_keep(resource_type: str, *arguments: Any) -> _Resource:
    physical_id, attributes = _provision(resource_type, *arguments)
    _known[resource_type, physical_id] = attributes
    return physical_id, attributes


def _update_what_is_known(
    resource_type: str,
    physical_id: str,
    old_props: dict[str, Any],
    new_props: dict[str, Any],
    stack_name: str,
    logical_id: str | None = None,
    old_attributes: dict[str, Any] | None = None,
) -> _Resource:
    known = old_attributes or _known.get((resource_type, physical_id), {})
    new_id, attributes = _update(
        resource_type, physical_id, old_props, new_props, stack_name, logical_id, known
    )
    _known[resource_type, new_id] = attributes
    return new_id, attributes


def _delete_nested_but_what_is_retained(physical_id: str, props: dict[str, Any]) -> None:
    stack = _stacks.get(provisioners._nested_stack_lookup_name(physical_id), {})
    parent = _stacks.get(stack.get("_parent_stack_name"), {})
    retained = {"Retain"}
    if parent.get("StackStatus") != "ROLLBACK_IN_PROGRESS":  # the rollback of a creation
        retained.add("RetainExceptOnCreate")
    for name, resource in stack.get("_template", {}).get("Resources", {}).items():
        if resource.get("DeletionPolicy") in retained:
            stack["_resources"].pop(name, None)
    _delete_nested(physical_id, props)


def apply() -> None:
    """Replace the functions, and add the types."""
    for module in (engine, changesets, handlers, stacks):
        module._evaluate_conditions = _evaluate_with_functions
    provisioners._cw_metric_alarm_record = _record_of_any
    provisioners._sfn_definition = _definition_as_json
    provisioners._provision_resource = _provision_and_keep
    provisioners._update_resource = _update_what_is_known
    types = provisioners._RESOURCE_HANDLERS
    types["AWS::CloudFormation::Stack"]["delete"] = _delete_nested_but_what_is_retained
    # Every property of a NamedQuery says "Update requires: Replacement" in the reference, and none
    # of a QueryDefinition does.
    types["AWS::Athena::NamedQuery"] = {
        "create": _create_named_query,
        "update": _replace_named_query,
        "delete": _delete_named_query,
    }
    types["AWS::Logs::QueryDefinition"] = {
        "create": _create_log_query,
        "update": lambda physical_id, *_: (physical_id, {"QueryDefinitionId": physical_id}),
        "delete": lambda *_: None,
    }
