"""The doctor on a deployed stack: healthy, and broken in several ways.

The tests of this module share one deployment and depend on their order; each undoes its damage. The
schedules are too slow to fire during the tests, so only tests start runs.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import pytest
from click.testing import CliRunner

from drainctl import target
from drainctl.group import drainctl
from eventdrain.adapters.boto import AwsSession
from simulator.aws import PROJECT_FOLDER
from simulator.deployment import LocalDeployment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from click.testing import Result

STREAM: Final = "handset_change"
OTHER: Final = "consent_change"
EVENTS: Final = 20
SUBSCRIBER: Final = "made-up-subscriber"
POLICY: Final = json.loads((PROJECT_FOLDER / "docs" / "doctor-policy.json").read_text())
"""The permissions in the documentation."""
EMULATOR: Final = {
    "Effect": "Allow",
    "Action": "lambda:PutFunctionConcurrency",
    "Resource": "*",
}
"""The action that ministack, unlike AWS, requires for GetFunctionConcurrency."""
ACTIONS: Final = {
    "cloudformation.DescribeStacks": "cloudformation:DescribeStacks",
    "cloudformation.ListStackResources": "cloudformation:ListStackResources",
    "cloudwatch.DescribeAlarms": "cloudwatch:DescribeAlarms",
    "cloudwatch-logs.FilterLogEvents": "logs:FilterLogEvents",
    "kms.DescribeKey": "kms:DescribeKey",
    "kms.GetKeyRotationStatus": "kms:GetKeyRotationStatus",
    "lambda.GetAccountSettings": "lambda:GetAccountSettings",
    "lambda.GetFunctionConcurrency": "lambda:GetFunctionConcurrency",
    "lambda.GetFunctionConfiguration": "lambda:GetFunctionConfiguration",
    "s3.ListObjectsV2": "s3:ListBucket",
    "scheduler.GetSchedule": "scheduler:GetSchedule",
    "secrets-manager.GetSecretValue": "secretsmanager:GetSecretValue",
    "sfn.ListExecutions": "states:ListExecutions",
    "sns.GetTopicAttributes": "sns:GetTopicAttributes",
    "sqs.GetQueueAttributes": "sqs:GetQueueAttributes",
}
"""Every operation that the doctor may call, by its action; all are read-only."""


@pytest.fixture(scope="module")
def deployment(built: Path) -> Iterator[LocalDeployment]:
    """Return a stack of two streams, one of which needs a scope, with an empty secret."""
    with LocalDeployment(built=built) as local:
        local.deploy(
            EventTypes=f"{STREAM},{OTHER}", ScheduleExpression="rate(5 minutes)", IdleSeconds="1"
        )
        yield local


@pytest.fixture
def called(deployment: LocalDeployment, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let the doctor use the embedded AWS, and return the list of operations that it calls."""
    for name, value in deployment.aws.environment().items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    operations: list[str] = []

    def recorded(**options: Any) -> AwsSession:
        session = AwsSession(**options)
        session.events.register(
            "before-call",
            lambda event_name, **_: operations.append(event_name.removeprefix("before-call.")),
        )
        return session

    monkeypatch.setattr(target, "AwsSession", recorded)
    return operations


@pytest.fixture
def healthy(deployment: LocalDeployment, called: list[str]) -> LocalDeployment:
    """Return a stack that has drained, with a cached token and a subscriber for alarms."""
    if not deployment.archive_keys():
        aws: Any = deployment.aws
        sns = aws.client("sns")
        topic = deployment.stack.outputs["AlarmTopicArn"]
        queue = deployment.aws.client("sqs").create_queue(QueueName=SUBSCRIBER)["QueueUrl"]
        arn = f"arn:aws:sqs:{deployment.aws.region}:000000000000:{queue.rpartition('/')[2]}"
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
        deployment.stack.put_credentials(deployment.credentials)
        deployment.event_server.publish_made_up(STREAM, EVENTS)
        for event_type in (STREAM, OTHER):
            assert deployment.stack.invoke({"event_type": event_type}).error is None
    assert called == []
    return deployment


def test_empty_secret(deployment: LocalDeployment, called: list[str]) -> None:
    """An empty secret of a new stack is a problem; checks that depend on it are skipped."""
    assert called == []
    result, checks = doctor(deployment)
    assert result.exit_code == 1
    assert wrong(checks) == {"credentials"}
    hint = checks["credentials"]["hint"]
    assert f"make credentials STACK={deployment.stack.name}" in hint
    skipped = {"token", f"scope {STREAM}", f"stream {STREAM}", f"stream {OTHER}"}
    assert titles(checks, "skipped") == skipped
    assert checks["token"]["message"] == "the credentials secret can't be used"
    assert checks[f"last run {STREAM}"]["message"] == "no run was due yet"


