"""The command ``drainctl delete``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

import click
from botocore.exceptions import ClientError, WaiterError

from drainctl.delete.kept import kept_by
from drainctl.errors import CommandError
from drainctl.make_command import MakeCommand
from drainctl.output import console, print_json
from drainctl.target import Target, asks_aws
from eventdrain.adapters.boto import describe_error, error_code, error_hint

if TYPE_CHECKING:
    from boto3.session import Session
    from mypy_boto3_sqs.literals import QueueAttributeNameType

    from drainctl.stack import Stack

_POLL_SECONDS: Final = 5
_LIMIT_SECONDS: Final = 3600
_COUNTED: Final[tuple[QueueAttributeNameType, ...]] = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
)


@click.command("delete", cls=MakeCommand, context_settings={"max_content_width": 100})
@asks_aws()
@click.option("--yes", is_flag=True, help="Delete without asking first.")
def main(*, target: Target, is_json: bool, yes: bool) -> None:
    """Delete a stack. The archive, the secrets and the key stay, and are listed.

    The queues are deleted with their messages, so stop the schedule and let consumers empty them
    first. Everything that stays is printed with the command that deletes it, before the question
    and again at the end. docs/operations.md says what to consider.

    Exit status: 0 deleted; 1 failed or declined; 2 wrong usage.
    """
    shown = console(is_json=is_json)
    session = target.session()
    stack = target.stack(session)
    messages = count_messages(session, stack)
    kept = kept_by(stack)
    lines = [f"  {each.what}: {each.id}\n    to delete it: {each.how_to_delete}" for each in kept]
    stays = "These stay, and cost money:" if kept else "Nothing stays."
    shown.print(
        f"Deleting {stack.name} in {stack.region}. {stays}", *lines, sep="\n", soft_wrap=True
    )
    shown.print(f"Its queues are deleted, with {messages:,} messages in them.")
    if not yes and not click.confirm(f"Delete {stack.name}?", err=is_json):
        sys.exit(1)
    _delete(session, stack)
    shown.print(f"{stack.name} is deleted. {stays}", *lines, sep="\n", soft_wrap=True)
    if is_json:
        print_json({"stack": stack.name, "kept": [each._asdict() for each in kept]})


def count_messages(session: Session, stack: Stack) -> int:
    """Count the messages of the queues that consumers read; a queue that is gone has none.

    Raises:
        CommandError: SQS can't be asked.
    """
    client = session.client("sqs")
    count = 0
    for name, url in stack.outputs.items():
        if not name.endswith("QueueUrl"):
            continue
        try:
            found = client.get_queue_attributes(QueueUrl=url, AttributeNames=_COUNTED)
        except ClientError as error:
            if error_code(error).endswith(("NonExistentQueue", "QueueDoesNotExist")):
                continue
            raise CommandError(
                f"sqs:GetQueueAttributes of {url} failed with {describe_error(error)}",
                error_hint(error, "check your rights"),
            ) from None
        count += sum(int(number) for number in found["Attributes"].values())
    return count


def _delete(session: Session, stack: Stack) -> None:
    """Delete the stack and wait until it is gone.

    Raises:
        CommandError: CloudFormation may not or can't delete it.
    """
    client = session.client("cloudformation")
    try:
        client.delete_stack(StackName=stack.name)
        client.get_waiter("stack_delete_complete").wait(
            StackName=stack.arn or stack.name,
            WaiterConfig={"Delay": _POLL_SECONDS, "MaxAttempts": _LIMIT_SECONDS // _POLL_SECONDS},
        )
    except ClientError as error:
        raise CommandError(
            f"cloudformation:DeleteStack of {stack.name} failed with {describe_error(error)}",
            error_hint(error, "check your rights, and the stack's termination protection"),
        ) from None
    except WaiterError:
        events = stack.aws("cloudformation describe-stack-events", "--stack-name", stack.name)
        raise CommandError(
            f"the stack {stack.name} is not deleted: CloudFormation failed, or takes too long",
            f"find the first event with DELETE_FAILED, then run this again: {events}",
        ) from None
