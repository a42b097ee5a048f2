"""The permissions of a deployed stack's roles, each of which can be revoked for a while.

They are read from IAM, not from a template, so those of all nested stacks and parameters are found.
"""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from simulator.aws import EmbeddedAws

_NAMED: Final = {
    "AWS::Lambda::Function",
    "AWS::Logs::LogGroup",
    "AWS::S3::Bucket",
    "AWS::SNS::Topic",
    "AWS::SQS::Queue",
    "AWS::SecretsManager::Secret",
    "AWS::StepFunctions::StateMachine",
}
"""Types of resources that are shown by their name in the template."""


@dataclass(frozen=True, slots=True)
class Right:
    """One action that a statement allows on one resource.

    Attributes:
        role: The role's name in the template.
        policy: The name of the policy that allows it.
        statement: The number of its statement in the policy.
        action: Such as ``s3:PutObject``.
        resource: The ARN, or ``*``.
        place: The resource by names in the template: ``ArchiveBucket/events/*``.
    """

    role: str
    policy: str
    statement: int
    action: str
    resource: str
    place: str

    def __str__(self) -> str:
        return f"{self.role}: {self.action} on {self.place}"


class Rights:
    """The permissions of all roles of a deployed stack and its nested stacks.

    Args:
        aws: The AWS with the stack.
        stack: The stack's name.
    """

    def __init__(self, aws: EmbeddedAws, stack: str) -> None:
        self._cloudformation = aws.client("cloudformation")
        self._iam = aws.client("iam")
        self._stack = stack

    def named(self, kind: str) -> Mapping[str, str]:
        """Return the ids of a type's resources, by their names in the template."""
        return {name: physical for name, each, physical in self._resources if each == kind}

    @cached_property
    def roles(self) -> Mapping[str, str]:
        """The roles' names, by their names in the template."""
        return self.named("AWS::IAM::Role")

    def all(self) -> Sequence[Right]:
        """Read the roles' permissions."""
        return [
            Right(role, policy, number, action, resource, self._place(resource))
            for role in self.roles
            for policy, statements in self._policies(role).items()
            for number, statement in enumerate(statements)
            for action in _texts(statement["Action"])
            for resource in _texts(statement["Resource"])
        ]

    def managed(self) -> Mapping[str, Sequence[str]]:
        """Return the ARNs of the roles' managed policies, whose permissions are not in `all`."""
        attached = {
            role: self._iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
            for role, name in self.roles.items()
        }
        return {role: [str(each["PolicyArn"]) for each in all_] for role, all_ in attached.items()}

    @contextmanager
    def without(self, taken: Iterable[Right]) -> Iterator[None]:
        """Revoke exactly these permissions, and restore them at the end of the block."""
        by_policy = sorted(taken, key=lambda right: (right.role, right.policy))
        before = {
            (role, policy): self._policies(role)[policy]
            for (role, policy), _ in groupby(by_policy, lambda right: (right.role, right.policy))
        }
        try:
            for (role, policy), statements in before.items():
                rights = [each for each in by_policy if (each.role, each.policy) == (role, policy)]
                self._put(role, policy, _without(statements, rights))
            yield
        finally:
            for (role, policy), statements in before.items():
                self._put(role, policy, statements)

    @cached_property
    def _resources(self) -> Sequence[tuple[str, str, str]]:
        """The resources of all stacks: name in the template, type, name in AWS."""
        found: list[tuple[str, str, str]] = []
        stacks = [self._stack]
        while stacks:
            for each in self._cloudformation.describe_stack_resources(StackName=stacks.pop())[
                "StackResources"
            ]:
                kind, physical = each["ResourceType"], each.get("PhysicalResourceId", "")
                if kind == "AWS::CloudFormation::Stack":
                    stacks.append(physical)
                found.append((each["LogicalResourceId"], kind, physical))
        return found

    def _place(self, resource: str) -> str:
        place = re.sub(r"^arn:aws:[a-z0-9-]+:[a-z0-9-]*:[0-9]*:", "", resource)
        named = [
            (re.split(r":|/(?=[^/]+$)", physical)[-1], name)
            for name, kind, physical in self._resources
            if kind in _NAMED
        ]
        for physical, name in sorted(named, key=lambda pair: -len(pair[0])):
            place = place.replace(physical, name)
        return re.sub(r"^(secret:\w+)-\w{6}$", r"\1", place)  # what Secrets Manager appends

    def _policies(self, role: str) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        """Read the statements of a role's policies."""
        name = self.roles[role]
        policies: dict[str, Any] = {
            policy: self._iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
            for policy in self._iam.list_role_policies(RoleName=name)["PolicyNames"]
        }
        return {policy: document["Statement"] for policy, document in policies.items()}

    def _put(self, role: str, policy: str, statements: Sequence[Mapping[str, Any]]) -> None:
        name = self.roles[role]
        if not statements:  # IAM takes no document without
            self._iam.delete_role_policy(RoleName=name, PolicyName=policy)
            return
        document = {"Version": "2012-10-17", "Statement": statements}
        self._iam.put_role_policy(
            RoleName=name, PolicyName=policy, PolicyDocument=json.dumps(document)
        )


def _without(
    statements: Sequence[Mapping[str, Any]], taken: Sequence[Right]
) -> Sequence[Mapping[str, Any]]:
    """Return statements, one for each resource, without the revoked permissions."""
    pairs = {(right.statement, right.action, right.resource) for right in taken}
    left = []
    for number, statement in enumerate(statements):
        for resource in _texts(statement["Resource"]):
            actions = [
                action
                for action in _texts(statement["Action"])
                if (number, action, resource) not in pairs
            ]
            if actions:
                left.append({**statement, "Action": actions, "Resource": [resource]})
    for count, statement in enumerate(left):
        statement["Sid"] = f"Left{count}"  # which must differ
    return left


def _texts(value: str | Sequence[str]) -> Sequence[str]:
    return [value] if isinstance(value, str) else value
