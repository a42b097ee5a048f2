"""The command ``drainctl credentials``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from drainctl.credentials.put import put_credentials
from drainctl.make_command import MakeCommand
from drainctl.output import console, print_json
from drainctl.target import asks_aws

if TYPE_CHECKING:
    from drainctl.target import Target


@click.command("credentials", cls=MakeCommand, context_settings={"max_content_width": 100})
@asks_aws()
def main(*, target: Target, is_json: bool) -> None:
    """Put the event API's credentials into a deployed stack.

    It asks for the client's id and secret and doesn't show them. If standard input is no terminal,
    it reads what the secret may hold, as JSON: {"client_id": "...", "client_secret": "..."}, or
    {"access_token": "..."}. A client is first checked with one call to the token endpoint; if the
    endpoint rejects it, nothing is stored.

    It needs the AWS rights cloudformation:DescribeStacks and secretsmanager:PutSecretValue, and
    kms:GenerateDataKey and kms:Decrypt of the stack's key, if it has one.

    Exit status: 0 the credentials are stored; 1 they are not; 2 wrong usage.
    """
    session = target.session()
    stack, shown = target.stack(session), console(is_json=is_json)
    result = put_credentials(session, stack, shown)
    shown.print(f"Next: {stack.make('doctor')}", soft_wrap=True)
    if is_json:
        print_json(result)
