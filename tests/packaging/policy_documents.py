"""Every statement of every policy in the templates, for all parameters.

SAM's transform is applied, and both branches of each condition are included.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tests.packaging.expanded_template import all_templates

if TYPE_CHECKING:
    from collections.abc import Iterator

TRUST: Final = "trust"
_ROLES_OF_PARAMETERS: Final = {
    "FunctionRoleName": "DrainEventsRole",
    "ReplayRoleName": "ReplayEventsRole",
}
"""Roles that a nested template gets as a parameter."""


@dataclass(frozen=True)
class Statement:
    """A statement of a policy document.

    Attributes:
        template: The file's name.
        resource: The logical id of its resource.
        resource_type: The type of that resource.
        body: The statement, with CloudFormation's functions unresolved.
    """

    template: str
    resource: str
    resource_type: str
    body: dict[str, Any]

    @property
    def sid(self) -> str:
        """Its `Sid`; empty for a role's trust policy."""
        sid: str = self.body.get("Sid", TRUST)
        return sid

    @property
    def actions(self) -> list[str]:
        """Its actions."""
        return as_list(self.body["Action"])

    @property
    def roles(self) -> list[str]:
        """The roles that it grants permissions."""
        if self.resource_type == "AWS::IAM::Role":
            return [] if self.sid == TRUST else [self.resource]
        if self.resource_type != "AWS::IAM::Policy":
            return []
        policy = all_templates()[self.template]["Resources"][self.resource]
        names = [role["Ref"] for role in policy["Properties"]["Roles"]]
        return [_ROLES_OF_PARAMETERS.get(name, name) for name in names]

    @property
    def conditions(self) -> dict[str, Any]:
        """Its conditions' values, by condition key."""
        operators = self.body.get("Condition", {}).values()
        return {key: value for operator in operators for key, value in operator.items()}

    def texts(self, element: str) -> list[str]:
        """Return all strings in an element, such as `Resource`, also in branches and functions."""
        return list(_texts(self.body.get(element, [])))

    def texts_of_condition(self, key: str) -> list[str]:
        """Return all strings in its conditions on a key."""
        return list(_texts(self.conditions.get(key, [])))

    def __str__(self) -> str:
        return f"{self.template} {self.resource} {self.sid}"


def statements() -> list[Statement]:
    """Return all statements of all templates."""
    return [
        Statement(file, name, resource["Type"], body)
        for file, template in all_templates().items()
        for name, resource in template["Resources"].items()
        for body in _statements_within(resource.get("Properties", {}))
    ]


def as_list(value: Any) -> list[Any]:
    """Return a list as it is, and a single value as a list of one."""
    return value if isinstance(value, list) else [value]


def _statements_within(value: Any) -> Iterator[dict[str, Any]]:
    match value:
        case {"Version": "2012-10-17", "Statement": found}:
            yield from _unconditional(found)
        case dict():
            for each in value.values():
                yield from _statements_within(each)
        case list():
            for each in value:
                yield from _statements_within(each)


def _unconditional(value: Any) -> Iterator[dict[str, Any]]:
    match value:
        case list():
            for each in value:
                yield from _unconditional(each)
        case {"Fn::If": [_, yes, no]}:
            yield from _unconditional([yes, no])
        case {"Effect": _}:
            yield value


def _texts(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case {"Fn::Sub": [text, _]}:
            yield text
        case dict():
            for each in value.values():
                yield from _texts(each)
        case list():
            for each in value:
                yield from _texts(each)
