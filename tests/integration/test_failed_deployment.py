"""A first deployment that fails leaves nothing that prevents the next one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from simulator.aws import StackError
from simulator.deployment import LocalDeployment

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.release

DATABASE = "mobility_events"


def test_first_deployment_that_fails_leaves_nothing(built: Path) -> None:
    """No bucket, secret or enabled key is left; without the cause, the next one succeeds."""
    with LocalDeployment(built=built) as local:
        glue = local.aws.client("glue")
        cloudformation = local.aws.client("cloudformation")
        glue.create_database(DatabaseInput={"Name": DATABASE})  # as another stack's would be

        with pytest.raises(StackError, match="ROLLBACK_COMPLETE"):
            local.deploy(AccessLogs="true", Pseudonymise="true", ScheduleState="DISABLED")

        events = cloudformation.describe_stack_events(StackName=local.stack.name)["StackEvents"]
        assert "EncryptionKey" in made(events), "it failed before there was anything to keep"
        assert keeping(local) == []

        glue.delete_database(Name=DATABASE)
        cloudformation.delete_stack(StackName=local.stack.name)
        waiter = cloudformation.get_waiter("stack_delete_complete")
        waiter.wait(StackName=local.stack.name, WaiterConfig={"Delay": 1})
        local.deploy(AccessLogs="true", Pseudonymise="true", ScheduleState="DISABLED")

        assert {kind for kind, _ in keeping(local)} == {"bucket", "key", "secret"}


def made(events: list[Any]) -> set[str]:
    """Return the logical ids of resources that a deployment has created."""
    return {
        event["LogicalResourceId"]
        for event in events
        if event["ResourceStatus"] == "CREATE_COMPLETE"
    }


def keeping(local: LocalDeployment) -> list[tuple[str, str]]:
    """Return the account's buckets, except the SAM CLI's, secrets and usable keys."""
    aws: Any = local.aws  # without types for KMS
    kms = aws.client("kms")
    keys = [kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"] for key in kms.list_keys()["Keys"]]
    buckets = local.aws.client("s3").list_buckets()["Buckets"]
    secrets = local.aws.client("secretsmanager").list_secrets()["SecretList"]
    return [
        *(("bucket", it["Name"]) for it in buckets if not it["Name"].startswith("aws-sam-cli-")),
        *(("secret", it["Name"]) for it in secrets),
        *(
            ("key", it["KeyId"])
            for it in keys
            if it["KeyManager"] == "CUSTOMER" and it["KeyState"] == "Enabled"
        ),
    ]
