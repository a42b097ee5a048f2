"""What the deployed stack says of itself: the outputs that name its catalogue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError  # noqa: TID251 - no engine: a tool

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

_DATABASE: Final = "DatabaseName"
_WORK_GROUP: Final = "WorkGroupName"
_COMPACTION: Final = "CompactionStateMachineArn"


class StackUnusable(Exception):  # noqa: N818 - it says what happened
    """There is no stack to check; says why, and what helps."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Where a stack's catalogue is.

    Attributes:
        database: The Glue database.
        work_group: The Athena workgroup.
        compaction_arn: The state machine that compacts a day.
    """

    database: str
    work_group: str
    compaction_arn: str


def find_catalogue(client: CloudFormationClient, stack_name: str) -> Catalogue:
    """Ask CloudFormation for a stack's catalogue.

    Raises:
        StackUnusable: There is no such stack, or it has no catalogue, or it can't be asked.
    """
    try:
        stacks = client.describe_stacks(StackName=stack_name)["Stacks"]
    except ClientError as error:
        message = error.response["Error"]["Message"]
        if "does not exist" in message:
            raise StackUnusable(
                f"There is no stack {stack_name} in {client.meta.region_name}: give its name with"
                " --stack-name, its region with --region and its account with --profile."
            ) from error
        code = error.response["Error"]["Code"]
        raise StackUnusable(f"AWS doesn't tell about {stack_name}: {code}: {message}") from error
    except BotoCoreError as error:  # no credentials, no connection
        raise StackUnusable(f"AWS can't be asked about {stack_name}: {error}") from error
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stacks[0].get("Outputs", [])}
    missing = [name for name in (_DATABASE, _WORK_GROUP, _COMPACTION) if name not in outputs]
    if missing:
        raise StackUnusable(
            f"The stack {stack_name} has no output {', '.join(missing)}: it was deployed without"
            " a catalogue, or not to its end. Deploy it again from this version."
        )
    return Catalogue(outputs[_DATABASE], outputs[_WORK_GROUP], outputs[_COMPACTION])
