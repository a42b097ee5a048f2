"""An upgrade from the oldest release to this version with ``sam build && sam deploy``.

As the embedded AWS doesn't update everything as AWS does,
``tests/packaging/test_upgrade_path.py`` also compares the templates.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pytest

from simulator.aws import PROJECT_FOLDER
from simulator.deployment import LocalDeployment
from simulator.reconciliation import reconcile
from tests.packaging.releases import KEPT, OLDEST_RELEASE, unpack_release

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

pytestmark = pytest.mark.release

STREAMS: Final = ("handset_change", "country_change")
EVENTS: Final = 120
"""Events of each stream before the first drain, before the upgrade, and before the second drain."""

DAY: Final = {
    "Values": ["2026-11-24"],
    "StorageDescriptor": {"Location": "s3://made-up/handset_change/"},
}


@dataclass(frozen=True)
class Moment:
    """The state of a deployed stack.

    Attributes:
        resources: The id of each resource, by its type and its names from the outermost stack on.
        secrets: The content of each secret.
        archive: The keys and sizes of the archive.
        waiting: The number of messages in each queue.
        outputs: The stack's outputs.
    """

    resources: dict[tuple[str, str], str]
    secrets: dict[str, str]
    archive: set[tuple[str, int]]
    waiting: dict[str, int]
    outputs: dict[str, str]

    @classmethod
    def of(cls, deployment: LocalDeployment) -> Moment:
        """Return the state of a stack, without receiving messages."""
        resources = dict(_resources(deployment, deployment.stack.name))
        secrets, sqs = deployment.aws.client("secretsmanager"), deployment.aws.client("sqs")
        return cls(
            resources,
            {
                name: secrets.get_secret_value(SecretId=secret)["SecretString"]
                for (kind, name), secret in resources.items()
                if kind == "AWS::SecretsManager::Secret"
            },
            set(deployment.archive_keys()),
            {
                name: int(
                    sqs.get_queue_attributes(
                        QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"]
                    )["Attributes"]["ApproximateNumberOfMessages"]
                )
                for name, url in deployment.stack.queue_urls.items()
            },
            dict(deployment.stack.outputs),
        )

    def of_types(self, types: Collection[str]) -> dict[tuple[str, str], str]:
        """Return the resources of some types."""
        return {key: value for key, value in self.resources.items() if key[0] in types}


@dataclass(frozen=True)
class Upgrade:
    """The observations of an upgrade.

    Attributes:
        deployment: The upgraded stack, after it has drained again.
        before: The state after the old version's drain.
        after: The state before the new version's drain.
        reports: The reports of the new version's runs.
    """

    deployment: LocalDeployment
    before: Moment
    after: Moment
    reports: list[dict[str, Any]]


@pytest.fixture(scope="module")
def upgrade(tmp_path_factory: pytest.TempPathFactory, built: Path) -> Iterator[Upgrade]:
    """Deploy the oldest release, drain, update it to this version, drain.

    The second deployment has no parameters: CloudFormation keeps those of the first.
    """
    with LocalDeployment() as local:
        local.build(unpack_release(OLDEST_RELEASE, tmp_path_factory.mktemp("release")))
        local.deploy(
            EventTypes=",".join(STREAMS),
            QueuePerStream="true",
            ScheduleState="DISABLED",  # only the test starts runs
            IdleSeconds="1",
        )
        local.stack.put_credentials(local.credentials)
        local.aws.client("glue").create_partition(
            DatabaseName=local.stack.outputs["DatabaseName"],
            TableName="handset_change_compacted",
            PartitionInput=DAY,
        )
        _publish(local, 1)
        _drain(local)
        _publish(local, 2)
        before = Moment.of(local)

        local.stack.deploy(built, {})
        after = Moment.of(local)
        _publish(local, 3)
        yield Upgrade(local, before, after, _drain(local))


def test_nothing_is_lost_and_nothing_comes_twice(upgrade: Upgrade) -> None:
    """Every event, published before or after the upgrade, is once in S3 and SQS, and acked."""
    local = upgrade.deployment
    found = reconcile(local.event_server.ledger(), local.archive_lines(), local.take_messages())

    assert len(found.published) == 3 * EVENTS * len(STREAMS)
    assert found.is_balanced
    assert found.copies == 0


def test_the_new_version_goes_on_where_the_old_one_was(upgrade: Upgrade) -> None:
    """The first runs of the new version receive only new events, without redeliveries."""
    assert [
        (report["event_type"], report["received"], report["acked"], report["redelivered"])
        for report in upgrade.reports
    ] == [(stream, 2 * EVENTS, 2 * EVENTS, 0) for stream in STREAMS]


def test_what_holds_something_is_kept(upgrade: Upgrade) -> None:
    """Buckets, queues, secrets, log groups, tables and named resources keep their ids."""
    before = upgrade.before.of_types(KEPT)
    after = upgrade.after.of_types(KEPT)

    assert {kind for kind, _ in before} == KEPT
    assert {key: after.get(key) for key in before} == before


def test_content_is_kept(upgrade: Upgrade) -> None:
    """The archive's objects, waiting messages, secrets and a table's days are kept."""
    assert upgrade.after.archive == upgrade.before.archive
    assert upgrade.after.waiting == upgrade.before.waiting
    assert sum(upgrade.after.waiting.values()) == EVENTS * len(STREAMS)
    assert upgrade.after.secrets == upgrade.before.secrets
    partition = upgrade.deployment.aws.client("glue").get_partition(
        DatabaseName=upgrade.after.outputs["DatabaseName"],
        TableName="handset_change_compacted",
        PartitionValues=DAY["Values"],
    )
    location = partition["Partition"]["StorageDescriptor"]["Location"]
    assert location == DAY["StorageDescriptor"]["Location"]  # type: ignore[index]


def test_cached_token_is_used(upgrade: Upgrade) -> None:
    """The new version uses the old version's cached token, and mints none."""
    assert upgrade.deployment.token_server.minted == 1