def test_all_is_well(healthy: LocalDeployment, called: list[str]) -> None:
    """For a healthy stack all checks are ok, with read-only calls, and without minting a token.

    The output has no secret, token, e-mail address or value of an event.
    """
    minted = healthy.token_server.minted
    result, checks = doctor(healthy)
    assert result.exit_code == 0, result.output
    assert titles(checks, "ok") == checks.keys(), result.output
    assert checks[f"last run {STREAM}"]["message"].endswith(
        f"{EVENTS} of {EVENTS} events acknowledged"
    )
    assert healthy.token_server.minted == minted
    assert set(called) <= ACTIONS.keys()

    shown = run(healthy).output
    assert f"✓ last run {STREAM}" in shown
    secret = [*healthy.credentials.values(), SUBSCRIBER]
    secret += [grant.token for grant in healthy.token_server.tokens.issued()]
    for line in healthy.archive_lines():
        secret += [line["event_id"], line["subscription_id"], line["event"]["number"]["e164"]]
    assert [each for each in secret if each in shown + result.output] == []


def test_documented_rights_are_enough(healthy: LocalDeployment) -> None:
    """With only the policy of the documentation, all checks are ok.

    The policy has an action for each operation that may be called, and kms:Decrypt.
    """
    named = {action for each in POLICY["Statement"] for action in each["Action"]}
    assert named == {*ACTIONS.values(), "kms:Decrypt"}
    with operator(healthy, POLICY) as environment:
        result, checks = doctor(healthy, "--skip-stream", environment=environment)
    assert titles(checks, "problem") == set(), result.output
    assert result.exit_code == 0


def test_missing_right_is_named(healthy: LocalDeployment) -> None:
    """A denied call is a problem that names the action; other checks continue."""
    actions = {
        "last run": "logs:FilterLogEvents",
        "dead letters": "sqs:GetQueueAttributes",
        "credentials": "secretsmanager:GetSecretValue",
    }
    denied = {"Effect": "Deny", "Action": [*actions.values()], "Resource": "*"}
    policy = {**POLICY, "Statement": [*POLICY["Statement"], denied]}
    with operator(healthy, policy) as environment:
        result, checks = doctor(healthy, "--skip-stream", environment=environment)
    assert result.exit_code == 1
    assert wrong(checks) == {*actions}
    for check, action in actions.items():
        assert action in checks[check]["message"]
        assert action in checks[check]["hint"]
    dependent = {"token", f"scope {STREAM}", f"stream {STREAM}", f"stream {OTHER}"}
    assert titles(checks, "skipped") >= dependent


def test_what_is_broken_in_aws(healthy: LocalDeployment) -> None:
    """Dead letters, a disabled schedule, and an alarm in ALARM are found, all at once."""
    aws: Any = healthy.aws
    sqs, scheduler, cloudwatch = (aws.client(name) for name in ("sqs", "scheduler", "cloudwatch"))
    urls = [healthy.stack.outputs[f"{name}DeadLetterQueueUrl"] for name in ("Outbox", "Schedule")]
    for url in urls:
        sqs.send_message(QueueUrl=url, MessageBody="made up")
    (schedule,) = (
        found
        for each in scheduler.list_schedules()["Schedules"]
        if "HandsetChange" in each["Name"]
        and ":function:" in (found := scheduler.get_schedule(Name=each["Name"]))["Target"]["Arn"]
    )
    wanted = ("Name", "ScheduleExpression", "FlexibleTimeWindow", "Target")
    same = {key: schedule[key] for key in wanted}
    scheduler.update_schedule(**same, State="DISABLED")
    alarm = next(
        each
        for each in cloudwatch.describe_alarms()["MetricAlarms"]
        if each["Namespace"] == "EventDrain"
    )
    named = {"AlarmName": alarm["AlarmName"], "StateReason": "made up"}
    cloudwatch.set_alarm_state(**named, StateValue="ALARM")

    result = run(healthy, "--json", "--skip-stream")

    for url in urls:
        sqs.purge_queue(QueueUrl=url)
    scheduler.update_schedule(**same, State="ENABLED")
    cloudwatch.set_alarm_state(**named, StateValue="OK")
    assert result.exit_code == 1
    disabled, queue, starts, firing = (
        each for each in json.loads(result.stdout)["checks"] if each["status"] == "problem"
    )
    assert (disabled["check"], disabled["event_type"]) == ("schedule", STREAM)
    assert schedule["Name"] in disabled["hint"]
    for url, each in zip(urls, (queue, starts), strict=True):
        assert (each["check"], each["message"][-3:]) == ("dead letters", ": 1")
        assert url.rpartition("/")[2] in each["hint"]
    assert (firing["check"], firing["hint"]) == ("alarms", alarm["AlarmDescription"])


