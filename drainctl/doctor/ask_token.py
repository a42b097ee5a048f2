"""The credentials, and a token to call with: as a run gets it, but nothing is written.

The token that the runs share is used where it still serves. Another is minted only where that is
the only way to know: it costs a call to the token endpoint, or some more where scopes are refused,
and is thrown away. The endpoint is rate limited, so nothing is asked twice.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from drainctl.doctor.answers import Unanswered, calling
from drainctl.doctor.ask_stack import output
from drainctl.doctor.facts_of_access import Origin, StackCredentials, Token
from drainctl.doctor.facts_of_stack import scope_of
from eventdrain.adapters.aws import code_of
from eventdrain.adapters.oauth import OAuthTokenEndpoint
from eventdrain.auth import from_json, mint, minted_for, parse_credentials
from eventdrain.errors import CredentialsError, TokenError, TokenUnavailable
from eventdrain.ports import ClientCredentials
from eventdrain.settings import Endpoint

if TYPE_CHECKING:
    from datetime import datetime

    from mypy_boto3_secretsmanager import SecretsManagerClient

    from drainctl.doctor.facts_of_stack import Stack
    from eventdrain.ports import AccessToken

_CREDENTIALS: Final = "CredentialsSecretArn"
_TOKEN: Final = "TokenSecretArn"  # noqa: S105 - an output's name
_NEEDED_FOR: Final = timedelta(minutes=1)
_MINTING_SECONDS: Final = 10.0
_FROM_HERE: Final = (
    "check the parameter TokenEndpoint, and the way there from here; whether the function reaches"
    " it, its last run tells"
)
_SEES_KEY: Final = ", and kms:Decrypt of the stack's key,"


def find_credentials(client: SecretsManagerClient, stack: Stack) -> StackCredentials | None:
    """Read the credentials secret; None where the stack calls without a token.

    Raises:
        Unanswered: It can't be read, is empty, or hasn't the shape that it should have. Tells which
            keys are wrong, never what is in them.
    """
    if stack.parameters.get("Authentication") == "none":
        return None
    arn = output(stack, _CREDENTIALS)
    hint = "put in what the vendor gave you: " + stack.command(
        "secretsmanager put-secret-value",
        "--secret-id",
        arn,
        "--secret-string",
        '{"client_id": "...", "client_secret": "..."}',
    )
    found = _secret(client, arn, "the credentials secret")
    if found is None:
        raise Unanswered("the credentials secret is empty: no run can get a token", hint)
    try:
        content = parse_credentials(found.get("SecretString", ""), name="the credentials secret")
    except CredentialsError as error:
        raise Unanswered(error.reason, hint) from None
    return StackCredentials(content, found.get("CreatedDate"))


def find_token(
    client: SecretsManagerClient,
    stack: Stack,
    credentials: StackCredentials | None,
    *,
    now: datetime,
    may_mint: bool,
) -> Token:
    """Get a token: the kept one, else a minted one.

    Args:
        client: Of Secrets Manager.
        stack: Whose.
        credentials: Of its client.
        now: The time.
        may_mint: Whether the token endpoint may be asked.

    Raises:
        Unanswered: There is none.
    """
    if credentials is None:
        return Token(Origin.NONE)
    if not isinstance(credentials.content, ClientCredentials):
        return Token(Origin.GIVEN, credentials.content.value)
    found = _secret(client, output(stack, _TOKEN), "the secret that keeps the token")
    endpoint = Endpoint.parse(stack.parameters["TokenEndpoint"])
    scopes = tuple(sorted({scope_of(name) for name in stack.event_types} - {""}))
    purpose = minted_for(credentials.content, endpoint.url, scopes)
    kept = None if found is None else from_json(found.get("SecretString", ""), purpose)
    why = why_not_kept(kept, credentials, now=now)
    if kept is not None and not why:
        return Token(Origin.KEPT, kept.value, scopes=kept.scopes, expires=kept.expires_at)
    if not may_mint:
        raise Unanswered(
            f"there is no token to look at: {why}", "let it mint one: without --skip-stream"
        )
    return _minted(credentials.content, endpoint, scopes, why)


def why_not_kept(kept: AccessToken | None, credentials: StackCredentials, *, now: datetime) -> str:
    """Return why the cached token does not prove that a run gets one; empty if it does."""
    if kept is None:
        return "none is cached for this client, token endpoint and set of streams"
    if not kept.lasts(_NEEDED_FOR, now=now):
        return "the cached one has expired"
    if credentials.changed is not None and credentials.changed > kept.minted_at:
        return "the cached one is from before the credentials were changed"
    return ""


def _minted(
    credentials: ClientCredentials, endpoint: Endpoint, scopes: tuple[str, ...], why: str
) -> Token:
    try:
        token, is_complete = mint(
            OAuthTokenEndpoint(endpoint), credentials, scopes, needed="", seconds=_MINTING_SECONDS
        )
    except TokenUnavailable as error:
        # A run looks from elsewhere: what it is to check, the doctor knows better.
        hint = "" if error.setting == "TOKEN_ENDPOINT" else error.hint
        raise Unanswered(error.reason, hint or _FROM_HERE) from None
    except TokenError as error:
        raise Unanswered(error.reason, error.hint) from None
    return Token(
        Origin.MINTED, token.value, why, token.scopes, is_complete, expires=token.expires_at
    )


def _secret(client: SecretsManagerClient, arn: str, what: str) -> dict[str, Any] | None:
    """Read a secret; None if nothing was ever put into it."""
    with calling("secretsmanager:GetSecretValue", what, besides=_SEES_KEY):
        try:
            return {**client.get_secret_value(SecretId=arn)}
        except ClientError as error:
            # As for one that is not there (API reference, GetSecretValue).
            if code_of(error) != "ResourceNotFoundException":
                raise
            return None
