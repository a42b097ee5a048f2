"""That every resource is judged by the rules for its type, and waives none without a reason."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tests.packaging.deployed_resources import deciding_parameters, deployed, other_values

JUDGED: Final = {
    "AWS::IAM::Policy": "IAM4, IAM5",
    "AWS::IAM::Role": "IAM4, IAM5",
    "AWS::KMS::Key": "KMS5",
    "AWS::Lambda::EventInvokeConfig": "LambdaAsyncFailureDestination, with its function",
    "AWS::Lambda::Function": "L1, and most of the pack Serverless",
    "AWS::Logs::LogGroup": "CloudWatchLogGroupRetentionPeriod, CloudWatchLogGroupEncrypted",
    "AWS::S3::Bucket": "S1, S2, S10, S3DefaultEncryptionKMS, S3BucketVersioningEnabled",
    "AWS::S3::BucketPolicy": "S10, with its bucket",
    "AWS::SNS::Subscription": "SNSRedrivePolicy",
    "AWS::SNS::Topic": "SNS3, SNSEncryptedKMS",
    "AWS::SNS::TopicPolicy": "SNS3, with its topic",
    "AWS::SQS::Queue": "SQS2, SQS3, SQS4, SQSRedrivePolicy",
    "AWS::SQS::QueuePolicy": "SQS4, with its queue",
    "AWS::SecretsManager::Secret": "SMG4, SecretsManagerUsingKMSKey",
    "AWS::StepFunctions::StateMachine": "SF1, SF2",
    "AWS::Athena::WorkGroup": "none; test_catalogue_templates.py looks at its encryption",
    "AWS::CloudWatch::Alarm": "CloudWatchAlarmAction",
    "AWS::Scheduler::Schedule": "EventBusDLQ, which is for rules, as ours",
    "AWS::Athena::NamedQuery": "none",
    "AWS::CloudFormation::Stack": "none: what is in it is judged",
    "AWS::CloudFormation::WaitConditionHandle": "none",
    "AWS::CloudWatch::Dashboard": "none",
    "AWS::Glue::Database": "none",
    "AWS::Glue::Table": "none",
    "AWS::KMS::Alias": "none",
    "AWS::Lambda::LayerVersion": "none",
    "AWS::Logs::QueryDefinition": "none",
}
"""Which rules look at resources of a type."""


def test_every_type_is_judged() -> None:
    """A resource of a type that no rule has been looked up for is noticed."""
    unknown = {it.type: it.name for it in deployed() if it.type not in JUDGED}

    assert not unknown, (
        f"{unknown}: look up which rules of cdk-nag's packs AwsSolutions and Serverless are for "
        "these types, write the tests (test_rules_*.py), and name them in JUDGED."
    )


def test_every_choice_is_tried() -> None:
    """Each parameter that decides which resources there are is tried with another value."""
    untried = [name for name in sorted(deciding_parameters()) if not other_values(name)]

    assert not untried, f"name a value for {untried} in SWITCHES of deployed_resources.py"


def test_every_waiver_has_its_reason() -> None:
    """What Checkov, cfn-lint and these tests are told to overlook is said with a reason, each."""
    silent = []
    for it in deployed():
        lint = it.metadata.get("cfn-lint", {})
        waived: dict[str, object] = {
            rule: lint.get("reasons", {}).get(rule)
            for rule in lint.get("config", {}).get("ignore_checks", [])
        }
        for skip in it.metadata.get("checkov", {}).get("skip", []):
            waived[skip["id"]] = skip.get("comment")
        for waiver in it.waivers():
            waived[waiver["id"]] = waiver.get("reason")
        silent += [f"{it.file} {it.name} {rule}" for rule, reason in waived.items() if not reason]

    assert not silent


def test_every_waived_rule_is_judged() -> None:
    """No resource waives a rule that no test knows, as one whose id is misspelt."""
    tests = "".join(path.read_text() for path in Path(__file__).parent.glob("test_rules_*.py"))
    unknown = [
        f"{it.file} {it.name} {rule['id']}"
        for it in deployed()
        for rule in it.waivers()
        if f'"{rule["id"]}"' not in tests
    ]

    assert not unknown