def test_token_is_minted_only_if_needed(healthy: LocalDeployment) -> None:
    """A changed secret is tested even if the cached token is valid; nothing is stored.

    If it is wrong, that is reported. With --skip-stream no token is requested.
    """
    minted, cached = healthy.token_server.minted, versions(healthy)[1]
    healthy.stack.put_credentials({**healthy.credentials, "client_secret": "made-up-and-wrong"})
    result, checks = doctor(healthy)
    healthy.stack.put_credentials(healthy.credentials)
    assert wrong(checks) == {"token"}
    assert "invalid_client" in checks["token"]["message"]
    assert "client_secret in the credentials secret" in checks["token"]["hint"]
    assert checks[f"stream {STREAM}"]["message"] == "there is no token"
    assert "made-up-and-wrong" not in result.output

    _, checks = doctor(healthy)
    assert "older than the credentials" in checks["token"]["message"]
    result, checks = doctor(healthy, "--skip-stream")
    assert "--skip-stream" in checks["endpoint"]["message"]
    assert checks["token"]["status"] == "problem", result.output
    assert (healthy.token_server.minted, versions(healthy)[1]) == (minted + 1, cached)


def test_endpoint_is_down(healthy: LocalDeployment) -> None:
    """An unreachable event API is reported once; its streams are skipped, with the reason."""
    healthy.event_server.stop()
    result, checks = doctor(healthy)
    assert result.exit_code == 1
    assert wrong(checks) == {"endpoint"}
    assert "ApiEndpoint" in checks["endpoint"]["hint"]
    assert checks[f"stream {STREAM}"]["message"] == "the event API can't be reached"


def run(
    deployment: LocalDeployment, *options: str, environment: Mapping[str, str] | None = None
) -> Result:
    """Run the command."""
    return CliRunner().invoke(
        drainctl,
        ["doctor", "--stack-name", deployment.stack.name, *options],
        env={"COLUMNS": "200", **(environment or {})},
        catch_exceptions=False,
    )


def doctor(
    deployment: LocalDeployment, *options: str, environment: Mapping[str, str] | None = None
) -> tuple[Result, dict[str, dict[str, Any]]]:
    """Run the command, and return its checks by title."""
    result = run(deployment, "--json", *options, environment=environment)
    checks = json.loads(result.stdout)["checks"]
    return result, {f"{c['check']} {c['event_type'] or ''}".strip(): c for c in checks}


def titles(checks: Mapping[str, Mapping[str, Any]], status: str) -> set[str]:
    """Return the checks with a status."""
    return {title for title, each in checks.items() if each["status"] == status}


def wrong(checks: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """Return the checks that found a problem."""
    return titles(checks, "problem")


def versions(deployment: LocalDeployment) -> Sequence[str]:
    """Return the current version of each secret, which a write changes."""
    client = deployment.aws.client("secretsmanager")
    return [
        client.get_secret_value(SecretId=deployment.stack.outputs[name])["VersionId"]
        for name in ("CredentialsSecretArn", "TokenSecretArn")
    ]


@contextmanager
def operator(deployment: LocalDeployment, policy: Mapping[str, Any]) -> Iterator[Mapping[str, str]]:
    """Return the keys of a user with only these permissions."""
    policy = {**policy, "Statement": [*policy["Statement"], EMULATOR]}
    iam = deployment.aws.client("iam")
    iam.create_user(UserName="operator")
    iam.put_user_policy(UserName="operator", PolicyName="doctor", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName="operator")["AccessKey"]
    yield {
        "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
    }
    iam.delete_access_key(UserName="operator", AccessKeyId=key["AccessKeyId"])
    iam.delete_user_policy(UserName="operator", PolicyName="doctor")
    iam.delete_user(UserName="operator")
