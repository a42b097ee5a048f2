"""The properties of a resource that an update must not change, or the resource is replaced.

CloudFormation replaces a resource, with another id and empty, when a property changes that its
schema lists under `createOnlyProperties` ("Resource type schema", CloudFormation CLI User Guide).
The schemas are AWS's, from cfn-lint.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tests.packaging.releases import KEPT
from tests.packaging.resource_schemas import resource_schema

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from tests.packaging.expanded_template import ExpandedTemplate, ResolvedTemplate

# The schema of a Glue database doesn't list the name within its input, which identifies it.
_NAMES: Final = {"AWS::Glue::Database": {"/properties/DatabaseInput/Name"}}


class Identity(NamedTuple):
    """The identity of a resource in updates.

    Attributes:
        type: Its type.
        properties: The properties whose change replaces it.
        outlives_stack: Whether it is retained when the stack is deleted.
        outlives_replacement: Whether it is retained when it is replaced.
    """

    type: str
    properties: dict[str, Any]
    outlives_stack: bool
    outlives_replacement: bool


def identities(
    template: ExpandedTemplate, types: Collection[str] = KEPT
) -> Iterator[tuple[str, Identity]]:
    """Return the stateful resources, by their names from the outermost stack on."""
    yield from _of_one("", template, types)
    for name, nested in template.nested.items():
        yield from _of_one(f"{name}/", nested, types)


def _of_one(
    path: str, template: ResolvedTemplate, types: Collection[str]
) -> Iterator[tuple[str, Identity]]:
    for name, resource in template.resources.items():
        if resource["Type"] in types:
            yield path + name, _identity(resource)


def _identity(resource: dict[str, Any]) -> Identity:
    kind = resource["Type"]
    return Identity(
        kind,
        {pointer: _at(resource, pointer) for pointer in _replacing(kind)},
        resource.get("DeletionPolicy") in {"Retain", "RetainExceptOnCreate"},
        resource.get("UpdateReplacePolicy") == "Retain",
    )


@cache
def _replacing(kind: str) -> frozenset[str]:
    """Return the JSON pointers of the properties whose change replaces a resource."""
    replacing = resource_schema(kind).get("createOnlyProperties", ())
    return frozenset(replacing) | _NAMES.get(kind, set())


def _at(resource: dict[str, Any], pointer: str) -> Any:
    value: Any = resource.get("Properties", {})
    for name in pointer.removeprefix("/properties/").split("/"):
        value = value.get(name) if isinstance(value, dict) else None
    return value
