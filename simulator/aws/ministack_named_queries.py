"""Teaches ministack the resource `AWS::Athena::NamedQuery`, of which it has only the API.

Runs in ministack's own environment; nothing of ours can be imported here.
"""

import json
from typing import Any

from ministack.services import athena
from ministack.services.cloudformation import provisioners

_Resource = tuple[str, dict[str, str]]


def _create(_logical_id: str, props: dict[str, Any], _stack_name: str) -> _Resource:
    _, _, body = athena._create_named_query(props)
    query_id = str(json.loads(body)["NamedQueryId"])
    return query_id, {"NamedQueryId": query_id}


def _update(
    physical_id: str, _old_props: dict[str, Any], new_props: dict[str, Any], stack_name: str
) -> _Resource:
    """Replace it: every property of it says "Update requires: Replacement" in the reference."""
    _delete(physical_id, new_props)
    return _create("", new_props, stack_name)


def _delete(physical_id: str, _props: dict[str, Any]) -> None:
    athena._delete_named_query({"NamedQueryId": physical_id})


def teach() -> None:
    """Add the resource type."""
    provisioners._RESOURCE_HANDLERS["AWS::Athena::NamedQuery"] = {
        "create": _create,
        "update": _update,
        "delete": _delete,
    }
