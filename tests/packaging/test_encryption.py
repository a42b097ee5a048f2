"""The key that encrypts all personal data, and who may use it; no emulator checks this."""

from __future__ import annotations

from typing import Any, Final

import pytest

from eventdrain.events import STREAMS
from tests.packaging.expanded_template import ExpandedTemplate, ResolvedTemplate
from tests.packaging.policy_documents import statements
from tests.packaging.resource_schemas import resource_schema

OWN: Final = "arn:aws:kms:eu-north-1:000000000000:key/00000000-0000-0000-0000-000000000000"
KEY: Final = {"Fn::GetAtt": ["EncryptionKey", "Outputs.KeyArn"]}
IN_THE_TEMPLATES: Final = [KEY, {"Ref": "KmsKeyArn"}]
"""The key in template.yaml, and in a nested template."""
EVERYTHING: Final = {
    "EventTypes": ",".join(STREAMS),
    "QueuePerStream": "true",
    "Pseudonymise": "true",
    "AccessLogs": "true",
}
BY_S3_ITSELF: Final = "AccessLogBucket"
"""S3 delivers access logs only to a bucket with this encryption."""
NEEDED: Final = {
    "s3:PutObject": ("s3", {"kms:GenerateDataKey"}),
    "s3:GetObject": ("s3", {"kms:Decrypt"}),
    "s3:ListMultipartUploadParts": ("s3", {"kms:Decrypt", "kms:GenerateDataKey"}),
    "sqs:SendMessage": ("sqs", {"kms:Decrypt", "kms:GenerateDataKey"}),
    "secretsmanager:GetSecretValue": ("secretsmanager", {"kms:Decrypt"}),
    "secretsmanager:PutSecretValue": ("secretsmanager", {"kms:Decrypt", "kms:GenerateDataKey"}),
}
"""The permissions for the key that an action needs, and the service that uses them: "Protecting
data with server-side encryption" in S3's guide, "Key management" in SQS's, "Secret encryption and
decryption" in that of Secrets Manager."""
OF_NO_KEY: Final = {"kms:CreateKey", "kms:ListAliases", "kms:ListKeys"}
"""Actions that aren't on a key, so no key policy can allow them ("Permissions reference" in KMS's
guide)."""
ROLES: Final = {role for each in statements() for role in each.roles}


def encryption_of(resource: dict[str, Any]) -> Any:
    """Return the key of a resource that can be encrypted; None for AWS's own key."""
    properties: dict[str, Any] = resource.get("Properties", {})
    match resource["Type"]:
        case "AWS::S3::Bucket":
            (rule,) = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
            by_default: dict[str, str] = rule["ServerSideEncryptionByDefault"]
            has_key = "KMSMasterKeyID" in by_default
            assert by_default["SSEAlgorithm"] == ("aws:kms" if has_key else "AES256")
            # With a bucket key, one request to KMS serves many objects.
            assert rule.get("BucketKeyEnabled", False) is has_key
            return by_default.get("KMSMasterKeyID")
        case "AWS::SQS::Queue":
            assert properties.get("SqsManagedSseEnabled", False) is (
                "KmsMasterKeyId" not in properties
            )
            return properties.get("KmsMasterKeyId")
        case "AWS::SNS::Topic":
            return properties.get("KmsMasterKeyId")
        case "AWS::Athena::WorkGroup":
            results = properties["WorkGroupConfiguration"]["ResultConfiguration"]
            encryption = results["EncryptionConfiguration"]
            assert encryption["EncryptionOption"] == (
                "SSE_KMS" if "KmsKey" in encryption else "SSE_S3"
            )
            return encryption.get("KmsKey")
    return properties.get("KmsKeyId")


def keys_of(template: ExpandedTemplate) -> dict[str, Any]:
    """Return the key of every resource of a stack that holds data, by nested stack and name."""
    holding_data = {
        "AWS::S3::Bucket",
        "AWS::SQS::Queue",
        "AWS::SNS::Topic",
        "AWS::SecretsManager::Secret",
        "AWS::Logs::LogGroup",
        "AWS::Athena::WorkGroup",
    }
    parts: dict[str, ResolvedTemplate] = {"": template, **template.nested}
    return {
        f"{part} {name}".strip(): encryption_of(resource)
        for part, resolved in parts.items()
        for name, resource in resolved.resources.items()
        if resource["Type"] in holding_data
    }


@pytest.mark.parametrize("own", ["", OWN])
def test_everything_is_encrypted_by_the_key(own: str) -> None:
    """Buckets, queues, topic, secrets, logs and answers have the stack's key or the given one."""
    found = keys_of(ExpandedTemplate(KmsKeyArn=own, **EVERYTHING))

    assert found.pop(BY_S3_ITSELF) is None
    assert {name for name, key in found.items() if key != KEY} == set()
    assert len(found) > len(STREAMS) + 10


