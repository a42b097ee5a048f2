"""Which AWS account and region a command asks: its options --region and --profile."""

from __future__ import annotations

from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any

import click
from botocore.exceptions import BotoCoreError

from drainctl.described_stack import StackUnusable
from drainctl.named_option import named
from eventdrain.adapters.aws import AwsSession

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclass(frozen=True, slots=True)
class AwsAccount:
    """What the options say.

    Attributes:
        region: None where it was not given.
        profile: Likewise.
    """

    region: str | None
    profile: str | None

    def session(self) -> AwsSession:
        """Begin the one session of a command.

        Raises:
            StackUnusable: There is no such profile.
        """
        try:
            return AwsSession(region=self.region, profile=self.profile)
        except BotoCoreError as error:
            raise StackUnusable(
                f"AWS can't be asked ({error}): check --profile, and the files of the AWS CLI."
            ) from None

    def options(self) -> Sequence[str]:
        """Give the options of the AWS CLI that say the same."""
        return [
            *(("--region", self.region) if self.region else ()),
            *(("--profile", self.profile) if self.profile else ()),
        ]


def aws_account(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the two options, and what they say as its argument ``account``."""

    @click.option(
        "--region",
        callback=named,
        help="Its region.  [default: that of the environment, else of the profile]",
    )
    @click.option(
        "--profile",
        callback=named,
        help="A profile of the AWS CLI.  [default: as the AWS CLI does it]",
    )
    @wraps(command)
    def with_account(*, region: str | None, profile: str | None, **others: Any) -> None:
        command(account=AwsAccount(region, profile), **others)

    return with_account
