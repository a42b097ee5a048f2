"""The options for a stack, an AWS region and a profile, the same for all commands."""

from __future__ import annotations

from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any

import click
from botocore.exceptions import BotoCoreError

from drainctl.errors import CommandError
from drainctl.output import json_option
from drainctl.stack import CALL_HINT, Stack
from eventdrain.adapters.boto import AwsSession
from eventdrain.errors import DrainError

if TYPE_CHECKING:
    from collections.abc import Callable

    from botocore.config import Config


@dataclass(frozen=True, slots=True)
class Target:
    """The stack to work on, and the region and profile for calls to AWS; None if not given."""

    stack_name: str | None
    region: str | None
    profile: str | None

    def session(self) -> AwsSession:
        """Return the command's AWS session.

        Raises:
            CommandError: The profile does not exist, or the AWS configuration can't be read.
        """
        try:
            return AwsSession(region=self.region, profile=self.profile)
        except BotoCoreError as error:
            raise CommandError(
                f"reading the AWS configuration failed: {error}",
                "check --profile and the configuration files of the AWS CLI",
            ) from None

    def stack(self, session: AwsSession, config: Config | None = None) -> Stack:
        """Return the stack; see ``Stack.described``."""
        return Stack.described(session, str(self.stack_name), config, profile=self.profile)


def not_empty(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    """Reject an empty value, as from an unset shell variable: the default would apply silently."""
    if value is not None and not value.strip("/"):
        raise click.BadParameter("it is empty. To fix this, leave the option out for its default.")
    return value


def asks_aws(*, needs_stack: bool = True) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator for commands that call AWS.

    It adds ``--stack-name``, ``--region``, ``--profile`` and ``--json``, and passes what they say
    as the arguments ``target`` and ``is_json``. If the engine or botocore raises an error, the
    command prints one line and exits with status 1.

    Args:
        needs_stack: Whether ``--stack-name`` is required.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @click.option(
            "--stack-name", required=needs_stack, callback=not_empty, help="The deployed stack."
        )
        @click.option(
            "--region",
            envvar="AWS_REGION",  # boto3 reads AWS_DEFAULT_REGION only
            callback=not_empty,
            help="The stack's AWS region.  [default: from the environment, else from the profile]",
        )
        @click.option(
            "--profile",
            callback=not_empty,
            help="A profile of the AWS CLI.  [default: as for the AWS CLI]",
        )
        @json_option
        @wraps(command)
        def with_target(
            *,
            stack_name: str | None,
            region: str | None,
            profile: str | None,
            **others: Any,
        ) -> None:
            try:
                command(target=Target(stack_name, region, profile), **others)
            except BotoCoreError as error:
                raise CommandError(f"calling AWS failed: {error}", CALL_HINT) from None
            except DrainError as error:
                raise click.ClickException(str(error)) from None

        return with_target

    return decorate