def test_keys_of_aws_if_asked_for() -> None:
    """Without a key, AWS's own keys are used, and no role has permissions for KMS."""
    template = ExpandedTemplate(Encryption="aws-managed", **EVERYTHING)

    assert set(keys_of(template).values()) == {None}
    assert not {"EncryptionKey"} & template.nested.keys()
    assert "KeyArn" not in template.outputs
    for each in [template, *template.nested.values()]:
        assert "kms:" not in str(each.of_type("AWS::IAM::Role"))
        assert not each.of_type("AWS::KMS::Key")


def test_key_that_is_made() -> None:
    """It rotates, has an alias, is deleted only after 30 days, and outlives the stack."""
    nested = ExpandedTemplate().nested["EncryptionKey"]
    key = nested.resources["Key"]

    assert key["Properties"]["EnableKeyRotation"] is True
    assert key["Properties"]["PendingWindowInDays"] == 30
    assert nested.properties("Alias")["TargetKeyId"] == {"Ref": "Key"}
    assert nested.outputs["KeyArn"]["Value"] == {"Fn::GetAtt": ["Key", "Arn"]}


def test_key_that_is_given() -> None:
    """A given key is used, and none is created."""
    nested = ExpandedTemplate(KmsKeyArn=OWN).nested["EncryptionKey"]

    assert set(nested.resources) == {"NoKey"}
    assert nested.outputs["KeyArn"]["Value"] == OWN


def test_key_s_policy() -> None:
    """Only the account, its log groups and its alarms may use the key, each as far as needed."""
    allowed = {
        each.sid: (each.body["Principal"], set(each.actions))
        for each in statements()
        if each.resource == "Key"
    }
    account = {"AWS": {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"}}
    _, administration = allowed.pop("Administer")

    assert not administration & {"kms:Decrypt", "kms:Encrypt", "kms:CreateGrant"}
    assert allowed == {
        "Use": (
            account,
            {
                "kms:Decrypt",
                "kms:Encrypt",
                "kms:GenerateDataKey",
                "kms:ReEncryptFrom",
                "kms:ReEncryptTo",
            },
        ),
        "EncryptLogs": (
            {
                "Service": {
                    "Fn::If": [
                        "LogsHasPartitionsSuffix",
                        {"Fn::Sub": "logs.${AWS::Region}.${AWS::URLSuffix}"},
                        {"Fn::Sub": "logs.${AWS::Region}.amazonaws.com"},
                    ]
                }
            },
            {
                "kms:Decrypt",
                "kms:DescribeKey",
                "kms:Encrypt",
                "kms:GenerateDataKey",
                "kms:GenerateDataKeyWithoutPlaintext",
                "kms:ReEncryptFrom",
                "kms:ReEncryptTo",
            },
        ),
        "EncryptAlarms": (
            {"Service": "cloudwatch.amazonaws.com"},
            {"kms:Decrypt", "kms:GenerateDataKey"},
        ),
    }


@pytest.mark.parametrize("kind", ["AWS::KMS::Key", "AWS::KMS::Alias"])
def test_key_can_be_administered(kind: str) -> None:
    """Its policy allows the account what CloudFormation needs, and what undoes a mistake.

    KMS rejects a key whose policy its creator couldn't change ("CreateKey" in KMS's API reference).
    Without the other permissions a key couldn't be updated. The schemas are AWS's, from cfn-lint.
    """
    handlers = resource_schema(kind)["handlers"].values()
    asked = {action for handler in handlers for action in handler["permissions"]}
    (allowed,) = [
        set(each.actions)
        for each in statements()
        if (each.resource, each.sid) == ("Key", "Administer")
    ]

    assert asked
    assert asked - OF_NO_KEY <= allowed
    assert {"kms:PutKeyPolicy", "kms:CancelKeyDeletion", "kms:EnableKey"} <= allowed


@pytest.mark.parametrize("role", sorted(ROLES))
def test_role_may_use_the_key_for_what_it_does(role: str) -> None:
    """A role may use the key exactly as its actions on encrypted resources need."""
    own = [each for each in statements() if role in each.roles]
    needed: dict[str, set[str]] = {}
    for each in own:
        for action in each.actions:
            if action in NEEDED:
                service, uses = NEEDED[action]
                needed.setdefault(service, set()).update(uses)
    granted: dict[str, set[str]] = {}
    for each in own:
        if any(action.startswith("kms:") for action in each.actions):
            (via,) = each.texts_of_condition("kms:ViaService")
            # For the host names of every partition.
            service = via.removesuffix(".${AWS::Region}.*")
            granted.setdefault(service, set()).update(each.actions)
            assert each.body["Resource"] in IN_THE_TEMPLATES

    assert granted == needed
