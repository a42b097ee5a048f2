"""The rules of cdk-nag for rights, over every role and policy of every template.

As `test_rules_aws_solutions.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.packaging.deployed_resources import Deployed, Form, breaking, each, judge

if TYPE_CHECKING:
    from collections.abc import Iterator


@each("AWS::IAM::Role")
def test_aws_solutions_iam4_managed_policies(it: Deployed) -> None:
    """AwsSolutions-IAM4: no role has a policy that AWS manages, and may change."""
    findings = breaking(
        it, keeps=lambda form: "ManagedPolicyArns" not in form.properties, what="it has some"
    )
    judge(it, "AwsSolutions-IAM4", findings, "Write what it needs into its own policies.")


@each("AWS::IAM::Role", "AWS::IAM::Policy")
def test_aws_solutions_iam5_wildcards(it: Deployed) -> None:
    """AwsSolutions-IAM5: rights name their actions, and a resource or what is below one.

    `<bucket>/<prefix>/*` and `<log group>:log-stream:*` name one place; `*` alone does not.
    """
    findings = [
        (form, f"statement {statement['Sid']} has {broad}")
        for form in it.forms
        for statement in statements(form)
        for broad in too_broad(statement)
    ]
    judge(it, "AwsSolutions-IAM5", findings, "Name the actions and resources.")
    reason = it.reason_for_waiving("AwsSolutions-IAM5") or ""
    unnamed = {what for _, what in findings if what.split()[1] not in reason}
    assert not unnamed, f"{it.file} {it.name}: the reason for waiving IAM5 must name {unnamed}"


@each("AWS::IAM::Role", "AWS::IAM::Policy")
def test_serverless_lambda_star_permissions(it: Deployed) -> None:
    """Serverless-LambdaStarPermissions: no right to a function has * for its action or resource."""
    findings = [
        (form, f"statement {statement['Sid']} has *")
        for form in it.forms
        for statement in statements(form)
        for action in as_list(statement["Action"])
        if action in {"*", "lambda:*"}
        or (action.startswith("lambda:") and "*" in as_list(statement["Resource"]))
    ]
    judge(it, "Serverless-LambdaStarPermissions", findings, "Name the function.")


def statements(form: Form) -> Iterator[dict[str, Any]]:
    """The statements that a role or a policy allows something by."""
    inner = [policy["PolicyDocument"] for policy in form.properties.get("Policies", [])]
    for document in [*inner, form.properties.get("PolicyDocument", {"Statement": []})]:
        yield from (each for each in document["Statement"] if each["Effect"] == "Allow")


def too_broad(statement: dict[str, Any]) -> list[str]:
    """The wildcards of a statement that stand for more than what is below one resource."""
    actions = as_list(statement.get("Action", "NotAction"))
    resources = [
        resource["Fn::Sub"] if isinstance(resource, dict) and "Fn::Sub" in resource else resource
        for resource in as_list(statement.get("Resource", "*"))
    ]
    return [action for action in actions if "*" in action or action == "NotAction"] + [
        resource
        for resource in resources
        if isinstance(resource, str)
        and "*" in resource.removesuffix("/*").removesuffix(":log-stream:*")
    ]


def as_list(value: Any) -> list[Any]:  # noqa: ANN401 - any JSON
    """What may be one or many, as many."""
    return value if isinstance(value, list) else [value]


@pytest.mark.parametrize(
    ("resource", "is_broad"),
    [
        ("*", True),
        ("arn:aws:s3:::*", True),
        ("arn:aws:s3:::bucket/*/events", True),
        ({"Fn::Sub": "${ArchiveBucket.Arn}/${ArchivePrefix}/*"}, False),
        ({"Fn::GetAtt": ["OutboxQueue", "Arn"]}, False),
    ],
)
def test_too_broad(resource: object, *, is_broad: bool) -> None:
    """A wildcard is told from what is below one named place."""
    statement = {"Action": "s3:PutObject", "Resource": resource}

    assert bool(too_broad(statement)) == is_broad
