"""Calls that the functions' roles must not be able to make, and some that they may."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tests.integration.privileged_stack import PrivilegedStack

DRAIN: Final = "DrainEventsRole"
REPLAY: Final = "ReplayEventsRole"

_SERVICES: Final = {"states": "stepfunctions"}
"""Of boto3, by the prefix of their actions where it is another."""
_EVERYTHING: Final = {"Effect": "Allow", "Action": "*", "Resource": "*"}
_BODY: Final = {"Body": b"made up"}
_SECRET: Final = {"SecretString": "{}"}
_DRY: Final = {"InvocationType": "DryRun"}


@dataclass(frozen=True, slots=True)
class Call:
    """One call.

    Attributes:
        role: Who makes it.
        action: What that takes the right to.
        method: Of the service's client.
        arguments: Of the method.
    """

    role: str
    action: str
    method: str
    arguments: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.role}: {self.action} of {', '.join(map(str, self.arguments.values()))}"

    def failure(self, client_of: Callable[[str], Any], *, is_secure: bool = True) -> str:
        """Make the call, and give why it was refused; empty if it was done.

        Args:
            client_of: Makes a client of a service.
            is_secure: Whether it comes by TLS. The embedded AWS serves nothing else; but it
                believes a proxy before it that says how a caller came.
        """
        service = self.action.partition(":")[0]
        client = client_of(_SERVICES.get(service, service))
        if not is_secure:
            client.meta.events.register("before-sign", _say_that_it_is_plain)
        try:
            getattr(client, self.method)(**self.arguments)
        except ClientError as error:
            return str(error)
        return ""


def _say_that_it_is_plain(request: Any, **_: Any) -> None:
    request.headers.add_header("X-Forwarded-Proto", "http")


def allowed(stack: PrivilegedStack) -> Iterable[Call]:
    """Give what a drain does with the bucket and with the queue."""
    outputs = stack.deployment.stack.outputs
    place = {"Bucket": outputs["ArchiveBucketName"], "Key": "events/made-up"}
    message = {"QueueUrl": outputs["OutboxQueueUrl"], "MessageBody": "made up"}
    return (
        Call(DRAIN, "s3:PutObject", "put_object", {**place, **_BODY}),
        Call(DRAIN, "sqs:SendMessage", "send_message", message),
    )


def forbidden(stack: PrivilegedStack) -> Iterable[Call]:
    """Give what the functions have no right to; where it would do harm, last."""
    outputs = stack.deployment.stack.outputs
    archive = {"Bucket": outputs["ArchiveBucketName"]}
    results = {"Bucket": outputs["QueryResultsBucketName"]}
    (line, *_) = [key for key, _ in stack.deployment.archive_keys() if key.startswith("events/")]
    queue = {"QueueUrl": outputs["OutboxQueueUrl"]}
    dead_letters = {"QueueUrl": outputs["ScheduleDeadLetterQueueUrl"]}
    credentials = {"SecretId": outputs["CredentialsSecretArn"]}
    token = {"SecretId": outputs["TokenSecretArn"]}
    secrets = stack.deployment.aws.client("secretsmanager")
    another = {"SecretId": secrets.create_secret(Name="another", SecretString="{}")["ARN"]}
    drain = {"FunctionName": outputs["DrainEventsFunctionName"]}
    replay = {"FunctionName": outputs["ReplayEventsFunctionName"]}
    log = {"logGroupName": outputs["DrainEventsLogGroupName"]}
    keys = stack.rights.named("AWS::KMS::Key").values()
    document = json.dumps({"Version": "2012-10-17", "Statement": [_EVERYTHING]})
    policy = {"PolicyName": "made-up", "PolicyDocument": document}
    other_role = {"RoleName": stack.rights.roles["ScheduleRole"]}
    return [
        Call(DRAIN, "s3:GetObject", "get_object", {**archive, "Key": line}),
        Call(DRAIN, "s3:ListBucket", "list_objects_v2", archive),
        Call(DRAIN, "s3:PutObject", "put_object", {**archive, "Key": "tables/made-up", **_BODY}),
        Call(DRAIN, "s3:PutObject", "put_object", {**archive, "Key": "eventsmade-up", **_BODY}),
        Call(DRAIN, "s3:PutObject", "put_object", {**results, "Key": "events/made-up", **_BODY}),
        Call(DRAIN, "sqs:ReceiveMessage", "receive_message", queue),
        Call(DRAIN, "sqs:SendMessage", "send_message", {**dead_letters, "MessageBody": "made up"}),
        Call(DRAIN, "secretsmanager:GetSecretValue", "get_secret_value", another),
        Call(DRAIN, "secretsmanager:ListSecrets", "list_secrets"),
        Call(DRAIN, "lambda:InvokeFunction", "invoke", {**replay, **_DRY}),
        Call(DRAIN, "logs:FilterLogEvents", "filter_log_events", log),
        Call(DRAIN, "states:ListStateMachines", "list_state_machines"),
        Call(REPLAY, "s3:GetObject", "get_object", {**archive, "Key": "quarantine/made-up"}),
        Call(REPLAY, "s3:ListBucket", "list_objects_v2", {**archive, "Prefix": "quarantine/"}),
        Call(REPLAY, "s3:ListBucket", "list_objects_v2", archive),
        Call(REPLAY, "s3:PutObject", "put_object", {**archive, "Key": "events/made-up", **_BODY}),
        Call(REPLAY, "sqs:ReceiveMessage", "receive_message", queue),
        Call(REPLAY, "secretsmanager:GetSecretValue", "get_secret_value", credentials),
        Call(REPLAY, "secretsmanager:GetSecretValue", "get_secret_value", token),
        Call(REPLAY, "lambda:InvokeFunction", "invoke", {**drain, **_DRY}),
        *(
            Call(role, action, method, arguments)
            for action, method, arguments in (
                ("s3:DeleteObject", "delete_object", {**archive, "Key": line}),
                ("s3:DeleteBucketPolicy", "delete_bucket_policy", archive),
                ("sqs:PurgeQueue", "purge_queue", queue),
                ("lambda:UpdateFunctionConfiguration", "update_function_configuration", drain),
                ("secretsmanager:PutSecretValue", "put_secret_value", {**credentials, **_SECRET}),
                *(("kms:DisableKey", "disable_key", {"KeyId": key}) for key in keys),
                ("iam:PutRolePolicy", "put_role_policy", {**other_role, **policy}),
            )
            for role in (DRAIN, REPLAY)
        ),
    ]
