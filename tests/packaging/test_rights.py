"""Every policy of every template is exact, documented, and limited to this account."""

from __future__ import annotations

import json
import re
from typing import Final

import pytest

from simulator.aws import PROJECT_FOLDER
from tests.packaging.expanded_template import all_templates, written_template
from tests.packaging.policy_documents import Statement, as_list, statements

SECURITY: Final = (PROJECT_FOLDER / "docs" / "security.md").read_text()
OF_THIS_ACCOUNT: Final = {
    "aws:SourceAccount",
    "aws:SourceArn",
    "kms:EncryptionContext:aws:logs:arn",
}
"""Condition keys that limit a service to acting for this account."""
BEFORE_THE_NAME: Final = re.compile(r"^arn:\$\{AWS::Partition\}:(\w+:\$\{[^:]+::Region\}:.*?\}:)?")


def rows(title: str) -> list[list[str]]:
    """Return the cells of the table below a heading of docs/security.md."""
    _, _, section = SECURITY.partition(f" {title}\n")
    section, _, _ = section.partition("\n#")
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def quoted(cell: str) -> list[str]:
    """Return what a cell has between backticks."""
    return re.findall(r"`([^`]+)`", cell)


def asterisks(statement: Statement) -> list[str]:
    """Return a statement's values with an asterisk, without account and region."""
    return [
        BEFORE_THE_NAME.sub("", text)
        for element in (
            "Principal",
            "NotPrincipal",
            "Action",
            "NotAction",
            "Resource",
            "NotResource",
        )
        for text in statement.texts(element)
        if "*" in text
    ]


def test_every_asterisk_has_its_reason() -> None:
    """docs/security.md explains exactly the asterisks in the policies."""
    found = {(each.resource, each.sid, name) for each in statements() for name in asterisks(each)}
    listed = {
        (resource, sid, name)
        for resources, sids, names, reason in rows("Every asterisk")
        for resource in quoted(resources)
        for sid in quoted(sids)
        for name in quoted(names)
        if reason
    }

    assert found - listed == set(), "wildcards that docs/security.md doesn't explain"
    assert listed - found == set(), "docs/security.md lists wildcards that no policy has"


def test_roles_do_what_the_table_says() -> None:
    """Each role's actions are those of docs/security.md, and there are no other roles."""
    listed: dict[str, set[str]] = {}
    role = ""
    for name, actions, purpose in rows("Rights"):
        role = "".join(quoted(name)) or role
        assert purpose
        listed.setdefault(role, set()).update(quoted(actions))
    granted: dict[str, set[str]] = {}
    for statement in statements():
        for role in statement.roles:
            granted.setdefault(role, set()).update(statement.actions)

    assert granted == listed


def test_allowed_actions_are_named_one_by_one() -> None:
    """No allowed action has a wildcard, even if it is documented."""
    assert not [
        f"{each}: {action}"
        for each in statements()
        if each.body["Effect"] == "Allow"
        for action in each.actions
        if "*" in action
    ]
    assert not [
        str(each) for each in statements() if each.body.keys() & {"NotAction", "NotResource"}
    ]


def test_nobody_else_is_allowed_anything() -> None:
    """Resource policies allow only services and this account."""
    for each in statements():
        if each.body["Effect"] == "Allow" and "Principal" in each.body:
            accounts = each.body["Principal"].get("AWS", [])
            assert each.body["Principal"].keys() <= {"AWS", "Service"}, str(each)
            assert "*" not in str(accounts), str(each)
            assert not accounts or "${AWS::AccountId}" in str(accounts), str(each)


def test_services_act_for_this_account() -> None:
    """No service can use a role, key, topic or bucket for another account (confused deputy).

    Lambda uses a role only for functions of the role's own account.
    """
    of_services = [
        each
        for each in statements()
        if each.body["Effect"] == "Allow"
        and "Service" in each.body.get("Principal", {})
        and each.body["Principal"]["Service"] != "lambda.amazonaws.com"
    ]

    assert of_services
    for each in of_services:
        assert each.conditions.keys() & OF_THIS_ACCOUNT, str(each)


