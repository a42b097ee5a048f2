"""What CloudFormation says of a deployed stack: the first thing that a tool asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError  # noqa: TID251 - no engine: a tool

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import StackTypeDef


class StackUnusable(Exception):  # noqa: N818 - it says what happened
    """There is no stack that a tool can work with; says why, and what helps."""


def described_stack(client: CloudFormationClient, name: str) -> StackTypeDef:
    """Ask for a stack, on behalf of a command with --stack-name, --region and --profile.

    A service's own text is not repeated: it may quote who asked.

    Raises:
        StackUnusable: There is no such stack, or CloudFormation can't be asked.
    """
    try:
        (found,) = client.describe_stacks(StackName=name)["Stacks"]
    except ClientError as error:
        what = error.response["Error"]
        if "does not exist" in what.get("Message", ""):
            raise StackUnusable(
                f"There is no stack {name} in {client.meta.region_name}: give its name with"
                " --stack-name, its region with --region and its account with --profile."
            ) from None
        raise StackUnusable(
            f"cloudformation:DescribeStacks of {name} failed with {what.get('Code')}: check the"
            " credentials, and that they may do it."
        ) from None
    except (BotoCoreError, ValueError) as error:
        raise StackUnusable(
            f"AWS can't be asked about {name}: {error}. Check --profile, --region, whether you are"
            " logged in, and the network."
        ) from None
    return found


def outputs_of(stack: StackTypeDef) -> dict[str, str]:
    """Give a stack's outputs by name."""
    return {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", ())}