def test_outputs_are_kept(upgrade: Upgrade) -> None:
    """Every output is unchanged, except for the stack's version."""
    project = tomllib.loads((PROJECT_FOLDER / "pyproject.toml").read_text())["project"]

    assert upgrade.before.outputs.items() <= upgrade.after.outputs.items()
    assert upgrade.after.outputs["Version"] == project["version"]


def test_deletion_keeps_what_can_not_be_made_again(upgrade: Upgrade) -> None:
    """Archive, secrets and key outlive the stack; its queues don't. This must be the last test."""
    aws: Any = upgrade.deployment.aws
    archive = upgrade.deployment.archive_keys()
    cloudformation = aws.client("cloudformation")

    cloudformation.delete_stack(StackName=upgrade.deployment.stack.name)
    waiter = cloudformation.get_waiter("stack_delete_complete")
    waiter.wait(StackName=upgrade.deployment.stack.name, WaiterConfig={"Delay": 1})

    assert upgrade.deployment.archive_keys() == archive
    for name in ("CredentialsSecretArn", "TokenSecretArn"):
        secret = aws.client("secretsmanager").describe_secret(SecretId=upgrade.after.outputs[name])
        assert "DeletedDate" not in secret
    key = aws.client("kms").describe_key(KeyId=upgrade.after.outputs["KeyArn"])["KeyMetadata"]
    assert key["KeyState"] == "Enabled"
    assert not aws.client("sqs").list_queues().get("QueueUrls")


def _publish(deployment: LocalDeployment, seed: int) -> None:
    for stream in STREAMS:
        deployment.event_server.publish_made_up(stream, EVENTS, seed=seed)


def _drain(deployment: LocalDeployment) -> list[dict[str, Any]]:
    """Run the function over each stream, and return the reports."""
    reports = []
    for stream in STREAMS:
        invocation = deployment.stack.invoke({"event_type": stream})
        assert invocation.error is None, invocation.payload
        reports.append(invocation.payload)
    return reports


def _resources(
    deployment: LocalDeployment, stack: str, path: str = ""
) -> Iterator[tuple[tuple[str, str], str]]:
    pages = deployment.aws.client("cloudformation").get_paginator("list_stack_resources")
    for page in pages.paginate(StackName=stack):
        for each in page["StackResourceSummaries"]:
            name = path + each["LogicalResourceId"]
            yield (each["ResourceType"], name), each["PhysicalResourceId"]
            if each["ResourceType"] == "AWS::CloudFormation::Stack":
                yield from _resources(deployment, each["PhysicalResourceId"], f"{name}/")
