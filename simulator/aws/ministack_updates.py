"""Teaches ministack to keep what it knows of a nested stack's resources, and what is to be kept.

When a nested stack is updated, it forgets the attributes (`Fn::GetAtt`) of those that don't change,
so that whatever refers to them fails. When one is deleted, it deletes those too whose
`DeletionPolicy` is `Retain` or `RetainExceptOnCreate`. The latter are to go only if the deletion
undoes the stack's creation. Runs in ministack's own environment.
"""

from typing import Any

from ministack.services.cloudformation import _stacks, provisioners

_Resource = tuple[str, dict[str, Any]]

_provision = provisioners._provision_resource
_update = provisioners._update_resource
_delete_nested = provisioners._cfn_nested_stack_delete
_known: dict[tuple[str, str], dict[str, Any]] = {}


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
    if parent.get("StackStatus") != "ROLLBACK_IN_PROGRESS":  # which is a creation's
        retained.add("RetainExceptOnCreate")
    for name, resource in stack.get("_template", {}).get("Resources", {}).items():
        if resource.get("DeletionPolicy") in retained:
            stack["_resources"].pop(name, None)
    _delete_nested(physical_id, props)


def teach() -> None:
    """Keep the attributes, and what a nested stack retains."""
    handlers = provisioners._RESOURCE_HANDLERS["AWS::CloudFormation::Stack"]
    handlers["delete"] = _delete_nested_but_what_is_retained
    provisioners._provision_resource = _provision_and_keep
    provisioners._update_resource = _update_what_is_known
