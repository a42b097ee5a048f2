"""An organisation's requirements: permissions boundary, path, tags, a VPC."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

import pytest

from simulator.aws import PROJECT_FOLDER
from tests.packaging.expanded_template import (
    OTHER_VALUES,
    VPC,
    ExpandedTemplate,
    all_templates,
    written_template,
)
from tests.packaging.policy_documents import as_list
from tests.packaging.resource_schemas import resource_schema

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE: Final = (PROJECT_FOLDER / "docs" / "organisation.md").read_text()
FUNCTIONS: Final = {
    "DrainEventsFunction": "DrainEventsRole",
    "ReplayEventsFunction": "ReplayEventsRole",
}
NETWORK_INTERFACES: Final = {
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
}
"""Permissions of a function's role ("Giving Lambda functions access to resources in a VPC")."""


def roles(template: ExpandedTemplate) -> Iterator[dict[str, Any]]:
    """Yield every role of a stack and of its nested stacks."""
    for part in (template, *template.nested.values()):
        yield from part.of_type("AWS::IAM::Role").values()


@pytest.mark.parametrize(
    ("parameter", "attribute"),
    [("PermissionsBoundary", "PermissionsBoundary"), ("RolePath", "Path")],
)
def test_every_role_has_boundary_and_path(parameter: str, attribute: str) -> None:
    """Each role has the given boundary and path, and none by default."""
    declared = [
        name
        for template in all_templates().values()
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::IAM::Role"
    ]
    with_it = list(roles(ExpandedTemplate(**{parameter: OTHER_VALUES[parameter]})))

    assert len(with_it) == len(declared)
    assert {role.get(attribute) for role in with_it} == {OTHER_VALUES[parameter]}
    assert not any(attribute in role for role in roles(ExpandedTemplate()))


@pytest.mark.parametrize(
    ("name", "value", "is_allowed"),
    [
        ("PermissionsBoundary", "arn:aws-cn:iam::000000000000:policy/a/path/boundary", True),
        ("PermissionsBoundary", "boundary", False),
        ("RolePath", "/a/path/", True),
        ("RolePath", "/a/path", False),
        ("RolePath", "", False),
        ("VpcSubnetIds", "subnet-1", True),
        ("VpcSubnetIds", "subnet-1, subnet-2", False),
        ("VpcSecurityGroupIds", "sg-1,sg-2", True),
        ("VpcSecurityGroupIds", "subnet-1", False),
    ],
)
def test_unfit_values_are_refused(name: str, value: str, *, is_allowed: bool) -> None:
    """An invalid ARN, path or id is rejected before the deployment."""
    pattern = written_template()["Parameters"][name]["AllowedPattern"]

    assert bool(re.fullmatch(pattern, value)) is is_allowed


@pytest.mark.parametrize(("function", "role"), FUNCTIONS.items(), ids=FUNCTIONS)
def test_vpc(function: str, role: str) -> None:
    """In a VPC Lambda, but not the function's code, may manage network interfaces."""
    template = ExpandedTemplate(**VPC)
    network = template.properties(function)["VpcConfig"]
    about_it = [
        statement
        for statement in template.statements(role).values()
        if set(as_list(statement["Action"])) == NETWORK_INTERFACES
    ]

    assert {name: value["Fn::Split"] for name, value in network.items()} == {
        "SubnetIds": [",", VPC["VpcSubnetIds"]],
        "SecurityGroupIds": [",", VPC["VpcSecurityGroupIds"]],
    }
    assert [(it["Effect"], "Condition" in it) for it in about_it] == [
        ("Allow", False),
        ("Deny", True),
    ]
    assert about_it[1]["Condition"].keys() == {"ArnLike"}
    assert about_it[1]["Condition"]["ArnLike"].keys() == {"lambda:SourceFunctionArn"}


@pytest.mark.parametrize(("function", "role"), FUNCTIONS.items(), ids=FUNCTIONS)
def test_no_vpc_by_default(function: str, role: str) -> None:
    """Without a VPC a role has no permission for network interfaces."""
    template = ExpandedTemplate()

    assert "VpcConfig" not in template.properties(function)
    assert "ec2:" not in json.dumps(template.statements(role))


def test_types_without_tags_are_listed() -> None:
    """The page lists exactly the types of resources that don't get the tags of their stack."""
    types = {
        resource["Type"]
        for template in all_templates().values()
        for resource in template["Resources"].values()
    }
    untagged = {
        kind for kind in types if not resource_schema(kind).get("tagging", {}).get("taggable")
    }
    section = PAGE.partition("## Tags")[2].partition("\n## ")[0]

    assert set(re.findall(r"`(AWS::\w+::\w+)`", section)) == untagged
