"""The stack with an organisation's parameters: path, tags, the longest name, queues per stream.

The embedded CloudFormation ignores permissions boundaries and VPCs, which
`tests/packaging/test_organisation.py` checks in the templates.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from simulator.aws import SamStack
from simulator.deployment import LocalDeployment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.release

LONGEST_NAME: Final = "event-drain-" + "n" * 116  # 128 characters
PATH: Final = "/drains/mobility/"
TAGS: Final = {"team": "mobility", "cost-centre": "4711"}
EVENTS: Final = 20


@pytest.fixture(scope="module")
def deployment(built: Path) -> Iterator[LocalDeployment]:
    """Return a stack with all of an organisation's parameters."""
    with LocalDeployment(built=built) as local:
        local.stack = SamStack(local.aws, name=LONGEST_NAME)
        local.stack.deploy(
            built,
            {
                "ApiEndpoint": local.event_server.endpoint,
                "TokenEndpoint": local.token_server.endpoint,
                "ScheduleState": "DISABLED",
                "IdleSeconds": "1",
                "QueuePerStream": "true",
                "VisibilityTimeoutSeconds": "900",
                "MaxReceiveCount": "7",
                "PermissionsBoundary": "arn:aws:iam::000000000000:policy/boundary",
                "RolePath": PATH,
                "VpcSubnetIds": "subnet-00000000,subnet-11111111",
                "VpcSecurityGroupIds": "sg-00000000",
            },
            TAGS,
        )
        local.stack.put_credentials(local.credentials)
        yield local


def test_it_drains(deployment: LocalDeployment) -> None:
    """A run succeeds with this path and this name."""
    deployment.event_server.publish_made_up("handset_change", EVENTS)
    invocation = deployment.stack.invoke({"event_type": "handset_change"})

    assert invocation.error is None, invocation.payload
    assert invocation.payload["acked"] == EVENTS
    assert len(deployment.take_messages()) == EVENTS


def test_roles(deployment: LocalDeployment) -> None:
    """Every role, also in nested stacks, has path and tags."""
    iam = deployment.aws.client("iam")
    names = [name for kind, name in resources(deployment) if kind == "AWS::IAM::Role"]

    assert len(names) == 5
    for name in names:
        role: Any = iam.get_role(RoleName=name)["Role"]
        assert role["Path"] == PATH
        assert {tag["Key"]: tag["Value"] for tag in role["Tags"]}.items() >= TAGS.items()


def test_nested_stacks_are_tagged(deployment: LocalDeployment) -> None:
    """Each nested stack has the stack's tags, which its resources inherit."""
    cloudformation = deployment.aws.client("cloudformation")
    nested = [name for kind, name in resources(deployment) if kind == "AWS::CloudFormation::Stack"]

    assert len(nested) == 5
    for name in nested:
        (stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
        assert {tag["Key"]: tag["Value"] for tag in stack["Tags"]}.items() >= TAGS.items()


def resources(local: LocalDeployment, stack: str = LONGEST_NAME) -> Iterator[tuple[str, str]]:
    """Yield type and id of each resource of a stack and of its nested stacks."""
    pages = local.aws.client("cloudformation").get_paginator("list_stack_resources")
    for page in pages.paginate(StackName=stack):
        for resource in page["StackResourceSummaries"]:
            kind, name = resource["ResourceType"], resource["PhysicalResourceId"]
            yield kind, name
            if kind == "AWS::CloudFormation::Stack":
                yield from resources(local, name)
