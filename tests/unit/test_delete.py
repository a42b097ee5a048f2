"""``drainctl delete``: it lists all that CloudFormation keeps."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner

from drainctl.delete.command import count_messages, main
from drainctl.delete.kept import kept_by
from drainctl.errors import CommandError
from drainctl.stack import Stack
from drainctl.target import Target
from tests.packaging.expanded_template import all_templates

OUTPUTS = {
    "ArchiveBucketName": "made-up-archive",
    "AccessLogBucketName": "made-up-logs",
    "QueryResultsBucketName": "made-up-answers",
    "CredentialsSecretArn": "arn:credentials",
    "TokenSecretArn": "arn:token",
    "PseudonymKeySecretArn": "arn:pseudonyms",
    "KeyArn": "arn:key",
}
STACK = Stack(name="made-up", parameters={}, outputs=OUTPUTS, region="eu-west-1")


def test_list_is_the_templates() -> None:
    """Each resource that a template retains has an output, and is in the list."""
    retained = {
        name
        for template in all_templates().values()
        for name, resource in template["Resources"].items()
        if resource.get("DeletionPolicy", "Delete") != "Delete"
    }
    assert {name.removesuffix("Arn").removesuffix("Name") for name in OUTPUTS} == retained
    assert [each.id for each in kept_by(STACK)] == [*OUTPUTS.values()], "the key last"


def test_key_of_another_is_not_listed() -> None:
    """A key that was given to the stack is not the stack's."""
    stack = replace(STACK, parameters={"KmsKeyArn": "arn:key"})
    assert "arn:key" not in [each.id for each in kept_by(stack)]


def test_commands_can_be_pasted() -> None:
    """They have the region, and leave time to change one's mind."""
    commands = {each.id: each.how_to_delete for each in kept_by(STACK)}
    assert commands["arn:token"] == (
        "aws secretsmanager delete-secret --secret-id arn:token --recovery-window-in-days 30"
        " --region eu-west-1"
    )
    assert "all versions" in commands["made-up-archive"]
    assert commands["arn:key"].startswith("last, ")


@pytest.mark.parametrize(
    ("outputs", "expected"),
    [
        ({}, "Nothing stays."),
        ({"TokenSecretArn": "made-up:secret:1"}, ":secret:"),
    ],
)
def test_what_stays_is_printed_as_it_is(
    outputs: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ARNs are not changed, and a stack that leaves nothing has no empty list."""
    monkeypatch.setattr(Target, "session", lambda _: SimpleNamespace(client=lambda _: None))
    monkeypatch.setattr(Target, "stack", lambda *_: replace(STACK, outputs=outputs))
    shown = CliRunner().invoke(main, ["--stack-name", "made-up"], input="n\n")
    assert expected in shown.output
    assert ("cost money" in shown.output) == bool(outputs)


def test_messages_that_will_be_lost() -> None:
    """They are counted in all queues; if a queue can't be asked, nothing is deleted."""
    answers: dict[str, str | dict[str, str]] = {
        "one": {"ApproximateNumberOfMessages": "3", "ApproximateNumberOfMessagesNotVisible": "4"},
        "gone": "AWS.SimpleQueueService.NonExistentQueue",
    }

    def get_queue_attributes(*, QueueUrl: str, **_call: Any) -> dict[str, Any]:  # noqa: N803 - AWS's
        answer = answers[QueueUrl]
        if isinstance(answer, str):
            raise ClientError({"Error": {"Code": answer}}, "GetQueueAttributes")
        return {"Attributes": answer}

    client = SimpleNamespace(get_queue_attributes=get_queue_attributes)
    session: Any = SimpleNamespace(client=lambda _: client)
    stack = replace(STACK, outputs={"OutboxQueueUrl": "one", "MadeUpQueueUrl": "gone"})
    assert count_messages(session, stack) == 7
    answers["gone"] = "AccessDenied"
    with pytest.raises(CommandError, match="GetQueueAttributes of gone failed with AccessDenied"):
        count_messages(session, stack)
