"""Rules of other packs that apply here: cdk-nag's NIST 800-53 R5, Guard, Security Hub.

As `test_rules_aws_solutions.py`. What encrypts with a customer's key must do so wherever
`Encryption` asks for one, and in no case not at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.packaging.deployed_resources import Deployed, Form, breaking, each, judge

if TYPE_CHECKING:
    from collections.abc import Callable


def without_key(it: Deployed, key: Callable[[dict[str, Any]], object]) -> list[tuple[Form, str]]:
    """The forms of a resource that aren't encrypted by a customer's key although they should be.

    Args:
        it: The resource.
        key: Finds the key in its properties; None for none.
    """
    asked = [form for form in it.forms if form.stack.parameters["Encryption"] == "customer-key"]
    assert asked, f"{it.file} {it.name} is never deployed with Encryption customer-key"
    return [(form, "it isn't encrypted by the key") for form in asked if not key(form.properties)]


def default_encryption(properties: dict[str, Any]) -> dict[str, Any]:
    """How a bucket encrypts if a request doesn't say."""
    (rule,) = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    by_default: dict[str, Any] = rule["ServerSideEncryptionByDefault"]
    return by_default


@each("AWS::S3::Bucket")
def test_nist_s3_default_encryption_kms(it: Deployed) -> None:
    """NIST.800.53.R5-S3DefaultEncryptionKMS: a bucket encrypts with the key."""
    findings = without_key(
        it, lambda properties: default_encryption(properties).get("KMSMasterKeyID")
    )
    judge(it, "NIST.800.53.R5-S3DefaultEncryptionKMS", findings, "Set KMSMasterKeyID.")


@each("AWS::S3::Bucket")
def test_nist_s3_server_side_encryption(it: Deployed) -> None:
    """NIST.800.53.R5-S3BucketServerSideEncryptionEnabled: a bucket encrypts, with any choice."""
    findings = breaking(
        it,
        keeps=lambda form: (
            default_encryption(form.properties)["SSEAlgorithm"]
            == ("aws:kms" if "KMSMasterKeyID" in default_encryption(form.properties) else "AES256")
        ),
        what="SSEAlgorithm doesn't fit the key",
    )
    judge(
        it, "NIST.800.53.R5-S3BucketServerSideEncryptionEnabled", findings, "Set BucketEncryption."
    )


@each("AWS::S3::Bucket")
def test_nist_s3_versioning(it: Deployed) -> None:
    """NIST.800.53.R5-S3BucketVersioningEnabled: what is overwritten or deleted can be had back."""
    findings = breaking(
        it,
        keeps=lambda form: form.properties.get("VersioningConfiguration") == {"Status": "Enabled"},
        what="it has no versions",
    )
    judge(it, "NIST.800.53.R5-S3BucketVersioningEnabled", findings, "Enable versioning.")


@each("AWS::S3::Bucket")
def test_security_hub_s3_12_no_acls(it: Deployed) -> None:
    """SecurityHub-S3.12: no access control list counts, for the bucket's owner owns its objects."""
    owner = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    findings = breaking(
        it,
        keeps=lambda form: form.properties.get("OwnershipControls") == owner,
        what="its owner isn't enforced",
    )
    judge(it, "SecurityHub-S3.12", findings, "Set OwnershipControls.")


@each("AWS::SQS::Queue")
def test_guard_sqs_queue_kms_master_key_id(it: Deployed) -> None:
    """SQS_QUEUE_KMS_MASTER_KEY_ID_RULE: a queue is encrypted by the key."""
    findings = without_key(it, lambda properties: properties.get("KmsMasterKeyId"))
    judge(it, "SQS_QUEUE_KMS_MASTER_KEY_ID_RULE", findings, "Set KmsMasterKeyId.")


@each("AWS::SNS::Topic")
def test_nist_sns_encrypted_kms(it: Deployed) -> None:
    """NIST.800.53.R5-SNSEncryptedKMS: a topic is encrypted by the key."""
    findings = without_key(it, lambda properties: properties.get("KmsMasterKeyId"))
    judge(it, "NIST.800.53.R5-SNSEncryptedKMS", findings, "Set KmsMasterKeyId.")


@each("AWS::SecretsManager::Secret")
def test_nist_secrets_manager_using_kms_key(it: Deployed) -> None:
    """NIST.800.53.R5-SecretsManagerUsingKMSKey: a secret is encrypted by the key."""
    findings = without_key(it, lambda properties: properties.get("KmsKeyId"))
    judge(it, "NIST.800.53.R5-SecretsManagerUsingKMSKey", findings, "Set KmsKeyId.")


@each("AWS::Logs::LogGroup")
def test_nist_cloudwatch_log_group_encrypted(it: Deployed) -> None:
    """NIST.800.53.R5-CloudWatchLogGroupEncrypted: a log group is encrypted by the key."""
    findings = without_key(it, lambda properties: properties.get("KmsKeyId"))
    judge(it, "NIST.800.53.R5-CloudWatchLogGroupEncrypted", findings, "Set KmsKeyId.")


@each("AWS::CloudWatch::Alarm")
def test_nist_cloudwatch_alarm_action(it: Deployed) -> None:
    """NIST.800.53.R5-CloudWatchAlarmAction: an alarm tells somebody."""
    findings = breaking(
        it, keeps=lambda form: form.properties.get("AlarmActions"), what="it has no AlarmActions"
    )
    judge(it, "NIST.800.53.R5-CloudWatchAlarmAction", findings, "Name AlarmTopic there.")


@each("AWS::Lambda::Function")
def test_nist_lambda_concurrency(it: Deployed) -> None:
    """NIST.800.53.R5-LambdaConcurrency: how many runs at once can be limited."""
    findings = [
        (form, "ReservedConcurrentExecutions doesn't follow the parameter")
        for form in it.forms
        if form.stack.parameters["ReservedConcurrency"] != "none"
        and "ReservedConcurrentExecutions" not in form.properties
    ]
    judge(it, "NIST.800.53.R5-LambdaConcurrency", findings, "Set it.")
