"""What CloudFormation says: the stack, and the resources of it and of those nested in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from drainctl.described_stack import StackUnusable, described_stack, outputs_of
from drainctl.doctor.answers import Unanswered, calling
from drainctl.doctor.facts_of_stack import Resource, Stack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from boto3.session import Session
    from botocore.config import Config
    from mypy_boto3_cloudformation import CloudFormationClient

_NESTED: Final = "AWS::CloudFormation::Stack"
_GONE: Final = "DELETE_COMPLETE"
_OURS: Final = ("EventTypes", "ApiEndpoint", "TokenEndpoint")
"""Parameters that every stack of template.yaml has, and that are asked by."""


def find_stack(session: Session, name: str, config: Config) -> Stack:
    """Ask for the stack; see ``described_stack``.

    Raises:
        StackUnusable: There is no such stack, it is of another kind, or CloudFormation can't be
            asked.
    """
    found = described_stack(session, name, config)
    parameters = {
        each["ParameterKey"]: each.get("ParameterValue", "") for each in found.get("Parameters", ())
    }
    if missing := [each for each in _OURS if each not in parameters]:
        raise StackUnusable(
            f"The stack {name} is no event drain, for it has no parameter {missing[0]}: give the"
            " name of the stack itself, not of one nested in it."
        )
    return Stack(
        name=found["StackName"],
        arn=found.get("StackId", ""),
        status=found["StackStatus"],
        reason=found.get("StackStatusReason", ""),
        since=found.get("LastUpdatedTime") or found["CreationTime"],
        parameters=parameters,
        outputs=outputs_of(found),
    )


def find_resources(client: CloudFormationClient, stack: Stack) -> tuple[Resource, ...]:
    """List the resources of the stack and of all nested in it.

    Raises:
        Unanswered: They can't be listed.
    """
    return tuple(_resources(client, stack.arn or stack.name, ""))


def output(stack: Stack, name: str) -> str:
    """Give an output of the stack.

    Raises:
        Unanswered: It has none of that name.
    """
    value = stack.outputs.get(name, "")
    if not value:
        raise Unanswered(
            f"the stack has no output {name}",
            "deploy it to its end, from this version: sam build && sam deploy",
        )
    return value


def _resources(client: CloudFormationClient, stack: str, path: str) -> Iterator[Resource]:
    with calling("cloudformation:ListStackResources", f"the stack {path.rstrip('/') or 'itself'}"):
        pages = client.get_paginator("list_stack_resources").paginate(StackName=stack)
        listed = [each for page in pages for each in page["StackResourceSummaries"]]
    for each in listed:
        name, physical_id = each["LogicalResourceId"], each.get("PhysicalResourceId", "")
        if not physical_id or each["ResourceStatus"] == _GONE:
            continue
        yield Resource(path + name, each["ResourceType"], physical_id)
        if each["ResourceType"] == _NESTED:
            yield from _resources(client, physical_id, f"{path}{name}/")