def test_services_are_named_as_in_every_partition() -> None:
    """Service principals are SERVICE.amazonaws.com, except CloudWatch Logs in three partitions.

    IAM and KMS reject unknown principals. In the European Sovereign Cloud hosts end with
    amazonaws.eu, but principals don't.
    """
    names = {text for each in statements() for text in each.texts("Principal") if "." in text}
    condition = all_templates()["stacks/encryption.yaml"]["Conditions"]["LogsHasPartitionsSuffix"]

    assert {name for name in names if not re.fullmatch(r"[a-z0-9.]+\.amazonaws\.com", name)} == {
        "logs.${AWS::Region}.${AWS::URLSuffix}",
        "logs.${AWS::Region}.amazonaws.com",
    }
    assert {equality["Fn::Equals"][1] for equality in condition["Fn::Or"]} == {
        "aws-cn",
        "aws-iso",
        "aws-iso-b",
    }


def test_sam_adds_no_rights() -> None:
    """Every role and policy is in the written templates, where linters see it."""
    rights = {"AWS::IAM::Role", "AWS::IAM::Policy", "AWS::Lambda::Permission"}
    expanded = all_templates()["template.yaml"]["Resources"]

    assert {name for name, it in expanded.items() if it["Type"] in rights} == {
        name for name, it in written_template()["Resources"].items() if it["Type"] in rights
    }


def test_no_managed_policies() -> None:
    """Roles have only the stack's own policies, as AWS may extend managed ones."""
    for file, template in all_templates().items():
        for name, resource in template["Resources"].items():
            if resource["Type"] == "AWS::IAM::Role":
                assert "ManagedPolicyArns" not in resource["Properties"], f"{file} {name}"
            assert resource["Type"] != "AWS::IAM::ManagedPolicy", f"{file} {name}"


@pytest.mark.parametrize(
    ("resource_type", "policy_type", "attribute", "action", "itself"),
    [
        (
            "AWS::S3::Bucket",
            "AWS::S3::BucketPolicy",
            "Bucket",
            "s3:*",
            ('{"Fn::GetAtt": ["NAME", "Arn"]}', '{"Fn::Sub": "${NAME.Arn}/*"}'),
        ),
        (
            "AWS::SQS::Queue",
            "AWS::SQS::QueuePolicy",
            "Queues",
            "sqs:*",
            ('{"Fn::GetAtt": ["NAME", "Arn"]}',),
        ),
        # SNS allows no asterisk in a topic's policy; only publishing transfers data.
        (
            "AWS::SNS::Topic",
            "AWS::SNS::TopicPolicy",
            "Topics",
            "sns:Publish",
            ('{"Ref": "NAME"}',),
        ),
    ],
)
def test_tls_only(
    resource_type: str, policy_type: str, attribute: str, action: str, itself: tuple[str, ...]
) -> None:
    """Every bucket, queue and topic denies all requests without TLS.

    The policy is attached to the resource, and names it: otherwise it would deny nothing.
    """
    declared = {
        (file, name, resource["Type"]): resource.get("Properties", {})
        for file, template in all_templates().items()
        for name, resource in template["Resources"].items()
    }
    refusing = {
        (
            each.template,
            *as_list(declared[each.template, each.resource, policy_type][attribute])[0].values(),
            *map(json.dumps, as_list(each.body["Resource"])),
        )
        for each in statements()
        if each.resource_type == policy_type
        and each.body["Effect"] == "Deny"
        and each.body["Principal"] == "*"
        and each.actions == [action]
        and each.body["Condition"] == {"Bool": {"aws:SecureTransport": False}}
    }
    protected = {
        (file, name, *(text.replace("NAME", name) for text in itself))
        for file, name, kind in declared
        if kind == resource_type
    }

    assert protected == refusing
