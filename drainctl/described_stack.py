"""What CloudFormation says of a deployed stack: the first thing that a tool asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from eventdrain.adapters.aws import describe, hint_for

if TYPE_CHECKING:
    from boto3.session import Session
    from botocore.config import Config
    from mypy_boto3_cloudformation.type_defs import StackTypeDef

_HINT = "check --profile, --region, whether you are still logged in, and that you may do it"


class StackUnusable(Exception):
    """There is no stack that a tool can work with; says why, and what helps."""


def described_stack(session: Session, name: str, config: Config | None = None) -> StackTypeDef:
    """Ask for a stack, on behalf of a command with --stack-name, --region and --profile.

    A service's own text is not repeated: it may quote who asked.

    Args:
        session: The command's.
        name: The stack's name.
        config: Of the client that asks; None for boto3's.

    Raises:
        StackUnusable: There is no such stack, or CloudFormation can't be asked.
    """
    try:
        client = session.client("cloudformation", config=config)
        (found,) = client.describe_stacks(StackName=name)["Stacks"]
    except ClientError as error:
        if "does not exist" in error.response["Error"].get("Message", ""):
            raise StackUnusable(
                f"There is no stack {name} in {session.region_name}: give its name with"
                " --stack-name, its region with --region and its account with --profile."
            ) from None
        raise StackUnusable(
            f"cloudformation:DescribeStacks of {name} failed with {describe(error)}. To fix this,"
            f" {hint_for(error, _HINT)}."
        ) from None
    except (BotoCoreError, ValueError) as error:
        raise StackUnusable(
            f"AWS can't be asked about {name} ({error}): check --profile, --region, whether you are"
            " logged in, and the network."
        ) from None
    return found


def outputs_of(stack: StackTypeDef) -> dict[str, str]:
    """Give a stack's outputs by name."""
    return {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", ())}
