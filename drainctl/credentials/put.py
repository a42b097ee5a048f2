"""Asks for credentials, checks them at the token endpoint, and stores them."""

from __future__ import annotations

import json
import logging
import sys
from typing import TYPE_CHECKING, Any, Final

import click
from botocore.exceptions import ClientError

from drainctl.errors import CommandError
from drainctl.stack import StackError
from eventdrain.adapters.boto import describe_error, error_code, error_hint
from eventdrain.adapters.oauth import OAuthTokenEndpoint
from eventdrain.auth import StaticToken, mint, parse_credentials
from eventdrain.errors import ScopeRefused, TokenRefused, TokenUnavailable
from eventdrain.events import STREAMS
from eventdrain.settings import Endpoint

if TYPE_CHECKING:
    from boto3.session import Session
    from rich.console import Console

    from drainctl.stack import Stack
    from eventdrain.auth import Credentials
    from eventdrain.ports import ClientCredentials

_MINTING_SECONDS: Final = 10.0


def are_missing(session: Session, stack: Stack) -> bool | None:
    """Return whether nothing was ever put into the stack's credentials secret.

    Returns:
        None if the caller is not allowed to read the secret.

    Raises:
        CommandError: The secret can't be read.
    """
    arn = stack.output("CredentialsSecretArn")
    try:
        found = session.client("secretsmanager").get_secret_value(SecretId=arn)
    except ClientError as error:
        if error_code(error) == "ResourceNotFoundException":
            return True
        if error_code(error) == "AccessDeniedException":
            return None
        raise _failed("GetSecretValue", arn, error) from None
    return found.get("SecretString") == ""


def put_credentials(session: Session, stack: Stack, shown: Console) -> dict[str, Any]:
    """Ask for credentials, check them, store them, and print what was done.

    Args:
        session: The command's.
        stack: The stack.
        shown: Where to print.

    Returns:
        The command's JSON document, without a secret.

    Raises:
        CommandError: The stack needs no credentials, the token endpoint rejects them, or they can't
            be stored.
        CredentialsError: They are malformed.
    """
    if stack.parameters.get("Authentication") == "none":
        raise StackError(
            f"the stack {stack.name} needs no credentials: its parameter Authentication is none",
            "deploy it with Authentication=secret, if it shall drain the vendor's production",
        )
    arn = stack.output("CredentialsSecretArn")
    credentials = read_input()
    if isinstance(credentials, StaticToken):
        content = {"access_token": credentials.value}
        checked = "not checked: a token is stored as it is, and nothing renews it"
    else:
        content = {
            "client_id": credentials.client_id,
            "client_secret": credentials.client_secret,
        }
        checked = _check(stack, credentials)
    try:
        session.client("secretsmanager").put_secret_value(
            SecretId=arn, SecretString=json.dumps(content)
        )
    except ClientError as error:
        raise _failed("PutSecretValue", arn, error) from None
    shown.print(f"Credentials: {checked}.", soft_wrap=True)
    shown.print(f"They are stored in {arn}. The next run uses them.", soft_wrap=True)
    return {"stack": stack.name, "secret": arn, "checked": checked}


def read_input() -> Credentials:
    """Return the credentials that a person types, or that standard input has as JSON.

    Raises:
        CredentialsError: They are malformed. The error names keys, no values.
    """
    if sys.stdin.isatty():
        asked = {"client_id": "Client id", "client_secret": "Client secret"}
        typed = {
            key: click.prompt(f"{what} (not shown)", hide_input=True, err=True)
            for key, what in asked.items()
        }
        return parse_credentials(json.dumps(typed), name="what was typed")
    return parse_credentials(sys.stdin.read(), name="standard input")


def _check(stack: Stack, credentials: ClientCredentials) -> str:
    """Mint a token, which is discarded, and return what that shows.

    Raises:
        CommandError: The token endpoint rejects the client.
    """
    logging.getLogger("eventdrain").addHandler(logging.NullHandler())
    endpoint = OAuthTokenEndpoint(Endpoint.parse(stack.parameter("TokenEndpoint")), credentials)
    streams = [STREAMS[name] for name in stack.event_types if name in STREAMS]
    scopes = {stream.scope for stream in streams} - {""}
    try:
        token, _ = mint(endpoint, tuple(sorted(scopes)), needed="", seconds=_MINTING_SECONDS)
    except ScopeRefused:
        granted: set[str] = set()
    except TokenRefused as error:
        raise CommandError(f"{error.reason}. Nothing was stored", error.hint) from None
    except TokenUnavailable as error:
        return f"not checked, as no answer came: {error.reason}"
    else:
        granted = set(token.scopes)
    accepted = f"{endpoint.url} accepts the client"
    if missing := sorted(scopes - granted):
        return f"{accepted}, but does not grant it {', '.join(missing)}: request that there"
    return f"{accepted}, and grants all scopes that the stack's streams need"


def _failed(action: str, arn: str, error: ClientError) -> CommandError:
    return CommandError(
        f"secretsmanager:{action} of {arn} failed with {describe_error(error)}",
        error_hint(error, "check your rights on the secret and on the stack's key"),
    )
